"""What happens to every request: an id, a time, a log line, headers, limits, and no bare 500."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
import time
from collections.abc import Iterable, Sequence
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import (
    INTERNAL,
    PROBLEM_JSON,
    BodyTimeoutError,
    BodyTooLargeError,
    ErrorKind,
    problem,
)
from app.http.origins import Origins
from app.metrics import Metrics

logger = logging.getLogger("circumplex.request")

UNTRUSTED_HOST = ErrorKind(421, "untrusted-host", "Not a host of this service")
FOREIGN_ORIGIN = ErrorKind(403, "foreign-origin", "Asked by the page of another site")
ENCODED_BODY = ErrorKind(415, "unsupported-media-type", "Unsupported media type")
NO_ROOM = ErrorKind(503, "no-room", "Service Unavailable")
STOPPING = ErrorKind(503, "stopping", "The service stops")
LARGE_BODY_BYTES = 32 * 1024
"""Reading a larger JSON body takes the event loop milliseconds: such bodies take turns."""
TURNS = 4
"""So many times whatever else is ready goes first, before a large body is handed on."""
BODY_S = 30.0
"""How long the body of a request may take to arrive; uploads have a limit of their own."""
PIECE_BYTES = 64 * 1024
"""Of an answer at a time: the server copies what it is handed until the client has read it."""
CLIENT_GONE = 499  # only in the log: nobody is there to read it
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})  # asked all day: in the log if they fail
REQUEST_ID = re.compile(r"[\w.-]{1,64}")
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=()",
}
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: "
    "blob:; media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


ALWAYS = tuple((name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items())
UNLESS_SET = (
    (b"content-security-policy", PAGE_POLICY.encode()),
    (b"cache-control", b"no-store"),
)
OWN = frozenset({b"x-request-id", b"cross-origin-resource-policy", *(name for name, _ in ALWAYS)})


class RequestMiddleware:
    """The outermost layer of the service's own making.

    It gives the request an id (the caller's `X-Request-ID` where it is a plain word), refuses
    foreign hosts, pages of other sites (`app.http.origins`) and compressed bodies, sets the
    security headers, bounds the body of requests that are no upload in bytes and seconds, counts
    and times, writes one log line, and answers an unforeseen exception with a problem that holds
    nothing but the id.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        max_body_bytes: int,
        upload_paths: frozenset[str],
        origins: Origins,
        root_path: str = "",
    ) -> None:
        self.app = app
        self.metrics = metrics
        self.max_body_bytes = max_body_bytes
        self.origins = origins
        self.upload_paths = upload_paths | {root_path + path for path in upload_paths}
        self.large_body = asyncio.Lock()
        self.always = (*ALWAYS, (b"cross-origin-resource-policy", origins.resource_policy))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = _Request(self, scope, receive, send)
        await request.run()


