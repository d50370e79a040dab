"""An S3-compatible store (moto) in a process of its own on loopback, whose faults tests choose."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

BUCKET = "music"
SECRET = "a-secret-that-is-nowhere-kept"
FAULTS, READS = "/_faults", "/_reads"


class FaultyApp:
    """The store's WSGI application; some keys answer an error, and it may die at a read."""

    def __init__(self, under: Callable[..., Iterable[bytes]]) -> None:
        self._under = under
        self._lock = threading.Lock()
        self._statuses: dict[str, int] = {}
        self._reads: Counter[str] = Counter()
        self._dies_after: int | None = None

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if path == FAULTS:
            told = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
            self._statuses, self._dies_after = told["statuses"], told["dies_after"]
            return _answered(start, 200, b"")
        if path == READS:
            return _answered(start, 200, json.dumps(self._reads).encode())
        key = path.removeprefix(f"/{BUCKET}/")
        if method == "GET" and key != path:
            with self._lock:
                self._reads[key] += 1
                if self._dies_after is not None and sum(self._reads.values()) > self._dies_after:
                    os._exit(1)
        if method in {"GET", "HEAD"} and key in self._statuses:
            return _answered(start, self._statuses[key], b"")
        return self._under(environ, start)


def _answered(start: Callable[..., Any], status: int, body: bytes) -> Iterable[bytes]:
    start(f"{status} .", [("Content-Length", str(len(body)))])
    return [body]


class Store:
    """A running store, as tests use it."""

    def __init__(self, url: str, process: subprocess.Popen[str]) -> None:
        from s3fs import S3FileSystem

        self._client = httpx.Client(base_url=url, trust_env=False)
        self._process = process
        self._files = S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
        self._files.call_s3("create_bucket", Bucket=BUCKET)

    def put(self, key: str, content: bytes) -> None:
        """Write an object."""
        self._files.call_s3("put_object", Bucket=BUCKET, Key=key, Body=content)

    def put_folder(self, folder: Path, prefix: str) -> None:
        """Write the files of a folder."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{prefix}/{path.relative_to(folder)}", path.read_bytes())

    def delete(self, key: str) -> None:
        """Remove an object."""
        self._files.call_s3("delete_object", Bucket=BUCKET, Key=key)

    def fail(self, statuses: dict[str, int], dies_after: int | None = None) -> None:
        """Let keys answer with an error from now on, or the store die at the read after so many."""
        asked = {"statuses": statuses, "dies_after": dies_after}
        self._client.request("POST", FAULTS, json=asked).raise_for_status()

    def reads(self) -> dict[str, int]:
        """How often each object was asked for since the store began."""
        read: dict[str, int] = self._client.get(READS).json()
        return read

    def stop(self) -> None:
        """End it."""
        self._client.close()
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def running_store() -> Iterator[Store]:
    """A store with one bucket; the environment says where it is, and with which credentials."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.object_store"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        patch.setenv("AWS_ACCESS_KEY_ID", "someone")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        store = Store(url, process)
        try:
            yield store
        finally:
            store.stop()


def main() -> None:
    """Serve until killed; the first line of output says where."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    app: Any = FaultyApp(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    print(f"http://127.0.0.1:{server.port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
