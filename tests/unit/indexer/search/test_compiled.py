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

from indexer.search import tables as search_tables
from indexer.search.compiled import compiled
from indexer.search.searcher import Searcher
from indexer.snapshot.reader import Snapshot
from tests import snapshots
from tests.conftest import REPOSITORY
from tests.small_disk import small_disk

ORDER = """
import logging, numpy
logging.basicConfig()
from indexer.search.rank_cells import _order
print(_order(numpy.array([1.0, 9.0, 5.5])).tolist())
"""
COMPILING = "compiled for this processor"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder to import the indexer from, with nothing compiled beside it yet."""
    return linked(tmp_path / "installed")


def linked(folder: Path) -> Path:
    """The indexer's files, linked into a package of its own in `folder`."""
    for path in (REPOSITORY / "indexer").rglob("*.py"):
        link = folder / path.relative_to(REPOSITORY)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    return folder


def ordered(
    package: Path,
    limit: Callable[[], None] | None = None,
    *,
    cache: Path | None = None,
    **environment: str,
) -> tuple[str, str]:
    """What a process of its own that imports from `package` prints and logs.

    Args:
        package: Holds the folder `indexer`.
        limit: Called in the process before it begins.
        cache: Where machine code is kept; beside the package by default.
        environment: Further variables.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith("NUMBA_")}
    own = {} if cache is None else {"NUMBA_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", ORDER],
        env=kept | own | environment,
        cwd=package,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip(), done.stderr


def test_code_compiled_at_installation_is_used(package: Path, tmp_path: Path) -> None:
    """An image compiles beside the package; its service, which writes elsewhere, compiles not."""
    answer, first = ordered(package)

    assert COMPILING in first
    assert ordered(package, cache=tmp_path / "data") == (answer, "")
    assert not list((tmp_path / "data").rglob("*.nbc"))


def test_code_compiled_at_installation_is_used_where_nothing_can_be_written(tmp_path: Path) -> None:
    """A read-only file system and no folder of a cache."""
    with small_disk(tmp_path / "disk", 1 << 22) as disk:
        package = linked(disk.path / "installed")
        answer, first = ordered(package)
        subprocess.run(["mount", "-o", "remount,ro", str(disk.path)], check=True)

        again = ordered(package, XDG_CACHE_HOME=str(disk.path / "cache"))

    assert COMPILING in first
    assert again == (answer, "")


@pytest.mark.parametrize("other", [{"NUMBA_CPU_NAME": "generic"}, {"NUMBA_CPU_FEATURES": ""}])
def test_code_of_another_processor_is_not_used(
    package: Path, tmp_path: Path, other: dict[str, str]
) -> None:
    """An image from elsewhere: compiled anew for this processor, and kept beside the data."""
    answer, _ = ordered(package, **other)

    elsewhere = ordered(package, cache=tmp_path / "data")

    assert elsewhere[0] == answer
    assert COMPILING in elsewhere[1]
    assert ordered(package, cache=tmp_path / "data") == (answer, "")


@pytest.mark.parametrize(("kind", "share"), [("nbi", 0.0), ("nbc", 0.0), ("nbc", 0.5)])
def test_damaged_machine_code_is_compiled_anew(
    package: Path, tmp_path: Path, kind: str, share: float
) -> None:
    """Power was lost while it was written: the next process says so, and the one after is quiet."""
    cache = tmp_path / "cache"
    ordered(package, cache=cache)
    damaged = list(cache.rglob(f"*.{kind}"))
    assert damaged
    for path in damaged:
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    answer, log = ordered(package, cache=cache)

    assert answer == "[1, 2, 0]"
    assert "damaged" in log
    assert ordered(package, cache=cache) == (answer, "")


def test_machine_code_that_finds_no_room_is_not_kept(package: Path) -> None:
    """A full disk: the search is compiled and works all the same."""

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    answer, log = ordered(package, no_room)

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
            found = snapshots.found(searcher, query, limit=20, max_per_artist=2)
            times_s.append(time.thread_time() - begun_s)
        assert len(found.hits) == 2
        return min(times_s)

    np.testing.assert_array_less(searched_s(8000), 9.0 * searched_s(2000))