def _lacks_room(error: Exception) -> bool:
    """Whether the system refused memory or a thread: no fault of the service, and it passes."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and str(error) == "can't start new thread"
    )


class _Request:
    """One request on its way through."""

    def __init__(
        self, owner: RequestMiddleware, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self.owner, self.scope = owner, scope
        self._receive, self._send = receive, send
        headers = Headers(scope=scope)
        asked_id = headers.get("x-request-id", "")
        self.id = asked_id if REQUEST_ID.fullmatch(asked_id) else secrets.token_hex(8)
        self.headers = headers
        self.content_length = headers.get("content-length", "")
        self.limited = scope["path"] not in owner.upload_paths
        self.body_bytes = 0
        self.body_complete = False
        self.status = 0
        self.started_s = time.perf_counter()

    async def run(self) -> None:
        self.scope.setdefault("state", {})["request_id"] = self.id
        self.owner.metrics.in_flight.inc()
        try:
            host = self.headers.get("host", "")
            if not self.owner.origins.trusts(host):
                detail = (
                    f"this service is not {host[:100]!r}: name it in CIRCUMPLEX_TRUSTED_HOSTS if "
                    "it should be"
                )
                await self._answer(UNTRUSTED_HOST, detail)
            elif self.owner.origins.is_foreign(self.scope["method"], self.headers):
                detail = (
                    "the page of another site may not do this: name its origin in "
                    "CIRCUMPLEX_CORS_ORIGINS if it should"
                )
                await self._answer(FOREIGN_ORIGIN, detail)
            elif self._has_encoded_body():
                coding = self.headers["content-encoding"][:100]
                detail = f"the body is sent as {coding!r}: send it as it is, without an encoding"
                await self._answer(ENCODED_BODY, detail, ((b"accept-encoding", b"identity"),))
            else:
                await self.owner.app(self.scope, self.receive, self.send)
        except ClientDisconnect:
            self.status = self.status or CLIENT_GONE
        except asyncio.CancelledError:  # by the server, which has waited long enough to stop
            if not self.status:
                await self._answer(STOPPING, "the service stops; try again in a moment")
        except Exception as exc:
            await self._failed(exc)
        finally:
            self.owner.metrics.in_flight.dec()
            self._record()

    async def _failed(self, error: Exception) -> None:
        """Answer for an error that nothing else foresaw."""
        if not self.status and _lacks_room(error):
            logger.warning("no room for a request: %s", error, extra={"request_id": self.id})
            detail = "the service may start no more threads or has no more memory; try again"
            await self._answer(NO_ROOM, detail, ((b"retry-after", b"5"),))
            return
        logger.error("unforeseen error", exc_info=error, extra={"request_id": self.id})
        if self.status:
            raise error  # too late for another answer: the server closes the connection
        detail = f"an unforeseen error; the service's log has it under request id {self.id}"
        await self._answer(INTERNAL, detail)

    def _has_encoded_body(self) -> bool:
        """Whether the body is compressed: nothing here would unpack it."""
        given = ",".join(self.headers.getlist("content-encoding"))
        return any(each.strip().lower() not in ("", "identity") for each in given.split(","))

    async def receive(self) -> Message:
        limit = self.owner.max_body_bytes
        if self.limited and self.content_length.isdigit() and int(self.content_length) > limit:
            raise BodyTooLargeError(limit)
        if not self.limited or self.body_complete:
            return await self._receive()
        left_s = self.started_s + BODY_S - time.perf_counter()
        try:
            async with asyncio.timeout(left_s):
                message = await self._receive()
        except TimeoutError as exc:
            raise BodyTimeoutError(BODY_S) from exc
        if message["type"] == "http.request":
            self.body_complete = not message.get("more_body", False)
            self.body_bytes += len(message.get("body", b""))
            if self.body_bytes > limit:
                raise BodyTooLargeError(limit)
            if self.body_complete and self.body_bytes > LARGE_BODY_BYTES:
                await self._let_others_go_first()
        return message

    async def _let_others_go_first(self) -> None:
        """Wait until no other large body was handed on a moment ago."""
        async with self.owner.large_body:
            for _ in range(TURNS):
                await asyncio.sleep(0)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = self._with_own(message.get("headers", ()))
        body, begin = message.get("body", b""), 0
        while len(body) - begin > PIECE_BYTES:
            piece = body[begin : begin + PIECE_BYTES]
            await self._send({"type": message["type"], "body": piece, "more_body": True})
            begin += PIECE_BYTES
        await self._send({**message, "body": body[begin:]} if begin else message)

    async def _answer(
        self, kind: ErrorKind, detail: str, more: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        body = json.dumps(problem(kind, detail, self.id)).encode()
        headers = [
            (b"content-type", PROBLEM_JSON.encode()),
            (b"content-length", str(len(body)).encode()),
            *more,
        ]
        await self.send({"type": "http.response.start", "status": kind.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    def _with_own(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The headers of an answer with those that every answer has."""
        kept = [(name, value) for name, value in headers if name.lower() not in OWN]
        present = {name.lower() for name, _ in kept}
        missing = [(name, value) for name, value in UNLESS_SET if name not in present]
        return [*kept, (b"x-request-id", self.id.encode()), *self.owner.always, *missing]

    def _record(self) -> None:
        seconds = time.perf_counter() - self.started_s
        route = getattr(self.scope.get("route"), "path", "other")
        method, status = self.scope["method"], self.status
        self.owner.metrics.observe(method, route, status, seconds)
        fields: dict[str, Any] = {
            "request_id": self.id,
            "method": method,
            "path": self.scope["path"],
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 2),
        }
        quiet = route in PROBES and status < 400
        logger.log(logging.DEBUG if quiet else logging.INFO, "request", extra=fields)
