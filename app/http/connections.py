"""Connections under bounds: the request head in bytes and seconds, and their number.

Uvicorn reads a request head of any length for any time and accepts any number of connections. This
protocol adds what a server on an open network needs:

- A head that is larger than `MAX_HEAD_BYTES` or has more than `MAX_HEADERS` fields gets a 431, one
  that is not complete after `HEAD_S` seconds a 408; both connections are closed.
- Bytes that belong to no body (trailers, extensions of chunks) are read up to `MAX_HEAD_BYTES`;
  trailers are left out. Requests that are sent before the answer to the first one wait, up to
  `MAX_PIPELINED` of them; then the connection is closed.
- A client that goes on sending after its answer is complete is read for `LINGER_S` seconds and
  `LINGER_BYTES`, so that the answer reaches it, then its connection is closed. One that reads
  nothing of its answer for `STALL_S` seconds is given up.
- At most `ConnectionLimits.total` connections are open, at most `ConnectionLimits.per_client` from
  one address. Where one more arrives, the connection that has been without a request for the
  longest time makes room, then the one whose request has waited longest for its client: for the
  rest of a body, or to read the answer. Only where every connection has a request at work is the
  new one refused, with a 503, or a 429 where its own address holds too many; `HEALTH` is still
  answered then.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import re
import resource
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from app.errors import PROBLEM_JSON, ErrorKind, problem
from app.http.upgrades import StayingParser

logger = logging.getLogger("circumplex.service")

FULL = ErrorKind(503, "connections-full", "Service Unavailable")
FULL_OF_CLIENT = ErrorKind(429, "connections-full", "Too Many Requests")
BAD_REQUEST = ErrorKind(400, "bad-request", "Bad Request")
GIVEN_UP = ErrorKind(408, "body-timeout", "Request Timeout")
HEAD_TOO_LARGE = ErrorKind(431, "head-too-large", "Request Header Fields Too Large")
HEAD_TOO_SLOW = ErrorKind(408, "head-too-slow", "Request Timeout")

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 200
HEAD_S = 10.0
LINGER_S = 5.0
REFUSED_S = 1.0
"""How long a refused client may take to read why, and to close."""
LINGER_BYTES = 1024 * 1024
STALL_S = 600.0
"""A player that is paused reads nothing either: it asks for the rest later."""
MAX_PIPELINED = 16
HEALTH = b"/healthz"
_AUTHORITY = re.compile(rb"[A-Za-z][\w+.-]*://([^/?#]*)")
PAST = 8
"""Connections past the limit that are told so once their head is complete."""
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
        self._past: dict[BoundedProtocol, None] = {}  # beyond the limits, in order of arrival

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, connection: BoundedProtocol, client: str) -> ErrorKind | None:
        """Count a new connection; what to tell it where there is no room for it."""
        full: ErrorKind | None = None
        if self.of_client[client] >= self.limits.per_client and not self._make_room(client):
            full = FULL_OF_CLIENT
        elif len(self._open) >= self.limits.total and not self._make_room(None):
            full = FULL
        if full is None:
            self._open[connection] = client
            self.of_client[client] += 1
            return None
        self._past[connection] = None
        if len(self._past) > PAST:
            next(iter(self._past)).drop()
        return full

    def used(self, connection: BoundedProtocol) -> None:
        """A request of this connection has ended: it is now the last to make room."""
        if connection in self._open:
            self._open[connection] = self._open.pop(connection)

    def leave(self, connection: BoundedProtocol) -> None:
        """Forget a connection; harmless for one that is not counted."""
        self._past.pop(connection, None)
        client = self._open.pop(connection, None)
        if client is not None:
            self.of_client[client] -= 1
            if not self.of_client[client]:
                del self.of_client[client]

    def _make_room(self, client: str | None) -> bool:
        of_client = [one for one, owner in self._open.items() if client in (None, owner)]
        found = next((one for one in of_client if not one.at_work), None)
        if found is None:
            waiting = [one for one in of_client if one.awaits_client]
            found = min(waiting, key=lambda one: one.progress_s, default=None)
        if found is None:
            return False
        self.leave(found)
        found.make_room()
        return True


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol for HTTP/1.1 with the bounds of this module; see `bounded_protocol`."""

    all_open: ClassVar[Connections]
    parser: StayingParser  # type: ignore[assignment]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """As uvicorn calls it."""
        super().__init__(config, server_state, app_state, _loop)
        self.parser = StayingParser(self)
        self.progress_s = self.loop.time()  # when the client last sent or read something
        self._full: ErrorKind | None = None
        self._in_head = True  # a head has begun, or is awaited, and is not complete
        self._in_body = False
        self._head_bytes = 0
        self._bodiless_bytes = 0  # since the last byte of a body, while one is awaited
        self._lingered_bytes = 0
        self._refused = False
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._running: RequestResponseCycle | None = None

    @property
    def at_work(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete and not self._refused

    @property
    def awaits_client(self) -> bool:
        """Whether the answer waits for the client: to send on, or to read."""
        return self.at_work and (self._in_body or self.flow.write_paused)

    @property
    def _is_first(self) -> bool:
        """Whether nothing is answered yet, and nothing waits before the present request."""
        return not self.pipeline and not self.cycle.response_started

    @property
    def _is_of_host(self) -> bool:
        """Whether an address that names a host, as for a proxy, names that of the `Host` field."""
        named = _AUTHORITY.match(self.url)
        hosts = [value.lower() for name, value in self.headers if name == b"host"]
        return named is None or hosts == [named[1].lower()]

    def drop(self) -> None:
        """Close at once; what is not sent yet is lost."""
        self._refused = True
        self._disconnect()
        self.all_open.leave(self)
        if self.transport is not None:
            self.transport.abort()

    def make_room(self) -> None:
        """Close for another connection; a request whose body has not arrived is told why."""
        if self.at_work and self._in_body and self._is_first:
            self._refuse(GIVEN_UP, "another request took the place of this one: send it faster")
        else:
            self.drop()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection and await its first head."""
        super().connection_made(transport)
        self._full = self.all_open.enter(self, self.client[0] if self.client else "")
        self._set_deadline(HEAD_S if self._full is None else LINGER_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._clear_deadline()
        self._clear_stall()
        self._disconnect()
        self.all_open.leave(self)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """More is written than the client has read."""
        super().pause_writing()
        self.progress_s = self.loop.time()
        self._clear_stall()
        self._stalled = self.loop.call_later(STALL_S, self.drop)

    def resume_writing(self) -> None:
        """The client has read on."""
        self.progress_s = self.loop.time()
        self._clear_stall()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Read on, within the bounds."""
        self.progress_s = self.loop.time()
        if self._in_head and not self._refused:
            self._head_bytes += len(data)
            if self._deadline is None:  # the next request on a connection that is kept
                self._set_deadline(HEAD_S)
            if self._head_bytes - len(data) > MAX_HEAD_BYTES:
                self._refuse_head()
        elif self.at_work:
            self._bodiless_bytes += len(data)
            if self._bodiless_bytes - len(data) > MAX_HEAD_BYTES:
                self._refuse_head()
        else:
            self._lingered_bytes += len(data)
            if self._lingered_bytes > LINGER_BYTES:
                self.drop()
        if not self._refused:
            super().data_received(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head; one behind the body would come too late for who checks it."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request on, if its head is within the bounds."""
        if self.parser.reads_again:
            return
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._refuse_head()
        elif sum(name == b"host" for name, _ in self.headers) > 1:
            self._refuse(BAD_REQUEST, "a request names one host")
        elif not self._is_of_host:
            self._refuse(BAD_REQUEST, "the address of a request and its host are the same place")
        elif self._full is not None and self.url != HEALTH:
            self._refuse(self._full, "no connection is free; try again in 2 s")
        elif len(self.pipeline) >= MAX_PIPELINED:
            self.drop()
        if self._refused:
            return
        self._clear_deadline()
        self._in_head, self._in_body = False, True
        self._bodiless_bytes = self._lingered_bytes = 0
        super().on_headers_complete()
        if self._full is not None:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._bodiless_bytes = 0
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is complete: the next head is awaited."""
        if self._refused or self.parser.reads_again:
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

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _disconnect(self) -> None:
        """Tell the application that nobody waits for its answer any more."""
        for cycle in filter(None, (self._running, self.cycle)):
            cycle.disconnected = True
            cycle.message_event.set()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(BAD_REQUEST, msg)

    def _refuse_head(self) -> None:
        self._refuse(
            HEAD_TOO_LARGE,
            f"a request head has at most {MAX_HEAD_BYTES} bytes and {MAX_HEADERS} fields",
        )

    def _refuse(self, kind: ErrorKind, detail: str) -> None:
        """Answer without the application, and close once the client has read it."""
        if self._refused:
            return
        silent = self.at_work and not (self._in_body and self._is_first)
        self._refused = True
        self._clear_deadline()
        self._disconnect()
        if self.transport.is_closing():
            return
        if silent or not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write(_response(kind, detail))
        self.transport.write_eof()
        self._lingered_bytes = 0
        self._deadline = self.loop.call_later(REFUSED_S, self.drop)
        self.flow.resume_reading()  # closed with bytes unread, the answer might not arrive

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

    def _clear_stall(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


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
