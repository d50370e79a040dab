"""Retrieval and regression metrics.

Conventions: a similarity matrix is [query, candidate], larger is more similar; `truth[q]` is the
column of query q's own partner. Ties share the mean of the ranks they occupy, so that a constant
matrix scores as chance does. Ranks start at 1. Letters: Q queries, N candidates.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from model.errors import ShapeError

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Retrieval:
    """How well the true partners rank.

    Attributes:
        mrr: Mean reciprocal rank, in (0, 1].
        ar: Average rank, in [1, N].
        ar_fraction: `ar` / N.
    """

    mrr: float
    ar: float
    ar_fraction: float


def validate(
    similarity: ArrayLike, truth: ArrayLike | None = None
) -> tuple[Matrix, NDArray[np.intp]]:
    """The matrix as float64 and the truth as indices; the diagonal where `truth` is None.

    Raises:
        ShapeError: The matrix is not two-dimensional, empty or not finite, or `truth` does not name
            a column for every row.
    """
    matrix = np.asarray(similarity, dtype=np.float64)
    if matrix.ndim != 2 or matrix.size == 0:
        raise ShapeError(f"a similarity matrix is [query, candidate], not {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise ShapeError("similarities hold NaN or infinity")
    if truth is None and matrix.shape[0] > matrix.shape[1]:
        raise ShapeError(f"{matrix.shape[0]} queries but {matrix.shape[1]} candidates: give truth")
    columns = np.arange(matrix.shape[0]) if truth is None else np.asarray(truth, dtype=np.intp)
    if columns.shape != (matrix.shape[0],):
        raise ShapeError(f"{matrix.shape[0]} queries but {columns.shape} true candidates")
    if columns.min() < 0 or columns.max() >= matrix.shape[1]:
        raise ShapeError(f"true candidates must be in 0..{matrix.shape[1] - 1}")
    return matrix, columns


def ranks(similarity: ArrayLike, truth: ArrayLike | None = None) -> NDArray[np.float64]:
    """Rank of each query's true candidate, [Q]; ties share their mean rank.

    Args:
        similarity: [Q, N].
        truth: Column of each query's partner, [Q]; the diagonal where None.

    Raises:
        ShapeError: See `validate`.
    """
    matrix, columns = validate(similarity, truth)
    own = matrix[np.arange(matrix.shape[0]), columns][:, None]  # [Q, 1]
    above = (matrix > own).sum(axis=1)
    tied_others = (matrix == own).sum(axis=1) - 1
    result: NDArray[np.float64] = 1.0 + above + 0.5 * tied_others
    return result


def retrieval(similarity: ArrayLike, truth: ArrayLike | None = None) -> Retrieval:
    """MRR and AR of one direction (paper, Section IV-B).

    Raises:
        ShapeError: See `validate`.
    """
    position = ranks(similarity, truth)
    candidates = np.asarray(similarity).shape[1]
    ar = float(position.mean())
    return Retrieval(mrr=float((1.0 / position).mean()), ar=ar, ar_fraction=ar / candidates)


def retrieval_within(
    similarity: ArrayLike, groups: ArrayLike, candidate_groups: ArrayLike | None = None
) -> Retrieval:
    """MRR and AR with candidates of the query's own group only.

    `ar_fraction` divides each rank by the size of its query's group. The truth is the diagonal.

    Args:
        similarity: [Q, Q].
        groups: Group of each query, [Q].
        candidate_groups: Group of each candidate; those of the queries where None.

    Raises:
        ShapeError: See `validate`.
    """
    matrix, columns = validate(similarity)
    own = np.asarray(groups)
    other = own if candidate_groups is None else np.asarray(candidate_groups)
    same = own[:, None] == other[None, :]  # [Q, N]
    floor = matrix.min() - 1.0
    position = ranks(np.where(same, matrix, floor), columns)
    return Retrieval(
        mrr=float((1.0 / position).mean()),
        ar=float(position.mean()),
        ar_fraction=float((position / same.sum(axis=1)).mean()),
    )


def chance(candidates: int) -> Retrieval:
    """Expected metrics of a random ranking of N candidates: MRR H_N / N, AR (N + 1) / 2."""
    harmonic = float((1.0 / np.arange(1, candidates + 1)).sum())
    ar = 0.5 * (candidates + 1)
    return Retrieval(mrr=harmonic / candidates, ar=ar, ar_fraction=ar / candidates)


def r2(truth: ArrayLike, predicted: ArrayLike) -> NDArray[np.float64]:
    """Coefficient of determination of each column, [C], for [Q, C] arrays; at most 1.

    Raises:
        ShapeError: The shapes differ or a true column is constant.
    """
    y, p = np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if y.shape != p.shape or y.ndim != 2:
        raise ShapeError(f"truth is {y.shape}, predictions are {p.shape}; both must be [Q, C]")
    total = ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    if (total == 0.0).any():
        raise ShapeError("a true column is constant: R2 is undefined")
    result: NDArray[np.float64] = 1.0 - ((y - p) ** 2).sum(axis=0) / total
    return result


def top_cosine(
    similarity: ArrayLike,
    query_vectors: ArrayLike,
    candidate_vectors: ArrayLike,
    share: float = 0.05,
) -> NDArray[np.float64]:
    """Mean cosine similarity between each query and its top candidates (paper, Section V).

    The vectors are of one kind: in E2M the mean emotions of query and candidates, in M2E their
    mean acoustic features.

    Args:
        similarity: [Q, N].
        query_vectors: [Q, F].
        candidate_vectors: [N, F].
        share: Share of the candidates that counts as top, in (0, 1].

    Returns:
        [Q], in [-1, 1].
    """
    matrix, _ = validate(similarity, np.zeros(np.asarray(similarity).shape[0], dtype=np.intp))
    count = max(1, round(share * matrix.shape[1]))
    top = np.argsort(-matrix, axis=1, kind="stable")[:, :count]  # [Q, K]
    cosine = _unit(query_vectors) @ _unit(candidate_vectors).T  # [Q, N]
    result: NDArray[np.float64] = np.take_along_axis(cosine, top, axis=1).mean(axis=1)
    return result


def evaluate(similarity_m2e: ArrayLike, similarity_e2m: ArrayLike) -> dict[str, Retrieval]:
    """All retrieval metrics of both directions, by name."""
    return {"m2e": retrieval(similarity_m2e), "e2m": retrieval(similarity_e2m)}


def calibrated_sd(residuals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation whose 50 % and 90 % intervals fit the residuals best, [N, 2] -> [2].

    The mean of the two quantiles' implied deviations: heavier tails than a Gaussian's widen it
    less than they widen the root mean square.
    """
    implied = [
        np.quantile(np.abs(residuals), level, axis=0) / half_width(level) for level in (0.5, 0.9)
    ]
    sd: NDArray[np.float64] = np.mean(implied, axis=0)
    return sd


def half_width(level: float) -> float:
    """Half the central interval of a standard normal, in standard deviations."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def _unit(vectors: ArrayLike) -> Matrix:
    rows = np.asarray(vectors, dtype=np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Matrix = rows / np.maximum(norms, np.finfo(np.float64).tiny)
    return unit
