"""Small catalogues for tests of snapshots and search."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from indexer.runs.snapshot_writer import write_snapshot
from indexer.search.searcher import Searcher, SearchRequest, SearchResult
from indexer.snapshot.content import SnapshotContent
from indexer.snapshot.reader import Snapshot
from indexer.snapshot.tracks import TrackRecord
from model.embedding import Embedding
from model.scoring import ScoringParams

MODEL_ID = "fake-0123456789ab"
SEGMENTS_PER_TRACK = 5


def scoring(dimensions: int = 6, lambda_paper: float = 0.6) -> ScoringParams:
    """Scoring with unequal correlations, one of them under P, and lines that are no identity."""
    draws = np.random.default_rng(3)

    def tensor(low: float, high: float) -> torch.Tensor:
        return torch.from_numpy(draws.uniform(low, high, dimensions).astype(np.float32))

    return ScoringParams(
        kind="gaussian",
        lambda_gaussian=0.4,
        lambda_paper=lambda_paper,
        min_rho=0.2,
        rho=torch.linspace(0.9, 0.1, dimensions),
        m2e_slope=tensor(0.5, 1.0),
        m2e_intercept=tensor(-0.1, 0.1),
        e2m_slope=tensor(0.5, 1.0),
        e2m_intercept=tensor(-0.1, 0.1),
        music_mean=tensor(-0.1, 0.1),
        music_std=tensor(0.8, 1.2),
        emotion_mean=tensor(-0.1, 0.1),
        emotion_std=tensor(0.8, 1.2),
    )


def embedding(rows: int, seed: int, dimensions: int = 6, d_kl: int = 8) -> Embedding:
    """Rows around a few centres, their variances within a factor of ten."""
    draws = np.random.default_rng(seed)
    centres = draws.normal(size=(5, dimensions + d_kl))
    points = centres[draws.integers(0, 5, rows)] + 0.5 * draws.normal(
        size=(rows, dimensions + d_kl)
    )
    var = np.exp(draws.normal(-1.0, 0.6, (rows, d_kl)))
    phi, mu = points[:, :dimensions], points[:, dimensions:]
    return Embedding(*(part.astype(np.float32) for part in (phi, mu, var)))


def content(tracks: int, seed: int = 0, d_kl: int = 8) -> SnapshotContent:
    """Tracks with tags; ids are 10, 20, ... in shuffled order."""
    draws = np.random.default_rng(seed)
    segments = tracks * SEGMENTS_PER_TRACK
    start_s = np.arange(segments) % SEGMENTS_PER_TRACK * 15.0
    return SnapshotContent(
        tracks=[track(10 * (int(i) + 1)) for i in draws.permutation(tracks)],
        segment_track=np.repeat(np.arange(tracks), SEGMENTS_PER_TRACK),
        segment_s=np.stack([start_s, start_s + 30.0], axis=1).astype(np.float32),
        embedding=embedding(segments, seed, d_kl=d_kl),
        segment_emotion=draws.uniform(-0.8, 0.8, (segments, 2)).astype(np.float32),
        curve_offsets=np.arange(tracks + 1, dtype=np.int64) * 4,
        curve_values=draws.uniform(-1, 1, (4 * tracks, 4)).astype(np.float16),
    )


def with_embedding(data: SnapshotContent, rows: Embedding) -> SnapshotContent:
    """The same tracks with other segments."""
    return replace(data, embedding=rows)


def embedding_of(snapshot: Snapshot, track_id: int) -> Embedding:
    """The embedding of a track's segments."""
    return snapshot.embedding[snapshot.segments_of(snapshot.tracks.row_of(track_id))]


def track(track_id: int) -> TrackRecord:
    """A track whose tags follow from its id."""
    number = track_id // 10
    return TrackRecord(
        id=track_id,
        content_id=f"content-{track_id}",
        root="/music",
        path=f"{number}.ogg",
        title=f"Title {number}",
        artist=None if number % 7 == 0 else f"Artist {number % 4}",
        album=None,
        genre=("Rock", "jazz", None)[number % 3],
        year=None if number % 5 == 0 else 1990 + number % 20,
        duration_s=60.0 + number,
    )


def written(
    folder: Path, data: SnapshotContent, params: ScoringParams | None = None, **options: object
) -> Snapshot:
    """The content as an opened snapshot in `folder`."""
    write_snapshot(
        folder,
        data,
        model_id=MODEL_ID,
        scoring=params or scoring(),
        **options,  # type: ignore[arg-type]
    )
    return Snapshot.open(folder)


def searcher(folder: Path, data: SnapshotContent, **options: object) -> Searcher:
    """A searcher of a snapshot of the content."""
    return Searcher(written(folder, data, **options), scoring())


def found(at: Searcher, query: Embedding, **options: object) -> SearchResult:
    """The answer to one query."""
    (result,) = at.search(SearchRequest(query, **options))  # type: ignore[arg-type]
    return result
