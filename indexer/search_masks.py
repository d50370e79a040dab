"""Which segments a search may answer: filters as masks, computed once.

Letters: S segments.
"""

from __future__ import annotations

import threading
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from indexer.snapshot_reader import Snapshot
from indexer.snapshot_tracks import TrackFilter

Level = Literal["segment", "track"]
Mask = NDArray[np.bool_]

KEPT_MASKS = 8


class SegmentMasks:
    """The masks of one snapshot; those of the latest filters are kept."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._kept: dict[tuple[TrackFilter | None, Level], Mask] = {}
        self._lock = threading.Lock()

    def of(self, filters: TrackFilter | None, level: Level) -> Mask | None:
        """The segments that may be answered, [S]; None for all."""
        if filters is None and level == "segment":
            return None
        key = filters, level
        with self._lock:
            found = self._kept.pop(key, None)
            if found is not None:
                self._kept[key] = found  # the latest last
        return self._make(*key) if found is None else found

    def _make(self, filters: TrackFilter | None, level: Level) -> Mask:
        mask = self._snapshot.whole if filters is None else self._passing(filters)
        if filters is not None and level == "track":
            mask = mask & self._snapshot.whole
        with self._lock:
            self._kept[filters, level] = mask
            while len(self._kept) > KEPT_MASKS:
                del self._kept[next(iter(self._kept))]
        return mask

    def _passing(self, filters: TrackFilter) -> Mask:
        at = self._snapshot
        return np.repeat(at.tracks.passing(filters), np.diff(at.track_first))
