"""What a snapshot is made of: tracks, segments and curves, and what must hold between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.errors import SnapshotError
from indexer.snapshot.answering import Answering, kind_codes
from indexer.snapshot.reader import whole_tracks
from indexer.snapshot.tracks import TrackRecord, answering_ids
from model.curves.curve import QuantileScale
from model.embedding import Embedding


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


def relative_scale(content: SnapshotContent) -> QuantileScale:
    """The relative scale that a snapshot of this content has."""
    track = np.asarray(content.segment_track, dtype=np.int64)
    order = np.lexsort((content.segment_s[:, 0], track))  # [S]
    first = np.concatenate([[0], np.cumsum(np.bincount(track, minlength=len(content.tracks)))])
    standing = standing_rows(content.tracks, content.segment_s[order], first)
    return QuantileScale.fit(content.segment_emotion[order][standing])


def standing_rows(
    tracks: Sequence[TrackRecord], segment_s: NDArray[np.float32], first: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """The rows that stand for whole tracks of those that answer by default, [S].

    Args:
        tracks: T tracks.
        segment_s: Start and end of their segments, in the tracks' order, [S, 2].
        first: First segment of each track, and the end, [T + 1].
    """
    ids = np.array([track.id for track in tracks], dtype=np.int64)
    kinds = kind_codes([track.verdict for track in tracks])
    answering = Answering(ids, kinds, answering_ids(tracks))
    return answering.standing(whole_tracks(segment_s, first), first)


def in_track_order(content: SnapshotContent) -> SnapshotContent:
    """The same content, tracks by id and segments by track and start, checked.

    Raises:
        SnapshotError: The content is inconsistent.
    """
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
