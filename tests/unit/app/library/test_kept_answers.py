"""Large answers that are the same for all who ask."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from app.library.live import KeptAnswers


def test_a_large_answer_is_written_once() -> None:
    """However many ask for it together; another key has another one."""
    kept, made = KeptAnswers(), []

    def write() -> bytes:
        time.sleep(0.05)
        made.append(1)
        return b"map"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda key: kept.written(key, write), "aaaaaaab"))

    assert answers == [b"map"] * 8
    assert len(made) == 2
