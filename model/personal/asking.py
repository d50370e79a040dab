"""Which track a listener should be asked about next: the one that teaches most about the others.

The gain of a track is what its answer is expected to take off the mean variance of all places, in
closed form for a Gaussian process (Chaloner & Verdinelli 1995, A-optimality). Letters: T tracks,
R features, C tracks that are considered, N answers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.arrays import Doubles
from model.personal.priors import NOISE_SD, variances
from model.personal.warp import terms

SHIFT, STRETCH, MUSIC_SD = 0.12, 0.06, 0.2  # what is expected of a listener, see `priors`
FIRST_NOISE_SD, HALVED_AFTER = 1.2, 5.0
"""Of an answer while there are none, and the number of answers after which it counts half. First of
all has to be found out whether there is anything to learn; answers about tracks that are like each
other tell that, answers about tracks that are far from each other do not."""
MOST_CONSIDERED, MOST_ANSWERS = 1000, 500  # more cost more time than a request has


def chosen(
    heard: Doubles,
    features: Doubles,
    answered: NDArray[np.intp],
    allowed: NDArray[np.bool_],
    count: int,
) -> tuple[list[int], list[float]]:
    """The tracks to ask about, the best first, each chosen with those before it answered.

    Of many tracks an even part is considered.

    Args:
        heard: Where the model puts the tracks, [T, 2].
        features: Of the tracks, [T, R].
        answered: Rows of tracks that were placed already.
        allowed: Tracks that may be asked about, [T].
        count: How many; fewer where not as many are allowed.

    Returns:
        Their rows, and what share of the variance that is left each is expected to take away.
    """
    known = answered[-MOST_ANSWERS:]
    rows = np.concatenate([known, _considered(allowed, answered)])  # [C], N of them first
    prior = _covariance(heard[rows], features[rows])
    asked, noise, left = list(range(len(known))), 0.0, prior
    shares: list[float] = []
    while len(shares) < count and len(asked) < len(rows):
        before, noise = noise, answer_noise_sd(len(asked)) ** 2
        if noise != before:
            left = _left(prior, asked, noise)
        variance = left.diagonal()
        gain = (left**2).mean(axis=0) / (variance + noise)
        gain[asked] = -np.inf
        best = int(np.argmax(gain))
        shares.append(float(gain[best]) / max(float(variance.mean()), 1e-12))
        left = left - np.outer(left[best], left[best]) / (variance[best] + noise)
        asked.append(best)
    return rows[asked[len(known) :]].tolist(), shares


def answer_noise_sd(answers: int) -> float:
    """Standard deviation that the next answer counts with after so many, in units of the plane."""
    return max(NOISE_SD, FIRST_NOISE_SD / (1.0 + answers / HALVED_AFTER))


def _considered(allowed: NDArray[np.bool_], answered: NDArray[np.intp]) -> NDArray[np.intp]:
    """An even part of the tracks that may be asked about, [C]."""
    open_ones = allowed.copy()
    open_ones[answered] = False
    rows = np.flatnonzero(open_ones)
    part = np.linspace(0, len(rows) - 1, min(len(rows), MOST_CONSIDERED)).astype(np.intp)
    return rows[part]


def _covariance(heard: Doubles, features: Doubles) -> Doubles:
    """Prior covariance of how far tracks are moved, [C, C].

    Half of what the music moves is linear in the features, as it is learned; the other half falls
    faster with their distance. So tracks are chosen that stand for many, rather than odd ones.
    """
    warp, cosine = terms(heard), features @ features.T
    music = MUSIC_SD**2 * (cosine + cosine**3) / 2.0
    return np.asarray((warp * variances(SHIFT, STRETCH, MUSIC_SD, 0)) @ warp.T + music)


def _left(prior: Doubles, asked: list[int], noise: float) -> Doubles:
    """Covariance that is left when some tracks were asked about, [C, C]."""
    among = prior[np.ix_(asked, asked)] + noise * np.eye(len(asked))
    return np.asarray(prior - prior[:, asked] @ np.linalg.solve(among, prior[asked]))
