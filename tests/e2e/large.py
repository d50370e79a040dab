"""A large catalogue without audio: a snapshot of tracks spread over the whole plane."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from app.settings import Settings
from indexer.catalog.catalog import open_catalog
from indexer.catalog.records import SnapshotRow
from indexer.runs.snapshot_writer import write_snapshot
from indexer.snapshot.content import SnapshotContent
from indexer.snapshot.tracks import TrackRecord
from model.frontends import row_names

SNAPSHOT_ID = "20260101T000000Z-large"
POINTS = 4  # of each emotion curve


def write_large_catalogue(settings: Settings, model: Any, tracks: int) -> None:
    """Make a snapshot of one segment a track, and let the service answer from it.

    The fake model hears what the dots show; another gets features drawn at random.
    """
    rng = np.random.default_rng(0)
    emotion = np.tanh(rng.normal(0.0, 0.7, (tracks, 2))).astype(np.float32)
    curves = np.repeat(np.concatenate([emotion, np.full_like(emotion, 0.2)], axis=1), POINTS, 0)
    content = SnapshotContent(
        tracks=[_record(track_id) for track_id in range(1, tracks + 1)],
        segment_track=np.arange(tracks),
        segment_s=np.tile(np.array([[0.0, 30.0]], dtype=np.float32), (tracks, 1)),
        embedding=model.embed_analyses(_features(model, emotion, rng)),
        segment_emotion=emotion,
        curve_offsets=np.arange(tracks + 1, dtype=np.int64) * POINTS,
        curve_values=curves.astype(np.float16),
    )
    folder = settings.data_dir / "snapshots"
    folder.mkdir(parents=True)
    write_snapshot(
        folder / SNAPSHOT_ID,
        content,
        model_id=model.model_id,
        scoring=model.scoring,
        engine="exact",
    )
    catalog = open_catalog(settings.resolved_database_url)
    now = datetime.now(UTC)
    row = SnapshotRow(SNAPSHOT_ID, model.model_id, "ready", False, now, "large", tracks, tracks)
    catalog.begin_snapshot(row)
    catalog.activate_snapshot(SNAPSHOT_ID)
    catalog.close()


def _features(model: Any, emotion: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[tracks, Dx + K] as the model's frontend would give them."""
    width = len(row_names(model.frontend))
    if width == emotion.shape[1]:
        return (emotion + 1.0) / 2.0
    return (10.0 * rng.normal(size=(len(emotion), width))).astype(np.float32)


def _record(track_id: int) -> TrackRecord:
    return TrackRecord(
        id=track_id,
        content_id=f"{track_id:032x}",
        root="/music",
        path=f"{track_id // 1000}/{track_id}.flac",
        title=f"Piece {track_id}",
        artist=f"Artist {track_id % 997}",
        album=f"Album {track_id // 12}",
        genre="study",
        year=1950 + track_id % 70,
        duration_s=30.0,
    )
