"""The page where others put it: behind a proxy that strips a prefix, with a query to take away."""

from __future__ import annotations

import json
import shutil
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.page.browser import open_page, titles, wait_for_items, wait_until, watched_page
from tests.e2e.page.test_page_clip import choose, clip_bytes
from tests.e2e.page.test_page_library import unlock
from tests.running import Running, fake_settings, index_now, running_service, write_library

PREFIX = "/music/find"


class StrippingProxy(socketserver.ThreadingTCPServer):
    """A reverse proxy as nginx would be: takes the prefix off, refuses all other paths."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, service_port: int) -> None:
        super().__init__(("127.0.0.1", 0), OneRequest)
        self.service_port = service_port
        self.asked: list[str] = []

    def handle_error(self, *_: object) -> None:
        """A browser that goes away in the middle is no error here."""


class OneRequest(socketserver.StreamRequestHandler):
    """One connection, one request, as `connection: close` asks for."""

    server: StrippingProxy

    def handle(self) -> None:
        """Pass the request on and the answer back."""
        first = self.rfile.readline().decode("latin-1")
        if not first.strip():
            return
        method, path, version = first.split(" ", 2)
        headers = []
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            if not line.lower().startswith(b"connection:"):
                headers.append(line)
        self.server.asked.append(path)
        if not path.startswith(f"{PREFIX}/"):
            self.wfile.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            return
        lengths = [line.split(b":")[1] for line in headers if line.lower().startswith(b"content-l")]
        body = self.rfile.read(int(lengths[0])) if lengths else b""
        asked = f"{method} {path.removeprefix(PREFIX)} {version}".encode("latin-1")
        with socket.create_connection(("127.0.0.1", self.server.service_port)) as service:
            service.sendall(asked + b"".join(headers) + b"connection: close\r\n\r\n" + body)
            while part := service.recv(65536):
                self.wfile.write(part)


@contextmanager
def behind_a_proxy(running: Running) -> Iterator[tuple[str, StrippingProxy]]:
    """The address of the service below the prefix, and the proxy in between."""
    with StrippingProxy(int(running.url.rsplit(":", 1)[1])) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_address[1]}{PREFIX}/", proxy
        finally:
            proxy.shutdown()
            thread.join(timeout=5.0)


@pytest.fixture
def below_a_path(browser: Browser, tmp_path: Path) -> Iterator[Running]:
    """An indexed service that is told which prefix the proxy strips."""
    write_library(tmp_path / "music")
    with running_service(fake_settings(tmp_path, root_path=PREFIX)) as running:
        assert index_now(running)["state"] == "succeeded"
        yield running


def test_everything_works_behind_a_stripping_proxy(browser: Browser, below_a_path: Running) -> None:
    """Asking, listening, a clip, the library, the documentation; no address leaves the prefix."""
    with behind_a_proxy(below_a_path) as (url, proxy), watched_page(browser) as (page, watch):
        open_page(page, url, "mood=happy")
        wait_for_items(page)
        page.locator("#items .item__play").first.click()
        wait_until(page, "document.querySelector('#audio').currentTime > 0.2")
        choose(page, "growing.wav", clip_bytes())
        expect(page.locator("#heading")).to_have_text("growing.wav")
        unlock(page)
        page.get_by_role("button", name="Start an index run").click()
        expect(page.locator("#run-text")).to_contain_text("Last run succeeded")
        page.goto(f"{url}docs")
        expect(page.locator("#swagger-ui")).to_contain_text("/v1/playlists")

        assert [path for path in proxy.asked if not path.startswith(f"{PREFIX}/")] == []
        assert len(proxy.asked) > 30
        watch.check()


def test_the_copied_curl_runs_in_a_shell(browser: Browser, below_a_path: Running) -> None:
    """Pasted into bash as it is, with quotes and letters of all kinds, through the proxy."""
    if shutil.which("curl") is None:
        pytest.skip("no curl on this machine")
    genres = "only=genre:Rock%20%27n%27%20%22Roll%22%20%24(date)%20!&only=genre:Drone"
    genres += "&only=genre:%C3%89tude"
    link = f"curve=0,-0.5,0.2;40,0.8,0.7&limit=4&{genres}"
    with behind_a_proxy(below_a_path) as (url, _), watched_page(browser) as (page, watch):
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        open_page(page, url, link)
        wait_for_items(page)
        page.get_by_text("Share", exact=True).click()
        page.locator("#copy-curl").click()
        expect(page.locator(".toast")).to_contain_text("copied")
        command = page.evaluate("navigator.clipboard.readText()")

        done = subprocess.run(
            ["bash", "-c", f"set -eu; {command}"],
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )

        answer = json.loads(done.stdout)
        assert [item["track"]["title"] for item in answer["items"]] == titles(page)
        watch.check()
