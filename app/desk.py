"""Heavy work: a few threads of its own, a bounded queue, a time budget, and an end with its client.

A playlist takes milliseconds; some questions, such as long journeys, take much longer. They must
not keep the others waiting, so each kind of heavy work has a desk. Work that nobody waits for any
more, or that exceeds its budget, ends at its next `checkpoint`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from app.errors import OverloadedError, WorkTimeoutError
from app.http.clients import address_of

RETRY_AFTER_S = 2
LOOK_S = 0.25
"""How often it is looked whether the client is still there."""

Result = TypeVar("Result")


class Work:
    """One piece of heavy work: until when it may run, and whether anybody waits for it."""

    def __init__(self, budget_s: float) -> None:
        self.budget_s = budget_s
        self.ends_s = time.monotonic() + budget_s
        self.abandoned = threading.Event()

    def begin(self) -> None:
        """Its turn has come: what it waited for others is not its own time.

        Raises:
            OverloadedError: It waited as long as it may take.
        """
        now_s = time.monotonic()
        if now_s > self.ends_s:
            raise OverloadedError(
                f"its turn did not come within {self.budget_s:g} s: too many questions of this "
                "kind wait",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        self.ends_s = now_s + self.budget_s

    def check(self) -> None:
        """Go on, or end here.

        Raises:
            WorkTimeoutError: The budget is spent, or nobody waits any more.
        """
        if self.abandoned.is_set() or time.monotonic() > self.ends_s:
            raise WorkTimeoutError(
                f"this question needs more than {self.budget_s:g} s: ask for fewer places, or for "
                "fewer limits on them",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )


_current: ContextVar[Work | None] = ContextVar("current_work", default=None)


def checkpoint() -> None:
    """A place at which heavy work may end; does nothing outside of a desk.

    Raises:
        WorkTimeoutError: As `Work.check`.
    """
    work = _current.get()
    if work is not None:
        work.check()


class Places:
    """A bound on how many do something at a time; used from the event loop alone."""

    def __init__(self, total: int, doing: str) -> None:
        """Open the places.

        Args:
            total: How many there are; half of them for one client.
            doing: What those do that hold one, for messages: "questions wait".
        """
        self._total, self._doing = total, doing
        self._held: Counter[str] = Counter()

    def take(self, client: str) -> None:
        """Hold a place.

        Raises:
            OverloadedError: All are taken, or half of them by this client.
        """
        if self._held.total() >= self._total or 2 * self._held[client] >= self._total:
            raise OverloadedError(
                f"{self._held.total()} {self._doing} already; try again in {RETRY_AFTER_S} s",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        self._held[client] += 1

    def leave(self, client: str) -> None:
        """Free a place."""
        self._held[client] -= 1
        if not self._held[client]:
            del self._held[client]


class Desk:
    """Carries out one kind of heavy work; `run` is used from the event loop alone."""

    def __init__(self, name: str, *, workers: int, places: int, budget_s: float) -> None:
        """Start no thread yet.

        Args:
            name: Of the threads.
            workers: How many pieces of work are carried out at the same time.
            places: How many may be carried out or wait; half of them for one client.
            budget_s: How long one may wait for its turn, and then take.
        """
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._places, self._budget_s = Places(places, "questions of this kind wait"), budget_s

    async def run(self, request: Request, work: Callable[[], Result]) -> Result:
        """The result of `work`, carried out in a thread of this desk.

        Raises:
            OverloadedError: All places are taken, or half of them by this client; or its turn did
                not come in time.
            WorkTimeoutError: It took too long.
            ClientDisconnect: The client has gone.
        """
        client = address_of(request)
        self._places.take(client)
        piece = Work(self._budget_s)
        loop = asyncio.get_running_loop()
        try:
            future = loop.run_in_executor(self._pool, _carried_out, piece, work)
        except RuntimeError:  # the system gives no thread
            piece.abandoned.set()
            self._places.leave(client)
            raise
        future.add_done_callback(lambda _done: self._places.leave(client))
        try:
            while not (await asyncio.wait({future}, timeout=LOOK_S))[0]:
                if await request.is_disconnected():
                    raise ClientDisconnect
            return future.result()
        finally:
            piece.abandoned.set()
            future.cancel()  # what has not begun does not begin

    def close(self) -> None:
        """End the threads once their present work is done; what waits is given up."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _carried_out(piece: Work, work: Callable[[], Result]) -> Result:
    piece.begin()
    _current.set(piece)
    piece.check()
    return work()
