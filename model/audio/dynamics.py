"""How louder and softer parts of one piece move its embedding.

Descriptors are free of level, so that how loud a recording is does not matter. Within a recording
loudness does tell arousal. What a decibel over the file's mean adds is learned from what level
tells of arousal beyond all other columns, and moves an embedding the way in which songs of more
arousal differ (ADR 79). Letters: N rows, Dc and Dk as in `model.embedding`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.arrays import Doubles
from model.embedding import Embedding
from model.frontends import loudness

REACH_DB = 12.0
"""Differences of level are bent towards this bound, and never count for more."""


@dataclass(frozen=True)
class Dynamics:
    """What one decibel over the mean of the file adds to an embedding.

    Attributes:
        phi: [Dc], per dB.
        mu: [Dk], per dB.
    """

    phi: Doubles
    mu: Doubles

    @classmethod
    def none(cls, canonical: int, gaussian: int) -> Dynamics:
        """Level does not count, in spaces of these dimensions."""
        return cls(np.zeros(canonical), np.zeros(gaussian))

    def apply(self, embedding: Embedding, relative_db: Doubles) -> Embedding:
        """The embedding of stretches that are so much louder than their files.

        Args:
            embedding: Of the stretches' columns without level, N rows.
            relative_db: Their level over the mean of the file, [N] dB.
        """
        reach = (REACH_DB * np.tanh(relative_db / REACH_DB))[:, None]
        return Embedding(
            (embedding.phi + reach * self.phi).astype(np.float32),
            (embedding.mu + reach * self.mu).astype(np.float32),
            embedding.var,
        )


def relative_db(relative_loudness: NDArray[np.float32]) -> Doubles:
    """Decibels over the file's mean, [N], from the column `loudness.MEAN` of an analysis."""
    ratio = np.maximum(relative_loudness.astype(np.float64), 1e-6) / loudness.REFERENCE
    decibels: Doubles = 10 / loudness.EXPONENT * np.log10(ratio)
    return decibels
