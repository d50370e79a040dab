"""What a search may answer: filters and level, made ready for the engines once.

Letters: S segments.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from indexer.snapshot.filters import TrackFilter
from indexer.snapshot.reader import Snapshot
from model.arrays import Mask

Level = Literal["segment", "track"]
Rows = NDArray[np.int64]

KEPT_FILTERS = 8
_NOTHING = TrackFilter()
FEW_EXCLUDED = 64  # tracks that are taken out of the lists instead of masked


class Passing:
    """The segments of the tracks that pass a filter, at one level."""

    def __init__(self, mask: Mask) -> None:
        self.mask = mask  # [S]

    @cached_property
    def count(self) -> int:
        """How many pass."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def rows(self) -> Rows:
        """Those that pass, ascending."""
        return np.flatnonzero(self.mask)


@dataclass(frozen=True)
class Scope:
    """The segments that may be answered.

    Attributes:
        level: `track`: only those that stand for a whole track.
        passing: Those that the filter passes at this level; None where all do.
        without: Rows of `passing` that may not be answered either, few.
        narrowed: Whether a filter passes less than is answered without one.
    """

    level: Level
    passing: Passing | None
    without: Rows
    narrowed: bool


class Scopes:
    """The scopes of one snapshot; the masks of the latest filters are kept."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._kept: dict[tuple[TrackFilter, Level], Passing] = {}
        self._lock = threading.Lock()

    def of(self, filters: TrackFilter | None, level: Level) -> Scope:
        """The scope of a filter."""
        filters = filters or _NOTHING
        without = filters.exclude_ids if len(filters.exclude_ids) <= FEW_EXCLUDED else frozenset()
        left = replace(filters, exclude_ids=filters.exclude_ids - without)
        narrowed = left != _NOTHING
        plain = not narrowed and self._snapshot.tracks.answering.is_plain
        passing = None if plain else self._passing(left, level)
        return Scope(level, passing, self._snapshot.rows_of(without), narrowed)

    def mask(self, scope: Scope) -> Mask | None:
        """All of a scope as one mask, [S]; None where everything may be answered."""
        mask = None if scope.passing is None else scope.passing.mask
        if mask is None and scope.level == "track":
            mask = self._snapshot.whole
        if len(scope.without):
            full = np.ones(self._snapshot.manifest.segments, dtype=np.bool_)
            mask = full if mask is None else mask.copy()
            mask[scope.without] = False
        return mask

    def _passing(self, filters: TrackFilter, level: Level) -> Passing:
        key = filters, level
        with self._lock:
            found = self._kept.pop(key, None)
            if found is not None:
                self._kept[key] = found  # the latest last
                return found
        found = Passing(self._mask(filters, level))
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > KEPT_FILTERS:
                del self._kept[next(iter(self._kept))]
        return found

    def _mask(self, filters: TrackFilter, level: Level) -> Mask:
        at = self._snapshot
        mask = np.repeat(at.tracks.passing(filters), np.diff(at.track_first))
        return mask & at.whole if level == "track" else mask
