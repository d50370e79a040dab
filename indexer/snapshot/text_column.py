"""Text columns of a snapshot: one code a track into a sorted vocabulary, and groups of equal names.

Letters: T tracks, V texts of the vocabulary.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.folders.files import genres_of, values_of
from indexer.snapshot.filters import Stands
from indexer.snapshot.format import load_array, save_array
from model.folding import fold

_NO_TEXT = -1


@dataclass(frozen=True)
class Groups:
    """Which groups each of T rows belongs to: any number of them, none among them.

    Attributes:
        first: Where the groups of each row begin in `codes`, [T + 1].
        codes: Numbers of the groups, row after row.
    """

    first: NDArray[np.int64]
    codes: NDArray[np.int32]

    def of(self, row: int) -> tuple[int, ...]:
        """The groups of one row."""
        return tuple(self.codes[self.first[row] : self.first[row + 1]].tolist())


@dataclass(frozen=True)
class NamedGroups:
    """Groups with their names, as they are mostly spelt; equal without case and accents is one."""

    names: tuple[str, ...]
    of_rows: Groups


class TextColumn:
    """T strings or Nones as codes into a sorted vocabulary."""

    def __init__(
        self,
        codes: NDArray[np.int32],
        offsets: NDArray[np.int64],
        text: NDArray[np.uint8],
        values: Callable[[str], tuple[str, ...]] = values_of,
    ) -> None:
        self._values = values  # the single names that a text holds
        self.codes = codes  # [T], -1 for None
        self._offsets = offsets  # [V + 1]
        self._text = text  # UTF-8 bytes of the whole vocabulary

    def __getitem__(self, row: int) -> str | None:
        code = int(self.codes[row])
        return None if code == _NO_TEXT else self._word(code)

    def rows_of(self, text: str) -> NDArray[np.intp]:
        """The rows that have exactly this text, ascending."""
        low, high = 0, len(self._offsets) - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._word(middle) < text else (low, middle)
        found = low < len(self._offsets) - 1 and self._word(low) == text
        return np.flatnonzero(self.codes == low) if found else np.empty(0, dtype=np.intp)

    def matching(self, wanted: Sequence[str]) -> NDArray[np.bool_]:
        """Mask of the rows that have one of `wanted`, compared without case and accents, [T]."""
        passing = np.zeros(len(self._offsets), dtype=bool)  # [V + 1], None has code -1: the last
        for word in wanted:
            passing[self._codes_by_name.get(fold(word), [])] = True
        return passing[self.codes]

    def names(self, split: Callable[[str], Iterable[str]]) -> list[str]:
        """The distinct names that `split` finds in the texts."""
        words = (self._word(code) for code in range(len(self._offsets) - 1))
        return list(dict.fromkeys(name for word in words for name in split(word)))

    def values(self) -> list[str]:
        """The distinct single values of the texts."""
        return self.names(self._values)

    def holding(self, text: str, stands: Stands) -> NDArray[np.bool_]:
        """Mask of the rows in whose folded text `text` stands between such letters, [T]."""
        lines, starts = self._folded
        at, found = lines.find(text) if text else -1, []
        while at >= 0:
            end = at + len(text)
            if stands(lines[at - 1 : at] if at else "", lines[end : end + 1]):
                found.append(at)
            at = lines.find(text, at + 1)
        holds = np.zeros(len(self._offsets), dtype=bool)  # [V + 1], None has code -1: the last
        holds[np.searchsorted(starts, np.array(found, dtype=np.int64), side="right") - 1] = True
        return np.asarray(holds[self.codes])

    @cached_property
    def _folded(self) -> tuple[str, NDArray[np.int64]]:
        """The folded vocabulary, a word a line, and where each line begins, [V]."""
        words = [
            fold(self._word(code)).replace("\n", " ") for code in range(len(self._offsets) - 1)
        ]
        lengths = np.array([len(word) + 1 for word in words], dtype=np.int64)
        return "\n".join(words), np.cumsum(lengths) - lengths

    @cached_property
    def _codes_by_name(self) -> dict[str, list[int]]:
        """The codes that each name is found by: a text as a whole and each of its values."""
        codes: defaultdict[str, list[int]] = defaultdict(list)
        for code in range(len(self._offsets) - 1):
            word = self._word(code)
            for name in {fold(value) for value in (word, *self._values(word))}:
                codes[name].append(code)
        return dict(codes)

    def grouped(self, names_of: Callable[[str], Iterable[str]]) -> NamedGroups:
        """The groups of each row by the names that `names_of` finds in its text."""
        known: dict[str, int] = {}
        spellings: list[Counter[str]] = []
        each: list[list[int]] = []
        used = np.bincount(self.codes + 1, minlength=len(self._offsets))[1:].tolist()
        for code, tracks in enumerate(used):
            found: dict[int, None] = {}
            for name in names_of(self._word(code)):
                group = known.setdefault(fold(name), len(known))
                if group == len(spellings):
                    spellings.append(Counter())
                if group not in found:
                    spellings[group][name] += tracks
                found[group] = None
            each.append(list(found))
        names = tuple(spelt.most_common(1)[0][0] for spelt in spellings)
        return NamedGroups(names, self._spread(each))

    def _spread(self, each: Sequence[Sequence[int]]) -> Groups:
        """The groups of each row, from those of each text of the vocabulary."""
        counts = np.array([len(codes) for codes in each] + [0], dtype=np.int64)  # None: the last
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])  # [V + 1]
        flat = np.array([code for codes in each for code in codes], dtype=np.int32)
        of_row = counts[self.codes]
        first = np.concatenate([[0], np.cumsum(of_row)])  # [T + 1]
        within = np.arange(first[-1]) - np.repeat(first[:-1], of_row)
        return Groups(first, flat[np.repeat(starts[self.codes], of_row) + within])

    @cached_property
    def ranks(self) -> NDArray[np.int64]:
        """Place of each row's text in the alphabet, without case and accents; none last, [T]."""
        words = [fold(self._word(code)) for code in range(len(self._offsets) - 1)]
        order = {word: rank for rank, word in enumerate(sorted(set(words)))}
        ranks = np.array([*(order[word] for word in words), len(order)], dtype=np.int64)
        return np.asarray(ranks[self.codes])

    def counts(self) -> list[tuple[str, int]]:
        """Each text with the number of tracks that have it."""
        used, counts = np.unique(self.codes[self.codes != _NO_TEXT], return_counts=True)
        counted = zip(used, counts.tolist(), strict=True)
        return [(self._word(code), count) for code, count in counted]

    def _word(self, code: int) -> str:
        start, end = self._offsets[code], self._offsets[code + 1]
        return self._text[start:end].tobytes().decode("utf-8", "surrogateescape")

    @classmethod
    def write(cls, folder: Path, name: str, texts: Sequence[str | None]) -> None:
        """Write a column as three arrays."""
        vocabulary = sorted({text for text in texts if text is not None})
        code_of = {text: code for code, text in enumerate(vocabulary)}
        codes = [_NO_TEXT if text is None else code_of[text] for text in texts]
        encoded = [word.encode("utf-8", "surrogateescape") for word in vocabulary]
        ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
        save_array(folder, f"track_{name}_codes", np.array(codes, dtype=np.int32))
        save_array(folder, f"track_{name}_offsets", ends)
        save_array(folder, f"track_{name}_text", np.frombuffer(b"".join(encoded), dtype=np.uint8))

    @classmethod
    def read(cls, folder: Path, name: str, rows: int) -> TextColumn:
        """Map a column that `write` wrote."""
        return cls(
            load_array(folder, f"track_{name}_codes", rows=rows),
            load_array(folder, f"track_{name}_offsets"),
            load_array(folder, f"track_{name}_text"),
            genres_of if name == "genre" else values_of,
        )
