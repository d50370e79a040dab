"""HEAD wherever there is GET: the same answer without its body (RFC 9110, 9.3.2)."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class _HeadersSentError(Exception):
    """The headers are sent, and nothing else was asked for."""


class HeadMiddleware:
    """Has HEAD answered as GET, and ends the answer where its body would begin.

    The OpenAPI document so holds each operation once, and no route has to know of it; one whose
    body is much work may leave it where `only_headers` is in the scope.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_headers(message: Message) -> None:
            if message["type"] == "http.response.body":
                raise _HeadersSentError
            await send(message)

        asked = {**scope, "method": "GET", "only_headers": True}
        try:
            await self.app(asked, receive, send_headers)
        except* _HeadersSentError:
            await send({"type": "http.response.body", "body": b""})
        finally:
            if "route" in asked:
                scope["route"] = asked["route"]  # what is counted and logged
