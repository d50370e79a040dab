"""Immutable snapshots of a catalogue: everything that a search or an answer reads.

Layout of format 2, one folder:

    manifest.json                       format, model, counts, engine, recall, files and hashes
    track_*.npy                         metadata columns, in order of track id
    track_first.npy                     [T + 1] first segment of each track, and the end
    segment_s.npy, segment_emotion.npy  [S, 2] start and end; (arousal, valence)
    phi.npy, mu.npy, var.npy            [S, Dc], [S, Dk], [S, Dk] the embedding
    curve_offsets.npy, curve_values.npy ragged emotion curves: (arousal, valence, sd, sd)
    scale.npy, scale_slope.npy          [K, 2], [1] the relative scale of the tracks' emotion
    search_*                            what the engine reads: see `indexer.search.cells` (format 1,
                                        still read: `indexer.search.columns`)

Opening maps the arrays into memory and checks every size and header and the hashes of small
files; `verify` hashes everything, and whoever puts a snapshot into service calls it (ADR 0020).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.errors import SnapshotError
from indexer.search.build import build, choose_engine
from indexer.search.columns import scoring_id
from indexer.snapshot.format import (
    FORMAT,
    EngineChoice,
    Manifest,
    Observer,
    publish,
    save_array,
    written_aside,
)
from indexer.snapshot.reader import Snapshot, whole_tracks
from indexer.snapshot.tracks import TrackRecord, write_tracks
from model.curves import CURVE_RATE_HZ, QuantileScale
from model.embedding import Embedding
from model.scoring import ScoringParams

__all__ = [
    "Manifest",
    "Snapshot",
    "SnapshotContent",
    "TrackRecord",
    "relative_scale",
    "write_snapshot",
]


@dataclass(frozen=True)
class SnapshotContent:
    """What a snapshot is written from: T tracks, S segments.

    Attributes:
        tracks: The tracks, in any order; each has at least one segment.
        segment_track: Row of each segment's track in `tracks`, [S].
        segment_s: Start and end, seconds, [S, 2].
        embedding: The segments' embedding, S rows.
        segment_emotion: (arousal, valence) of each segment, in [-1, 1], [S, 2].
        curve_offsets: Where each track's curve begins in `curve_values`, and the end, [T + 1].
        curve_values: (arousal, valence, arousal sd, valence sd) of every point, [sum, 4].
    """

    tracks: Sequence[TrackRecord]
    segment_track: NDArray[np.integer[Any]]
    segment_s: NDArray[np.float32]
    embedding: Embedding
    segment_emotion: NDArray[np.float32]
    curve_offsets: NDArray[np.int64]
    curve_values: NDArray[np.float16]


def write_snapshot(
    folder: Path,
    content: SnapshotContent,
    *,
    model_id: str,
    scoring: ScoringParams,
    engine: EngineChoice = "auto",
    queries: Embedding | None = None,
    observe: Observer = lambda step: None,
) -> Manifest:
    """Write a snapshot; it appears at `folder` whole or not at all.

    Args:
        folder: Where; must not exist. Leftovers of killed writers beside it are removed.
        content: What to write.
        model_id: The checkpoint that embedded it.
        scoring: That checkpoint's scoring.
        engine: How to search it; `auto` chooses by size and device.
        queries: Embedded emotion curves for measuring the approximate engine's recall; without
            them segments of the catalogue stand in, and the manifest says so.
        observe: Called with the name of each step before it begins.

    Returns:
        The manifest.

    Raises:
        SnapshotError: The content is inconsistent, `folder` exists or the disk refuses.
    """
    ordered = _in_track_order(content)
    with written_aside(folder) as partial:
        observe("tracks")
        first = _write_tracks_and_segments(partial, ordered)
        observe("curves")
        save_array(partial, "curve_offsets", ordered.curve_offsets)
        save_array(partial, "curve_values", ordered.curve_values.astype(np.float16))
        whole = whole_tracks(ordered.segment_s, first)
        scale = QuantileScale.fit(ordered.segment_emotion[whole])
        save_array(partial, "scale", np.asarray(scale.quantiles))
        save_array(partial, "scale_slope", np.array([scale.slope]))
        manifest = Manifest(
            format=FORMAT,
            model_id=model_id,
            scoring_id=scoring_id(scoring),
            engine=choose_engine(engine, len(ordered.embedding)),
            tracks=len(ordered.tracks),
            segments=len(ordered.embedding),
            curve_hop_s=1.0 / CURVE_RATE_HZ,
        )
        observe("search")
        manifest = replace(manifest, recall=build(partial, manifest, scoring, queries))
        return publish(partial, folder, manifest, observe)


def relative_scale(content: SnapshotContent) -> QuantileScale:
    """The relative scale that a snapshot of this content has."""
    track = np.asarray(content.segment_track, dtype=np.int64)
    order = np.lexsort((content.segment_s[:, 0], track))  # [S]
    first = np.concatenate([[0], np.cumsum(np.bincount(track, minlength=len(content.tracks)))])
    whole = whole_tracks(content.segment_s[order], first)
    return QuantileScale.fit(content.segment_emotion[order][whole])


def _write_tracks_and_segments(partial: Path, content: SnapshotContent) -> NDArray[np.int64]:
    """Write them; returns the first segment of each track, and the end, [T + 1]."""
    write_tracks(partial, content.tracks)
    counts = np.bincount(content.segment_track, minlength=len(content.tracks))
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)  # [T + 1]
    save_array(partial, "track_first", first)
    save_array(partial, "segment_s", content.segment_s.astype(np.float32))
    save_array(partial, "segment_emotion", content.segment_emotion.astype(np.float32))
    for name in ("phi", "mu", "var"):
        save_array(partial, name, getattr(content.embedding, name).astype(np.float32))
    return first


def _in_track_order(content: SnapshotContent) -> SnapshotContent:
    """The same content, tracks by id and segments by track and start, checked."""
    _check(content)
    ids = np.array([track.id for track in content.tracks], dtype=np.int64)
    order = np.argsort(ids, kind="stable")  # [T]
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    segment_track = rank[np.asarray(content.segment_track, dtype=np.int64)]  # [S]
    by_track = np.lexsort((content.segment_s[:, 0], segment_track))  # [S]
    starts, ends = content.curve_offsets[:-1][order], content.curve_offsets[1:][order]
    pieces = [content.curve_values[a:b] for a, b in zip(starts, ends, strict=True)]
    curves = np.concatenate([np.empty((0, 4), np.float16), *pieces])
    return replace(
        content,
        tracks=[content.tracks[row] for row in order],
        segment_track=segment_track[by_track],
        segment_s=content.segment_s[by_track],
        embedding=content.embedding[by_track],
        segment_emotion=content.segment_emotion[by_track],
        curve_offsets=np.concatenate([[0], np.cumsum(ends - starts)]).astype(np.int64),
        curve_values=curves,
    )


def _check(content: SnapshotContent) -> None:
    tracks, segments = len(content.tracks), len(content.embedding)
    if len({track.id for track in content.tracks}) != tracks:
        raise SnapshotError("two tracks of the snapshot have the same id")
    lengths = {len(content.segment_track), len(content.segment_s), len(content.segment_emotion)}
    if lengths != {segments}:
        raise SnapshotError(f"{segments} embedded segments, but columns of {sorted(lengths)}")
    if len(content.curve_offsets) != tracks + 1:
        raise SnapshotError(f"{tracks} tracks need {tracks + 1} curve offsets")
    if segments and not 0 <= content.segment_track.min() <= content.segment_track.max() < tracks:
        raise SnapshotError(f"segments name tracks outside the {tracks} given")
    without = np.flatnonzero(np.bincount(content.segment_track, minlength=tracks) == 0)
    if len(without):
        raise SnapshotError(
            f"track {content.tracks[int(without[0])].id} has no segment: leave it out"
        )
    for name in ("phi", "mu", "var"):
        if not np.isfinite(getattr(content.embedding, name)).all():
            raise SnapshotError(f"{name} holds NaN or infinity")
    if segments and content.embedding.var.min() <= 0:
        raise SnapshotError("var holds a variance that is not above zero")
