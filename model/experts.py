"""Late experts: cues that the training tables do not have, joined with what the networks say.

A cue is a number heard in a stretch of music, given in units of its own noise. It is Gaussian
around a line of the emotion, and cues are independent given the emotion:

    cue = slopes . (arousal, valence) + noise,  noise ~ N(0, 1)

So the mean emotion of a stretch is that of a posterior: the regression head's estimate, with the
covariance of its errors, updated by each cue. And a cue's log-likelihood under the emotion of a
query is one more dimension of the Gaussian half of the score, in which the query is
N(slopes . emotion, 1) and the stretch N(cue, 1): search stays what it is, and exact (ADR 80).

N rows, C columns that cues read, M cues, D dimensions of the networks' Gaussians.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model.arrays import Doubles
from model.embedding import Embedding
from model.scoring import ScoringParams

UNHEARD_VAR = 100.0
"""Variance of a cue that was not heard: it says next to nothing."""

_LEAST_WEIGHT = 1e-3


@dataclass(frozen=True)
class Experts:
    """Cues, and how they depend on the emotion.

    Attributes:
        names: What the cues are called, M.
        columns: The columns that they are made of, C.
        readout: Cues are columns @ readout + bias, [C, M].
        bias: [M]; a cue of 0 is what a neutral emotion lets expect.
        slopes: Change of each cue with (arousal, valence), [M, 2].
        prior: Covariance of the regression head's errors, [2, 2].
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    readout: Doubles
    bias: Doubles
    slopes: Doubles
    prior: Doubles

    def only(self, names: Collection[str]) -> Experts:
        """The same without the cues that are not named."""
        kept = [name in names for name in self.names]
        return replace(
            self,
            names=tuple(name for name in self.names if name in names),
            readout=self.readout[:, kept],
            bias=self.bias[kept],
            slopes=self.slopes[kept],
        )

    def heard(self, columns: NDArray[np.float32]) -> tuple[Doubles, Doubles]:
        """Cues of rows, and their variances.

        Args:
            columns: [N, C]; not a number where a column was not measured.

        Returns:
            [N, M] both. A cue that reads what was not measured is 0 with `UNHEARD_VAR`.
        """
        values = np.asarray(columns, dtype=np.float64)
        reads = (self.readout != 0).astype(np.float64)  # [C, M]
        missing = np.isnan(values).astype(np.float64) @ reads > 0  # [N, M]
        cues = np.nan_to_num(values) @ self.readout + self.bias
        return np.where(missing, 0.0, cues), np.where(missing, UNHEARD_VAR, 1.0)

    def expected(self, emotion: Doubles) -> Doubles:
        """Cues that emotions let expect, [N, 2] (arousal, valence) -> [N, M]."""
        return np.asarray(emotion @ self.slopes.T, dtype=np.float64)

    def updated(self, emotion: Doubles, cues: Doubles, var: Doubles) -> Doubles:
        """Mean of the posterior: the head's estimate after the cues, [N, 2].

        Args:
            emotion: The head's (arousal, valence), [N, 2].
            cues: [N, M].
            var: Their variances, [N, M], > 0.
        """
        return self._posterior(emotion, cues, var)[0]

    def disagreement(self, emotion: Doubles, cues: Doubles, var: Doubles) -> Doubles:
        """Variance beyond the stated one where the cues contradict the head, [N, 2].

        What the cues move the head's estimate by has a variance that follows from the model: the
        prior's less the posterior's. What its square is more than that is added (as Birge's ratio
        does for measurements that scatter more than their errors).

        Args:
            emotion: As for `updated`.
            cues: As for `updated`.
            var: As for `updated`.
        """
        mean, covariance = self._posterior(emotion, cues, var)
        expected = np.diagonal(self.prior - covariance, axis1=1, axis2=2)  # [N, 2]
        return np.asarray(np.maximum((mean - emotion) ** 2 - expected, 0.0), dtype=np.float64)

    def _posterior(self, emotion: Doubles, cues: Doubles, var: Doubles) -> tuple[Doubles, Doubles]:
        """Mean [N, 2] and covariance [N, 2, 2] of the emotion after the cues."""
        mean = np.asarray(emotion, dtype=np.float64)
        covariance = np.broadcast_to(self.prior, (len(mean), 2, 2))
        for slope, cue, noise in zip(self.slopes, cues.T, var.T, strict=True):
            shared = covariance @ slope  # [N, 2]
            gain = shared / (shared @ slope + noise)[:, None]
            mean = mean + gain * (cue - mean @ slope)[:, None]
            covariance = covariance - gain[:, :, None] * shared[:, None, :]
        return mean, covariance


def joined(
    embedding: Embedding, cues: Doubles, var: Doubles | float, scoring: ScoringParams
) -> Embedding:
    """The networks' Gaussians with one dimension more a cue, so wide that its KL counts in full.

    Args:
        embedding: N rows of the networks.
        cues: [N, M].
        var: Their variances, [N, M] or one for all.
        scoring: Gives the weight of the Gaussian half.
    """
    means = (cues / math.sqrt(_gaussian_weight(scoring))).astype(np.float32)
    variances = np.broadcast_to(np.float32(var), means.shape)
    return Embedding(
        embedding.phi,
        np.concatenate([embedding.mu, means], axis=1),
        np.concatenate([embedding.var, variances], axis=1),
    )


def parted(
    embedding: Embedding, count: int, scoring: ScoringParams
) -> tuple[Embedding, Doubles, Doubles]:
    """What `joined` put together: the networks' rows, `count` cues, and their variances."""
    size = embedding.mu.shape[1] - count
    own = Embedding(embedding.phi, embedding.mu[:, :size], embedding.var[:, :size])
    cues = embedding.mu[:, size:].astype(np.float64) * math.sqrt(_gaussian_weight(scoring))
    return own, cues, embedding.var[:, size:].astype(np.float64)


def _gaussian_weight(scoring: ScoringParams) -> float:
    return max(1.0 - scoring.lambda_gaussian, _LEAST_WEIGHT)
