"""What others wait for while one client attacks: health, a plain playlist, memory, descriptors.

    python -m benchmarks.bench_withstand [--segments 60000] [--seconds 15] [--attacks NAME ...]
        [--write]

Starts `circumplex serve` over a made-up catalogue, as it starts for anybody, but allowed 1,024 open
files. Each attack goes on for some seconds from this machine, on loopback, bounded in number and
time, while a well-behaved client asks for `/healthz` and a playlist of five. Worst times contain
whatever else the machine does, so the same client asks for a while without an attack first.
`--write` writes `docs/benchmarks/withstand.md`.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import resource
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.service_catalogue import serving, write_catalogue
from model.emotion_model import EmotionModel
from model.shipped import FAST_CHECKPOINT

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "withstand.md"
PLAYLIST = {"emotion": {"mood": "calm"}, "limit": 5}
UPLOAD = (
    b"POST /v1/emotions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Type: multipart/form-data; boundary=B\r\n\r\n"
)
PART = b'--B\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
SETTLE_S = 5.0


def chunk(content: bytes) -> bytes:
    """One chunk of a body whose length is not told."""
    return b"%x\r\n%s\r\n" % (len(content), content)


@dataclass(frozen=True)
class Target:
    """A service under attack: its port, its process, and how long an attack goes on."""

    port: int
    pid: int
    seconds: float

    def connect(self) -> socket.socket:
        """One more connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30.0)

    def send_on(self, first: bytes, again: bytes, most_bytes: int = 200 << 20) -> None:
        """Send on one connection until the time or the bytes are over, or the service closes."""
        ends_s, sent = time.monotonic() + self.seconds, 0
        with suppress(OSError), self.connect() as connection:
            connection.sendall(first)
            while sent < most_bytes and time.monotonic() < ends_s:
                connection.sendall(again)
                sent += len(again)

    def ask(self, method: str, path: str, body: object = None, timeout_s: float = 60.0) -> int:
        """The status of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    def state(self) -> dict[str, int]:
        """Resident memory in MiB, threads and open files."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        rss, threads = (re.search(rf"{name}:\s+(\d+)", status) for name in ("VmRSS", "Threads"))
        assert rss is not None
        assert threads is not None
        return {
            "memory_mib": int(rss[1]) // 1024,
            "threads": int(threads[1]),
            "files": sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir()),
        }


def endless_header(target: Target) -> None:
    target.send_on(HEAD + b"X-A: ", b"b" * 65536)


def endless_headers(target: Target) -> None:
    target.send_on(HEAD, b"X-Abcdefgh: bbbbbbbbbbbbbbbbbbbb\r\n" * 2048)


def half_open(target: Target) -> None:
    """1,100 connections that send half a head."""
    opened = []
    with suppress(OSError):
        for _ in range(1100):
            connection = target.connect()
            opened.append(connection)
            with suppress(OSError):
                connection.sendall(HEAD)
    time.sleep(target.seconds)
    for connection in opened:
        connection.close()


def trickling_uploads(target: Target) -> None:
    """Thirty uploads of a byte a second."""
    opened = []
    for _ in range(30):
        connection = target.connect()
        connection.sendall(UPLOAD + chunk(PART))
        opened.append(connection)
    ends_s = time.monotonic() + target.seconds
    while time.monotonic() < ends_s:
        for connection in opened:
            with suppress(OSError):
                connection.sendall(b"1\r\nx\r\n")
        time.sleep(1.0)
    for connection in opened:
        connection.close()


def hostile_form(target: Target) -> None:
    """A form that is slow to parse, sent as fast as it is read."""
    target.send_on(UPLOAD + chunk(PART), chunk(b"\r\n--" * 16384))


def endless_epilogue(target: Target) -> None:
    end = PART + b"x\r\n--B--\r\n"
    target.send_on(UPLOAD + chunk(end), chunk(bytes(65536)))


def slow_bodies(target: Target) -> None:
    """A hundred JSON bodies that never end."""
    head = b"POST /v1/playlists HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"
    opened = [target.connect() for _ in range(100)]
    for connection in opened:
        connection.sendall(head)
    time.sleep(target.seconds)
    for connection in opened:
        connection.close()


def journeys(target: Target) -> None:
    """Sixty clients that ask for the longest journeys again and again."""
    curve = [
        {"t": i, "valence": (i * 7919 % 200 - 100) / 100, "arousal": (i * 104729 % 200 - 100) / 100}
        for i in range(5000)
    ]
    body = {"emotion": {"curve": curve}, "mode": "journey", "limit": 500, "max_per_artist": 1}
    ends_s = time.monotonic() + target.seconds

    def client(_number: int) -> None:
        while time.monotonic() < ends_s:
            with suppress(OSError, http.client.HTTPException):
                target.ask("POST", "/v1/playlists", body)

    with ThreadPoolExecutor(60) as clients:
        list(clients.map(client, range(60)))


