"""Band-limited resampling to one fixed rate, for a frontend's eyes only.

A Kaiser-windowed sinc with the response of soxr's "HQ" quality, which librosa resamples with. The
uppermost mel bands lie in its transition, and the valley of the top contrast band in its last
hundred hertz: a filter as good, but of another shape, moves that column by whole deviations.

N input samples, M output samples, P output samples computed per convolution step.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import conv1d, pad

PASS_BAND_END = 0.914367
STOP_BAND_START = 0.99962
"""Ends of the transition, as fractions of the lower Nyquist frequency; fitted to soxr's HQ."""

STOP_BAND_DB = 128.537
"""Attenuation of the stop band in dB; fitted likewise, to 0.1 dB (root mean square)."""

_MAX_DENOMINATOR = 2000
_MIN_PHASES = 32


def resample(samples: Tensor, from_hz: int, to_hz: int) -> Tensor:
    """Bring `samples` to another rate; sample m of the result lies at m / to_hz seconds.

    Rates without a small common ratio (47,999 Hz to 22,050 Hz) use the nearest one, which is off by
    less than one part in a million.

    Args:
        samples: [N] float32.
        from_hz: Their rate in Hz.
        to_hz: The wanted rate in Hz.

    Returns:
        [M] float32, M = ceil(N * to_hz / from_hz).
    """
    if from_hz == to_hz:
        return samples
    ratio = Fraction(to_hz, from_hz).limit_denominator(_MAX_DENOMINATOR)
    kernel, step, half = _kernel(ratio)
    n_out = math.ceil(len(samples) * to_hz / from_hz)
    n_phases, size = kernel.shape
    n_steps = math.ceil(n_out / n_phases)
    right = max(0, (n_steps - 1) * step + size - len(samples) - half)
    padded = pad(samples, (half, right))
    out = conv1d(
        padded[None, None], kernel.to(samples.device)[:, None], stride=step
    )  # [1, P, steps]
    return out[0].T.reshape(-1)[:n_out]


@lru_cache(maxsize=16)
def _kernel(ratio: Fraction) -> tuple[Tensor, int, int]:
    """Filters [P, taps], input samples per step, and those before the first output."""
    repeats = max(1, math.ceil(_MIN_PHASES / ratio.numerator))
    n_phases, step = ratio.numerator * repeats, ratio.denominator * repeats
    nyquist = 0.5 * min(1.0, float(ratio))  # cycles per input sample
    width = nyquist * (STOP_BAND_START - PASS_BAND_END)
    half_length = (STOP_BAND_DB - 7.95) / (14.36 * width) / 2  # Kaiser's formula
    half = math.ceil(half_length)
    taps = torch.arange(step + 2 * half, dtype=torch.float64) - half
    centres = torch.arange(n_phases, dtype=torch.float64) / float(ratio)
    offset = taps[None, :] - centres[:, None]  # [P, taps], input samples from the output's place
    cutoff = nyquist * (STOP_BAND_START + PASS_BAND_END)
    beta = 0.1102 * (STOP_BAND_DB - 8.7)
    bell = torch.i0(beta * (1 - (offset / half_length).square()).clamp(min=0).sqrt())
    bell = torch.where(offset.abs() <= half_length, bell / torch.i0(torch.tensor(beta)), 0.0)
    return (cutoff * torch.sinc(cutoff * offset) * bell).float(), step, half
