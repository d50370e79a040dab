"""Kernel ridge regression from music to what a curve's course amounts to, beside the networks.

A kernel machine and a network err differently, so that the sum of both tells more than either. The
kernel machine predicts eight statistics of the curve from the music features; the emotion side
computes them. Both vectors join z, where a CCA of their own turns them into phi, so that scoring
and search see nothing but more canonical dimensions (ADR 0070).

Letters: B batch, T frames, F music features, N training songs, S statistics.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.encoders import curve_statistics, masked_mean
from model.transforms import QuantileTransform

EMOTION_AXES = 2
STATISTICS = 4 * EMOTION_AXES
PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
SPREAD_FLOOR = 0.01  # a steady curve has no logarithm of its spread


class CurveKernel(nn.Module):
    """The kernel machine: N centres, one weight a centre and statistic.

    `music -> bias + exp(-width |x - centre| / sqrt(F)) @ weights`, x the quantile-normalised
    features: the exponential kernel, whose functions are as rough as a kernel's can be.
    """

    centres: Tensor
    weights: Tensor
    bias: Tensor
    width: Tensor

    def __init__(self, features: int, centres: int, quantiles: int = 201) -> None:
        super().__init__()
        self.features = QuantileTransform(features, quantiles)
        self.statistics = QuantileTransform(STATISTICS, quantiles)
        self.register_buffer("centres", torch.zeros(centres, features))
        self.register_buffer("weights", torch.zeros(centres, STATISTICS))
        self.register_buffer("bias", torch.zeros(STATISTICS))
        self.register_buffer("width", torch.zeros(()))

    def music(self, frames: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Predicted statistics as standard normal variates, [B, F] or [B, T, F] -> [B, S]."""
        x = self.features(_mean(frames, lengths))
        predicted: Tensor = self.bias + self._kernel(x) @ self.weights
        return predicted

    def emotion(self, curves: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Statistics of curves (arousal, valence) as standard normal variates, [B, S]."""
        transformed: Tensor = self.statistics(_statistics(curves, lengths))
        return transformed

    def fit(self, features: Tensor, curves: Tensor, lengths: Tensor, width: float) -> Tensor:
        """Fit to training pairs; each statistic gets the penalty with the least left-out error.

        Args:
            features: One row a song, [N, F]; N is the number of centres.
            curves: Padded curves, [N, T, 2].
            lengths: Their frames, [N].
            width: Inverse width of the kernel, per root mean square of the columns.

        Returns:
            What `music` would give each song had it been left out of the regression, [N, S].
        """
        self.features.fit(features)
        self.statistics.fit(_statistics(curves, lengths))
        self.width.fill_(width)
        self.centres.copy_(self.features(features))
        target = self.emotion(curves, lengths).double()  # [N, S]
        bias = target.mean(dim=0)
        values, vectors = torch.linalg.eigh(self._kernel(self.centres).double())
        weights, left_out = _ridge(values, vectors, target - bias)
        self.weights.copy_(weights)
        self.bias.copy_(bias)
        return (bias + left_out).float()

    def _kernel(self, x: Tensor) -> Tensor:
        """Similarity of rows and centres, [B, N], in (0, 1]."""
        squared = (x**2).sum(1)[:, None] + (self.centres**2).sum(1)[None, :]
        mean_square = (squared - 2.0 * x @ self.centres.T).clamp(min=0.0) / x.shape[1]
        similarity: Tensor = torch.exp(-self.width * mean_square.sqrt())
        return similarity


def _ridge(values: Tensor, vectors: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Weights and left-out predictions of every column with its own best penalty, [N, S] both.

    Leaving song n out changes its prediction to `y - c / diag((K + penalty I)^-1)` with c the
    weights of all songs, so no regression is repeated.
    """
    rotated = vectors.T @ target  # [N, S]
    weights, left_out = torch.zeros_like(target), torch.zeros_like(target)
    least = torch.full_like(target[0], torch.inf)  # [S]
    for penalty in PENALTIES:
        inverse = 1.0 / (values.clamp(min=0.0) + penalty)  # [N]
        own = vectors @ (inverse[:, None] * rotated)
        error = own / (vectors**2 @ inverse)[:, None]  # y - left-out prediction
        mean_square = (error**2).mean(dim=0)
        better = mean_square < least  # [S]
        weights[:, better], left_out[:, better] = own[:, better], (target - error)[:, better]
        least = torch.minimum(least, mean_square)
    return weights, left_out


def _mean(frames: Tensor, lengths: Tensor | None) -> Tensor:
    """The mean frame of each row, [B, F]; [B, F] unchanged."""
    if frames.ndim == 2:
        return frames
    return frames.mean(dim=1) if lengths is None else masked_mean(frames, lengths)


def _statistics(curves: Tensor, lengths: Tensor | None) -> Tensor:
    """Mean, ln of spread, slope and curvature of both axes, [B, S]."""
    if lengths is None:
        lengths = torch.full((len(curves),), curves.shape[1], device=curves.device)
    return bent_statistics(curve_statistics(curves, lengths))


def bent_statistics(statistics: Tensor) -> Tensor:
    """Mean, spread, slope and curvature of both axes with the logarithm of the spread, [B, S]."""
    mean, std, *course = statistics.chunk(4, dim=1)
    return torch.cat([mean, (std + SPREAD_FLOOR).log(), *course], dim=1)
