"""Which tracks of a snapshot may be answered: what a filter asks for, and the mask it makes.

Letters: T tracks.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model.arrays import Mask
from model.folding import fold
from model.verdict import VerdictKind

Stands = Callable[[str, str], bool]
"""Whether a text stands right between the letters before and after it; both may be empty."""

DECADE = 10
_NEAR = 3


@dataclass(frozen=True)
class TrackTerms:
    """Properties of tracks, compared without case and accents; empty ones ask nothing.

    Attributes:
        genre: One of a track's genres.
        artist: One of its artists.
        album: Its album.
        folder: A folder it lies in: one or several parts of its path, next to each other; after a
            slash they begin at the music root.
        title: Words that stand in its title, as whole words.
        decade: First year of its decade.
        duration_min_s: Shortest length, inclusive.
        duration_max_s: Longest length, inclusive.
    """

    genre: tuple[str, ...] = ()
    artist: tuple[str, ...] = ()
    album: tuple[str, ...] = ()
    folder: tuple[str, ...] = ()
    title: tuple[str, ...] = ()
    decade: tuple[int, ...] = ()
    duration_min_s: float | None = None
    duration_max_s: float | None = None


NO_TERMS = TrackTerms()


@dataclass(frozen=True)
class Unmatched:
    """A property of a filter that no track has.

    Attributes:
        name: Which one, such as `genre`.
        value: What was asked for.
        near: What the catalogue has that looks like it.
    """

    name: str
    value: str
    near: tuple[str, ...]


@dataclass(frozen=True)
class TrackFilter:
    """Which tracks may be answered; empty fields let all music pass.

    Of the tracks of one recording that pass, the best copy is answered.

    Attributes:
        genre: Any of these genres, compared without case and accents; a track may have several.
        artist: Any of these artists, likewise.
        year_min: First year, inclusive; tracks without a year do not pass.
        year_max: Last year, inclusive; tracks without a year do not pass.
        duration_min_s: Shortest length, inclusive.
        duration_max_s: Longest length, inclusive.
        exclude_ids: Tracks whose recordings never pass.
        include: Tracks that lack one of these properties do not pass.
        exclude: Tracks that have one of these properties do not pass.
        let_in: Kinds of tracks that pass besides music; see `model.verdict`.
    """

    genre: tuple[str, ...] = ()
    artist: tuple[str, ...] = ()
    year_min: int | None = None
    year_max: int | None = None
    duration_min_s: float | None = None
    duration_max_s: float | None = None
    exclude_ids: frozenset[int] = frozenset()
    include: TrackTerms = NO_TERMS
    exclude: TrackTerms = NO_TERMS
    let_in: tuple[VerdictKind, ...] = ()


class Texts(Protocol):
    """A text column of T rows."""

    def matching(self, wanted: Sequence[str]) -> Mask:
        """Mask of the rows that have one of `wanted` as a value, [T]."""

    def names(self, split: Callable[[str], Iterable[str]]) -> Sequence[str]:
        """The distinct names that `split` finds in the column's texts."""

    def values(self) -> Sequence[str]:
        """The distinct single values of the column's texts."""

    def holding(self, text: str, stands: Stands) -> Mask:
        """Mask of the rows in whose folded text `text` stands between such letters, [T]."""


@dataclass(frozen=True)
class Columns:
    """What filters read of T tracks."""

    ids: NDArray[np.int64]
    years: NDArray[np.int32]
    durations_s: NDArray[np.float64]
    text: Mapping[str, Texts]
    no_year: int

    def passing(self, filters: TrackFilter) -> Mask:
        """Mask of the tracks that a filter lets through, [T]."""
        mask = np.ones(len(self.ids), dtype=bool)
        for name, wanted in (("genre", filters.genre), ("artist", filters.artist)):
            if wanted:
                mask &= self.text[name].matching(wanted)
        if filters.year_min is not None or filters.year_max is not None:
            mask &= self.years != self.no_year
        mask &= _within(self.years, filters.year_min, filters.year_max)
        mask &= _within(self.durations_s, filters.duration_min_s, filters.duration_max_s)
        if filters.exclude_ids:
            mask &= ~np.isin(self.ids, np.fromiter(filters.exclude_ids, dtype=np.int64))
        for having in self._each(filters.include):
            mask &= having
        for having in self._each(filters.exclude):
            mask &= ~having
        return mask

    def unmatched(self, terms: TrackTerms) -> list[Unmatched]:
        """The properties that no track has, each with those that are nearest to it."""
        found = []
        for name in _READERS:
            for value in getattr(terms, name):
                if not self._having(name, (value,)).any():
                    found.append(Unmatched(name, value, self._near(name, value)))
        known = sorted({int(year) for year in self.years // DECADE * DECADE if year > self.no_year})
        for decade in terms.decade:
            if decade not in known:
                near = sorted(known, key=lambda each: abs(each - decade))[:_NEAR]
                found.append(Unmatched("decade", str(decade), tuple(map(str, near))))
        return found

    def _near(self, name: str, value: str) -> tuple[str, ...]:
        column = self.text[_READERS[name][0]]
        split = _SPLITS.get(name)
        names = column.values() if split is None else column.names(split)
        spelt = {fold(each): each for each in names}
        near = difflib.get_close_matches(fold(value), spelt, n=_NEAR, cutoff=0.5)
        return tuple(spelt[each] for each in near)

    def _each(self, terms: TrackTerms) -> list[Mask]:
        """A mask for each property that is asked for: the tracks that have it, [T]."""
        found = [
            self._having(each.name, getattr(terms, each.name))
            for each in fields(terms)
            if getattr(terms, each.name) and each.name in _READERS
        ]
        if terms.decade:
            known = self.years != self.no_year
            decades = self.years // DECADE * DECADE
            found.append(known & np.isin(decades, np.array(terms.decade)))
        if terms.duration_min_s is not None or terms.duration_max_s is not None:
            found.append(_within(self.durations_s, terms.duration_min_s, terms.duration_max_s))
        return found

    def _having(self, name: str, wanted: tuple[str, ...]) -> Mask:
        column, stands = _READERS[name]
        texts = self.text[column]
        if stands is None:
            return texts.matching(wanted)
        having = [
            texts.holding(fold(word).strip("/ "), _as_top if _is_top(name, word) else stands)
            for word in wanted
        ]
        return np.asarray(np.logical_or.reduce(having), dtype=np.bool_)


def _folders(path: str) -> Iterable[str]:
    return path.split("/")[:-1]


def _as_words(before: str, after: str) -> bool:
    return not (before.isalnum() or after.isalnum())


def _as_folder(before: str, after: str) -> bool:
    return before in ("", "/", "\n") and after == "/"


def _as_top(before: str, after: str) -> bool:
    return before in ("", "\n") and after == "/"


def _is_top(name: str, word: str) -> bool:
    return name == "folder" and word.startswith("/")


def _words(title: str) -> Iterable[str]:
    return title.split()


_SPLITS: Mapping[str, Callable[[str], Iterable[str]]] = {"folder": _folders, "title": _words}
_READERS: Mapping[str, tuple[str, Stands | None]] = {
    "genre": ("genre", None),
    "artist": ("artist", None),
    "album": ("album", None),
    "folder": ("path", _as_folder),
    "title": ("title", _as_words),
}


def _within(
    values: NDArray[np.float64] | NDArray[np.int32], lowest: float | None, highest: float | None
) -> Mask:
    mask = np.ones(len(values), dtype=bool)
    if lowest is not None:
        mask &= values >= lowest
    if highest is not None:
        mask &= values <= highest
    return mask
