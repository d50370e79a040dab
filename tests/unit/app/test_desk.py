"""Heavy work has places, a budget, and ends with its client."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
from starlette.requests import ClientDisconnect

from app.desk import Desk, Work, checkpoint
from app.errors import OverloadedError, WorkTimeoutError


class FakeRequest:
    """A request from an address, whose client may leave."""

    def __init__(self, host: str = "a", gone: bool = False) -> None:
        self.client = type("Client", (), {"host": host})()
        self.gone = gone

    async def is_disconnected(self) -> bool:
        """Whether the client has left."""
        return self.gone


def until_stopped(ended: threading.Event) -> Callable[[], None]:
    """Work that goes on until a checkpoint ends it."""

    def work() -> None:
        try:
            while True:
                checkpoint()
                time.sleep(0.01)
        finally:
            ended.set()

    return work


def test_the_result_and_the_error_of_the_work_come_back() -> None:
    """As if it had been called."""
    desk = Desk("test", workers=1, places=4, budget_s=5.0)

    def fails() -> None:
        raise ValueError("no")

    assert asyncio.run(desk.run(FakeRequest(), lambda: 7)) == 7  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no"):
        asyncio.run(desk.run(FakeRequest(), fails))  # type: ignore[arg-type]
    desk.close()


def test_work_over_its_budget_ends() -> None:
    """At its next checkpoint, with an error that says so."""
    desk, ended = Desk("test", workers=1, places=4, budget_s=0.2), threading.Event()

    with pytest.raises(WorkTimeoutError, match=r"0\.2 s"):
        asyncio.run(desk.run(FakeRequest(), until_stopped(ended)))  # type: ignore[arg-type]

    assert ended.is_set()
    desk.close()


def test_work_ends_when_its_client_has_left() -> None:
    """Nobody pays for an answer that nobody reads."""
    desk, ended = Desk("test", workers=1, places=4, budget_s=60.0), threading.Event()

    with pytest.raises(ClientDisconnect):
        asyncio.run(desk.run(FakeRequest(gone=True), until_stopped(ended)))  # type: ignore[arg-type]

    assert ended.wait(5.0)
    desk.close()


def test_places_are_bounded_for_all_and_for_one() -> None:
    """A client holds half of them; others still find a place."""
    desk, go = Desk("test", workers=1, places=4, budget_s=30.0), threading.Event()

    async def crowd() -> list[object]:
        asked = [desk.run(FakeRequest(host), go.wait) for host in "aaabbb"]  # type: ignore[arg-type]
        tasks = [asyncio.ensure_future(one) for one in asked]
        await asyncio.sleep(0.1)
        go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = asyncio.run(crowd())

    assert [isinstance(each, OverloadedError) for each in found] == [False, False, True] * 2
    desk.close()


def test_work_whose_turn_comes_too_late_is_refused() -> None:
    """It was not too much: others were before it."""
    desk, go = Desk("test", workers=1, places=4, budget_s=0.2), threading.Event()

    async def two() -> list[object]:
        first = asyncio.ensure_future(desk.run(FakeRequest("a"), go.wait))  # type: ignore[arg-type]
        second = asyncio.ensure_future(desk.run(FakeRequest("b"), go.wait))  # type: ignore[arg-type]
        await asyncio.sleep(0.3)
        go.set()
        return await asyncio.gather(first, second, return_exceptions=True)

    first, second = asyncio.run(two())

    assert first is True
    assert isinstance(second, OverloadedError)
    desk.close()


def test_work_is_not_cut_off_for_what_it_waited() -> None:
    """It has its whole budget from its turn on; else what others took would be called its own."""
    piece = Work(60.0)
    piece.ends_s = time.monotonic() + 1.0  # after 59 s in the queue

    piece.begin()

    assert piece.ends_s > time.monotonic() + 30.0


def test_work_that_gets_no_thread_holds_no_place() -> None:
    """A system that is short of threads for a moment does not shut the desk for good."""
    desk = Desk("test", workers=1, places=4, budget_s=5.0)
    desk.close()  # from here it gives no thread

    for _ in range(5):
        with pytest.raises(RuntimeError, match="cannot schedule"):
            asyncio.run(desk.run(FakeRequest(), lambda: 7))  # type: ignore[arg-type]


def test_outside_of_a_desk_a_checkpoint_does_nothing() -> None:
    """The command line waits as long as it takes."""
    checkpoint()
