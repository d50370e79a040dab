"""Snapshots are swapped under load: nothing fails, nothing mixes, nothing is kept."""

from __future__ import annotations

import gc
import sys
import threading
import time
import weakref
from pathlib import Path

import pytest

from indexer.errors import SnapshotDamagedError, SnapshotNotFoundError
from indexer.search.searcher import LiveSearcher, Searcher
from indexer.snapshot.content import Snapshot
from indexer.snapshot.verification import verify_apart
from tests import snapshots

SWAPS = 1000
THREADS = 8


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two snapshots of the same tracks with different segments."""
    parent = tmp_path_factory.mktemp("live")
    for seed in (0, 1):
        snapshots.written(parent / str(seed), snapshots.content(20, seed))
    return [parent / "0", parent / "1"]


def opened(folder: Path) -> Searcher:
    return Searcher(Snapshot.open(folder), snapshots.scoring(), threads=1)


def damage(path: Path) -> None:
    """Flip the last bit of a file."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def mapped_files() -> int:
    """How many mappings of snapshot files this process holds."""
    return Path("/proc/self/maps").read_text().count("/live")


def test_nothing_is_served_before_the_first_swap() -> None:
    """The message says what to do."""
    with pytest.raises(SnapshotNotFoundError, match="circumplex index"), LiveSearcher().use():
        pass


def test_a_damaged_snapshot_never_goes_into_service(folders: list[Path], tmp_path: Path) -> None:
    """Swapping verifies every byte; the old snapshot stays."""
    live = LiveSearcher(opened(folders[0]))
    harmed = snapshots.written(tmp_path / "harmed", snapshots.content(20, 2))
    before = live.current
    searcher = Searcher(harmed, snapshots.scoring())
    damage(harmed.folder / "mu.npy")

    with pytest.raises(SnapshotDamagedError, match=r"mu\.npy"):
        live.swap(searcher)

    assert live.current is before


def test_the_first_snapshot_is_verified_too(tmp_path: Path) -> None:
    """Nothing damaged goes into service even where nothing is served yet."""
    harmed = snapshots.written(tmp_path / "harmed", snapshots.content(20, 2))
    searcher = Searcher(harmed, snapshots.scoring())
    damage(harmed.folder / "mu.npy")

    with pytest.raises(SnapshotDamagedError, match=r"mu\.npy"):
        LiveSearcher().swap(searcher)


def test_another_process_finds_the_damage(tmp_path: Path) -> None:
    """The message is the one that the comparison here would give."""
    harmed = snapshots.written(tmp_path / "harmed", snapshots.content(20, 2))
    damage(harmed.folder / "mu.npy")

    with pytest.raises(SnapshotDamagedError, match=r"mu\.npy has SHA-256 .*--full"):
        verify_apart(harmed.folder, least_bytes=0)
    with pytest.raises(SnapshotDamagedError, match=r"mu\.npy has SHA-256 .*--full"):
        harmed.verify()


def test_verification_needs_no_process_of_its_own(folders: list[Path], tmp_path: Path) -> None:
    """Where none starts, or it is killed, the comparison happens all the same."""
    harmed = snapshots.written(tmp_path / "harmed", snapshots.content(20, 2)).folder
    damage(harmed / "mu.npy")

    for command in (("/no/such/program",), (sys.executable, "-c", "import os; os.abort()")):
        verify_apart(folders[0], command, least_bytes=0)
        with pytest.raises(SnapshotDamagedError, match=r"mu\.npy"):
            verify_apart(harmed, command, least_bytes=0)


def test_verification_runs_behind_requests(tmp_path: Path) -> None:
    """The process that hashes has a low priority."""
    script = (
        "import os, sys\n"
        "from indexer.snapshot import verification\n"
        "code = verification.main(sys.argv[2:])\n"
        "open(sys.argv[1], 'w').write(f'{code} {os.nice(0)}')\n"
    )
    folder = snapshots.written(tmp_path / "whole", snapshots.content(20, 0)).folder

    verify_apart(folder, (sys.executable, "-c", script, str(tmp_path / "seen")), least_bytes=0)

    assert (tmp_path / "seen").read_text() == "0 19"


def test_a_running_query_keeps_its_snapshot(folders: list[Path]) -> None:
    """The old searcher lives until its last user is done, and not longer."""
    live = LiveSearcher(opened(folders[0]))
    with live.use() as searcher:
        old = weakref.ref(searcher)
        assert not live.swap(opened(folders[1]))
        assert searcher.search(snapshots.embedding(1, 1), limit=3).hits
        del searcher
    gc.collect()

    assert old() is None


def test_swapping_waits_for_running_queries_when_asked(folders: list[Path]) -> None:
    """`drain_s` returns as soon as the last query on the old snapshot ends."""
    live = LiveSearcher(opened(folders[0]))
    begun, done = threading.Event(), threading.Event()

    def query() -> None:
        with live.use():
            begun.set()
            done.wait(10)

    thread = threading.Thread(target=query)
    thread.start()
    begun.wait(10)
    threading.Timer(0.05, done.set).start()

    assert live.swap(opened(folders[1]), drain_s=10)
    thread.join()


def test_a_thousand_swaps_under_eight_threads(folders: list[Path]) -> None:
    """No query fails, every answer is wholly of one snapshot, and no mapping is left behind."""
    query = snapshots.embedding(1, 5)
    answers = {folder: opened(folder).search(query, limit=20) for folder in folders}
    assert answers[folders[0]] != answers[folders[1]]
    live = LiveSearcher(opened(folders[0]))
    faults: list[object] = []
    counts = [0] * THREADS
    stop = threading.Event()

    def ask(number: int) -> None:
        while not stop.is_set():
            try:
                with live.use() as searcher:
                    expected = answers[searcher.snapshot.folder]
                    if searcher.search(query, limit=20) != expected:
                        faults.append(searcher.snapshot.folder)
            except Exception as exc:  # any failure at all is a fault
                faults.append(exc)
            counts[number] += 1
            time.sleep(0.002)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for swap in range(SWAPS):
        live.swap(opened(folders[(swap + 1) % 2]), verify=False, warm=lambda searcher: None)
        if swap == SWAPS // 10:
            early = mapped_files()
    stop.set()
    for thread in threads:
        thread.join()
    gc.collect()

    assert faults == []
    assert min(counts) > 0
    assert mapped_files() <= early
