"""MFCC and spectral contrast, to librosa's definitions at 22,050 Hz.

Sources: `librosa.feature.mfcc` (Slaney mel bands, orthonormal DCT) and
`librosa.feature.spectral_contrast` (Jiang et al. 2002), version 0.11, default parameters.

N samples at `RATE_HZ`, F frames, M mel bands, W windows.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from model.frontends.windows import FrameLevels, FrameSpans, centred_frames

RATE_HZ = 22_050
N_FFT = 2048
HOP = 512
N_MELS = 128
N_MFCC = 13
RANGE_DB = 80.0
"""Levels further under the window's maximum count as this far (librosa's `top_db`)."""

_POWER_FLOOR = 1e-10
_CONTRAST_EDGES_HZ = (0.0, 200.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0, 12_800.0)
_CONTRAST_QUANTILE = 0.02
_CHUNK_FRAMES = 128

N_CONTRAST = len(_CONTRAST_EDGES_HZ) - 1


OF_THE_ENCODER = tuple(f"spectral_contrast_{band}" for band in (5, 6, 7))
"""Columns that tell more of how a file was encoded than of its music: ordinary encodings (MP3 at
128 or 64 kbit/s, Vorbis at quality 4) move them by .5 to 2.3 standard deviations, since encoders
drop what is masked in the valleys of high bands, or all of it. No network reads them (ADR 97)."""

FILLED_BY_ENCODERS = ("spectral_contrast_3",)
"""The contrast from 400 to 800 Hz. Where its valleys are deeper than in nearly all music, encoders
fill them: networks read it up to a bound (ADR 102)."""


class SpectralFrames:
    """Levels of the short-time spectrum, frame by frame; windows are described from them.

    Frame k is centred on sample k * `HOP`; beyond its ends the waveform counts as silence.
    """

    def __init__(self, samples: Tensor) -> None:
        """Analyse `samples` [N] at `RATE_HZ`."""
        # In float64, as numpy does it for librosa: the deepest valleys lie under float32 noise.
        window = torch.hann_window(N_FFT, dtype=torch.float64, device=samples.device)
        bank = mel_bank().to(samples.device)
        frames = centred_frames(samples, N_FFT, HOP)  # [F, N_FFT]
        mel, peak, valley = [], [], []
        for chunk in torch.split(frames, _CHUNK_FRAMES):
            spectrum = torch.fft.rfft(chunk * window)
            power = (spectrum.real.square() + spectrum.imag.square()).float()  # [chunk, bins]
            mel.append(_decibels(power @ bank))
            high, low = _extremes(power)
            peak.append(_decibels(high))
            valley.append(_decibels(low))
        self._mel_db = FrameLevels(torch.cat(mel))  # [F, M]
        self._peak_db = FrameLevels(torch.cat(peak))  # [F, N_CONTRAST]
        self._valley_db = FrameLevels(torch.cat(valley))

    def describe(self, windows_s: Tensor) -> Tensor:
        """Mean MFCCs and contrasts over the frames centred in each window.

        Args:
            windows_s: Start and end in seconds, [W, 2] float64.

        Returns:
            [W, N_MFCC + N_CONTRAST].
        """
        places = windows_s * (RATE_HZ / HOP)
        spans = FrameSpans.between(places[:, 0], places[:, 1], len(self._mel_db))
        mel = self._mel_db.floored_means(spans, RANGE_DB)
        peak = self._peak_db.floored_means(spans, RANGE_DB)
        valley = self._valley_db.floored_means(spans, RANGE_DB)
        return torch.cat([mel @ dct_matrix().to(mel.device), peak - valley], dim=1)


def _decibels(power: Tensor) -> Tensor:
    return 10 * power.clamp(min=_POWER_FLOOR).log10()


def _extremes(power: Tensor) -> tuple[Tensor, Tensor]:
    """Mean magnitude of each band's strongest and of its weakest bins, [F, N_CONTRAST] each."""
    high, low = [], []
    for start, stop, count in _contrast_bands():
        band = power[:, start:stop]
        if count == 1:  # a plain extreme is much faster than a selection of one
            high.append(band.amax(1).sqrt())
            low.append(band.amin(1).sqrt())
        else:
            high.append(band.topk(count, sorted=False).values.sqrt().mean(1))
            low.append(band.topk(count, largest=False, sorted=False).values.sqrt().mean(1))
    return torch.stack(high, 1), torch.stack(low, 1)


@lru_cache(maxsize=1)
def _contrast_bands() -> tuple[tuple[int, int, int], ...]:
    """First bin, bin after the last, and number of extreme bins of each octave band.

    librosa counts the bins of a band with one more below it (and, in the top band, those above it),
    then leaves the uppermost out of all bands but the top one.
    """
    bands = []
    bin_hz = RATE_HZ / N_FFT
    for k in range(N_CONTRAST):
        first = math.ceil(_CONTRAST_EDGES_HZ[k] / bin_hz) - (1 if k else 0)
        top = k == N_CONTRAST - 1
        after = N_FFT // 2 + 1 if top else math.floor(_CONTRAST_EDGES_HZ[k + 1] / bin_hz) + 1
        count = max(1, round(_CONTRAST_QUANTILE * (after - first)))
        bands.append((first, after if top else after - 1, count))
    return tuple(bands)


@lru_cache(maxsize=1)
def mel_bank() -> Tensor:
    """The filters of the descriptors, [bins, N_MELS] float32."""
    return slaney_bank(RATE_HZ, N_FFT, N_MELS)


def slaney_bank(rate_hz: int, n_fft: int, n_mels: int) -> Tensor:
    """Slaney's triangular mel filters of unit area from 0 Hz on, [bins, n_mels] float32."""
    edges = _mel_to_hz(
        torch.linspace(0.0, _hz_to_mel(rate_hz / 2), n_mels + 2, dtype=torch.float64)
    )
    bins = torch.linspace(0.0, rate_hz / 2, n_fft // 2 + 1, dtype=torch.float64)
    widths = edges.diff()
    rising = (bins[:, None] - edges[:-2]) / widths[:-1]  # [bins, n_mels]
    falling = (edges[2:] - bins[:, None]) / widths[1:]
    return (torch.minimum(rising, falling).clamp(min=0) * 2 / (edges[2:] - edges[:-2])).float()


_LINEAR_HZ = 200 / 3  # Hz per mel below the break of Slaney's scale
_BREAK_HZ = 1000.0
_LOG_STEP = math.log(6.4) / 27


def _hz_to_mel(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz / _LINEAR_HZ
    return _BREAK_HZ / _LINEAR_HZ + math.log(hz / _BREAK_HZ) / _LOG_STEP


def _mel_to_hz(mel: Tensor) -> Tensor:
    break_mel = _BREAK_HZ / _LINEAR_HZ
    return torch.where(
        mel < break_mel, mel * _LINEAR_HZ, _BREAK_HZ * ((mel - break_mel) * _LOG_STEP).exp()
    )


@lru_cache(maxsize=1)
def dct_matrix() -> Tensor:
    """First `N_MFCC` columns of the orthonormal DCT-II, [N_MELS, N_MFCC] float32."""
    places = torch.arange(N_MELS, dtype=torch.float64) + 0.5
    orders = torch.arange(N_MFCC, dtype=torch.float64)
    basis = torch.cos(math.pi / N_MELS * places[:, None] * orders) * math.sqrt(2 / N_MELS)
    basis[:, 0] /= math.sqrt(2)
    return basis.float()
