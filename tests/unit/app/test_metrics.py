"""What `/metrics` says of a snapshot."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.metrics import Metrics
from indexer.catalog.records import SnapshotRow
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


def test_the_queue_of_index_runs_is_counted() -> None:
    """By state; a state without runs is 0, not absent."""
    metrics = Metrics()

    metrics.queue_is(["queued", "running", "queued"])
    metrics.queue_is(["queued"])

    value = metrics.registry.get_sample_value
    assert value("circumplex_index_runs", {"state": "queued"}) == 1
    assert value("circumplex_index_runs", {"state": "running"}) == 0
