"""Which track a listener should be asked about next: the one that teaches most about the others.

The gain of a track is what its answer is expected to take off the mean variance of all places, in
closed form for a linear model (Chaloner & Verdinelli 1995, A-optimality). Letters: T tracks,
B terms of the warp, R features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.arrays import Doubles
from model.personal.learning import NOISE_SD, prior_variances
from model.personal.warp import terms

WARP_SCALE, MUSIC_SD = 1.0, 0.2  # what is expected of a listener of whom nothing is known


def gains(heard: Doubles, features: Doubles, answered: NDArray[np.intp]) -> tuple[Doubles, float]:
    """What an answer about each track would teach about all of them.

    Args:
        heard: Where the model puts the tracks, [T, 2].
        features: Of the tracks, [T, R].
        answered: Rows of tracks that were placed already.

    Returns:
        What an answer takes off the mean variance of all tracks, [T], and that variance.
    """
    return _gains(*_design(heard, features), answered)


def _design(heard: Doubles, features: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """What all tracks are explained by, [T, B + R], its mean square, and the prior variances."""
    design = np.concatenate([terms(heard), features], axis=1)
    prior = prior_variances(WARP_SCALE, MUSIC_SD, features.shape[1])
    return design, design.T @ design / len(design), prior


def _gains(
    design: Doubles, together: Doubles, prior: Doubles, answered: NDArray[np.intp]
) -> tuple[Doubles, float]:
    known = design[answered]
    precision = np.diag(1.0 / prior) + known.T @ known / NOISE_SD**2
    covariance = np.linalg.inv(precision)
    spread = design @ covariance  # [T, B + R]
    variance = np.einsum("tk,tk->t", spread, design)
    reduction = np.einsum("tk,kl,tl->t", spread, together, spread, optimize=True)
    return np.asarray(reduction / (variance + NOISE_SD**2)), float(variance.mean())


def chosen(
    heard: Doubles,
    features: Doubles,
    answered: NDArray[np.intp],
    allowed: NDArray[np.bool_],
    count: int,
) -> tuple[list[int], list[float]]:
    """The tracks to ask about, the best first, each chosen with those before it answered.

    Args:
        heard: Where the model puts the tracks, [T, 2].
        features: Of the tracks, [T, R].
        answered: Rows of tracks that were placed already.
        allowed: Tracks that may be asked about, [T].
        count: How many; fewer where not as many are allowed.

    Returns:
        Their rows, and what share of the variance that is left each is expected to take away.
    """
    parts = _design(heard, features)
    open_ones, asked = allowed.copy(), list(answered)
    open_ones[answered] = False
    found: list[int] = []
    shares: list[float] = []
    while len(found) < count and open_ones.any():
        gain, left = _gains(*parts, np.array(asked, dtype=np.intp))
        row = int(np.argmax(np.where(open_ones, gain, -np.inf)))
        found.append(row)
        shares.append(float(gain[row]) / max(left, 1e-12))
        asked.append(row)
        open_ones[row] = False
    return found, shares
