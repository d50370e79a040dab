"""Band-limited resampling to one fixed rate, for a frontend's eyes only.

A Kaiser-windowed sinc with the response of soxr's "HQ" quality, which librosa resamples with,
applied like soxr does: block by block through the Fourier transform, in float32. Both matter. The
uppermost mel bands lie in the filter's transition, and the valley of the top contrast band in the
last hundred hertz of it, at -110 dB, where it meets the rounding noise: another filter, as good,
moves that column by whole standard deviations, and a noiseless one by half of one.

N input samples, M output samples, B blocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import pad

PASS_BAND_END = 0.914367
STOP_BAND_START = 0.99962
"""Ends of the transition, as fractions of the lower Nyquist frequency; fitted to soxr's HQ."""

STOP_BAND_DB = 128.537
"""Attenuation of the stop band in dB; fitted likewise, to 0.1 dB (root mean square)."""

_MAX_DENOMINATOR = 2000
_BLOCK = 4096
_CHUNK_BLOCKS = 32


def resample(samples: Tensor, from_hz: int, to_hz: int) -> Tensor:
    """Bring `samples` to another rate; sample m of the result lies at m / to_hz seconds.

    Rates without a small common ratio (22,051 Hz to 22,050 Hz) use the nearest one, which is off by
    less than one part in 20,000, a tenth of a cent.

    Args:
        samples: [N] float32.
        from_hz: Their rate in Hz.
        to_hz: The wanted rate in Hz.

    Returns:
        [M] float32, M = ceil(N * to_hz / from_hz).
    """
    if from_hz == to_hz:
        return samples
    plan = _plan(Fraction(to_hz, from_hz).limit_denominator(_MAX_DENOMINATOR))
    n_out = math.ceil(len(samples) * to_hz / from_hz)
    n_blocks = math.ceil(n_out / plan.step_out)
    right = n_blocks * plan.step_in + plan.guard_in - len(samples)
    blocks = pad(samples, (plan.guard_in, right)).unfold(0, plan.size_in, plan.step_in)
    response = plan.response.to(samples.device)
    kept = slice(plan.guard_out, plan.guard_out + plan.step_out)
    pieces = []
    for chunk in torch.split(blocks, _CHUNK_BLOCKS):  # [B, size_in]
        spectrum = torch.fft.rfft(chunk) * response
        pieces.append(torch.fft.irfft(spectrum, n=plan.size_out)[:, kept])  # [B, step_out]
    return torch.cat(pieces).reshape(-1)[:n_out]


@dataclass(frozen=True)
class _Plan:
    """Overlapping blocks of `size_in` samples give `size_out`, less the guards at their ends."""

    response: Tensor  # real, the filter has no delay; [size_in / 2 + 1] float32
    size_in: int
    size_out: int
    guard_in: int
    guard_out: int

    @property
    def step_in(self) -> int:
        return self.size_in - 2 * self.guard_in

    @property
    def step_out(self) -> int:
        return self.size_out - 2 * self.guard_out


@lru_cache(maxsize=16)
def _plan(ratio: Fraction) -> _Plan:
    up, down = ratio.numerator, ratio.denominator
    taps = _taps(ratio)
    half = len(taps) // 2
    guard = math.ceil(half / down)  # in units of `down` samples in, `up` samples out
    size = max(2 * math.ceil(_BLOCK / (2 * down)), 4 * guard + 2)  # even in these units
    centred = torch.zeros(size * down, dtype=torch.float64)
    centred[: half + 1] = taps[half:]
    centred[-half:] = taps[:half]
    response = torch.fft.rfft(centred).real * (up / down)
    return _Plan(response.float(), size * down, size * up, guard * down, guard * up)


def _taps(ratio: Fraction) -> Tensor:
    """The filter at the input's rate, symmetric, [taps] float64."""
    nyquist = 0.5 * min(1.0, float(ratio))  # cycles per input sample
    width = nyquist * (STOP_BAND_START - PASS_BAND_END)
    half_length = (STOP_BAND_DB - 7.95) / (14.36 * width) / 2  # Kaiser's formula
    offset = torch.arange(
        -math.floor(half_length), math.floor(half_length) + 1, dtype=torch.float64
    )
    cutoff = nyquist * (STOP_BAND_START + PASS_BAND_END)
    beta = torch.tensor(0.1102 * (STOP_BAND_DB - 8.7), dtype=torch.float64)
    bell = torch.i0(beta * (1 - (offset / half_length).square()).sqrt()) / torch.i0(beta)
    return cutoff * torch.sinc(cutoff * offset) * bell
