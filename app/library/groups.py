"""The tracks of a snapshot by artist, album, genre and folder, and in an order to browse.

Letters: T tracks, G groups.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from indexer.folders.files import genres_of, values_of
from indexer.snapshot.filters import TrackFilter
from indexer.snapshot.text_column import Groups
from indexer.snapshot.tracks import TrackTable
from model.arrays import Doubles
from model.folding import fold

GroupKind = Literal["artist", "album", "genre", "folder"]
Order = Literal["title", "artist", "path", "added", "energy", "pleasant"]
Rows = NDArray[np.int64]

_KEPT = 8  # orders of filtered tracks, for lists that scroll
_NAMED = 2  # artists that stand beside an album's name


@dataclass(frozen=True)
class Group:
    """Tracks that have something in common.

    Attributes:
        name: What a filter calls it.
        tracks: How many recordings it has.
        duration_s: Length of these together.
        arousal: Mean over them, relative scale.
        valence: Likewise.
    """

    name: str
    tracks: int
    duration_s: float
    arousal: float
    valence: float


@dataclass(frozen=True)
class _ShownTracks:
    """Which tracks are counted, and what is summed of them, [T] and [T, 2]."""

    mask: NDArray[np.bool_]
    durations_s: Doubles
    places: Doubles


class GroupIndex:
    """Groups of one kind, to be found by name."""

    def __init__(self, names: Sequence[str], groups: Groups, shown: _ShownTracks) -> None:
        """Sum up G groups.

        Args:
            names: Of the groups, [G].
            groups: Which ones each of T rows belongs to.
            shown: The tracks that count.
        """
        rows = np.repeat(np.arange(len(shown.mask)), np.diff(groups.first))
        counted = shown.mask[rows]
        rows, codes = rows[counted], groups.codes[counted]
        tracks = np.bincount(codes, minlength=len(names))
        share = np.maximum(tracks, 1)
        sums = [
            np.bincount(codes, weights=values[rows], minlength=len(names))
            for values in (shown.durations_s, shown.places[:, 0], shown.places[:, 1])
        ]
        folded = [fold(name) for name in names]
        largest = sorted(np.flatnonzero(tracks).tolist(), key=lambda g: (-tracks[g], names[g]))
        self._groups = {
            g: Group(
                names[g],
                int(tracks[g]),
                float(sums[0][g]),
                float(sums[1][g] / share[g]),
                float(sums[2][g] / share[g]),
            )
            for g in largest
        }
        self._by_size = largest
        self._by_name = sorted(largest, key=lambda g: (folded[g], names[g]))
        self._folded = folded
        self._rows, self._first = _members(rows, codes, len(names))

    def find(self, words: str = "", *, by_name: bool = False) -> list[int]:
        """Numbers of the groups whose names hold all of the words, without case and accents.

        Names that begin with them come first, then those in which a word does, then the others;
        among equals the larger, or with `by_name` in the order of the alphabet. Without words: all.
        """
        wanted = fold(words).split()
        every = self._by_name if by_name else self._by_size
        if not wanted:
            return every
        phrase = " ".join(wanted)
        found = [g for g in every if all(word in self._folded[g] for word in wanted)]
        return sorted(found, key=lambda g: _rank(self._folded[g], phrase))

    def __getitem__(self, number: int) -> Group:
        return self._groups[number]

    def rows_of(self, number: int) -> Rows:
        """The rows of the group's tracks, ascending."""
        return self._rows[self._first[number] : self._first[number + 1]]


class Grouped:
    """Everything there is to browse in a snapshot; each part is made when it is first asked for."""

    def __init__(self, tracks: TrackTable, places: Doubles) -> None:
        """Keep the tracks.

        Args:
            tracks: Of the snapshot.
            places: Their (arousal, valence), relative scale, [T, 2].
        """
        self._tracks, self.places = tracks, places
        self._indexes: dict[GroupKind, GroupIndex] = {}
        self._orders: dict[Order, Rows] = {}
        self._kept: OrderedDict[tuple[Order, TrackFilter], Rows] = OrderedDict()
        self._lock = threading.Lock()

    def index(self, kind: GroupKind) -> GroupIndex:
        """The groups of one kind."""
        with self._lock:
            if kind not in self._indexes:
                column, names_of = _SOURCES[kind]
                named = self._tracks.column(column).grouped(names_of)
                self._indexes[kind] = GroupIndex(named.names, named.of_rows, self._shown)
            return self._indexes[kind]

    def ordered(self, order: Order, filters: TrackFilter) -> Rows:
        """Rows of the tracks that a filter lets through, in an order."""
        with self._lock:
            if order not in self._orders:
                self._orders[order] = self._sorted(order)
            rows = self._orders[order]
            kept = self._kept.get((order, filters))
        if kept is None:
            kept = rows[self._tracks.passing(filters)[rows]]
        with self._lock:
            self._kept[order, filters] = kept
            self._kept.move_to_end((order, filters))
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return kept

    def artists_of(self, rows: Rows) -> tuple[str, ...]:
        """The artists that most of these tracks have, the most frequent first."""
        column = self._tracks.column("artist")
        counted = Counter(name for row in rows.tolist() for name in values_of(column[row]))
        return tuple(name for name, _ in counted.most_common(_NAMED))

    @cached_property
    def _shown(self) -> _ShownTracks:
        mask = self._tracks.passing(TrackFilter())
        return _ShownTracks(mask, np.asarray(self._tracks.durations_s), self.places)

    def _sorted(self, order: Order) -> Rows:
        ranks = {name: self._tracks.column(name).ranks for name in ("title", "artist", "path")}
        keys: Mapping[Order, tuple[NDArray[np.generic], ...]] = {
            "title": (ranks["path"], ranks["title"]),
            "artist": (ranks["path"], ranks["artist"]),
            "path": (ranks["path"],),
            "added": (-np.asarray(self._tracks.ids),),
            "energy": (ranks["path"], -self.places[:, 0]),
            "pleasant": (ranks["path"], -self.places[:, 1]),
        }
        return np.lexsort(keys[order])


def _members(rows: Rows, codes: NDArray[np.int32], groups: int) -> tuple[Rows, Rows]:
    """The rows of each group, one after the other, and where each group begins, [G + 1]."""
    order = np.argsort(codes, kind="stable")
    first = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=groups))])
    return rows[order], first


def _rank(folded: str, phrase: str) -> int:
    if folded.startswith(phrase):
        return 0
    return 1 if f" {phrase}" in folded else 2


def _folders(path: str) -> Iterable[str]:
    """The folders a file lies in, each from the music root: `/Ada`, `/Ada/First`."""
    return accumulate(path.split("/")[:-1], lambda above, name: f"{above}/{name}", initial="")


def _below_root(path: str) -> Iterable[str]:
    return (folder for folder in _folders(path) if folder)


def _whole(name: str) -> Iterable[str]:
    return (name,)


_SOURCES: Mapping[GroupKind, tuple[str, Callable[[str], Iterable[str]]]] = {
    "artist": ("artist", values_of),
    "album": ("album", _whole),
    "genre": ("genre", genres_of),
    "folder": ("path", _below_root),
}
