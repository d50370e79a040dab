"""The live snapshot is swapped under load: nothing fails, nothing mixes, nothing is kept."""

from __future__ import annotations

import gc
import shutil
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.errors import NotReadyError
from app.library.live_index import LiveIndex
from app.metrics import Metrics
from indexer.catalog.records import SnapshotRow
from indexer.search.searcher import SearchRequest
from indexer.snapshot import format
from tests import snapshots

SWAPS = 100
THREADS = 8
NAMES = ("one", "two")


class Activations:
    """A catalogue that knows which snapshot is active, and little else."""

    def __init__(self) -> None:
        self.active: str | None = None
        self.model_id = snapshots.MODEL_ID
        self.partial = False

    def active_snapshot(self) -> SnapshotRow | None:
        """The row of the active snapshot."""
        return None if self.active is None else self._row(self.active)

    def list_snapshots(self) -> list[SnapshotRow]:
        """The rows of all, the newest first."""
        return [self._row(name) for name in reversed(NAMES)]

    def _row(self, name: str) -> SnapshotRow:
        now = datetime.now(UTC)
        row = SnapshotRow(name, self.model_id, "ready", name == self.active, now, name, 20, 100)
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


def test_a_damaged_snapshot_never_goes_into_service(
    index: LiveIndex, active: Activations, folder: Path
) -> None:
    """Every byte is verified; what answered before goes on answering."""
    active.active = "one"
    index.refresh()
    damage(folder / "two" / "mu.npy")
    active.active = "two"

    index.refresh()

    assert index.current().id == "one"
    assert "mu.npy" in str(index.trouble("two"))
    assert "mu.npy" in str(index.note)

    active.active = "one"
    index.refresh()

    assert index.note is None


def cut_off(path: Path) -> None:
    """Take the last byte from a file."""
    path.write_bytes(path.read_bytes()[:-1])


def scribble(path: Path) -> None:
    """Make a file no manifest."""
    path.write_text("{")


HARMS = [("mu.npy", damage), ("mu.npy", cut_off), ("mu.npy", Path.unlink)]
HARMS += [("manifest.json", scribble), ("manifest.json", Path.unlink)]


@pytest.mark.parametrize(("name", "harm"), HARMS)
def test_a_damaged_active_snapshot_is_replaced_by_the_newest_whole_one(
    index: LiveIndex,
    active: Activations,
    folder: Path,
    name: str,
    harm: Callable[[Path], object],
) -> None:
    """Whatever is wrong with it: answers come, and readiness says from what and why."""
    harm(folder / "two" / name)
    active.active = "two"

    index.refresh()

    assert index.current().id == "one"
    assert "snapshot two cannot be opened" in str(index.note)
    assert "answers come from snapshot one" in str(index.note)


def test_a_mended_snapshot_goes_into_service_again(
    index: LiveIndex, active: Activations, folder: Path
) -> None:
    """It is looked at again once its files have changed, and not before."""
    whole = (folder / "two" / "mu.npy").read_bytes()
    damage(folder / "two" / "mu.npy")
    active.active = "two"
    index.refresh()
    index.refresh()
    before = index.current().id
    (folder / "two" / "mu.npy").write_bytes(whole)
    index.refresh()

    assert before == "one"
    assert index.current().id == "two"
    assert index.note is None


def test_nothing_answers_where_no_snapshot_is_whole(
    index: LiveIndex, active: Activations, folder: Path
) -> None:
    """The reason is that of the active one, with the remedy."""
    for name in NAMES:
        damage(folder / name / "mu.npy")
    active.active = "two"

    index.refresh()

    with pytest.raises(NotReadyError, match=r"snapshot two .*mu\.npy.*index --full"):
        index.current()


@pytest.mark.parametrize(("harm", "every_byte"), [(cut_off, False), (damage, True)])
def test_a_snapshot_that_is_damaged_while_it_answers_is_left(
    index: LiveIndex,
    active: Activations,
    folder: Path,
    harm: Callable[[Path], object],
    every_byte: bool,
) -> None:
    """Sizes are compared at each look, bytes from time to time."""
    active.active = "two"
    index.refresh()
    index.check(every_byte=True)
    before = index.current().id
    harm(folder / "two" / "phi.npy")

    index.check(every_byte=every_byte)

    assert before == "two"
    assert index.current().id == "one"
    assert "snapshot two" in str(index.note)


def test_files_that_are_held_need_no_names(
    index: LiveIndex, active: Activations, folder: Path
) -> None:
    """A folder that was removed goes on answering from the files that are open."""
    active.active = "two"
    index.refresh()
    shutil.rmtree(folder / "two")

    index.check(every_byte=False)
    index.check(every_byte=True)

    assert index.current().id == "two"


def test_the_poll_finds_what_was_damaged_meanwhile(
    index: LiveIndex, active: Activations, folder: Path
) -> None:
    """Without anybody asking for it."""
    active.active = "two"
    index.refresh()
    index.start(poll_s=0.02, verify_s=0.05)
    damage(folder / "two" / "mu.npy")
    deadline = time.monotonic() + 60.0
    while (live := index.current_or_none()) is None or live.id == "two":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    index.stop()

    assert index.current().id == "one"


def test_a_small_snapshot_survives_being_cut_off_under_a_question(
    index: LiveIndex, active: Activations, folder: Path
) -> None:
    """Its arrays lie in memory: a mapped file would end the process."""
    active.active = "two"
    index.refresh()
    request = SearchRequest(snapshots.embedding(1, 5), limit=20)
    before = index.current().searcher.search(request)
    for path in (folder / "two").glob("*.npy"):
        path.write_bytes(b"")

    assert index.current().searcher.search(request) == before


def test_an_index_of_the_model_before_answers_where_that_can_be_had(
    folder: Path, active: Activations
) -> None:
    """Until there is one of the loaded model; without the old one the reason is given."""
    old = SimpleNamespace(model_id="old", scoring=snapshots.scoring())
    active.active, active.model_id = "two", "old"

    def index(older: object) -> LiveIndex:
        return LiveIndex(
            active,  # type: ignore[arg-type]
            folder,
            model_id="new",
            scoring=snapshots.scoring(),
            device="cpu",
            metrics=Metrics(),
            older={"old": older}.get,  # type: ignore[arg-type]
            remedy="a run is queued",
        )

    having, lacking = index(old), index(None)
    having.refresh()
    lacking.refresh()
    live = having.current()
    note, model = having.note, having.model_of(live, "new")  # type: ignore[arg-type]
    with pytest.raises(NotReadyError, match="model old, but new is loaded: a run is queued"):
        lacking.current()
    active.model_id = "new"
    active.active = "one"
    having.refresh()

    assert live.model_id == "old"
    assert model is old
    assert "index of model old until an index run with new has ended" in str(note)
    assert having.note is None
    assert having.model_of(having.current(), "new") == "new"  # type: ignore[arg-type]


def test_followers_are_told_of_every_snapshot(index: LiveIndex, active: Activations) -> None:
    """Of the one that answers at first, of the next, and of none."""
    told: list[str | None] = []
    index.follow(lambda live: told.append(None if live is None else live.id))
    for name in NAMES:
        active.active = name
        index.refresh()
    active.active = None
    index.refresh()

    assert told == [None, *NAMES, None]


def test_nothing_is_held_of_an_index_that_lost_its_last_track(
    index: LiveIndex, active: Activations, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Searcher and memory maps go with the snapshot, not with the next one."""
    monkeypatch.setattr(format, "COPIED_BYTES", 0)  # as arrays of a large catalogue
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
