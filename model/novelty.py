"""How far music lies from all that a model was trained on, and how much less is known of it.

The measure is Mahalanobis's distance from the training songs' mean, in their covariance. A mean and
a covariance hold no song, cost one small matrix product, and grow without bound where a kernel's
variance, or a quantile table, ends (ADR 79). Letters: N rows, F columns, K kept directions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.arrays import Doubles, Floats

POWER = 4.0
"""How steeply the spread grows: hardly among the training songs, then with the distance squared."""

LARGEST_RATIO = 3.0
"""The spread of what is like no music: most of the plane."""


@dataclass(frozen=True)
class Novelty:
    """Distance of rows from the training songs, and what follows for the spread.

    Attributes:
        centre: Mean of the training songs' columns, [F].
        whiten: Columns about the centre to directions of unit variance, [F, K].
        knee: Distance at which the variance doubles, [1], > 0.
        length_var: Variance of (arousal, valence) that a stretch of no length would add to that of
            a segment, [2].
    """

    centre: Doubles
    whiten: Doubles
    knee: Doubles
    length_var: Doubles

    def distance(self, columns: Floats) -> Doubles:
        """Root mean square over the directions, about 1 for training songs; [N, F] -> [N]."""
        directions = (columns.astype(np.float64) - self.centre) @ self.whiten  # [N, K]
        distance: Doubles = np.sqrt((directions**2).mean(axis=1))
        return distance

    def ratio(self, columns: Floats) -> Doubles:
        """What the spread of well-known music is multiplied by, [N, F] -> [N], at least 1."""
        far = (self.distance(columns) / self.knee) ** POWER
        return np.minimum(np.sqrt(1.0 + far), LARGEST_RATIO)

    def extra_var(self, length_s: Doubles, segment_s: float) -> Doubles:
        """Variance that short stretches add, [N] seconds -> [N, 2].

        It falls with the square of what a stretch lacks of a segment, as guesses for parts of
        segments were seen to do about the guess for the whole.
        """
        lacking = np.clip(1.0 - length_s / segment_s, 0.0, 1.0)
        variance: Doubles = lacking[:, None] ** 2 * self.length_var
        return variance
