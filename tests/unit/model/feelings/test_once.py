"""A value is made once, whoever asks first."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from model.feelings.once import once


def test_threads_that_ask_together_wait_for_one() -> None:
    """None of them makes a value of its own; other arguments have other values."""
    made: list[int] = []

    @once
    def slow(number: int) -> int:
        time.sleep(0.05)
        made.append(number)
        return 2 * number

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(slow, [1] * 8 + [2]))

    assert answers == [2] * 8 + [4]
    assert made == [1, 2]
