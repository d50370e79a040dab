"""GeMAPS's eleven loudness functionals, to openSMILE's definition (GeMAPSv01b).

Source: the configuration files in the `opensmile` package (`gemaps/v01b`): 20 ms Hamming frames
every 10 ms, power spectrum, 26 mel bands from 20 to 8000 Hz, equal-loudness weights and the power
law of PLP (Hermansky 1990), the mean of the bands, smoothed over three frames; then moments,
percentiles and peak slopes.

One departure: openSMILE's loudness grows with the file's sample rate, since its spectrum is not
normalised. Here it is what openSMILE gives at 44,100 Hz, whatever the rate (ADR on the
descriptors). The bands end at 8000 Hz, so it is computed from the waveform at 22,050 Hz: half the
samples on the same 43 Hz grid of frequencies.

N samples at `RATE_HZ`, F frames, W windows.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from model.frontends.peaks import peak_statistics
from model.frontends.windows import FrameSpans, quantiles

RATE_HZ = 22_050
STEP_S = 0.01
FRAME_S = 0.02

_FRAME = 441  # samples of a frame; two steps as well
_ODD_START = (
    221  # where every second frame starts: 220.5 samples on, so its window is half a sample off
)
_N_FFT = 512
_GAIN = 4.0  # power of a 44,100 Hz spectrum over that of a 22,050 Hz one
_N_BANDS = 26
_LOW_HZ, _HIGH_HZ = 20.0, 8000.0
_BAND_FLOOR = 9.3e-10
EXPONENT = 0.33
"""Loudness grows with power to this."""
_CHUNK_FRAMES = 1024

REFERENCE = 2.0
"""Mean loudness of a file as its columns are read; the middle song of DEAM has 1.97."""

NAMES = (
    "loudness_sma3_amean",
    "loudness_sma3_stddevNorm",
    "loudness_sma3_percentile20.0",
    "loudness_sma3_percentile50.0",
    "loudness_sma3_percentile80.0",
    "loudness_sma3_pctlrange0-2",
    "loudness_sma3_meanRisingSlope",
    "loudness_sma3_stddevRisingSlope",
    "loudness_sma3_meanFallingSlope",
    "loudness_sma3_stddevFallingSlope",
    "loudnessPeaksPerSec",
)

MEAN = NAMES[0]
LEVELS = frozenset(NAMES) - {"loudness_sma3_stddevNorm", "loudnessPeaksPerSec"}
"""Columns that grow in proportion to loudness; the others do not depend on it."""


def loudness_contour(samples: Tensor) -> Tensor:
    """Smoothed loudness every 10 ms; frame k starts at k * `STEP_S`.

    Args:
        samples: [N] at `RATE_HZ`, at least one frame.

    Returns:
        [F], >= 0; music has about 0.2 to 4.
    """
    n_frames = (2 * len(samples) - 2 * _FRAME) // _FRAME + 1
    window = _window().to(samples.device)
    even = _band_means(samples.unfold(0, _FRAME, _FRAME), window[::2])
    odd_samples = samples[_ODD_START:]
    odd = samples.new_zeros(0)
    if len(odd_samples) >= _FRAME:
        odd = _band_means(odd_samples.unfold(0, _FRAME, _FRAME), window[1::2])
    contour = samples.new_zeros(len(even) + len(odd))
    contour[::2], contour[1::2] = even, odd
    return _smoothed(contour[:n_frames])


def describe(contour: Tensor, windows_s: Tensor) -> Tensor:
    """The eleven functionals over the frames that lie within each window.

    Args:
        contour: Result of `loudness_contour`, [F].
        windows_s: Start and end in seconds, [W, 2] float64.

    Returns:
        [W, 11] in the order of `NAMES`.
    """
    low = windows_s[:, 0] / STEP_S
    high = (windows_s[:, 1] - FRAME_S) / STEP_S
    spans = FrameSpans.between(low, high, len(contour))
    index, inside = spans.indices()
    values = contour[index].masked_fill(~inside, 0.0).double()  # [W, L]
    mean = values.sum(1) / spans.count
    spread = (values - mean[:, None]).masked_fill(~inside, 0.0).square().sum(1) / spans.count
    variation = spread.sqrt() / torch.where(mean > 0, mean, 1.0)
    levels = quantiles(contour, spans, (0.2, 0.5, 0.8))  # [W, 3]
    slopes = peak_statistics(contour, spans, STEP_S)  # [W, 5]
    moments = torch.stack([mean, variation], 1).float()
    return torch.cat([moments, levels, levels[:, 2:] - levels[:, :1], slopes], 1)


def _band_means(frames: Tensor, window: Tensor) -> Tensor:
    """Loudness of each frame, [frames] from [frames, _FRAME]."""
    bank, weights = _bank_and_weights()
    bank, weights = bank.to(frames.device), weights.to(frames.device)
    means = []
    for chunk in torch.split(frames, _CHUNK_FRAMES):
        spectrum = torch.fft.rfft(chunk * window, n=_N_FFT)[:, : len(bank)]
        power = _GAIN * (spectrum.real.square() + spectrum.imag.square())  # [chunk, bins]
        bands = (power @ bank).clamp(min=_BAND_FLOOR) * weights  # [chunk, _N_BANDS]
        means.append(bands.pow(EXPONENT).mean(1))
    return torch.cat(means)


def _smoothed(contour: Tensor) -> Tensor:
    """Mean of each value and its two neighbours; the ends repeat."""
    padded = torch.cat([contour[:1], contour, contour[-1:]])
    return (padded[:-2] + contour + padded[2:]) / 3


@lru_cache(maxsize=1)
def _window() -> Tensor:
    return torch.hamming_window(2 * _FRAME, periodic=False)


@lru_cache(maxsize=1)
def _bank_and_weights() -> tuple[Tensor, Tensor]:
    """Mel filters of unit height, [bins, _N_BANDS], and equal-loudness weights, [_N_BANDS]."""
    bin_hz = RATE_HZ / _N_FFT
    edges = torch.linspace(_mel(_LOW_HZ), _mel(_HIGH_HZ), _N_BANDS + 2, dtype=torch.float64)
    bins = torch.arange(round(_HIGH_HZ / bin_hz), dtype=torch.float64)
    mel = 1127 * (1 + bins * bin_hz / 700).log()
    place = (mel[:, None] - edges[1:-1]) / (edges[1] - edges[0])  # [bins, bands], in band widths
    bank = (1 - place.abs()).clamp(min=0)
    bank[0] = 0  # the bin at 0 Hz is left out
    centres_hz = 700 * ((edges[1:-1] / 1127).exp() - 1)
    return bank.float(), equal_loudness(centres_hz).float()


def _mel(hz: float) -> float:
    return 1127 * math.log(1 + hz / 700)


def equal_loudness(hz: Tensor) -> Tensor:
    """The ear's sensitivity to power at `hz`: Hermansky's curve (1990) as openSMILE has it."""
    w = 2 * math.pi * hz
    w2 = w.square()
    numerator = 1e32 * (w2 + 56.8e6) * w2.square()
    return numerator / ((w2 + 6.3e6).square() * (w2 + 0.38e9) * (w2**3 * w + 1.7e31))
