"""Which part of a catalogue a track belongs to.

All copies of a recording lie in one part, where the best that passes a filter is chosen. Parts are
even because tracks are placed by a hash, not by anything that a query could ask for.

Letters: T tracks, S segments.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from indexer.errors import SnapshotError
from indexer.shards import MOST_SHARDS
from indexer.snapshot.content import SnapshotContent
from indexer.snapshot.tracks import answering_ids


def places(recordings: NDArray[np.int64], shards: int) -> NDArray[np.int64]:
    """The part of each track, 0 to `shards` - 1, [T].

    Args:
        recordings: Id of the track that answers for each one's recording, [T].
        shards: How many parts there are.

    Raises:
        SnapshotError: It is no possible number of parts.
    """
    if not 1 <= shards <= MOST_SHARDS:
        raise SnapshotError(f"{shards} shards: there may be 1 to {MOST_SHARDS}")
    mixed = np.asarray(recordings).astype(np.uint64)
    with np.errstate(over="ignore"):
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return np.asarray(mixed % np.uint64(shards), dtype=np.int64)


def split(content: SnapshotContent, shards: int) -> Iterator[SnapshotContent]:
    """The parts of a catalogue, each in the order of the whole.

    Args:
        content: The whole, tracks by id and segments by track.
        shards: How many parts.
    """
    recordings = answering_ids(content.tracks)
    part = places(recordings, shards)
    for number in range(shards):
        yield _part(content, recordings, np.flatnonzero(part == number))


def _part(
    content: SnapshotContent, recordings: NDArray[np.int64], rows: NDArray[np.int64]
) -> SnapshotContent:
    """The tracks of these rows; their recordings are named, as the whole sees them."""
    rank = np.full(len(content.tracks), -1, dtype=np.int64)
    rank[rows] = np.arange(len(rows))
    segment_track = rank[np.asarray(content.segment_track, dtype=np.int64)]
    own = segment_track >= 0
    starts, ends = content.curve_offsets[:-1][rows], content.curve_offsets[1:][rows]
    pieces = [content.curve_values[a:b] for a, b in zip(starts, ends, strict=True)]
    return replace(
        content,
        tracks=[
            replace(content.tracks[row], recording=int(recordings[row])) for row in rows.tolist()
        ],
        segment_track=segment_track[own],
        segment_s=content.segment_s[own],
        embedding=content.embedding[np.flatnonzero(own)],
        segment_emotion=content.segment_emotion[own],
        curve_offsets=np.concatenate([[0], np.cumsum(ends - starts)]).astype(np.int64),
        curve_values=np.concatenate([np.empty((0, 4), np.float16), *pieces]),
    )
