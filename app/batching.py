"""Requests that wait together are answered together.

Playlists are made by one thread that takes whatever waits, so that a hundred requests at once
share one call of the model and of the search instead of fighting for the interpreter (ADR 0040);
another one answers analysed uploads (ADR 0043). A request that comes alone waits for nothing.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from app.errors import OverloadedError
from app.metrics import Together

logger = logging.getLogger("circumplex.service")

Question = TypeVar("Question")
Answer = TypeVar("Answer")

MOST = 16  # together: more would keep the first of them waiting for the last
RETRY_AFTER_S = 1
STOP_S = 10.0


@dataclass(frozen=True)
class _Waiting(Generic[Question, Answer]):
    question: Question
    answer: asyncio.Future[Answer]
    since_s: float


class Batcher(Generic[Question, Answer]):
    """Answers questions of an event loop in a thread of its own, all that wait at a time."""

    def __init__(
        self,
        answer: Callable[[Sequence[Question]], Sequence[Answer | Exception]],
        counts: Together,
        *,
        name: str = "playlists",
        most: int = MOST,
        places: int = 1024,
    ) -> None:
        """Start the thread.

        Args:
            answer: Answers or exceptions, one for each question, in order. Where it raises itself,
                each question is asked again alone, and what is raised then is its answer.
            counts: Told how many wait, how long, and how many are answered together.
            name: Of the thread.
            most: How many questions at a time.
            places: How many may wait; more are refused.
        """
        self._answer, self._counts = answer, counts
        self._most, self._places = most, places
        self._held = 0  # used from the event loop alone
        self._queue: SimpleQueue[_Waiting[Question, Answer] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def ask(self, question: Question) -> Answer:
        """The answer to `question`.

        Raises:
            OverloadedError: All places are taken.
            Exception: Whatever the question met with.
        """
        if self._held >= self._places:
            raise OverloadedError(
                f"{self._held} requests wait already; try again in {RETRY_AFTER_S} s",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        loop = asyncio.get_running_loop()
        waiting = _Waiting(question, loop.create_future(), time.perf_counter())
        self._count(1)
        self._queue.put(waiting)
        try:
            found: Answer = await waiting.answer
        finally:
            self._count(-1)
        return found

    def close(self) -> None:
        """Answer what waits and end the thread."""
        self._queue.put(None)
        self._thread.join(STOP_S)

    def _count(self, change: int) -> None:
        self._held += change
        self._counts.held.set(self._held)

    def _work(self) -> None:
        while batch := self._take():
            asked = [waiting for waiting in batch if not waiting.answer.cancelled()]
            if not asked:
                continue
            self._observe(asked)
            _deliver(asked, self._answers([waiting.question for waiting in asked]))

    def _answers(self, questions: Sequence[Question]) -> Sequence[Answer | Exception]:
        """Answers to all; what fails for all is tried with each, so that one fails alone."""
        try:
            return self._answer(questions)
        except Exception as exc:
            if len(questions) == 1:
                return [exc]
            logger.warning("%d questions cannot be answered together: %s", len(questions), exc)
            return [answer for each in questions for answer in self._answers([each])]

    def _take(self) -> list[_Waiting[Question, Answer]]:
        """What waits, once something does; nothing when it is time to end."""
        batch: list[_Waiting[Question, Answer]] = []
        try:
            item = self._queue.get()
            while item is not None:
                batch.append(item)
                if len(batch) == self._most:
                    return batch
                item = self._queue.get_nowait()
            if batch:
                self._queue.put(None)  # these first, then the end
        except Empty:
            pass
        return batch

    def _observe(self, asked: Sequence[_Waiting[Question, Answer]]) -> None:
        now_s = time.perf_counter()
        self._counts.batch.observe(len(asked))
        for waiting in asked:
            self._counts.waiting.observe(now_s - waiting.since_s)


def _deliver(
    asked: Sequence[_Waiting[Question, Answer]], answers: Sequence[Answer | Exception]
) -> None:
    loop = asked[0].answer.get_loop()
    try:
        loop.call_soon_threadsafe(_settle, asked, answers)
    except RuntimeError:  # the loop is closed: nobody waits any more
        logger.warning("%d answers came after the service had stopped", len(asked))


def _settle(
    asked: Sequence[_Waiting[Question, Answer]], answers: Sequence[Answer | Exception]
) -> None:
    for waiting, answer in zip(asked, answers, strict=True):
        if waiting.answer.done():
            continue  # the client has gone
        if isinstance(answer, Exception):
            waiting.answer.set_exception(answer)
        else:
            waiting.answer.set_result(answer)
