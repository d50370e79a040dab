"""Which track a listener should be asked about next: the one that teaches most about the others.

The gain of a track is what its answer is expected to take off the mean variance of all places, in
closed form for a linear model (Chaloner & Verdinelli 1995, A-optimality). Letters: T tracks,
B terms of the warp, R features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.personal.learning import NOISE_SD, prior_variances
from model.personal.warp import terms

Doubles = NDArray[np.float64]

WARP_SCALE, MUSIC_SD = 1.0, 0.2  # what is expected of a listener of whom nothing is known


def gains(
    heard: Doubles, features: Doubles, answered: NDArray[np.intp], weights: Doubles | None = None
) -> Doubles:
    """What an answer about each track would teach about all of them, [T], in squared units.

    Args:
        heard: Where the model puts the tracks, [T, 2].
        features: Of the tracks, [T, R].
        answered: Rows of tracks that were placed already.
        weights: What the variance of each track counts, [T]; by default the same.
    """
    design = np.concatenate([terms(heard), features], axis=1)  # [T, B + R]
    prior = prior_variances(WARP_SCALE, MUSIC_SD, features.shape[1])
    known = design[answered]
    precision = np.diag(1.0 / prior) + known.T @ known / NOISE_SD**2
    covariance = np.linalg.inv(precision)
    weighted = design if weights is None else design * weights[:, None]
    together = design.T @ weighted / len(design)  # [B + R, B + R]
    spread = design @ covariance  # [T, B + R]
    variance = np.einsum("tk,tk->t", spread, design)
    reduction = np.einsum("tk,kl,tl->t", spread, together, spread, optimize=True)
    return np.asarray(reduction / (variance + NOISE_SD**2))


def chosen(
    heard: Doubles,
    features: Doubles,
    answered: NDArray[np.intp],
    allowed: NDArray[np.bool_],
    count: int,
) -> list[int]:
    """Rows of the tracks to ask about, the best first, each chosen with those before it answered.

    Args:
        heard: Where the model puts the tracks, [T, 2].
        features: Of the tracks, [T, R].
        answered: Rows of tracks that were placed already.
        allowed: Tracks that may be asked about, [T].
        count: How many; fewer where not as many are allowed.
    """
    open_ones, asked = allowed.copy(), list(answered)
    open_ones[answered] = False
    found: list[int] = []
    while len(found) < count and open_ones.any():
        gain = gains(heard, features, np.array(asked, dtype=np.intp))
        row = int(np.argmax(np.where(open_ones, gain, -np.inf)))
        found.append(row)
        asked.append(row)
        open_ones[row] = False
    return found
