"""Connections under bounds: the request head in bytes and seconds, and their number.

Uvicorn reads a request head of any length for any time and accepts any number of connections. This
protocol adds what a server on an open network needs:

- A head that is larger than `MAX_HEAD_BYTES` or has more than `MAX_HEADERS` fields gets a 431, one
  that is not complete after `HEAD_S` seconds a 408; both connections are closed.
- A client that goes on sending after its answer is complete is read for `LINGER_S` seconds and
  `LINGER_BYTES`, so that the answer reaches it, then its connection is closed.
- At most `ConnectionLimits.total` connections are open, at most `ConnectionLimits.per_client` from
  one address. Where one more arrives, the connection that has been without a request for the
  longest time makes room; only where every connection has a request at work is the new one refused
  with a 503.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import resource
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.errors import PROBLEM_JSON, ErrorKind, problem

logger = logging.getLogger("circumplex.service")

FULL = ErrorKind(503, "connections-full", "Service Unavailable")
HEAD_TOO_LARGE = ErrorKind(431, "head-too-large", "Request Header Fields Too Large")
HEAD_TOO_SLOW = ErrorKind(408, "head-too-slow", "Request Timeout")

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 200
HEAD_S = 10.0
LINGER_S = 5.0
LINGER_BYTES = 1024 * 1024
KEPT_BACK = 256
"""File descriptors that connections leave to the service: database, snapshots, audio, workers."""


@dataclass(frozen=True)
class ConnectionLimits:
    """How many connections may be open.

    Attributes:
        total: From all clients, > 0.
        per_client: From one address, > 0.
    """

    total: int
    per_client: int


def possible_limits(total: int, per_client: int) -> ConnectionLimits:
    """The limits as far as the process may open files; raises its soft limit to the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    room = total if hard == resource.RLIM_INFINITY else max(16, hard - KEPT_BACK)
    if room < total:
        logger.warning(
            "%d connections at most, not %d: this process may open %d files", room, total, hard
        )
    total = min(total, room)
    return ConnectionLimits(total, min(per_client, total))


class Connections:
    """The open connections of a server; used from its event loop alone."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self.of_client: Counter[str] = Counter()
        self._open: dict[BoundedProtocol, str] = {}  # in the order of their last request

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, connection: BoundedProtocol, client: str) -> bool:
        """Count a new connection; False where there is no room for it."""
        if self.of_client[client] >= self.limits.per_client and not self._make_room(client):
            return False
        if len(self._open) >= self.limits.total and not self._make_room(None):
            return False
        self._open[connection] = client
        self.of_client[client] += 1
        return True

    def used(self, connection: BoundedProtocol) -> None:
        """A request of this connection has ended: it is now the last to make room."""
        if connection in self._open:
            self._open[connection] = self._open.pop(connection)

    def leave(self, connection: BoundedProtocol) -> None:
        """Forget a connection; harmless for one that is not counted."""
        client = self._open.pop(connection, None)
        if client is not None:
            self.of_client[client] -= 1
            if not self.of_client[client]:
                del self.of_client[client]

    def _make_room(self, client: str | None) -> bool:
        for connection, owner in self._open.items():
            if client in (None, owner) and not connection.at_work:
                self.leave(connection)
                connection.drop()
                return True
        return False


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol for HTTP/1.1 with the bounds of this module; see `bounded_protocol`."""

    all_open: ClassVar[Connections]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """As uvicorn calls it."""
        super().__init__(config, server_state, app_state, _loop)
        self._in_head = True  # a head has begun, or is awaited, and is not complete
        self._in_body = False
        self._head_bytes = 0
        self._lingered_bytes = 0
        self._refused = False
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def at_work(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def drop(self) -> None:
        """Close at once; what is not sent yet is lost."""
        self._refused = True
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection and await its first head."""
        super().connection_made(transport)
        if not self.all_open.enter(self, self.client[0] if self.client else ""):
            self._refuse(FULL, "no connection is free; try again in 2 s")
            return
        self._set_deadline(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._clear_deadline()
        self.all_open.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, within the bounds."""
        if self._refused:
            return
        if self._in_head:
            self._head_bytes += len(data)
            if self._deadline is None:  # the next request on a connection that is kept
                self._set_deadline(HEAD_S)
            if self._head_bytes - len(data) > MAX_HEAD_BYTES:
                self._refuse_head()
                return
        elif not self.at_work:
            self._lingered_bytes += len(data)
            if self._lingered_bytes > LINGER_BYTES:
                self.drop()
                return
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """Hand the request on, if its head is within the bounds."""
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._refuse_head()
        if self._refused:
            return
        self._clear_deadline()
        self._in_head, self._in_body, self._lingered_bytes = False, True, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is complete: the next head is awaited."""
        if self._refused:
            return
        self._in_head, self._in_body, self._head_bytes = True, False, 0
        super().on_message_complete()
        if not self.at_work:
            self._clear_deadline()

    def on_response_complete(self) -> None:
        """The answer is complete; the client may still be sending."""
        self.all_open.used(self)
        super().on_response_complete()
        if self._in_body and not self.pipeline:
            self._set_deadline(LINGER_S)

    def _refuse_head(self) -> None:
        self._refuse(
            HEAD_TOO_LARGE,
            f"a request head has at most {MAX_HEAD_BYTES} bytes and {MAX_HEADERS} fields",
        )

    def _refuse(self, kind: ErrorKind, detail: str) -> None:
        """Answer without the application, and close."""
        if self._refused:
            return
        self._refused = True
        self._clear_deadline()
        if self.transport.is_closing():
            return
        if not self.at_work:
            self.transport.write(_response(kind, detail))
        self.transport.close()

    def _too_late(self) -> None:
        self._deadline = None
        if self._in_body:
            self.drop()  # answered long ago, and still sending
        elif self._head_bytes:
            self._refuse(
                HEAD_TOO_SLOW,
                f"the request head was not complete within {HEAD_S:g} s",
            )
        else:
            self._refused = True
            self.transport.close()

    def _set_deadline(self, seconds: float) -> None:
        self._clear_deadline()
        self._deadline = self.loop.call_later(seconds, self._too_late)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def bounded_protocol(limits: ConnectionLimits) -> type[BoundedProtocol]:
    """The protocol of one server, whose connections are counted together."""
    return type("BoundedProtocol", (BoundedProtocol,), {"all_open": Connections(limits)})


def _response(kind: ErrorKind, detail: str) -> bytes:
    body = json.dumps(problem(kind, detail, None)).encode()
    head = (
        f"HTTP/1.1 {kind.status} {kind.title}",
        f"content-type: {PROBLEM_JSON}",
        f"content-length: {len(body)}",
        "connection: close",
        "retry-after: 2",
    )
    return "\r\n".join(itertools.chain(head, ("", ""))).encode() + body
