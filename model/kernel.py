"""Kernel ridge regression from music to what a curve's course amounts to, beside the networks.

A kernel machine and a network err differently, so that the sum of both tells more than either. The
kernel machine predicts eight statistics of the curve from the music features; the emotion side
computes them. Both vectors join z, where a CCA of their own turns them into phi, so that scoring
and search see nothing but more canonical dimensions (ADR 0070). It is fitted by
`model.learning.kernel_machine`.

Letters: B batch, T frames, F music features, M centres, S statistics.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.encoders import curve_statistics, masked_mean
from model.transforms import QuantileTransform

EMOTION_AXES = 2
STATISTICS = 4 * EMOTION_AXES
LEAST_SQUARE = 1e-12  # a root has no slope at nothing
SPREAD_FLOOR = 0.01  # a steady curve has no logarithm of its spread


class CurveKernel(nn.Module):
    """The kernel machine: M centres, one weight a centre and statistic.

    `music -> bias + exp(-|scales * (x - centre)|) @ weights`, x the quantile-normalised features:
    the exponential kernel, whose functions are as rough as a kernel's can be. A column with a small
    scale counts little.
    """

    centres: Tensor
    scales: Tensor
    weights: Tensor
    bias: Tensor

    def __init__(self, features: int, centres: int, quantiles: int = 201) -> None:
        super().__init__()
        self.features = QuantileTransform(features, quantiles)
        self.statistics = QuantileTransform(STATISTICS, quantiles)
        self.register_buffer("centres", torch.zeros(centres, features))
        self.register_buffer("scales", torch.ones(features))
        self.register_buffer("weights", torch.zeros(centres, STATISTICS))
        self.register_buffer("bias", torch.zeros(STATISTICS))

    def music(self, frames: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Predicted statistics as standard normal variates, [B, F] or [B, T, F] -> [B, S]."""
        x = self.features(_mean(frames, lengths))
        similarity = exponential_kernel(x, self.centres, self.scales)
        predicted: Tensor = self.bias + similarity @ self.weights
        return predicted

    def emotion(self, curves: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Statistics of curves (arousal, valence) as standard normal variates, [B, S]."""
        transformed: Tensor = self.statistics(course_statistics(curves, lengths))
        return transformed


def exponential_kernel(left: Tensor, right: Tensor, scales: Tensor) -> Tensor:
    """`exp(-|scales * (left - right)|)` of all pairs of rows, [N, F] and [M, F] -> [N, M].

    Args:
        left: Rows.
        right: Other rows.
        scales: What a column counts, [F], >= 0.
    """
    left, right = left * scales, right * scales
    squared = (left**2).sum(1)[:, None] + (right**2).sum(1)[None, :] - 2.0 * left @ right.T
    return torch.exp(-squared.clamp(min=LEAST_SQUARE).sqrt())


def _mean(frames: Tensor, lengths: Tensor | None) -> Tensor:
    """The mean frame of each row, [B, F]; [B, F] unchanged."""
    if frames.ndim == 2:
        return frames
    return frames.mean(dim=1) if lengths is None else masked_mean(frames, lengths)


def course_statistics(curves: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Mean, ln of spread, slope and curvature of both axes, [B, T, 2] -> [B, S]."""
    if lengths is None:
        lengths = torch.full((len(curves),), curves.shape[1], device=curves.device)
    return bent_statistics(curve_statistics(curves, lengths))


def bent_statistics(statistics: Tensor) -> Tensor:
    """Mean, spread, slope and curvature of both axes with the logarithm of the spread, [B, S]."""
    mean, std, *course = statistics.chunk(4, dim=1)
    return torch.cat([mean, (std + SPREAD_FLOOR).log(), *course], dim=1)
