"""Onsets per second, from two detection functions and an adaptive threshold.

Sources: high-frequency content (Masri 1996, here of magnitudes) and complex-domain difference
(Bello, Duxbury, Davies & Sandler 2004), each relative to its maximum, averaged, smoothed and
compared with a moving median (Brossier, Bello & Plumbley 2004; Bello et al. 2005). Settings are
those that agree with the public training table (ADR 73).

N samples at `RATE_HZ`, F frames, B bins, W windows, L frames of the longest window.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import pad

from model.frontends.windows import FrameSpans, centred_frames

RATE_HZ = 44_100
N_FFT = 1024
HOP = 512
NAMES = ("onset_rate",)

_MEAN_SHARE = 0.1  # of the local mean, added to the local median
_SILENCE = 0.02  # of the largest values in the window
_LEAD = 10  # frames before a window that tell whether it starts within a note
_LEAST_S = 1.0  # shorter windows count as this long: one onset in a tenth is not ten a second
_CHUNK_FRAMES = 512
_FAINTEST = 1e-15  # a magnitude whose square float32 still holds
_NOISE_RMS = 10 ** (-90 / 20)  # of full scale; what is softer has no onsets


class OnsetFrames:
    """Detection functions frame by frame; windows are described from them.

    Frame k is centred on sample k * `HOP`; beyond its ends the waveform counts as silence.
    """

    def __init__(self, samples: Tensor) -> None:
        """Analyse `samples` [N] at `RATE_HZ`."""
        frames = centred_frames(samples, N_FFT, HOP)  # [F, N_FFT]
        window = torch.hann_window(N_FFT, device=samples.device)
        rank = torch.arange(N_FFT // 2 + 1, dtype=torch.float32, device=samples.device)
        before = samples.new_zeros(2, len(rank), dtype=torch.complex64)
        content, change = [], []
        for chunk in torch.split(frames, _CHUNK_FRAMES):
            spectra = torch.cat([before, torch.fft.rfft(chunk * window)])  # [2 + chunk, B]
            magnitudes = _magnitude(spectra)
            content.append(magnitudes[2:] @ rank)
            change.append(_complex_difference(spectra, magnitudes))
            before = spectra[-2:]
        self._functions = torch.stack([torch.cat(content), torch.cat(change)])  # [2, F]

    def __len__(self) -> int:
        return int(self._functions.shape[1])

    def describe(self, windows_s: Tensor) -> Tensor:
        """Onsets per second of each window.

        Args:
            windows_s: Start and end in seconds, [W, 2] float64.

        Returns:
            [W, 1].
        """
        places = windows_s * (RATE_HZ / HOP)
        spans = FrameSpans.between(places[:, 0], places[:, 1], len(self))
        count = self._onsets(spans).sum(1)
        duration_s = (windows_s[:, 1] - windows_s[:, 0]).clamp(min=_LEAST_S)
        return (count / duration_s).float()[:, None]

    def _onsets(self, spans: FrameSpans) -> Tensor:
        """Which frames of each window begin an onset, [W, L]."""
        index, inside = spans.indices()
        values = self._functions[:, index].masked_fill(~inside, 0.0)  # [2, W, L]
        largest = torch.maximum(values.amax(2), _noise_floors().to(values.device)[:, None])
        steps = torch.arange(-_LEAD, 0, device=index.device)
        earlier = spans.first[:, None] + steps  # [W, _LEAD]
        lead = self._functions[:, earlier.clamp(min=0)].masked_fill(earlier < 0, 0.0)
        joined = torch.cat([lead, values], 2) / largest[:, :, None]
        above = _above(joined.mean(0))  # [W, _LEAD + L]
        begins = above[:, 1:-1] & above[:, 2:] & ~above[:, :-2]  # a lone frame is no onset
        return pad(begins, (0, 1))[:, _LEAD - 1 :] & inside


def _complex_difference(spectra: Tensor, magnitudes: Tensor) -> Tensor:
    """Distance of each frame from what the two before it let expect, [F] from [2 + F, B].

    The expected spectrum has the last magnitude and goes on turning as fast as it did.
    """
    directions = spectra[:-1] / magnitudes[:-1].clamp(min=_FAINTEST)  # [1 + F, B]
    expected = spectra[1:-1] * directions[1:] * directions[:-1].conj()
    return _magnitude(spectra[2:] - expected).sum(1)


def _magnitude(spectra: Tensor) -> Tensor:
    return (spectra.real.square() + spectra.imag.square()).sqrt()  # twice as fast as `abs`


def _above(values: Tensor) -> Tensor:
    """Which smoothed values exceed their moving threshold, [W, frames] from the same."""
    smooth = torch.stack(_last_five(values)).mean(0)
    smooth = smooth.masked_fill(smooth < _SILENCE, 0.0)
    local = _last_five(smooth)
    return smooth > _median_of_five(local) + _MEAN_SHARE * torch.stack(local).mean(0)


def _last_five(values: Tensor) -> tuple[Tensor, ...]:
    """Each value and the four before it, zero before the first, five times [W, frames]."""
    padded = pad(values, (4, 0))
    return tuple(padded[:, k : k + values.shape[1]] for k in range(5))


def _median_of_five(values: tuple[Tensor, ...]) -> Tensor:
    """By a network of comparisons, ten times as fast as `torch.median`."""
    a, b, c, d, e = values
    low = torch.maximum(torch.minimum(a, b), torch.minimum(c, d))
    high = torch.minimum(torch.maximum(a, b), torch.maximum(c, d))
    least, most = torch.minimum(low, high), torch.maximum(low, high)
    return torch.maximum(least, torch.minimum(most, e))


@lru_cache(maxsize=1)
def _noise_floors() -> Tensor:
    """Both detection functions of white noise of `_NOISE_RMS`, about, [2]."""
    magnitude = _NOISE_RMS * float(torch.hann_window(N_FFT).square().sum().sqrt())
    n_bins = N_FFT // 2 + 1
    return magnitude * torch.tensor([n_bins**2 / 2, n_bins])
