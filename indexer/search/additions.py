"""What a listener's own plane adds to scores: columns of tracks, multiplied with each question's.

A total that has such a product added is bounded in each cell by the box that its tracks' columns
lie in, so that answers stay proven (ADR 0092). Tracks whose columns lie far off would widen the box
of their cell; they stand apart, are scored in any case, and their cells are bounded without them.
Letters: T tracks, S segments, C cells, E columns.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.search.tables import Added, Lists
from model.arrays import Doubles, Integers

NOTHING_ADDED = Added(np.empty(0), np.empty(0))
_SLACK = 1e-9  # for rounding of the box's corners, in nats
_KEPT = 4  # bounded levels


@dataclass(frozen=True)
class TrackColumns:
    """Columns of all tracks of a snapshot.

    Attributes:
        ids: Of the tracks, ascending, [T].
        columns: [T, E].
        counted: How much of each track's own score counts: 1, and less only for those of `apart`,
            [T].
        apart: Tracks that are scored in any case, ascending. Their columns would widen the boxes
            of their cells.
    """

    ids: Integers
    columns: Doubles
    counted: Doubles
    apart: Integers
    _parts: dict[bytes, TrackColumns] = field(default_factory=dict, repr=False)
    _rows: list[Integers] = field(default_factory=list, repr=False)
    _boxes: dict[int, tuple[Doubles, Doubles, Doubles]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """What travels to another process: what is derived from it stays here."""
        return TrackColumns, (self.ids, self.columns, self.counted, self.apart)

    def of_tracks(self, ids: Integers) -> TrackColumns:
        """The columns of some of the tracks, such as those of a shard, ascending; remembered."""
        if len(ids) == len(self.ids):
            return self
        key = np.asarray(ids[[0, -1]] if len(ids) else ids).tobytes()
        with self._lock:
            part = self._parts.get(key)
        if part is None or len(part.ids) != len(ids):
            rows = np.searchsorted(self.ids, ids)
            apart = np.flatnonzero(np.isin(rows, self.apart))
            part = TrackColumns(np.asarray(ids), self.columns[rows], self.counted[rows], apart)
            with self._lock:
                self._parts[key] = part
        return part

    def added(self, weights: Doubles) -> Added:
        """For one question, whose weights are [E]."""
        return Added(self.columns @ weights, self.counted)

    def rows_apart(
        self, first: NDArray[np.int64], allowed: NDArray[np.bool_] | None = None
    ) -> Integers:
        """The segments of the tracks that stand apart, those of a mask; `first` as of `Items`.

        Of a track whose own score counts nothing all segments score the same: the first will do.
        """
        if not self._rows:
            pieces = [np.arange(first[track], first[track + 1]) for track in self.apart.tolist()]
            self._rows.append(np.concatenate([np.empty(0, dtype=np.int64), *pieces]))
            self._rows.append(np.repeat(self.apart, [len(piece) for piece in pieces]))
        rows, tracks = self._rows
        if allowed is not None:
            kept = allowed[rows]
            rows, tracks = rows[kept], tracks[kept]
        told = self.counted[tracks] > 0.0
        told[:1] = True
        told[1:] |= tracks[1:] != tracks[:-1]
        return rows[told]

    def most(
        self, lists: Lists, tracks: NDArray[np.int32], weights: Doubles, cells: int
    ) -> Doubles:
        """What is added to any row of each of the first `cells` cells at most, [C].

        Args:
            lists: The cells.
            tracks: The track of each of their rows, [S].
            weights: Of the question, [E].
            cells: C.
        """
        with self._lock:
            box = self._boxes.get(cells)
            if box is None:
                box = self._boxes[cells] = self._box(lists, tracks, cells)
                while len(self._boxes) > _KEPT:
                    del self._boxes[next(iter(self._boxes))]
        low, high, size = box  # [C, E]
        most = high @ np.maximum(weights, 0.0) + low @ np.minimum(weights, 0.0)
        return np.asarray(most + _SLACK * (1.0 + size @ np.abs(weights)))

    def most_of_all(self, added: Added) -> float:
        """What is added to any track at most, but for those that stand apart."""
        others = np.delete(added.nats, self.apart)
        return float(others.max() + _SLACK) if len(others) else 0.0

    def _box(
        self, lists: Lists, tracks: NDArray[np.int32], cells: int
    ) -> tuple[Doubles, Doubles, Doubles]:
        """Least and largest columns of the tracks of each cell, and largest sizes, [C, E] each."""
        begin = lists.first[: cells + 1]
        tracks = tracks[: begin[-1]]
        apart = np.isin(tracks, self.apart)
        values = self.columns[tracks]  # [rows, E]
        low = np.where(apart[:, None], np.inf, values)
        high = np.where(apart[:, None], -np.inf, values)
        full = np.diff(begin) > 0
        shape = (cells, self.columns.shape[1])
        least, largest = np.zeros(shape), np.zeros(shape)
        if full.any():
            least[full] = np.minimum.reduceat(low, begin[:-1][full])
            largest[full] = np.maximum.reduceat(high, begin[:-1][full])
        nothing = ~np.isfinite(least).all(axis=1)  # cells of tracks that all stand apart
        least[nothing], largest[nothing] = 0.0, 0.0
        return least, largest, np.maximum(np.abs(least), np.abs(largest))


@dataclass(frozen=True)
class Addition:
    """What is added to the scores of one request.

    Attributes:
        tracks: Columns of the tracks.
        weights: Of each question, [Q, E].
    """

    tracks: TrackColumns
    weights: Doubles

    def to_tracks(self, ids: Integers) -> Addition:
        """The same for some of the tracks."""
        tracks = self.tracks.of_tracks(ids)
        return self if tracks is self.tracks else Addition(tracks, self.weights)

    def of_queries(self, rows: NDArray[np.intp]) -> Addition:
        """The same for some of the questions."""
        return Addition(self.tracks, self.weights[rows])

    def of(self, query: int) -> Added:
        """What is added for one of the questions."""
        return self.tracks.added(self.weights[query])

    def totalled(
        self, scores: Doubles, rows: NDArray[np.int64], first: NDArray[np.int64]
    ) -> Doubles:
        """The scores of segments for each question, with what is added to them, [Q, rows]."""
        tracks = np.searchsorted(first, rows, side="right") - 1
        added = self.weights @ self.tracks.columns[tracks].T
        return np.asarray(self.tracks.counted[tracks] * scores + added)
