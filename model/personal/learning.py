"""Learns a listener's plane from a few tracks that they placed on it.

A track that the model puts at `y` is felt at `W(y) + g(x)`: `W` a smooth warp of the plane with few
parameters, `g` a Gaussian process over the tracks' embeddings. Both are one Bayesian linear model,
so that the posterior and every leave-one-out error have a closed form (Rasmussen & Williams 2006,
2.2 and 5.4.2). How much of it is believed is decided by the leave-one-out predictions: nothing,
where they are not better than the model alone, and nothing, where what is said has nothing to do
with what is heard. Letters: N placed tracks, T tracks, R features of a track, B terms of the warp.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from model.arrays import Doubles
from model.errors import ShapeError
from model.personal.warp import PRIOR_SD, Warp, terms

AXES = 2
LEAST_PLACED = 2  # fewer say nothing about others
WARP_SCALES = (0.0, 0.5, 1.0, 2.0)  # times `PRIOR_SD`; 0: no warp
MUSIC_SDS = (0.0, 0.1, 0.2, 0.3)  # of the residual over the music, in units of the plane
NOISE_SD = 0.3  # of one answer about the corrected place, in units of the plane
NOISE_COUNT = 4.0  # answers that this is worth
NOISES = np.array([0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0])  # times `NOISE_SD`, that are tried
MARGIN, FEW = 0.5, 10.0
"""Standard errors that a gain has to exceed, and how many more so few placed tracks ask for."""
ANSWERS_A_NAT, MOST_CHANCE = 25.0, 100
CHANCE = 3.0  # times what chance gives: an agreement that is not believed at all


@dataclass(frozen=True)
class Belief:
    """What is believed of one axis.

    Attributes:
        trust: 0 (nothing) to 1.
        warp_scale: Times `PRIOR_SD`.
        music_sd: Of the residual over the music.
        noise_sd: Of one answer.
    """

    trust: float
    warp_scale: float
    music_sd: float
    noise_sd: float


NOTHING = Belief(0.0, 0.0, 0.0, NOISE_SD)


@dataclass(frozen=True)
class Learned:
    """A listener's plane.

    Attributes:
        warp: Of the plane; trust is in it.
        direction: What a track's features add to its place, [R, 2]; trust is in it.
        beliefs: Of arousal and of valence.
        covariances: Of the coefficients of warp and features, for each axis, [2, B + R, B + R],
            without the noise of an answer.
    """

    warp: Warp
    direction: Doubles
    beliefs: tuple[Belief, Belief]
    covariances: Doubles

    @property
    def is_nothing(self) -> bool:
        """Whether the plane stays as it is."""
        return self.warp.is_identity and not self.direction.any()

    def places(self, heard: Doubles, features: Doubles) -> Doubles:
        """Where the listener feels tracks, [T, 2], inside the plane.

        Args:
            heard: Where the model puts them, [T, 2].
            features: As `features_of` gives them, [T, R].
        """
        return np.clip(self.warp(heard) + features @ self.direction, -1.0, 1.0)

    def sd(self, heard: Doubles, features: Doubles) -> Doubles:
        """How uncertain the correction of each track is, [T, 2], standard deviations."""
        design = np.concatenate([terms(heard), features], axis=1)
        variance = np.stack(
            [
                np.einsum("ti,ij,tj->t", design, cov, design, optimize=True)
                for cov in self.covariances
            ],
            axis=1,
        )
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)))


def unlearned(features: int) -> Learned:
    """The plane of a listener who has said nothing."""
    size = len(PRIOR_SD) + features
    prior = _prior(Belief(0.0, 1.0, MUSIC_SDS[1], NOISE_SD), features)
    covariances = np.broadcast_to(np.diag(prior), (AXES, size, size))
    return Learned(Warp.identity(), np.zeros((features, AXES)), (NOTHING, NOTHING), covariances)


def learn(heard: Doubles, said: Doubles, features: Doubles) -> Learned:
    """What follows from tracks that a listener placed.

    Args:
        heard: Where the model puts them, [N, 2].
        said: Where the listener puts them, [N, 2].
        features: Of these tracks, [N, R], rows of about unit length.

    Raises:
        ShapeError: The rows do not belong together.
    """
    if heard.shape != said.shape or len(heard) != len(features):
        raise ShapeError(f"{heard.shape} heard, {said.shape} said, {features.shape} features")
    width = features.shape[1]
    if len(heard) < LEAST_PLACED:
        return unlearned(width)
    design = np.concatenate([terms(heard), features], axis=1)  # [N, B + R]
    moved = said - heard
    chosen = [_chosen(design, moved[:, axis], width) for axis in range(AXES)]
    both = float(np.mean([each.gained for each in chosen]))
    fits = []
    for axis, each in enumerate(chosen):
        trust = _trusted(each, heard[:, axis], said[:, axis], both)
        belief = replace(each.belief, trust=trust)
        fits.append(_posterior(design, moved[:, axis], belief, width))
    weights = np.stack([fit.mean for fit in fits], axis=1)  # [B + R, 2]
    bent = len(PRIOR_SD)
    return Learned(
        warp=Warp(weights[:bent]).tamed(),
        direction=weights[bent:],
        beliefs=(fits[0].belief, fits[1].belief),
        covariances=np.stack([fit.covariance for fit in fits]),
    )


@dataclass(frozen=True)
class _Fit:
    belief: Belief
    mean: Doubles  # [B + R]
    covariance: Doubles  # [B + R, B + R]


@dataclass(frozen=True)
class _Chosen:
    """The best of all prior scales for one axis.

    Attributes:
        belief: In it, as if all of it were believed.
        gained: Log evidence over that of no correction at all, nats.
        left_out: Leave-one-out predictions of how far the tracks are moved, [N].
    """

    belief: Belief
    gained: float
    left_out: Doubles


def _chosen(design: Doubles, moved: Doubles, width: int) -> _Chosen:
    """The prior scales under which what was said of one axis is likeliest."""
    none, _, _ = _tried(np.zeros_like(design), moved)
    best: tuple[float, Belief, Doubles] | None = None
    for warp_scale, music_sd in product(WARP_SCALES, MUSIC_SDS):
        if warp_scale == 0.0 and music_sd == 0.0:
            continue
        belief = Belief(1.0, warp_scale, music_sd, 1.0)
        evidence, noise_sd, left_out = _tried(design * np.sqrt(_prior(belief, width)), moved)
        if best is None or evidence > best[0]:
            best = evidence, Belief(1.0, warp_scale, music_sd, noise_sd), left_out
    assert best is not None
    evidence, belief, left_out = best
    return _Chosen(belief, evidence - none, left_out)


def _trusted(chosen: _Chosen, heard: Doubles, said: Doubles, both: float) -> float:
    """How much of a correction of one axis is believed, 0 to 1.

    Two doubts ask whether there is anything to learn at all; the greater one counts, not both: few
    answers raise both together. Who uses one axis their own way does so with the other: the
    evidence of either alone or of both together will do.

    Args:
        chosen: The correction.
        heard: Of this axis, [N].
        said: Likewise, [N].
        both: Evidence gained, mean of both axes.
    """
    evident = max(_evident(chosen.gained, len(said)), _evident(both, len(said)))
    bearing = _bearing(said, heard + chosen.left_out)
    return _trust(said - heard, chosen.left_out) * min(evident, bearing)


def prior_variances(warp_scale: float, music_sd: float, width: int) -> Doubles:
    """Prior variances of the coefficients of warp and features, [B + R]."""
    warp = (warp_scale * PRIOR_SD) ** 2
    return np.concatenate([warp, np.full(width, music_sd**2)])


def _prior(belief: Belief, width: int) -> Doubles:
    return prior_variances(belief.warp_scale, belief.music_sd, width)


def _tried(scaled: Doubles, moved: Doubles) -> tuple[float, float, Doubles]:
    """Log evidence, noise and leave-one-out predictions for one prior, the noise at its best."""
    basis, stretch, _ = np.linalg.svd(scaled, full_matrices=False)  # [N, K]
    values, turned = stretch**2, basis.T @ moved
    beside = max(0.0, float((moved**2).sum() - (turned**2).sum()))  # what no term reaches
    rest = len(moved) - len(values)
    best = (-np.inf, NOISE_SD)
    for noise_sd in NOISE_SD * NOISES:
        spread, noise = values + noise_sd**2, noise_sd**2
        evidence = -0.5 * float((turned**2 / spread + np.log(spread)).sum())
        evidence -= 0.5 * (beside / noise + rest * float(np.log(noise)))
        ratio = NOISE_SD**2 / noise
        evidence += 0.5 * NOISE_COUNT * float(np.log(ratio) - ratio)
        best = max(best, (evidence, float(noise_sd)))
    share = values / (values + best[1] ** 2)
    fitted = basis @ (share * turned)
    leverage = (basis**2) @ share
    left_out = moved - (moved - fitted) / (1.0 - leverage)
    return best[0], best[1], left_out


def _trust(moved: Doubles, left_out: Doubles) -> float:
    """How much of the predictions is believed: what makes their error least, less its error.

    A share `t` of predictions `p` of `m` errs least at `sum(m p) / sum(p^2)`.
    """
    power = float((left_out**2).sum())
    if power == 0.0:
        return 0.0
    gain = float((moved * left_out).sum())
    error = float(np.sqrt(((moved * left_out) ** 2).sum()))
    return float(np.clip((gain - (MARGIN + FEW / len(moved)) * error) / power, 0.0, 1.0))


def _evident(gained: float, placed: int) -> float:
    """Whether the evidence speaks for a correction at all: 0 (not) to 1.

    Someone who agrees with the model, but for the noise of their answers, gains this evidence in
    one draw of twenty: about a nat for each 25 answers, since the best of many priors is taken.
    """
    by_chance = min(placed, MOST_CHANCE) / ANSWERS_A_NAT
    return float(np.clip(2.0 * gained / by_chance - 1.0, 0.0, 1.0))


def _bearing(said: Doubles, predicted: Doubles) -> float:
    """Whether what is said has to do with what is heard: 0 (no more than by chance) to 1.

    A listener who answers at random is described best by a plane drawn to its middle; that lowers
    the error, and is no knowledge. So the corrected places must vary with what is said.
    """
    said, predicted = said - said.mean(), predicted - predicted.mean()
    norm = float(np.sqrt((said**2).sum() * (predicted**2).sum()))
    if norm == 0.0:
        return 0.0
    r = float((said * predicted).sum()) / norm
    if r <= 0.0:
        return 0.0
    odds = len(said) * r**2 / max(1.0 - r**2, 1e-9)  # about 1 by chance
    return float(np.clip(1.0 - CHANCE / odds, 0.0, 1.0))


def _posterior(design: Doubles, moved: Doubles, belief: Belief, width: int) -> _Fit:
    """Mean, with the trust in it, and covariance of the coefficients."""
    prior = _prior(belief, width)
    scaled = design * prior  # [N, B + R]
    gram = scaled @ design.T + belief.noise_sd**2 * np.eye(len(design))
    gained = np.linalg.solve(gram, scaled)  # [N, B + R]
    mean = belief.trust * (gained.T @ moved)
    covariance = np.diag(prior) - scaled.T @ gained
    return _Fit(belief, mean, covariance)
