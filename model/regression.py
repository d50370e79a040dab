"""The regression head: mean arousal and valence of an embedding (the paper's Table 3 use of it).

Letters: N rows, D columns of (phi, mu, ln var), M centres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from model.arrays import Doubles
from model.embedding import Embedding
from model.errors import ShapeError


@dataclass(frozen=True)
class MeanHead:
    """A ridge and a Gaussian-kernel part over standardised (phi, mu, ln var).

    `x -> bias + x @ weights + exp(-gamma / D * |x - centre|^2) @ kernel_weights`

    Attributes:
        mean: Column means, [D].
        std: What columns are divided by, [D], > 0: their standard deviations over trust.
        bias: Mean of the training targets (arousal, valence), [2].
        weights: Linear part, [D, 2].
        centres: Kernel centres in standardised columns, [M, D]; M = 0: no kernel part.
        kernel_weights: [M, 2].
        gamma: Inverse squared width of the kernel, per column, >= 0.
    """

    mean: Doubles
    std: Doubles
    bias: Doubles
    weights: Doubles
    centres: Doubles
    kernel_weights: Doubles
    gamma: float

    def predict(self, embedding: Embedding) -> NDArray[np.float32]:
        """(arousal, valence) of each row in [-1, 1], [N, 2].

        Raises:
            ShapeError: The embedding has other columns than the head was fitted to.
        """
        columns = head_columns(embedding)
        if columns.shape[1] != len(self.mean):
            raise ShapeError(
                f"the embedding has {columns.shape[1]} columns; the head reads {len(self.mean)}"
            )
        x = (columns - self.mean) / self.std
        predicted = self.bias + x @ self.weights
        if len(self.centres):
            predicted = predicted + _kernel(x, self.centres, self.gamma) @ self.kernel_weights
        return np.clip(predicted, -1.0, 1.0).astype(np.float32)


def head_columns(embedding: Embedding) -> Doubles:
    """(phi, mu, ln var) of each row, [N, Dc + 2 Dk]."""
    parts = (embedding.phi, embedding.mu, np.log(embedding.var))
    return np.concatenate(parts, axis=1).astype(np.float64)


def fit_mean_head(
    embedding: Embedding,
    targets: ArrayLike,
    *,
    ridge: float = 1.0,
    gamma: float = 0.0,
    centres: int = 512,
    seed: int = 0,
    cross_fitted: int = 0,
    trust: float = 1.0,
) -> MeanHead:
    """Fit the head: linear ridge for gamma 0, kernel ridge with Nystroem centres otherwise.

    Args:
        embedding: Training rows.
        targets: Mean (arousal, valence) of each row, [N, 2].
        ridge: Penalty on the weights, > 0.
        gamma: 0 for the linear head, else the kernel's inverse squared width per column.
        centres: At most this many training rows carry the kernel.
        seed: Which rows those are.
        cross_fitted: The first columns that were computed without the row's own emotion.
        trust: Scale of the other columns, in (0, 1]: encoders know the songs that trained them, so
            that their columns promise more than they keep.

    Raises:
        ShapeError: Unequal rows.
    """
    columns, y = head_columns(embedding), np.asarray(targets, dtype=np.float64)
    if y.shape != (len(columns), 2):
        raise ShapeError(f"targets are {y.shape}; expected [{len(columns)}, 2]")
    mean: Doubles = columns.mean(axis=0)
    std: Doubles = np.maximum(columns.std(axis=0), 1e-6)
    std[cross_fitted:] /= trust
    x, bias = (columns - mean) / std, y.mean(axis=0)
    size = x.shape[1]
    if gamma == 0.0:
        none: Doubles = np.zeros((0, size))
        return MeanHead(mean, std, bias, _ridge(x, y - bias, ridge), none, none[:, :2], 0.0)
    rows = np.sort(np.random.default_rng(seed).permutation(len(x))[:centres])
    kernel_weights = _kernel_ridge(x, x[rows], y - bias, gamma, ridge)
    return MeanHead(mean, std, bias, np.zeros((size, 2)), x[rows], kernel_weights, gamma)


def _ridge(x: Doubles, y: Doubles, ridge: float) -> Doubles:
    """(x^T x + ridge I)^-1 x^T y, [D, 2]."""
    return _solve(x.T @ x + ridge * np.eye(x.shape[1]), x.T @ y)


def _kernel_ridge(x: Doubles, centres: Doubles, y: Doubles, gamma: float, ridge: float) -> Doubles:
    """Nystroem kernel ridge: (K_mn K_nm + ridge K_mm)^-1 K_mn y, [M, 2]."""
    cross = _kernel(x, centres, gamma)  # [N, M]
    own = _kernel(centres, centres, gamma)  # [M, M]
    system = cross.T @ cross + ridge * own + 1e-8 * len(x) * np.eye(len(centres))
    return _solve(system, cross.T @ y)


def _solve(system: Doubles, right: Doubles) -> Doubles:
    return np.asarray(np.linalg.solve(system, right), dtype=np.float64)


def _kernel(x: Doubles, centres: Doubles, gamma: float) -> Doubles:
    """exp(-gamma / D |x - c|^2), [N, M]."""
    squared = (x**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1)[None, :]
    distance = np.maximum(squared - 2.0 * x @ centres.T, 0.0)
    kernel: Doubles = np.exp(-gamma / x.shape[1] * distance)
    return kernel
