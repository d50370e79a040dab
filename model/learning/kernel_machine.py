"""Fits the kernel machine beside the networks (ADR 0070).

Its centres are drawn from a Gaussian, so that a checkpoint holds no song's features. What a
column counts is learned by the likelihood of a Gaussian process (automatic relevance determination;
Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, Section 5.1).

Letters: N songs, F music features, M centres, S statistics.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from model.kernel import EMOTION_AXES, CurveKernel, course_statistics, exponential_kernel

JITTER = 1e-8
FIRST_NOISE = 0.3  # variance of the noise over that of what the kernel explains


@dataclass(frozen=True)
class KernelConfig:
    """How the kernel machine is fitted.

    Attributes:
        centres: M, points that carry the kernel.
        width: Inverse width of the kernel per root mean square of the columns, before relevance.
        penalties: Ridge penalties that each statistic chooses from.
        relevance_songs: At most this many songs tell how much each column counts.
        relevance_steps: Steps of their gradient; 0: all columns count alike.
        relevance_rate: Length of a step, in ln of scale.
        relevance_prior: Inverse variance of ln scale around that of `width`.
        seed: Draws centres and songs.
    """

    centres: int = 2048
    width: float = 0.5
    penalties: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
    relevance_songs: int = 600
    relevance_steps: int = 20
    relevance_rate: float = 0.05
    relevance_prior: float = 1.0
    seed: int = 0


def fit_kernel(
    features: Tensor, curves: Tensor, lengths: Tensor, config: KernelConfig, quantiles: int = 201
) -> tuple[CurveKernel, Tensor]:
    """Fit to training pairs; each statistic gets the penalty with the least left-out error.

    Args:
        features: One row a song, [N, F].
        curves: Padded curves, [N, T, 2].
        lengths: Their frames, [N].
        config: The recipe.
        quantiles: Points of the tables that normalise columns and statistics.

    Returns:
        The machine, and what its `music` would give each song had it been left out, [N, S].
    """
    machine = CurveKernel(features.shape[1], config.centres, quantiles)
    machine.features.fit(features)
    machine.statistics.fit(course_statistics(curves, lengths))
    x, target = machine.features(features).double(), machine.emotion(curves, lengths).double()
    bias = target.mean(dim=0)
    scales = relevance(x, target[:, :EMOTION_AXES], config)
    centres = _centres(x, config)
    root = torch.linalg.cholesky(_with_noise(exponential_kernel(centres, centres, scales), JITTER))
    similar = exponential_kernel(centres, x, scales)  # [M, N]
    columns = torch.linalg.solve_triangular(root, similar, upper=False)  # Nystroem's features
    dual, left_out = ridge(columns.T @ columns, target - bias, config.penalties)
    machine.centres.copy_(centres)
    machine.scales.copy_(scales)
    machine.weights.copy_(torch.linalg.solve_triangular(root.T, columns @ dual, upper=True))
    machine.bias.copy_(bias)
    return machine, (bias + left_out).float()


def relevance(x: Tensor, target: Tensor, config: KernelConfig) -> Tensor:
    """What each column counts, [F]: the scales under which the targets are most likely.

    The likelihood is that of Gaussian processes with the exponential kernel, one a target, whose
    variance is the best one and whose noise all share.

    Args:
        x: Normalised columns, [N, F].
        target: What to explain, [N, A].
        config: The recipe.
    """
    generator = torch.Generator().manual_seed(config.seed)
    some = torch.randperm(len(x), generator=generator)[: config.relevance_songs]
    x, y = x[some], target[some]
    y = (y - y.mean(dim=0)) / y.std(dim=0)
    first = math.log(config.width / math.sqrt(x.shape[1]))
    log_scales = torch.full_like(x[0], first, requires_grad=True)
    log_noise = torch.tensor(math.log(FIRST_NOISE), dtype=x.dtype, requires_grad=True)
    optimiser = torch.optim.Adam([log_scales, log_noise], lr=config.relevance_rate)
    for _ in range(config.relevance_steps):
        loss = surprise(exponential_kernel(x, x, log_scales.exp()), log_noise.exp(), y)
        far = ((log_scales - first) ** 2).sum()
        optimiser.zero_grad()
        (loss + 0.5 * config.relevance_prior * far).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    scales: Tensor = log_scales.detach().exp()
    return scales


def surprise(kernel: Tensor, noise: Tensor, y: Tensor) -> Tensor:
    """-ln likelihood of the columns of y at their best variances, less N A (1 + ln 2 pi) / 2.

    Args:
        kernel: Correlations of all songs, [N, N].
        noise: Variance of the noise over that of the kernel.
        y: Centred, [N, A].
    """
    root = torch.linalg.cholesky(_with_noise(kernel, noise))
    variance = (y * torch.cholesky_solve(y, root)).sum(dim=0) / len(y)
    determinant = root.diagonal().log().sum()
    result: Tensor = 0.5 * len(y) * variance.log().sum() + y.shape[1] * determinant
    return result


def ridge(kernel: Tensor, target: Tensor, penalties: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Weights of songs and left-out predictions, every column with its own best penalty.

    Leaving song n out changes its prediction to `y - c / diag((K + penalty I)^-1)` with c the
    weights of all songs, so no regression is repeated.

    Args:
        kernel: Similarity of all songs, [N, N].
        target: Centred, [N, S].
        penalties: To choose from.

    Returns:
        Both [N, S].
    """
    values, vectors = torch.linalg.eigh(kernel)
    rotated = vectors.T @ target  # [N, S]
    weights, left_out = torch.zeros_like(target), torch.zeros_like(target)
    least = torch.full_like(target[0], torch.inf)  # [S]
    for penalty in penalties:
        inverse = 1.0 / (values.clamp(min=0.0) + penalty)  # [N]
        own = vectors @ (inverse[:, None] * rotated)
        error = own / (vectors**2 @ inverse)[:, None]  # y - left-out prediction
        mean_square = (error**2).mean(dim=0)
        better = mean_square < least  # [S]
        weights[:, better], left_out[:, better] = own[:, better], (target - error)[:, better]
        least = torch.minimum(least, mean_square)
    return weights, left_out


def _centres(x: Tensor, config: KernelConfig) -> Tensor:
    """Points from the Gaussian with the columns' mean and covariance, [M, F]."""
    generator = torch.Generator().manual_seed(config.seed)
    root = torch.linalg.cholesky(_with_noise(torch.cov(x.T), 1e-6))
    drawn = torch.randn(config.centres, x.shape[1], generator=generator, dtype=x.dtype)
    centres: Tensor = (x.mean(dim=0) + drawn @ root.T).float().double()  # as they are kept
    return centres


def _with_noise(matrix: Tensor, variance: float | Tensor) -> Tensor:
    return matrix + variance * torch.eye(len(matrix), dtype=matrix.dtype)
