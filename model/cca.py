"""Canonical correlation analysis of z: fit, project, and what scoring needs to know about it.

Letters: N pairs, Dm and De sizes of the two z vectors, Dc canonical dimensions. Everything is
float64 inside: whitening divides by small eigenvalues.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from model.arrays import Doubles
from model.errors import ShapeError
from model.scoring import Kind, ScoringParams


@dataclass(frozen=True)
class CcaState:
    """A fitted CCA: phi = (z - mean) @ weights (W^T z of Eq. 3, centred).

    Attributes:
        w_music: W_m, [Dm, Dc].
        w_emotion: W_e, [De, Dc].
        mean_music: Mean of z over training music, [Dm].
        mean_emotion: Mean of z over training emotions, [De].
        rho: Correlations on the training set, [Dc], in [0, 1], descending within each part of
            a joined CCA. Optimistic: what selects and weighs dimensions is the held-out
            `ScoringParams.rho`.
    """

    w_music: Doubles
    w_emotion: Doubles
    mean_music: Doubles
    mean_emotion: Doubles
    rho: Doubles

    def project_music(self, z: ArrayLike) -> Doubles:
        """Phi of music, [N, Dm] -> [N, Dc].

        Raises:
            ShapeError: z has another number of columns than the fit.
        """
        return _project(z, self.mean_music, self.w_music)

    def project_emotion(self, z: ArrayLike) -> Doubles:
        """Phi of emotions, [N, De] -> [N, Dc].

        Raises:
            ShapeError: z has another number of columns than the fit.
        """
        return _project(z, self.mean_emotion, self.w_emotion)


def fit_cca(
    z_music: ArrayLike,
    z_emotion: ArrayLike,
    *,
    regularisation: float = 1e-4,
    dimensions: int | None = None,
) -> CcaState:
    """The linear CCA of paired vectors, by SVD of the whitened cross-covariance (Eq. 2-3).

    Args:
        z_music: [N, Dm], N >= 2; row n belongs to row n of `z_emotion`.
        z_emotion: [N, De].
        regularisation: Added to each covariance's diagonal as a share of its mean diagonal, >= 0;
            relative, so that scaling z changes nothing.
        dimensions: Dc; None: min(Dm, De).

    Returns:
        The fit. On the training rows phi has (for regularisation 0) unit variance, uncorrelated
        dimensions and cross-correlations `rho`. Signs: the largest weight of each column of W_m is
        positive, so that equal inputs give equal files.

    Raises:
        ShapeError: Unequal rows, or fewer than 2.
    """
    music, emotion = _paired(z_music, z_emotion)
    mean_music, mean_emotion = music.mean(axis=0), emotion.mean(axis=0)
    music, emotion = music - mean_music, emotion - mean_emotion
    white_music = _whitener(music, regularisation)  # [Dm, Rm]
    white_emotion = _whitener(emotion, regularisation)  # [De, Re]
    cross = white_music.T @ (music.T @ emotion / len(music)) @ white_emotion  # [Rm, Re]
    left, rho, right = np.linalg.svd(cross, full_matrices=False)
    kept = min(len(rho), dimensions or len(rho))
    w_music, w_emotion = white_music @ left[:, :kept], white_emotion @ right[:kept].T
    signs = np.where(w_music[np.abs(w_music).argmax(axis=0), np.arange(kept)] < 0, -1.0, 1.0)
    return CcaState(
        w_music * signs,
        w_emotion * signs,
        mean_music,
        mean_emotion,
        np.clip(rho[:kept], 0.0, 1.0),
    )


def join_cca(left: CcaState, right: CcaState) -> CcaState:
    """Two CCAs side by side: z is the left's columns, then the right's, and so is phi.

    Each part keeps its own correlations; what both explain is counted twice (ADR 0070).
    """
    return CcaState(
        _block_diagonal(left.w_music, right.w_music),
        _block_diagonal(left.w_emotion, right.w_emotion),
        np.concatenate([left.mean_music, right.mean_music]),
        np.concatenate([left.mean_emotion, right.mean_emotion]),
        np.concatenate([left.rho, right.rho]),
    )


def pad_cca(cca: CcaState, dimensions: int) -> CcaState:
    """The CCA with constant dimensions of no correlation behind its own, up to `dimensions`.

    A handful of songs spans fewer directions than z has; folds must still agree on Dc.
    """
    lacking = max(0, dimensions - len(cca.rho))
    w_music, w_emotion = (
        np.pad(weights, ((0, 0), (0, lacking))) for weights in (cca.w_music, cca.w_emotion)
    )
    rho = np.pad(cca.rho, (0, lacking))
    return CcaState(w_music, w_emotion, cca.mean_music, cca.mean_emotion, rho)


def held_out_rho(cca: CcaState, z_music: ArrayLike, z_emotion: ArrayLike) -> Doubles:
    """Correlation of each canonical dimension on pairs that nothing was fitted to.

    Args:
        cca: The fit.
        z_music: [N, Dm].
        z_emotion: [N, De].

    Returns:
        [Dc], in [-1, 1]; 0 where a projection is constant.

    Raises:
        ShapeError: Unequal rows, or fewer than 2.
    """
    music, emotion = _paired(z_music, z_emotion)
    return row_correlations(cca.project_music(music), cca.project_emotion(emotion))


def fit_scoring(
    phi_music: ArrayLike,
    phi_emotion: ArrayLike,
    rho: ArrayLike,
    *,
    kind: Kind = "gaussian",
    lambda_gaussian: float = 0.5,
    lambda_paper: float = 0.5,
    min_rho: float = 0.1,
) -> ScoringParams:
    """Regression lines in both directions, standardisation and correlations (Section III-C).

    Args:
        phi_music: Training projections, [N, Dc].
        phi_emotion: Training projections of the same pairs, [N, Dc].
        rho: Held-out correlations, [Dc]; negative ones count as 0.
        kind: The CCA half to score with.
        lambda_gaussian: Weight of the CCA half, `gaussian`.
        lambda_paper: Weight of the CCA half, `paper`.
        min_rho: P of Eq. 8.

    Raises:
        ShapeError: Unequal rows, or fewer than 2.
    """
    music, emotion = _paired(phi_music, phi_emotion)
    m2e_slope, m2e_intercept = regression_lines(music, emotion)
    e2m_slope, e2m_intercept = regression_lines(emotion, music)
    return ScoringParams(
        kind=kind,
        lambda_gaussian=lambda_gaussian,
        lambda_paper=lambda_paper,
        min_rho=min_rho,
        rho=_tensor(np.clip(np.asarray(rho, dtype=np.float64), 0.0, 1.0)),
        m2e_slope=_tensor(m2e_slope),
        m2e_intercept=_tensor(m2e_intercept),
        e2m_slope=_tensor(e2m_slope),
        e2m_intercept=_tensor(e2m_intercept),
        music_mean=_tensor(music.mean(axis=0)),
        music_std=_tensor(_std(music)),
        emotion_mean=_tensor(emotion.mean(axis=0)),
        emotion_std=_tensor(_std(emotion)),
    )


def regression_lines(x: Doubles, y: Doubles) -> tuple[Doubles, Doubles]:
    """Least-squares slope and intercept of each column of y on that column of x, [D] each.

    A constant column of x gives slope 0.
    """
    centred = x - x.mean(axis=0)
    power = (centred**2).sum(axis=0)
    covariance = (centred * (y - y.mean(axis=0))).sum(axis=0)
    slope = np.divide(covariance, power, out=np.zeros_like(power), where=power > 0)
    return slope, y.mean(axis=0) - slope * x.mean(axis=0)


def row_correlations(x: Doubles, y: Doubles) -> Doubles:
    """Pearson correlation of each column of x with that column of y, [D]; 0 for constant ones."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    scale: Doubles = np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    products: Doubles = (x * y).sum(axis=0)
    return np.divide(products, scale, out=np.zeros_like(scale), where=scale > 0)


