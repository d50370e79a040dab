"""Fits the distance from all training music (`model.novelty`, ADR 79).

Letters: N songs, F columns, K kept directions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.novelty import POWER, Novelty

LEFT_OUT = ("loudness_sma3_pctlrange0-2",)
"""The range of loudness is the difference of two other columns."""

DOUBLED_AT = 0.975
"""Share of the training songs nearer than the distance at which the spread doubles."""

LENGTH_VAR = (0.0165, 0.0165)
"""Variance about the guess for 30 s, at the limit of no length: measured on stretches of 1 to 20 s
of twenty pieces of `emotify_dev` (root mean squares .14, .11, .10, .09, .07, .05 at 1, 3, 5, 8, 12,
20 s on both axes), which has no annotated curves to overfit."""

_FLOOR = 1e-3  # of the directions' variances


def fit_novelty(columns: NDArray[np.float32], names: tuple[str, ...]) -> Novelty:
    """The distance of any rows from these songs.

    Args:
        columns: [N, F].
        names: Of the columns, F.
    """
    x = columns.astype(np.float64)
    kept = [place for place, name in enumerate(names) if name not in LEFT_OUT]
    low, high = np.quantile(x[:, kept], (0.1587, 0.8413), axis=0)
    scale = np.maximum((high - low) / 2, 1e-9)  # one standard deviation, whatever the tails
    centre = x.mean(axis=0)
    standard = (x[:, kept] - centre[kept]) / scale
    variances, directions = np.linalg.eigh(np.cov(standard.T))
    whiten = np.zeros((x.shape[1], len(kept)))
    whiten[kept] = directions / np.sqrt(np.maximum(variances, _FLOOR)) / scale[:, None]
    unit = Novelty(centre, whiten, np.ones(1), np.array(LENGTH_VAR))
    doubled = np.quantile(unit.distance(columns), DOUBLED_AT)
    return Novelty(centre, whiten, np.array([doubled / 3 ** (1 / POWER)]), np.array(LENGTH_VAR))
