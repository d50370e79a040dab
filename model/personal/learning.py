"""Learns a listener's plane from a few tracks that they placed on it.

A track that the model puts at `y` is felt at `W(y) + g(x)`: `W` a smooth warp of the plane with few
parameters, `g` a Gaussian process over the tracks' embeddings. Both are one Bayesian linear model
(Rasmussen & Williams 2006, 2.1), averaged over scales of its prior (Hoeting et al. 1999).

How much of it is believed is decided by how well it predicts each answer from those before: the
logarithms of these probabilities sum to the evidence. Two other listeners are held against it, one
who hears what the model hears, and one whose answers have nothing to do with the music (ADR 0101).
Letters: N placed tracks, T tracks, R features of a track, B terms of the warp, P = B + R, K prior
scales, J noises.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.arrays import Doubles
from model.errors import ShapeError
from model.personal.priors import (
    LEAST_PROBABLE,
    LESS_AN_ANSWER,
    NOISE_COUNT,
    NOISE_SD,
    NOISES,
    ODDS_OWN,
    ODDS_RANDOM,
    ODDS_SAME,
    RANDOM_MEAN_SD,
    RANDOM_NOISE_COUNT,
    RANDOM_NOISE_SD,
    log_noise,
    scales,
)
from model.personal.warp import TERMS, Warp, terms

AXES = 2
LEAST_PLACED = 2  # fewer say nothing about others


@dataclass(frozen=True)
class Learned:
    """A listener's plane.

    Attributes:
        warp: Of the plane; trust is in it.
        direction: What a track's features add to its place, [R, 2]; trust is in it.
        trust: How much of what was learned is believed, 0 (nothing) to 1.
        covariances: Of the coefficients of warp and features, for each axis, [2, P, P], without
            the noise of an answer, of a listener who hears in their own way.
    """

    warp: Warp
    direction: Doubles
    trust: float
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
    prior, log_prior = scales(features)
    mean = np.diag(np.exp(log_prior) @ prior)
    covariances = np.broadcast_to(mean, (AXES, *mean.shape))
    return Learned(Warp.identity(), np.zeros((features, AXES)), 0.0, covariances)


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
    design = np.concatenate([terms(heard), features], axis=1)  # [N, P]
    moved = said - heard
    prior, log_prior = scales(width)
    fits = _fits(design, moved, prior)
    log_own = log_prior + fits.evidence.sum(axis=1)  # [K]: one scale for both axes
    own = float(np.logaddexp.reduce(log_own))
    trust = _trust(own, _same(moved), _at_random(said), len(said))
    share = np.exp(log_own - own)
    mean = np.einsum("k,kpa->pa", share, fits.mean)
    weights, bent = trust * mean, len(TERMS)
    return Learned(
        warp=Warp(weights[:bent]).tamed(),
        direction=weights[bent:],
        trust=trust,
        covariances=_covariances(fits, share, mean),
    )


@dataclass(frozen=True)
class _Fits:
    """Both axes under each prior scale, averaged over the noise of an answer.

    Attributes:
        evidence: Log-probability of what was said, [K, 2], less a constant that all share.
        mean: Of the coefficients, [K, P, 2].
        basis: Their independent directions, [K, P, P], one a column, in prior standard deviations.
        left: Share of the prior variance that is left of each direction, [K, P, 2].
    """

    evidence: Doubles
    mean: Doubles
    basis: Doubles
    left: Doubles


def _fits(design: Doubles, moved: Doubles, prior: Doubles) -> _Fits:
    """The posterior under each prior scale: eigenvectors of P x P matrices, whatever N is."""
    sd = np.sqrt(prior)  # [K, P]
    values, axes = np.linalg.eigh(sd[:, :, None] * (design.T @ design) * sd[:, None, :])
    values = np.maximum(values, 0.0)[None, :, :, None]  # [1, K, P, 1]
    basis = sd[:, :, None] * axes
    turned = np.einsum("kpi,pa->kia", basis, design.T @ moved)  # [K, P, 2]
    noise = (NOISES**2)[:, None, None, None]  # [J, 1, 1, 1]
    spread = values + noise  # [J, K, P, 1]
    rest = (moved**2).sum(axis=0) - (turned**2 / spread).sum(axis=2)  # [J, K, 2]
    size = np.log1p(values / noise).sum(axis=2) + len(moved) * np.log(noise[:, 0])  # [J, K, 1]
    log = -0.5 * (rest / noise[:, 0] + size)
    log = log + log_noise(NOISES, NOISE_SD, NOISE_COUNT)[:, None, None]
    evidence = np.logaddexp.reduce(log, axis=0)  # [K, 2]
    chance = np.exp(log - evidence)[:, :, None]  # [J, K, 1, 2]
    mean = np.einsum("kpi,kia->kpa", basis, turned * (chance / spread).sum(axis=0))
    return _Fits(evidence, mean, basis, (chance * noise / spread).sum(axis=0))


def _covariances(fits: _Fits, share: Doubles, mean: Doubles) -> Doubles:
    """Of the coefficients, [2, P, P]: within prior scales and between them."""
    found = []
    for axis in range(AXES):
        within = (fits.basis * (share[:, None] * fits.left[..., axis])[:, None, :]) @ (
            fits.basis.transpose(0, 2, 1)
        )
        apart = fits.mean[..., axis] - mean[:, axis]  # [K, P]
        found.append(within.sum(axis=0) + (share[:, None] * apart).T @ apart)
    return np.stack(found)


def _same(moved: Doubles) -> float:
    """Evidence of who hears what the model hears: answers differ from it by noise alone."""
    noise = (NOISES**2)[:, None]
    log = -0.5 * ((moved**2).sum(axis=0) / noise + len(moved) * np.log(noise))  # [J, 2]
    log = log + log_noise(NOISES, NOISE_SD, NOISE_COUNT)[:, None]
    return float(np.logaddexp.reduce(log, axis=0).sum())


def _at_random(said: Doubles) -> float:
    """Evidence of who answers anything anywhere: places about some middle, whatever the music."""
    count, middle = len(said), said.mean(axis=0)
    noise = (NOISES**2)[:, None]
    rest = ((said - middle) ** 2).sum(axis=0) / noise + (count - 1) * np.log(noise)
    spread = noise + count * RANDOM_MEAN_SD**2
    log = -0.5 * (rest + count * middle**2 / spread + np.log(spread))  # [J, 2]
    log = log + log_noise(NOISES, RANDOM_NOISE_SD, RANDOM_NOISE_COUNT)[:, None]
    return float(np.logaddexp.reduce(log, axis=0).sum())


def _trust(own: float, same: float, at_random: float, placed: int) -> float:
    """How much of a correction is believed, 0 to 1: as far as it is likelier than it has to be.

    Args:
        own: Evidence of who hears in their own way, of both axes.
        same: Of who hears what the model hears.
        at_random: Of who answers at random.
        placed: Number of tracks that were placed.
    """
    logs = np.log([ODDS_OWN, ODDS_SAME, ODDS_RANDOM]) + np.array([own, same, at_random])
    probability = float(np.exp(logs[0] - np.logaddexp.reduce(logs)))
    least = max(LEAST_PROBABLE, 1.0 - LESS_AN_ANSWER * placed)
    return max(0.0, (probability - least) / (1.0 - least))
