"""Which tracks answer: music unless more is asked for, and one copy of each recording.

T tracks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from model.arrays import Mask
from model.verdict import KINDS

MUSIC = KINDS.index("music")


class Answering:
    """What the tracks of a snapshot are taken for, and which of them are copies.

    Attributes:
        kinds: Index into `model.verdict.KINDS` of each track, [T].
        answers_for: Id of the track that answers for each one's recording, [T].
        recordings: Equal for tracks of one recording, [T].
        best: Of each track, whether it is the copy that answers for its recording, [T].
    """

    def __init__(
        self,
        ids: NDArray[np.int64],
        kinds: NDArray[np.uint8],
        recording: NDArray[np.int64],
        has_music: bool | None = None,
    ) -> None:
        """Take the columns.

        Args:
            ids: Of the tracks, ascending, [T].
            kinds: See the class.
            recording: Becomes `answers_for`.
            has_music: Whether the catalogue that these tracks are a shard of has any music;
                None where they are all of it.
        """
        self.kinds = np.asarray(kinds)
        self.answers_for = np.asarray(recording)
        _, codes = np.unique(recording, return_inverse=True)
        self.recordings: NDArray[np.int32] = codes.reshape(-1).astype(np.int32)
        self.best: Mask = np.asarray(ids) == np.asarray(recording)
        own = bool((self.kinds == MUSIC).any() or not len(self.kinds))
        self._music = own if has_music is None else has_music
        self.is_plain = bool(self.best.all() and not (self.kinds != MUSIC).any())

    @property
    def has_music(self) -> bool:
        """Whether any track is music; where none is, all answer."""
        return self._music

    def of_kinds(self, include: Collection[str] = ()) -> Mask:
        """The tracks that are music, or of the kinds that are let in; all where none is, [T]."""
        if not self.has_music:
            return np.ones(len(self.kinds), dtype=np.bool_)
        wanted = [MUSIC, *(KINDS.index(kind) for kind in KINDS if kind in include)]
        return np.isin(self.kinds, wanted)

    def one_each(self, passing: Mask) -> Mask:
        """Of the passing tracks one of each recording: the best, else the first, [T]."""
        rows = np.flatnonzero(passing)
        order = rows[np.lexsort((rows, ~self.best[rows], self.recordings[rows]))]
        codes = self.recordings[order]
        first = order[np.concatenate([[True], codes[1:] != codes[:-1]])] if len(order) else order
        mask = np.zeros(len(passing), dtype=np.bool_)
        mask[first] = True
        return mask

    def standing(self, whole: Mask, first: NDArray[np.int64]) -> Mask:
        """The rows of whole tracks of those that answer by default, [S].

        Args:
            whole: Rows that are whole tracks, [S].
            first: First row of each track, and the end, [T + 1].
        """
        return np.asarray(whole & np.repeat(self.one_each(self.of_kinds()), np.diff(first)))

    def copies_of(self, row: int) -> tuple[int, ...]:
        """The rows of the other tracks of this row's recording, ascending."""
        rows = self._several.get(int(self.recordings[row]), ())
        return tuple(other for other in rows if other != row)

    @cached_property
    def _several(self) -> dict[int, tuple[int, ...]]:
        """The rows of each recording that has more than one."""
        counts = np.bincount(self.recordings)
        rows: dict[int, tuple[int, ...]] = {}
        for row in np.flatnonzero(counts[self.recordings] > 1).tolist():
            code = int(self.recordings[row])
            rows[code] = (*rows.get(code, ()), row)
        return rows

    def with_copies(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of all tracks of these rows' recordings, ascending."""
        return np.flatnonzero(np.isin(self.recordings, self.recordings[rows]))


def kind_codes(verdicts: Sequence[str]) -> NDArray[np.uint8]:
    """Verdicts as indices into `KINDS`, [T]."""
    return np.array([KINDS.index(verdict) for verdict in verdicts], dtype=np.uint8)
