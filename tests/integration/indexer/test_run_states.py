"""How index runs end: cancelled, stopped, refused, failed, and resumed; on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.catalog import lease, patience
from indexer.catalog.catalog import Catalog
from indexer.errors import (
    CatalogUnavailableError,
    RunActiveError,
    RunCancelledError,
    RunInterruptedError,
    StorageError,
)
from tests.catalogue import write_tone
from tests.fakes import FakeModel
from tests.indexed_library import Library


class Gate(FakeModel):
    """A model that calls back before it analyses the n-th file."""

    def __init__(self, at: int, act: Callable[[], None]) -> None:
        super().__init__()
        self._at = at
        self._act = act

    def analyse(self, source: Path, **limits: object) -> object:  # type: ignore[override]
        """As ever, but with a word before."""
        if self.analysed + 1 == self._at:
            self._act()
        return super().analyse(source)


def test_a_cancelled_run_ends_between_files_and_shows_nothing(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it finished is used by the next one."""
    monkeypatch.setattr(lease, "HEARTBEAT_S", 0.02)
    run = library.catalog.create_run([str(library.music)])
    noticed = threading.Event()

    def cancel() -> None:
        library.catalog.cancel_run(run.id)
        noticed.wait(0.5)

    library.model = Gate(2, cancel)
    with pytest.raises(RunCancelledError):
        library.indexer(workers=1).run(run_id=run.id)
    state, counts = library.catalog.run(run.id).state, library.catalog.counts()
    done = library.model.analysed
    library.model = FakeModel()
    library.index()

    assert state == "cancelled"
    assert (counts.ok, library.catalog.counts().ok) == (0, 3)
    assert library.model.analysed == 3 - done


def test_a_stopped_run_is_queued_again_and_resumes(library: Library) -> None:
    """A service that shuts down does not lose its run."""
    run = library.catalog.create_run([str(library.music)])
    stop = threading.Event()
    library.model = Gate(2, stop.set)

    with pytest.raises(RunInterruptedError):
        library.indexer(workers=1).run(run_id=run.id, stop=stop)
    state = library.catalog.run(run.id)
    done = library.model.analysed
    library.model = FakeModel()
    library.indexer().run(run_id=run.id)

    assert (state.state, state.attempts) == ("queued", 0)
    assert library.model.analysed == 3 - done
    assert library.catalog.run(run.id).state == "succeeded"


def test_an_interrupted_full_run_does_not_begin_again(library: Library) -> None:
    """Resuming a full run does the remaining files only."""
    library.index()
    run = library.catalog.create_run([str(library.music)], full=True)
    stop = threading.Event()
    library.model = Gate(2, stop.set)
    with pytest.raises(RunInterruptedError):
        library.indexer(workers=1).run(run_id=run.id, stop=stop)
    library.model = FakeModel()

    summary = library.indexer(workers=1).run(run_id=run.id)

    assert 0 < summary.files_decoded < 3


def test_who_resumes_a_run_goes_by_what_was_asked_of_it(library: Library, tmp_path: Path) -> None:
    """Tracks of other folders leave, though the process that goes on was not told."""
    library.index()
    write_tone(tmp_path / "other/z.wav", hz=700)
    run = library.catalog.create_run([str(tmp_path / "other")], only=True)
    stop = threading.Event()
    stop.set()
    with pytest.raises(RunInterruptedError):
        library.indexer().run(run_id=run.id, stop=stop)
    kept = set(library.ids())

    library.indexer().run(run_id=run.id)

    assert kept == {"a.wav", "b.wav", "sub/c.wav"}
    assert set(library.ids()) == {"z.wav"}


def test_a_second_run_at_the_same_time_is_refused(library: Library) -> None:
    """One at a time a catalogue."""
    refused: list[Exception] = []

    def second() -> None:
        try:
            library.indexer().run([library.music])
        except RunActiveError as exc:
            refused.append(exc)

    library.model = Gate(1, second)
    library.indexer(workers=1).run([library.music])

    assert len(refused) == 1
    assert library.catalog.counts().ok == 3


def test_an_error_ends_the_run_with_its_reason(library: Library) -> None:
    """A data folder that cannot be written is a clear state, and repaired it works."""
    library.data_dir.write_text("a file where a folder should be")

    with pytest.raises(StorageError, match="cannot write"):
        library.index()
    failed = library.catalog.list_runs()[0]
    library.data_dir.unlink()
    library.index()

    assert failed.state == "failed"
    assert "cannot write" in str(failed.error)
    assert len(library.ids()) == 3


def test_a_database_that_goes_away_for_a_moment_is_waited_for(library: Library) -> None:
    """The run ends well once it answers again."""
    remaining = [3]
    publish = library.catalog.publish

    class Flaky(Catalog):
        def publish(self, *args: object, **options: object) -> None:
            if remaining[0]:
                remaining[0] -= 1
                raise CatalogUnavailableError("gone for a moment")
            publish(*args, **options)  # type: ignore[arg-type]

    library.catalog = Flaky(library.catalog.engine)
    library.index()

    assert len(library.ids()) == 3


def test_a_database_that_stays_away_leaves_a_run_that_resumes(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next process takes it over when the lease is over."""
    monkeypatch.setattr(patience, "PATIENCE_S", 0.1)

    class Gone(Catalog):
        def publish(self, *args: object, **options: object) -> None:
            raise CatalogUnavailableError("gone")

        def end_run(self, *args: object, **options: object) -> None:
            raise CatalogUnavailableError("gone")

    healthy = library.catalog
    library.catalog = Gone(healthy.engine)
    with pytest.raises(CatalogUnavailableError):
        library.index()
    library.catalog = healthy
    monkeypatch.setattr("indexer.catalog.runs._is_abandoned", lambda run, now: True)
    library.model = FakeModel()

    claimable = healthy.claimable_run()
    assert claimable is not None
    library.indexer().run(run_id=claimable.id)

    assert library.model.analysed == 0
    assert len(library.ids()) == 3


def test_leftovers_of_a_writer_that_died_are_removed(library: Library) -> None:
    """A snapshot that was never finished, on disk and in the catalogue."""
    from datetime import UTC, datetime

    from indexer.catalog.records import SnapshotRow

    library.index()
    half = SnapshotRow("half", "m", "writing", False, datetime.now(UTC), "d", 1, 1)
    library.catalog.begin_snapshot(half)
    (library.data_dir / "snapshots/half").mkdir()

    library.index()

    assert "half" not in library.folders()
    assert [row.state for row in library.catalog.all_snapshots()] == ["ready"]