def abandoned_journeys(target: Target) -> None:
    """The same, by clients that leave after a tenth of a second."""
    curve = [{"t": 0, "valence": -1, "arousal": -1}, {"t": 3600, "valence": 1, "arousal": 1}]
    body = {"emotion": {"curve": curve}, "mode": "journey", "limit": 500, "max_per_artist": 1}
    ends_s = time.monotonic() + target.seconds
    while time.monotonic() < ends_s:
        with suppress(OSError, http.client.HTTPException):
            target.ask("POST", "/v1/playlists", body, timeout_s=0.1)


def maps(target: Target) -> None:
    """Twenty clients that ask for the whole map."""
    ends_s = time.monotonic() + target.seconds

    def client(_number: int) -> None:
        while time.monotonic() < ends_s:
            with suppress(OSError, http.client.HTTPException):
                target.ask("GET", "/v1/tracks/map")

    with ThreadPoolExecutor(20) as clients:
        list(clients.map(client, range(20)))


def nobody(target: Target) -> None:
    time.sleep(target.seconds)


ATTACKS: dict[str, Callable[[Target], None]] = {
    "no attack": nobody,
    "one endless header field": endless_header,
    "endless header fields": endless_headers,
    "1,100 half-open connections": half_open,
    "30 uploads of a byte a second": trickling_uploads,
    "a form that is slow to parse": hostile_form,
    "an epilogue without end": endless_epilogue,
    "100 bodies that never end": slow_bodies,
    "60 clients, longest journeys": journeys,
    "journeys that nobody waits for": abandoned_journeys,
    "20 clients, the whole map": maps,
}


@dataclass
class Probe:
    """A well-behaved client beside an attack."""

    target: Target
    worst_s: dict[str, float] = field(default_factory=lambda: {"health": 0.0, "playlist": 0.0})
    failed: int = 0
    asked: int = 0
    most_mib: int = 0

    def watch(self, over: threading.Event) -> None:
        """Ask ten times a second until the attack is over."""
        while not over.wait(0.1):
            self._ask("health", "GET", "/healthz", None)
            self._ask("playlist", "POST", "/v1/playlists", PLAYLIST)
            self.most_mib = max(self.most_mib, self.target.state()["memory_mib"])

    def _ask(self, name: str, method: str, path: str, body: object) -> None:
        begun_s = time.monotonic()
        self.asked += 1
        try:
            good = self.target.ask(method, path, body, timeout_s=20.0) == 200
        except (OSError, http.client.HTTPException):
            good = False
        self.failed += not good
        self.worst_s[name] = max(self.worst_s[name], time.monotonic() - begun_s)


def attacked(target: Target, attack: Callable[[Target], None]) -> dict[str, Any]:
    """What an attack did to others and to the service."""
    before, probe, over = target.state(), Probe(target), threading.Event()
    watching = threading.Thread(target=probe.watch, args=(over,))
    watching.start()
    attack(target)
    over.set()
    watching.join()
    time.sleep(SETTLE_S)
    return {
        "health_worst_s": round(probe.worst_s["health"], 3),
        "playlist_worst_s": round(probe.worst_s["playlist"], 3),
        "asked": probe.asked,
        "failed": probe.failed,
        "before": before,
        "most_mib": probe.most_mib,
        "after": target.state(),
    }


def seconds(each: dict[str, Any], name: str) -> str:
    """The worst time, where the attack lasted long enough to ask."""
    return f"{each[f'{name}_worst_s']:.2f}" if each["asked"] else "not asked"


def page(found: dict[str, dict[str, Any]], segments: int, load: float) -> str:
    """The results as Markdown."""
    rows = []
    for name, each in found.items():
        before, after = each["before"], each["after"]
        rows.append(
            f"| {name} | {seconds(each, 'health')} | {seconds(each, 'playlist')} | "
            f"{each['failed']} of {each['asked']} | {before['memory_mib']} / "
            f"{each['most_mib'] or 'not seen'} / "
            f"{after['memory_mib']} | {before['threads']} / {after['threads']} | "
            f"{before['files']} / {after['files']} |"
        )
    return "\n".join(
        [
            "# What others wait for during an attack\n",
            "`make bench-withstand ARGS=--write`. `circumplex serve` with its defaults over a "
            f"made-up catalogue of {segments:,} rows, allowed 1,024 open files; attacker and "
            "well-behaved client on the same machine. Memory before, at most and after, in MiB; "
            "threads and open files before and after. The first row is the same client without an "
            f"attack: what the machine itself costs. Load average before the start: {load:.1f}.\n",
            "| attack | health, worst s | playlist, worst s | failed | memory | threads | files |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
            *rows,
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=60_000)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each attack")
    parser.add_argument("--attacks", nargs="+", choices=ATTACKS, default=list(ATTACKS))
    parser.add_argument("--write", action="store_true", help="write the page")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with tempfile.TemporaryDirectory() as name:
        write_catalogue(Path(name), EmotionModel.load(FAST_CHECKPOINT, "cpu"), options.segments)
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
        with serving(Path(name)) as (port, pid):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (1024, 1024))
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
            target = Target(port, pid, options.seconds)
            target.ask("POST", "/v1/playlists", PLAYLIST)
            found = {name: attacked(target, ATTACKS[name]) for name in options.attacks}
    print(json.dumps(found, indent=1))
    if options.write:
        PAGE.write_text(page(found, options.segments, load), encoding="utf-8")


if __name__ == "__main__":
    main()
