"""Random cuts, stretches and keyframes of emotion curves, so that length and texture do not leak.

A user's curve has any length and a handful of keyframes; a training curve always has 60 frames and
its annotators' jitter. Letters: B batch, T frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class AugmentationConfig:
    """How curves vary in training.

    Attributes:
        crop_probability: Share of the curves that is cut, in [0, 1].
        min_crop: Shortest cut as a share of the curve, in (0, 1].
        min_frames: Fewest frames a batch is stretched to.
        max_frames: Most frames; equal to `min_frames` for no stretching.
        keyframe_probability: Share of the curves that is redrawn from a few keyframes.
        min_keyframes: Fewest keyframes, >= 2.
        max_keyframes: Most keyframes.
    """

    crop_probability: float = 0.5
    min_crop: float = 0.5
    min_frames: int = 30
    max_frames: int = 90
    keyframe_probability: float = 0.5
    min_keyframes: int = 4
    max_keyframes: int = 12


NO_AUGMENTATION = AugmentationConfig(
    crop_probability=0.0, min_frames=0, max_frames=0, keyframe_probability=0.0
)


def augment(
    curves: Tensor, lengths: Tensor, config: AugmentationConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Cut, redraw and stretch each curve of a batch.

    Args:
        curves: Padded curves, [B, T, 2].
        lengths: Valid frames of each, [B].
        config: What to vary; `NO_AUGMENTATION` returns the batch as it is.
        generator: The only source of randomness.

    Returns:
        Curves [B, T', 2] and lengths [B]; every curve has T' frames where `max_frames` > 0.
    """
    if config.max_frames == 0:
        return curves, lengths
    frames = _integer(config.min_frames, config.max_frames, generator)
    start, stop = _crop(lengths, config, generator)
    grid = torch.linspace(0.0, 1.0, frames)[None, :]  # [1, T']
    whole = sample(curves, start[:, None] + grid * (stop - start)[:, None])
    redrawn = _redraw(curves, start, stop, frames, config, generator)
    chosen = torch.rand(len(curves), generator=generator) < config.keyframe_probability
    result = torch.where(chosen[:, None, None], redrawn, whole)
    return result, torch.full_like(lengths, frames)


def sample(curves: Tensor, positions: Tensor) -> Tensor:
    """Curves at fractional frame positions by linear interpolation.

    Args:
        curves: [B, T, 2].
        positions: [B, K], in [0, T - 1].

    Returns:
        [B, K, 2].
    """
    before = positions.floor().long().clamp(max=curves.shape[1] - 1)
    after = (before + 1).clamp(max=curves.shape[1] - 1)
    weight = (positions - before)[..., None]  # [B, K, 1]
    row = torch.arange(len(curves))[:, None]  # [B, 1]
    return curves[row, before] * (1.0 - weight) + curves[row, after] * weight


def _crop(
    lengths: Tensor, config: AugmentationConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """First and last frame position of each cut, [B] each, fractional."""
    uniform = torch.rand(3, len(lengths), generator=generator)
    share = config.min_crop + (1.0 - config.min_crop) * uniform[0]
    share = torch.where(uniform[1] < config.crop_probability, share, 1.0)
    last = (lengths - 1).to(uniform.dtype)
    start = uniform[2] * (1.0 - share) * last
    return start, start + share * last


def _redraw(
    curves: Tensor,
    start: Tensor,
    stop: Tensor,
    frames: int,
    config: AugmentationConfig,
    generator: torch.Generator,
) -> Tensor:
    """The cut as straight lines between equally spaced keyframes, [B, T', 2]."""
    count = _integer(config.min_keyframes, config.max_keyframes, generator)
    grid = torch.linspace(0.0, 1.0, count)[None, :]  # [1, K]
    keyframes = sample(curves, start[:, None] + grid * (stop - start)[:, None])
    steps = torch.linspace(0.0, count - 1.0, frames)[None, :].expand(len(curves), -1)
    return sample(keyframes, steps)


def _integer(low: int, high: int, generator: torch.Generator) -> int:
    return int(torch.randint(low, high + 1, (1,), generator=generator).item())
