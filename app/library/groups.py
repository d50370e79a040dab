"""The tracks of a snapshot by artist, album, genre and folder, and in an order to browse.

Letters: T tracks, G groups.
"""

from __future__ import annotations

import copy
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
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


class GroupIndex:
    """Groups of one kind, to be found by name."""

    def __init__(
        self,
        names: Sequence[str],
        groups: Groups,
        shown: NDArray[np.bool_],
        durations_s: Doubles,
        places: Doubles,
    ) -> None:
        """Sum up G groups.

        Args:
            names: Of the groups, [G].
            groups: Which ones each of T rows belongs to.
            shown: The tracks that count, [T].
            durations_s: Of the tracks, [T].
            places: Their (arousal, valence), [T, 2].
        """
        rows = np.repeat(np.arange(len(shown)), np.diff(groups.first))
        counted = shown[rows]
        rows, codes = rows[counted], groups.codes[counted]
        tracks = np.bincount(codes, minlength=len(names))
        folded = [fold(name) for name in names]
        largest = sorted(np.flatnonzero(tracks).tolist(), key=lambda g: (-tracks[g], names[g]))
        self._names, self._by_size = names, largest
        self._by_name = sorted(largest, key=lambda g: (folded[g], names[g]))
        self._folded = folded
        self._rows, self._first = _members(rows, codes, len(names))
        self._durations_s = self._sums(durations_s)
        self._means = self._means_of(places)

    def felt(self, places: Doubles) -> GroupIndex:
        """The same groups where somebody feels the tracks elsewhere, [T, 2]."""
        own = copy.copy(self)
        own._means = self._means_of(places)
        return own

    def _sums(self, values: Doubles) -> Doubles:
        """What a value of the tracks sums up to, [G]."""
        sizes = np.diff(self._first)
        codes = np.repeat(np.arange(len(sizes)), sizes)
        sums = np.bincount(codes, weights=values[self._rows], minlength=len(sizes))
        return np.asarray(sums, dtype=np.float64)

    def _means_of(self, places: Doubles) -> Doubles:
        """Mean place of each group, [G, 2]."""
        sums = np.stack([self._sums(places[:, axis]) for axis in range(2)], axis=1)
        return np.asarray(sums / np.maximum(np.diff(self._first), 1)[:, None])

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
        arousal, valence = self._means[number].tolist()
        tracks = int(self._first[number + 1] - self._first[number])
        return Group(
            self._names[number], tracks, float(self._durations_s[number]), arousal, valence
        )

    def rows_of(self, number: int) -> Rows:
        """The rows of the group's tracks, ascending."""
        return self._rows[self._first[number] : self._first[number + 1]]


class Grouped:
    """Everything there is to browse in a snapshot; each part is made when it is first asked for."""

    def __init__(self, tracks: TrackTable, places: Doubles, common: Grouped | None = None) -> None:
        """Keep the tracks.

        Args:
            tracks: Of the snapshot.
            places: Their (arousal, valence), relative scale, [T, 2].
            common: The same tracks with other places: who feels them elsewhere has the same groups.
        """
        self._tracks, self.places, self._common = tracks, places, common
        self._indexes: dict[GroupKind, GroupIndex] = {}
        self._orders: dict[Order, Rows] = {}
        self._kept: OrderedDict[tuple[Order, TrackFilter], Rows] = OrderedDict()
        self._lock = threading.Lock()

    def index(self, kind: GroupKind) -> GroupIndex:
        """The groups of one kind."""
        with self._lock:
            if kind not in self._indexes:
                self._indexes[kind] = self._made(kind)
            return self._indexes[kind]

    def _made(self, kind: GroupKind) -> GroupIndex:
        if self._common is not None:
            return self._common.index(kind).felt(self.places)
        column, names_of = _SOURCES[kind]
        named = self._tracks.column(column).grouped(names_of)
        shown, durations_s = self._tracks.passing(TrackFilter()), self._tracks.durations_s
        return GroupIndex(named.names, named.of_rows, shown, np.asarray(durations_s), self.places)

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
