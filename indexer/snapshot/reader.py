"""Snapshots opened for reading: large arrays stay on disk, mapped into memory."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.errors import SnapshotDamagedError
from indexer.snapshot.format import REBUILD, Manifest, check_files, load_array, read_manifest
from indexer.snapshot.tracks import TrackTable
from model.curves.curve import QuantileScale
from model.embedding import Embedding


def whole_tracks(
    segment_s: NDArray[np.float32], track_first: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which segments stand for a whole track, [S].

    The one that reaches from its start to its end; every segment of a track that has none.

    Args:
        segment_s: Start and end of each segment in seconds, [S, 2], in order of track.
        track_first: First segment of each track, and the end, [T + 1].
    """
    if not len(segment_s):
        return np.zeros(0, dtype=np.bool_)
    starts, ends = np.asarray(segment_s).T
    first, counts = np.asarray(track_first[:-1]), np.diff(track_first)
    spans = (starts == 0.0) & (ends >= np.repeat(np.maximum.reduceat(ends, first), counts))
    return np.asarray(spans | ~np.repeat(np.logical_or.reduceat(spans, first), counts))


class Snapshot:
    """A snapshot opened for reading; large arrays are memory-mapped.

    Attributes:
        folder: Where it lies.
        manifest: What it holds.
        tracks: Its tracks in order of id.
        scale: Quantiles of the whole tracks' emotion, for the relative scale.
        embedding: The segments' embedding, S rows.
        track_first: First segment of each track, and the end, [T + 1].
        segment_s: Start and end of each segment, seconds, [S, 2].
        segment_emotion: (arousal, valence) of each segment, [S, 2].
    """

    def __init__(self, folder: Path, manifest: Manifest, has_music: bool | None = None) -> None:
        self.folder = folder
        self.manifest = manifest
        segments = manifest.segments
        self.tracks = TrackTable(folder, manifest.tracks, has_music)
        self.scale = QuantileScale(
            load_array(folder, "scale"), float(load_array(folder, "scale_slope", rows=1)[0])
        )
        self.embedding = Embedding(
            *(load_array(folder, name, rows=segments) for name in ("phi", "mu", "var"))
        )
        self.track_first: NDArray[np.int64] = load_array(
            folder, "track_first", rows=manifest.tracks + 1
        )
        self.segment_s: NDArray[np.float32] = load_array(folder, "segment_s", rows=segments)
        self.segment_emotion: NDArray[np.float32] = load_array(
            folder, "segment_emotion", rows=segments
        )
        self._curve_offsets = load_array(folder, "curve_offsets", rows=manifest.tracks + 1)
        self._curve_values = load_array(folder, "curve_values")

    @classmethod
    def open(cls, folder: Path, *, has_music: bool | None = None) -> Snapshot:
        """Open a snapshot without reading its big files.

        Args:
            folder: Where it lies.
            has_music: Of a shard: whether its whole catalogue holds any music.

        Raises:
            SnapshotNotFoundError: There is none.
            SnapshotFormatError: Its format is unknown.
            SnapshotDamagedError: A file is missing, or its size, header or small content differs.
        """
        manifest = read_manifest(folder)
        check_files(folder, manifest, every_byte=False)
        return cls(folder, manifest, has_music)

    def verify(self) -> None:
        """Compare every byte with the manifest.

        Raises:
            SnapshotDamagedError: A file differs; names it and the remedy.
        """
        check_files(self.folder, self.manifest, every_byte=True)

    @cached_property
    def whole(self) -> NDArray[np.bool_]:
        """Which segments stand for a whole track, [S]; see `whole_tracks`."""
        return whole_tracks(self.segment_s, self.track_first)

    def segments_of(self, row: int) -> slice:
        """Where the segments of the track in `row` lie."""
        return slice(int(self.track_first[row]), int(self.track_first[row + 1]))

    def rows_of(self, track_ids: Collection[int]) -> NDArray[np.int64]:
        """The segments of these tracks' recordings, ascending; unknown ids have none."""
        if not track_ids or not len(self.tracks):
            return np.empty(0, dtype=np.int64)
        wanted = np.sort(np.fromiter(track_ids, dtype=np.int64))
        found = np.minimum(np.searchsorted(self.tracks.ids, wanted), len(self.tracks) - 1)
        tracks = self.tracks.answering.with_copies(found[self.tracks.ids[found] == wanted])
        pieces = [np.arange(self.track_first[t], self.track_first[t + 1]) for t in tracks]
        return np.concatenate([np.empty(0, dtype=np.int64), *pieces])

    def curve(
        self, track_id: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """A track's emotion curve.

        Returns:
            Times in seconds [T], means [T, 2] and standard deviations [T, 2], each
            (arousal, valence).

        Raises:
            TrackNotFoundError: The snapshot lacks the track.
            SnapshotDamagedError: The curve's place is not inside the stored values.
        """
        row = self.tracks.row_of(track_id)
        start, end = int(self._curve_offsets[row]), int(self._curve_offsets[row + 1])
        if not 0 <= start <= end <= len(self._curve_values):
            raise SnapshotDamagedError(
                f"{self.folder / 'curve_offsets.npy'} points outside the curves: {REBUILD}"
            )
        values = self._curve_values[start:end].astype(np.float32)  # [T, 4]
        t_s = np.arange(len(values), dtype=np.float32) * np.float32(self.manifest.curve_hop_s)
        return t_s, values[:, :2], values[:, 2:]
