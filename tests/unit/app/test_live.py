"""The live snapshot is swapped under load: nothing fails, nothing mixes, nothing is kept."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.errors import NotReadyError
from app.library.live import LiveIndex
from app.metrics import Metrics
from indexer.catalog.records import SnapshotRow
from indexer.search.searcher import SearchRequest
from tests import snapshots

SWAPS = 100
THREADS = 8
NAMES = ("one", "two")


class Activations:
    """A catalogue that knows which snapshot is active, and little else."""

    def __init__(self) -> None:
        self.active: str | None = None
        self.partial = False

    def active_snapshot(self) -> SnapshotRow | None:
        """The row of the active snapshot."""
        if self.active is None:
            return None
        now, model = datetime.now(UTC), snapshots.MODEL_ID
        row = SnapshotRow(self.active, model, "ready", True, now, self.active, 20, 100)
        return replace(row, partial=self.partial)

    def identifiers(self) -> list[tuple[int, str]]:
        """No recording has a name."""
        return []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two snapshots of the same tracks with different segments."""
    for seed, name in enumerate(NAMES):
        snapshots.written(tmp_path / "live" / name, snapshots.content(20, seed))
    return tmp_path / "live"


@pytest.fixture
def active() -> Activations:
    return Activations()


@pytest.fixture
def index(folder: Path, active: Activations) -> LiveIndex:
    return LiveIndex(
        active,  # type: ignore[arg-type]
        folder,
        model_id=snapshots.MODEL_ID,
        scoring=snapshots.scoring(),
        device="cpu",
        metrics=Metrics(),
    )


def damage(path: Path) -> None:
    """Flip the last bit of a file."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def mapped_files(folder: Path) -> int:
    """How many mappings of snapshot files this process holds."""
    return Path("/proc/self/maps").read_text().count(str(folder))


def test_nothing_answers_before_a_snapshot_is_active(index: LiveIndex) -> None:
    """The message says what to do."""
    index.refresh()

    with pytest.raises(NotReadyError, match="circumplex index"):
        index.current()


def test_a_part_becomes_the_whole_without_being_opened_again(
    index: LiveIndex, active: Activations
) -> None:
    """Where a first run ends with nothing more than its last part held."""
    active.active, active.partial = "one", True
    index.refresh()
    before = index.current()
    active.partial = False
    index.refresh()

    assert (before.partial, index.current().partial) == (True, False)
    assert index.current().searcher is before.searcher


@pytest.mark.parametrize("first", [None, "one"])
def test_a_damaged_snapshot_never_goes_into_service(
    index: LiveIndex, active: Activations, folder: Path, first: str | None
) -> None:
    """Every byte is verified; what answered before goes on answering."""
    if first is not None:
        active.active = first
        index.refresh()
    damage(folder / "two" / "mu.npy")
    active.active = "two"

    index.refresh()

    live = index.current_or_none()
    assert (None if live is None else live.id) == first
    assert "mu.npy" in str(index.trouble("two"))


def test_nothing_is_held_of_an_index_that_lost_its_last_track(
    index: LiveIndex, active: Activations, folder: Path
) -> None:
    """Searcher and memory maps go with the snapshot, not with the next one."""
    active.active = "one"
    index.refresh()
    searcher = weakref.ref(index.current().searcher)
    assert mapped_files(folder) > 0

    active.active = None
    index.refresh()
    gc.collect()

    assert index.current_or_none() is None
    assert searcher() is None
    assert mapped_files(folder) == 0


def test_a_running_request_keeps_its_snapshot(index: LiveIndex, active: Activations) -> None:
    """The old searcher lives until its last user is done, and not longer."""
    active.active = "one"
    index.refresh()
    live = index.current()
    old = weakref.ref(live.searcher)
    active.active = "two"
    index.refresh()

    assert index.current().id == "two"
    assert snapshots.found(live.searcher, snapshots.embedding(1, 1), limit=3).hits
    del live
    gc.collect()

    assert old() is None


def test_swaps_under_eight_threads(index: LiveIndex, active: Activations, folder: Path) -> None:
    """No query fails, every answer is wholly of one snapshot, and no mapping is left behind."""
    request = SearchRequest(snapshots.embedding(1, 5), limit=20)
    answers = {}
    for name in NAMES:
        active.active = name
        index.refresh()
        answers[name] = index.current().searcher.search(request)
    assert answers["one"] != answers["two"]
    faults: list[object] = []
    counts = [0] * THREADS
    stop = threading.Event()

    def ask(number: int) -> None:
        while not stop.is_set():
            try:
                live = index.current()
                if live.searcher.search(request) != answers[live.id]:
                    faults.append(live.id)
            except Exception as exc:  # any failure at all is a fault
                faults.append(exc)
            counts[number] += 1
            time.sleep(0.002)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for swap in range(SWAPS):
        active.active = NAMES[swap % 2]
        index.refresh()
        if swap == SWAPS // 10:
            early = mapped_files(folder)
    stop.set()
    for thread in threads:
        thread.join()
    gc.collect()

    assert faults == []
    assert min(counts) > 0
    assert mapped_files(folder) <= early