def _whitener(centred: Doubles, regularisation: float) -> Doubles:
    """K with K^T (S + r I) K = I over the directions S spans, [D, R]."""
    covariance = centred.T @ centred / len(centred)
    ridge = regularisation * float(np.trace(covariance)) / len(covariance)
    values, vectors = np.linalg.eigh(covariance)
    spanned = values > 1e-12 * max(float(values[-1]), np.finfo(np.float64).tiny)
    whitener: Doubles = vectors[:, spanned] / np.sqrt(values[spanned] + ridge)
    return whitener


def _block_diagonal(left: Doubles, right: Doubles) -> Doubles:
    blocks = np.zeros((len(left) + len(right), left.shape[1] + right.shape[1]))
    blocks[: len(left), : left.shape[1]] = left
    blocks[len(left) :, left.shape[1] :] = right
    return blocks


def _project(z: ArrayLike, mean: Doubles, weights: Doubles) -> Doubles:
    rows = np.asarray(z, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != len(mean):
        raise ShapeError(f"z is {rows.shape}; this CCA was fitted to [rows, {len(mean)}]")
    projected: Doubles = (rows - mean) @ weights
    return projected


def _paired(left: ArrayLike, right: ArrayLike) -> tuple[Doubles, Doubles]:
    x, y = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or len(x) < 2:
        raise ShapeError(f"{x.shape} and {y.shape} are no pairs: [rows >= 2, columns] both")
    return x, y


def _std(values: Doubles) -> Doubles:
    std: Doubles = np.maximum(values.std(axis=0), 1e-6)
    return std


def _tensor(values: Doubles) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
