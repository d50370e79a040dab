"""Answers that go on for long."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Mapping

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class EndedResponse(StreamingResponse):
    """A stream that calls `end` once it is over, whether it was sent, broken off or never begun."""

    def __init__(
        self,
        pieces: AsyncIterable[str | bytes],
        end: Callable[[], None],
        *,
        media_type: str,
        headers: Mapping[str, str],
    ) -> None:
        self._end = end
        super().__init__(pieces, media_type=media_type, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._end()
