"""The service under attack, and a well-behaved client beside the attack."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.service.weight import number_of

PLAYLIST = {"emotion": {"mood": "calm"}, "limit": 5}


@dataclass(frozen=True)
class Target:
    """A service under attack: its port, its process, and how long an attack goes on."""

    port: int
    pid: int
    seconds: float

    def connect(self, receive_bytes: int | None = None) -> socket.socket:
        """One more connection; with `receive_bytes` it takes so many before they are read."""
        connection = socket.socket()
        if receive_bytes is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.settimeout(30.0)
        connection.connect(("127.0.0.1", self.port))
        return connection

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
            content = body if body is None or isinstance(body, bytes) else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    def state(self) -> dict[str, int]:
        """Resident memory in MiB, threads and open files."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return {
            "memory_mib": number_of(status, "VmRSS") // 1024,
            "threads": number_of(status, "Threads"),
            "files": sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir()),
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
