"""What listeners are expected to be like before they say anything.

Letters: K prior scales, B terms of the warp, R features of a track.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from model.arrays import Doubles

SHIFTS = ((0.0, 0.8), (0.15, 0.1), (0.3, 0.1))
STRETCHES = ((0.0, 0.7), (0.25, 0.15), (0.5, 0.15))
MUSIC_SDS = ((0.1, 1 / 3), (0.2, 1 / 3), (0.3, 1 / 3))
"""Standard deviations of what moves a track, in units of the plane, and how probable each is: the
constant of the warp, its linear terms, the coefficients of the features."""

BEND = 0.4  # standard deviation of the warp's quadratic terms, over that of the linear ones
NOISE_SD = 0.3  # of one answer about the corrected place, in units of the plane
NOISE_COUNT = 2.0  # answers that this is worth
NOISES = np.array([0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.9])  # standard deviations that are tried

ODDS_OWN, ODDS_SAME, ODDS_RANDOM = 3.0, 1.0, 30.0
"""Prior odds of who hears in their own way, who hears as the model does but for noise, and whose
answers have nothing to do with the music. The last differ so clearly after a few answers that large
odds cost the others next to nothing."""
LEAST_PROBABLE, LESS_AN_ANSWER = 0.5, 0.03
"""Probability that a correction has to exceed, and how much less than 1 that is with each answer:
with few, a probability says more about these priors than about the listener."""
RANDOM_MEAN_SD, RANDOM_NOISE_SD, RANDOM_NOISE_COUNT = 0.5, 0.5, 2.0


def variances(shift: float, stretch: float, music_sd: float, width: int) -> Doubles:
    """Prior variances of the coefficients of warp and features, [B + R], from their sds."""
    warp = np.array([shift, stretch, stretch, *[BEND * stretch] * 3])
    return np.concatenate([warp, np.full(width, music_sd)]) ** 2


def scales(width: int) -> tuple[Doubles, Doubles]:
    """All combinations of prior scales.

    Args:
        width: Number of features.

    Returns:
        The prior variances of each, [K, B + R], and the log-probability of each, [K].
    """
    found = list(product(SHIFTS, STRETCHES, MUSIC_SDS))
    every = np.stack([variances(one[0], two[0], three[0], width) for one, two, three in found])
    chances = [[chance for _, chance in each] for each in found]
    return every, np.log(chances).sum(axis=1)


def log_noise(sd: Doubles, expected: float, count: float) -> Doubles:
    """Log-probabilities of standard deviations of an answer, when only those can be, [J].

    As if the noise had been seen in `count` answers to be the `expected` one.
    """
    ratio = expected**2 / sd**2
    log = 0.5 * count * (np.log(ratio) - ratio)
    return np.asarray(log - np.logaddexp.reduce(log))
