"""Which track a listener should be asked about next: the one that teaches most about the others.

The gain of a track is what its answer is expected to take off the mean variance of all places, in
closed form for a Gaussian process (Chaloner & Verdinelli 1995, A-optimality). The process is a
local one: an answer tells of music that is like the track and is heard near it (ADR 0107). Letters:
T tracks, R features, C tracks that are considered, N answers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.arrays import Doubles
from model.personal.priors import NOISE_SD

SHIFT, MUSIC_SD = 0.12, 0.2
"""Standard deviations of what moves all tracks alike, and of what moves each as those like it."""
LIKENESS = 0.4  # 1 - cosine of the music of two tracks over which they are moved e times less alike
FIRST_NOISE_SD, HALVED_AFTER = 1.2, 5.0
"""Of an answer while there are none, and the number of answers after which it counts half. First of
all has to be found out whether there is anything to learn; answers about tracks that are like each
other tell that, answers about tracks that are far from each other do not."""
MOST_CONSIDERED, MOST_ANSWERS = 1000, 500  # more cost more time than a request has
_LEAST_SPREAD = 1e-12  # of places, where all tracks are heard at one


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
    known, considered = answered[-MOST_ANSWERS:], _considered(allowed, answered)
    if not len(considered):
        return [], []
    rows = np.concatenate([known, considered])  # [C], N of them first
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

    Tracks that are unlike each other, or lie apart on the plane, tell nothing of each other, though
    the model that learns from the answers thinks they do. So tracks are chosen that stand for many.
    """
    length = (heard**2).sum(axis=1)
    apart = length[:, None] + length - 2.0 * heard @ heard.T  # squared distances, [C, C]
    spread = max(float(heard.var(axis=0).sum()), _LEAST_SPREAD)
    music = np.exp((features @ features.T - 1.0) / LIKENESS - apart / (2.0 * spread))
    return np.asarray(SHIFT**2 + MUSIC_SD**2 * music)


def _left(prior: Doubles, asked: list[int], noise: float) -> Doubles:
    """Covariance that is left when some tracks were asked about, [C, C]."""
    among = prior[np.ix_(asked, asked)] + noise * np.eye(len(asked))
    return np.asarray(prior - prior[:, asked] @ np.linalg.solve(among, prior[asked]))
