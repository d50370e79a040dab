"""What `/metrics` says of a snapshot."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.metrics import Metrics
from indexer.catalog.records import Counts, IndexRun, RunProgress, RunState, SnapshotRow
from indexer.snapshot.format import Recall
from tests import snapshots


def test_recall_and_age_are_those_of_the_live_snapshot(tmp_path: Path) -> None:
    """Recall comes from the manifest of the engine that answers; 1 where answers are proven."""
    metrics = Metrics()
    value = metrics.registry.get_sample_value
    exact = snapshots.written(tmp_path / "exact", snapshots.content(20, 0)).manifest
    recall = Recall(50, 200, "emotion", {"gaussian": 0.996, "paper": 0.991}, {"gaussian": 9})
    made = datetime.now(UTC) - timedelta(hours=1)
    row = SnapshotRow("one", "model", "ready", True, made, "one", 20, 60)

    before = value("circumplex_snapshot_age_seconds")
    metrics.is_live(row, exact)
    proven = value("circumplex_search_recall", {"kind": "gaussian"})
    metrics.is_live(replace(row, id="two"), replace(exact, engine="ann", recall=recall))

    assert before is not None
    assert math.isnan(before)
    assert proven == 1.0
    assert value("circumplex_search_recall", {"kind": "gaussian"}) == 0.996
    assert value("circumplex_search_recall", {"kind": "paper"}) == 0.991
    assert 3600 <= (value("circumplex_snapshot_age_seconds") or 0.0) < 3700
    assert value("circumplex_snapshot_info", {"snapshot_id": "one", "model_id": "model"}) is None


def run(run_id: int, state: RunState, ended_s: float | None = None, failed: int = 0) -> IndexRun:
    """An index run that ended so many seconds after an hour."""
    hour = datetime(2026, 1, 1, tzinfo=UTC)
    ended = None if ended_s is None else hour + timedelta(seconds=ended_s)
    progress = RunProgress(files_failed=failed)
    asked = {"roots": (), "full": False, "only": False, "allow_shrink": False, "model_id": None}
    times = {"requested_at": hour, "started_at": hour, "finished_at": ended}
    return IndexRun(id=run_id, state=state, progress=progress, **asked, **times)


def test_what_runs_and_tracks_have_become_is_told() -> None:
    """Tracks by status, the outcome of the run that ended last, and when that was."""
    metrics = Metrics()
    value = metrics.registry.get_sample_value
    runs = [run(3, "queued"), run(2, "succeeded", 5.0), run(1, "failed", 9.0, failed=4)]

    metrics.catalogue_is(Counts(), [])
    before = value("circumplex_last_index_run_ended_seconds")
    metrics.catalogue_is(Counts(ok=7, failed=4, missing=2), runs)

    statuses = {s: value("circumplex_catalogue_tracks", {"status": s}) for s in vars(Counts())}
    states = ("succeeded", "failed", "cancelled")
    last = [value("circumplex_last_index_run_info", {"state": state}) for state in states]
    assert before is not None
    assert math.isnan(before)
    assert statuses == {"ok": 7, "failed": 4, "missing": 2}
    assert last == [0, 1, 0]
    assert value("circumplex_last_index_run_files_failed") == 4
    assert runs[2].finished_at is not None
    ended_s = runs[2].finished_at.timestamp()
    assert value("circumplex_last_index_run_ended_seconds") == ended_s


def test_the_process_itself_is_measured() -> None:
    """Memory, processor time and open files."""
    value = Metrics().registry.get_sample_value

    assert (value("process_resident_memory_bytes") or 0) > 1e6
    assert (value("process_open_fds") or 0) > 0
    assert value("process_cpu_seconds_total") is not None


def test_the_queue_of_index_runs_is_counted() -> None:
    """By state; a state without runs is 0, not absent."""
    metrics = Metrics()

    metrics.catalogue_is(Counts(), [run(1, "queued"), run(2, "running"), run(3, "queued")])
    metrics.catalogue_is(Counts(), [run(3, "queued")])

    value = metrics.registry.get_sample_value
    assert value("circumplex_index_runs", {"state": "queued"}) == 1
    assert value("circumplex_index_runs", {"state": "running"}) == 0
