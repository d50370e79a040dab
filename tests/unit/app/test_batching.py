"""Questions that wait together are answered together, each as if it were alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence

import pytest

from app.batching import Batcher
from app.errors import OverloadedError
from app.metrics import Metrics


class Desk:
    """Answers numbers with their doubles; fails on negative ones; can be held up."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.open = threading.Event()
        self.open.set()
        self.began = threading.Event()

    def answer(self, numbers: Sequence[int]) -> list[int | Exception]:
        """Double each number."""
        self.batches.append(list(numbers))
        self.began.set()
        assert self.open.wait(120)
        if 1000 in numbers:
            raise RuntimeError("everything fails")
        return [ValueError(f"{n} is negative") if n < 0 else 2 * n for n in numbers]


def asked(
    desk: Desk, questions: Callable[[Batcher[int, int]], Awaitable[object]], **options: int
) -> object:
    """What `questions` comes to with a batcher in front of `desk`."""

    async def run() -> object:
        batcher: Batcher[int, int] = Batcher(desk.answer, Metrics().playlists, **options)
        try:
            return await questions(batcher)
        finally:
            desk.open.set()
            await asyncio.to_thread(batcher.close)

    return asyncio.run(run())


async def behind_the_first(desk: Desk, batcher: Batcher[int, int], *numbers: int) -> list[object]:
    """Ask 1, and the others while it is being answered; the others' answers."""
    desk.open.clear()
    first = asyncio.create_task(batcher.ask(1))
    await asyncio.to_thread(desk.began.wait, 120)
    others = [asyncio.create_task(batcher.ask(number)) for number in numbers]
    await asyncio.sleep(0)
    desk.open.set()
    assert await first == 2
    return await asyncio.gather(*others, return_exceptions=True)


def test_a_question_alone_is_answered_alone() -> None:
    """Nobody waits for company."""
    desk = Desk()

    assert asked(desk, lambda batcher: batcher.ask(21)) == 42
    assert desk.batches == [[21]]


def test_what_waits_is_answered_together() -> None:
    """Questions that come while another is answered make one batch, in order."""
    desk = Desk()

    answers = asked(desk, lambda batcher: behind_the_first(desk, batcher, 2, 3, 4))

    assert answers == [4, 6, 8]
    assert desk.batches == [[1], [2, 3, 4]]


def test_a_batch_has_a_largest_size() -> None:
    """More than `most` questions are answered in several batches."""
    desk = Desk()

    answers = asked(desk, lambda batcher: behind_the_first(desk, batcher, 2, 3, 4), most=2)

    assert answers == [4, 6, 8]
    assert desk.batches == [[1], [2, 3], [4]]


def test_an_error_meets_the_question_that_made_it() -> None:
    """Its neighbours in the batch get their answers."""
    desk = Desk()

    answers = asked(desk, lambda batcher: behind_the_first(desk, batcher, 2, -3, 4))

    assert isinstance(answers, list)
    assert answers[0::2] == [4, 8]
    assert str(answers[1]) == "-3 is negative"


def test_what_breaks_a_whole_batch_fails_alone() -> None:
    """Its neighbours are answered without it, in order, and the thread outlives it."""
    desk = Desk()

    async def questions(batcher: Batcher[int, int]) -> object:
        return await behind_the_first(desk, batcher, 2, 1000, -4, 3), await batcher.ask(5)

    found = asked(desk, questions)

    assert isinstance(found, tuple)
    (first, broken, negative, last), later = found
    assert (first, last, later) == (4, 6, 10)
    assert [str(broken), str(negative)] == ["everything fails", "-4 is negative"]


def test_too_many_questions_are_refused() -> None:
    """The refusal says when to come back; those that wait are answered."""
    desk = Desk()

    answers = asked(desk, lambda batcher: behind_the_first(desk, batcher, 2, 3), places=2)

    assert isinstance(answers, list)
    assert answers[0] == 4
    assert isinstance(answers[1], OverloadedError)
    assert answers[1].headers == {"Retry-After": "1"}


def test_a_question_nobody_waits_for_is_not_answered() -> None:
    """A client that hung up costs no search, and its place is free again."""
    desk = Desk()

    async def questions(batcher: Batcher[int, int]) -> object:
        desk.open.clear()
        first = asyncio.create_task(batcher.ask(1))
        await asyncio.to_thread(desk.began.wait, 120)
        gone = asyncio.create_task(batcher.ask(2))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        last = asyncio.create_task(batcher.ask(3))
        await asyncio.sleep(0)
        desk.open.set()
        return await asyncio.gather(first, last)

    assert asked(desk, questions, places=2) == [2, 6]
    assert desk.batches == [[1], [3]]


def test_closing_answers_what_waits() -> None:
    """Nothing that was accepted is dropped when the service stops."""
    desk = Desk()

    async def questions(batcher: Batcher[int, int]) -> object:
        desk.open.clear()
        first = asyncio.create_task(batcher.ask(1))
        await asyncio.to_thread(desk.began.wait, 120)
        second = asyncio.create_task(batcher.ask(2))
        await asyncio.sleep(0)
        closing = asyncio.create_task(asyncio.to_thread(batcher.close))
        desk.open.set()
        answers = await asyncio.gather(first, second)
        await closing
        return answers

    assert asked(desk, questions) == [2, 4]


@pytest.mark.parametrize("count", [1, 50])
def test_the_metrics_count_batches(count: int) -> None:
    """How many were answered together, how long they waited, and nobody held at the end."""
    metrics, desk = Metrics(), Desk()

    async def run() -> None:
        batcher: Batcher[int, int] = Batcher(desk.answer, metrics.playlists)
        await asyncio.gather(*(batcher.ask(n) for n in range(count)))
        await asyncio.to_thread(batcher.close)

    asyncio.run(run())
    value = metrics.registry.get_sample_value

    assert value("circumplex_playlist_batch_sum") == count
    assert value("circumplex_playlist_batch_count") == len(desk.batches)
    assert value("circumplex_stage_seconds_count", {"stage": "waiting"}) == count
    assert value("circumplex_playlists_held") == 0
