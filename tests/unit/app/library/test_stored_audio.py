"""What a service does with a store that hangs or breaks off while music is played."""

from __future__ import annotations

import asyncio
import errno
import threading
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import Request

from app.errors import NotReadyError, OverloadedError
from app.library.stored_audio import PIECE_BYTES, PLACES, StoredAudio

TRACK: Any = SimpleNamespace(id=1, root="s3://music", path="a.mp3", size_bytes=1, mtime_ns=1)


class HangingStore:
    """Answers nothing until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def open(self, _root: str, _path: str) -> Any:
        """Wait."""
        self.let_go.wait(60.0)
        raise OSError(errno.EREMOTEIO, "the store fails")


class BreakingObject:
    """An object of three pieces whose second one does not come."""

    size_bytes, etag, modified = 3 * PIECE_BYTES, '"tag"', datetime(2026, 1, 1, tzinfo=UTC)

    def read(self, begin: int, end: int) -> bytes:
        """The first piece alone."""
        if begin:
            raise OSError(errno.EREMOTEIO, "the store fails")
        return bytes(end - begin)


def request(**headers: str) -> Request:
    """What a player sends."""
    named = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "headers": named})


@pytest.fixture
def hanging() -> HangingStore:
    return HangingStore()


def test_a_store_that_hangs_is_given_up_in_time(hanging: HangingStore) -> None:
    """The request is answered, though the store is not."""
    stored = StoredAudio((), hanging, open_s=0.05)  # type: ignore[arg-type]

    with pytest.raises(NotReadyError, match=r"did not answer in 0\.05 s"):
        stored.response(request(), TRACK)

    hanging.let_go.set()
    stored.close()


def test_so_many_wait_for_a_store_and_no_more(hanging: HangingStore) -> None:
    """Others are refused at once, and served again when those have gone."""
    stored = StoredAudio((), hanging, open_s=60.0)  # type: ignore[arg-type]
    refusals: list[type[Exception]] = []

    def ask() -> None:
        try:
            stored.response(request(), TRACK)
        except (NotReadyError, OverloadedError) as exc:
            refusals.append(type(exc))

    threads = [threading.Thread(target=ask) for _ in range(PLACES + 3)]
    for thread in threads:
        thread.start()
    while len(refusals) < 3:
        time.sleep(0.01)
    assert refusals == [OverloadedError] * 3
    hanging.let_go.set()
    for thread in threads:
        thread.join()
    with pytest.raises(NotReadyError, match="the store fails"):
        stored.response(request(), TRACK)

    assert refusals[3:] == [NotReadyError] * PLACES
    stored.close()


def test_an_answer_breaks_off_where_the_object_does() -> None:
    """What was promised in full is never filled up."""
    store: Any = SimpleNamespace(open=lambda _root, _path: BreakingObject())
    stored = StoredAudio((), store)
    answer: Any = stored.response(request(), TRACK)
    pieces: list[bytes] = []

    async def receive() -> None:
        async for piece in answer.body_iterator:
            pieces.append(piece)

    with pytest.raises(OSError, match="the store fails"):
        asyncio.run(receive())

    assert [len(piece) for piece in pieces] == [PIECE_BYTES]
    assert answer.headers["content-length"] == str(3 * PIECE_BYTES)
    stored.close()
