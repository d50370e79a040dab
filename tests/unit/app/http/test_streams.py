"""Streams that hold a place give it back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.http.streams import EndedResponse


async def pieces() -> AsyncIterator[str]:
    """Two of them."""
    yield "one"
    yield "two"


@pytest.mark.parametrize("breaks_at", [0, 1, 2, None])
def test_the_end_is_told_once(breaks_at: int | None) -> None:
    """Whether the stream is sent, broken off or never begun."""
    ended, sent = [], []

    async def send(message: Any) -> None:
        if len(sent) == breaks_at:
            raise OSError("the client has gone")
        sent.append(message)

    async def receive() -> dict[str, str]:
        await asyncio.sleep(60.0)
        return {"type": "http.disconnect"}

    answer = EndedResponse(pieces(), lambda: ended.append(1), media_type="text/plain", headers={})
    scope = {"type": "http", "asgi": {"spec_version": "2.3"}}
    try:
        asyncio.run(answer(scope, receive, send))
    except Exception:
        assert breaks_at is not None

    assert ended == [1]
