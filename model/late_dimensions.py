"""Dimensions of the Gaussians beside the networks' own: experts' cues, and valence once more.

A likelihood lets an axis count by the square of its spread. Valence beyond arousal spreads little
in what a model hears, so that it hardly moved a ranking, least of all in a catalogue of one style.
A listener's plane counts both axes alike. So each row says in one more dimension what its valence
is beyond arousal, and the index makes it as wide as the catalogue's music spreads in it (ADR 98).

N rows, M cues of experts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.arrays import Doubles, Floats
from model.embedding import Embedding
from model.experts import UNHEARD_VAR, Experts, joined, parted
from model.regression import MeanHead
from model.scoring import ScoringParams

EMPHASIS_VAR = 1.2
"""Variance of the dimension of valence, times that of valence beyond arousal in the music: between
what Emotify, MuSe and DEAM like best, in libraries of all their music and of one style (ADR 98)."""


def emphasis_of(emotion: Floats | Doubles) -> Doubles:
    """What turns an emotion into valence beyond arousal, in units of the dimension's noise, [2].

    Args:
        emotion: (arousal, valence) that a model hears in music it was not fitted to, [N, 2].
    """
    values = np.asarray(emotion, dtype=np.float64)
    arousal, valence = (values - values.mean(axis=0)).T
    along = np.array([-(arousal @ valence) / (arousal @ arousal), 1.0])
    return np.asarray(along / np.sqrt(EMPHASIS_VAR * (values @ along).var()), dtype=np.float64)


@dataclass(frozen=True)
class LateDimensions:
    """Appends dimensions to embeddings, and reads them.

    Attributes:
        head: Mean emotion by the networks alone.
        scoring: Gives the weight of the Gaussian half.
        experts: Cues, if there are any.
        emphasis: See `emphasis_of`, [2]; None: rows have no such dimension.
    """

    head: MeanHead
    scoring: ScoringParams
    experts: Experts | None
    emphasis: Doubles | None

    def of_music(self, own: Embedding, columns: Floats | None = None) -> Embedding:
        """Rows of the networks with all dimensions.

        Args:
            own: N rows.
            columns: The experts' columns, [N, C]; None: experts hear nothing.
        """
        rows = own
        if self.experts is not None:
            if columns is None:
                rows = joined(own, np.zeros((len(own), self._cues)), UNHEARD_VAR, self.scoring)
            else:
                rows = joined(own, *self.experts.heard(columns), self.scoring)
        if self.emphasis is None:
            return rows
        emotion = self._updated(*parted(rows, self._cues, self.scoring))
        return self._emphasised(rows, emotion)

    def of_emotions(self, own: Embedding, emotion: Doubles) -> Embedding:
        """Embedded curves with all dimensions; `emotion` is their mean (arousal, valence)."""
        if self.experts is not None:
            own = joined(own, self.experts.expected(emotion), 1.0, self.scoring)
        return own if self.emphasis is None else self._emphasised(own, emotion)

    def parted(self, rows: Embedding) -> tuple[Embedding, Doubles, Doubles]:
        """The networks' rows, the cues and their variances, [N, M] both."""
        if self.emphasis is not None:
            rows = parted(rows, 1, self.scoring)[0]
        return parted(rows, self._cues, self.scoring)

    def mean_emotion(self, rows: Embedding) -> Floats:
        """Mean (arousal, valence) of music in [-1, 1], [N, 2]."""
        emotion: Floats = self._updated(*self.parted(rows)).astype(np.float32)
        return emotion

    def disagreement(self, rows: Embedding) -> Floats | None:
        """Variance that experts add who disagree more than noise explains, [N, 2]; or None."""
        if self.experts is None:
            return None
        own, cues, var = self.parted(rows)
        head = self.head.predict(own).astype(np.float64)
        added: Floats = self.experts.disagreement(head, cues, var).astype(np.float32)
        return added

    @property
    def _cues(self) -> int:
        return 0 if self.experts is None else len(self.experts.names)

    def _updated(self, own: Embedding, cues: Doubles, var: Doubles) -> Doubles:
        head = self.head.predict(own).astype(np.float64)
        return (
            head
            if self.experts is None
            else np.clip(self.experts.updated(head, cues, var), -1.0, 1.0)
        )

    def _emphasised(self, rows: Embedding, emotion: Doubles) -> Embedding:
        assert self.emphasis is not None
        # No matrix product: its last bits would depend on how many rows there are.
        along = (emotion * self.emphasis).sum(axis=1, keepdims=True)
        return joined(rows, along, 1.0, self.scoring)
