"""The kept machine code of the search: damage and want of room cost time, never the service."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from indexer import search_tables
from indexer.search import Searcher
from indexer.search_compiled import compiled
from indexer.snapshot import Snapshot
from tests import snapshots
from tests.conftest import REPOSITORY

ORDER = """
import logging, numpy
logging.basicConfig()
from indexer.search_walk import _order
print(_order(numpy.array([1.0, 9.0, 5.5])).tolist())
"""


def ordered(cache: Path, limit: Callable[[], None] | None = None) -> tuple[str, str]:
    """What a process of its own that keeps its machine code in `cache` prints and logs."""
    done = subprocess.run(
        [sys.executable, "-c", ORDER],
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache)},
        cwd=REPOSITORY,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip(), done.stderr


@pytest.mark.parametrize(("kind", "share"), [("nbi", 0.0), ("nbc", 0.0), ("nbc", 0.5)])
def test_damaged_machine_code_is_compiled_anew(tmp_path: Path, kind: str, share: float) -> None:
    """Power was lost while it was written: the next process says so, and the one after is quiet."""
    ordered(tmp_path)
    damaged = list(tmp_path.rglob(f"*.{kind}"))
    assert damaged
    for path in damaged:
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    answer, log = ordered(tmp_path)

    assert answer == "[1, 2, 0]"
    assert "damaged" in log
    assert ordered(tmp_path) == (answer, "")


def test_machine_code_that_finds_no_room_is_not_kept(tmp_path: Path) -> None:
    """A full disk: the search is compiled and works all the same."""

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    answer, log = ordered(tmp_path, no_room)

    assert answer == "[1, 2, 0]"
    assert "is not kept" in log


def test_kept_machine_code_is_known_by_the_tables_too() -> None:
    """It reads their fields by place: other fields make other code."""
    tables = Path(str(search_tables.__file__)).read_bytes()

    @compiled
    def same(value: float) -> float:
        return value

    assert same(2.0) == 2.0
    dispatcher = same  # what numba makes of it
    keys = dispatcher._cache._index_key(dispatcher.signatures[0], _Codegen())  # type: ignore[attr-defined]
    assert sha256(tables).hexdigest() in keys


class _Codegen:
    """The part of numba's code generator that a key is made of."""

    def magic_tuple(self) -> tuple[str, ...]:
        """Names the processor."""
        return ("any",)


def test_a_cap_that_cannot_be_filled_does_not_rank_over_and_over(tmp_path: Path) -> None:
    """All tracks are one artist's: four times the tracks take about four times as long."""

    def searched_s(tracks: int) -> float:
        content = snapshots.content(tracks)
        content = replace(content, tracks=[replace(each, artist="One") for each in content.tracks])
        at: Snapshot = snapshots.written(tmp_path / str(tracks), content)
        searcher, query = Searcher(at, snapshots.scoring()), snapshots.embedding(1, 5)
        times_s = []
        for _ in range(4):
            begun_s = time.thread_time()
            found = searcher.search(query, limit=20, max_per_artist=2)
            times_s.append(time.thread_time() - begun_s)
        assert len(found.hits) == 2
        return min(times_s)

    np.testing.assert_array_less(searched_s(8000), 9.0 * searched_s(2000))
