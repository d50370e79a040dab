"""Key strength: how well the pitch classes of a stretch of music fit the best key.

Sources: harmonic pitch class profiles of spectral peaks (Gómez 2006), with 36 bins an octave, tuned
to the music; Temperley's key profiles (1999) of the tones of a key's three main triads and their
harmonics (Gómez 2006); the strength is the correlation with the best of 24 keys. Settings are
those that agree with the public training table (ADR 73).

N samples at `RATE_HZ`, F frames, K bins of the spectrum, W windows.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from model.frontends.windows import FrameSpans, RunningSums, centred_frames

RATE_HZ = 22_050
N_FFT = 2048
HOP = 1024
NAMES = ("key_strength",)

CONTEXT_S = 30.0
"""Shorter windows are widened to this: in fewer seconds too few notes sound to tell a key."""

BINS = 36
"""Of a pitch class profile; three a semitone."""
_TUNINGS = 8  # fine cells of one bin: the reference is set to 4 cents
_CELLS = BINS * _TUNINGS
_PER_SEMITONE = _CELLS // 12
_REFERENCE_HZ = 440.0
_LOW_HZ, _HIGH_HZ = 20.0, 3500.0
_LEAST_PEAK = 1e-5  # amplitude
_LEAST_BIN = 0.2  # of the profile's largest; what is less is left out
_CHUNK_FRAMES = 256
_TINY = torch.finfo(torch.float32).tiny

_MAJOR = (5.0, 2.0, 3.5, 2.0, 4.5, 4.0, 2.0, 4.5, 2.0, 3.5, 1.5, 4.0)
_MINOR = (5.0, 2.0, 3.5, 4.5, 2.0, 4.0, 2.0, 4.5, 3.5, 2.0, 1.5, 4.0)
"""How well each pitch class fits the key of the first (Temperley 1999, table 3)."""
_MAIN_TRIADS = {
    _MAJOR: ((0, 4), (5, 4), (7, 4)),
    _MINOR: ((0, 3), (5, 3), (7, 4)),
}
"""Roots of tonic, subdominant and dominant in semitones, and the thirds over them."""
_HARMONICS = 4
_HARMONIC_DECAY = 0.6


class PitchFrames:
    """Pitch class profiles frame by frame, in every tuning; windows are described from them.

    Frame k is centred on sample k * `HOP`; beyond its ends the waveform counts as silence.
    """

    def __init__(self, samples: Tensor) -> None:
        """Analyse `samples` [N] at `RATE_HZ`."""
        self._duration_s = len(samples) / RATE_HZ
        window = _window().to(samples.device)
        frames = centred_frames(samples, N_FFT, HOP)  # [F, N_FFT]
        profiles, tunings = [], []
        for chunk in torch.split(frames, _CHUNK_FRAMES):
            cells, strength = _peaks(torch.fft.rfft(chunk * window)[:, : _n_bins()].abs())
            power = _power_of_cells(cells, strength)
            profiles.append(_profiles(power))
            tunings.append(power.view(len(power), 12, _PER_SEMITONE).sum(1))
        self._profiles = RunningSums(torch.cat(profiles))  # [F, _CELLS]
        self._tunings = RunningSums(torch.cat(tunings))  # [F, _PER_SEMITONE]

    def __len__(self) -> int:
        return len(self._profiles)

    def describe(self, windows_s: Tensor) -> Tensor:
        """Key strength of each window with `CONTEXT_S` around it.

        Args:
            windows_s: Start and end in seconds, [W, 2] float64.

        Returns:
            [W, 1] in [-1, 1]; 0 where nothing sounds.
        """
        profiles = self.profiles(_widened(windows_s, self._duration_s))
        return key_strength(profiles)[:, None].float()

    def profiles(self, windows_s: Tensor) -> Tensor:
        """Summed pitch class profile of each window in its own tuning, [W, BINS], first bin A."""
        places = windows_s * (RATE_HZ / HOP)
        spans = FrameSpans.between(places[:, 0], places[:, 1], len(self))
        sums = self._profiles.over(spans)
        detuned = self._tunings.over(spans).argmax(1)  # commonest cells over the reference, [W]
        cells = torch.arange(BINS, device=sums.device) * _TUNINGS
        return sums.gather(1, (detuned[:, None] + cells) % _CELLS).clamp(min=0)


def key_strength(profiles: Tensor) -> Tensor:
    """Correlation of pitch class profiles with the best key.

    Args:
        profiles: [W, BINS], >= 0; their scale does not matter.

    Returns:
        [W] float64 in [-1, 1]; 0 for profiles without contrast.
    """
    values = profiles.double()
    values = values.masked_fill(values < _LEAST_BIN * values.amax(1, keepdim=True), 0.0)
    values = values - values.mean(1, keepdim=True)
    length = values.square().sum(1).sqrt()
    fits = (values @ _keys().to(values.device)).amax(1)
    return torch.where(length > 0, fits / length.clamp(min=1e-300), 0.0)


def _peaks(magnitudes: Tensor) -> tuple[Tensor, Tensor]:
    """Pitches of the spectrum's peaks in cells over the reference, and their strengths, [F, K - 2].

    Place and height are those of a parabola through three bins; what is no peak has strength 0.
    """
    left, here, right = magnitudes[:, :-2], magnitudes[:, 1:-1], magnitudes[:, 2:]
    is_peak = (here > left) & (here >= right)
    bend = torch.where(is_peak, left - 2 * here + right, -1.0).clamp(max=-_TINY)
    place = (0.5 * (left - right) / bend).clamp(-0.5, 0.5)
    height = here - 0.25 * (left - right) * place
    bins = torch.arange(1, magnitudes.shape[1] - 1, device=magnitudes.device)
    hz = (bins + place) * (RATE_HZ / N_FFT)
    heard = is_peak & (height > _LEAST_PEAK) & (hz >= _LOW_HZ) & (hz <= _HIGH_HZ)
    return _CELLS * (hz / _REFERENCE_HZ).log2(), torch.where(heard, height, 0.0)


def _power_of_cells(pitch: Tensor, strength: Tensor) -> Tensor:
    """Power of the peaks by pitch class, shared between the two nearest cells, [F, _CELLS]."""
    power = strength.double().square()
    below = pitch.floor()
    share = (pitch - below).double()
    cells = power.new_zeros(len(power), _CELLS)
    first = below.long() % _CELLS
    cells.scatter_add_(1, first, power * (1 - share))
    return cells.scatter_add_(1, (first + 1) % _CELLS, power * share)


def _profiles(power: Tensor) -> Tensor:
    """Profile of each frame in each tuning, the largest bin of each 1, [F, _CELLS]."""
    by_tuning = (power @ _kernel().to(power.device)).view(-1, BINS, _TUNINGS)
    largest = by_tuning.amax(1, keepdim=True)
    return (by_tuning / torch.where(largest > 0, largest, 1.0)).reshape(-1, _CELLS)


def _widened(windows_s: Tensor, duration_s: float) -> Tensor:
    """Windows of at least `CONTEXT_S` around the same centres, as far as there is sound, [W, 2]."""
    beyond = ((CONTEXT_S - (windows_s[:, 1] - windows_s[:, 0])) / 2).clamp(min=0)
    low = (windows_s[:, 0] - beyond).clamp(min=0)
    return torch.stack([low, (windows_s[:, 1] + beyond).clamp(max=duration_s)], 1)


def _n_bins() -> int:
    """Bins that peaks can lie in, and one above."""
    return math.ceil(_HIGH_HZ * N_FFT / RATE_HZ) + 2


@lru_cache(maxsize=1)
def _window() -> Tensor:
    """Three terms of Blackman-Harris (Harris 1978); under it a sinusoid peaks at its amplitude."""
    turn = 2 * math.pi * torch.arange(N_FFT, dtype=torch.float64) / (N_FFT - 1)
    window = 0.44959 - 0.49364 * turn.cos() + 0.05677 * (2 * turn).cos()
    return (2 * window / window.sum()).float()


@lru_cache(maxsize=1)
def _kernel() -> Tensor:
    """What a cell gives to each other: a cosine one semitone wide, [_CELLS, _CELLS] float64."""
    cells = torch.arange(_CELLS, dtype=torch.float64)
    away = (cells[:, None] - cells + _CELLS / 2) % _CELLS - _CELLS / 2
    away = away / _PER_SEMITONE  # semitones
    return torch.where(away.abs() <= 0.5, (math.pi * away).cos(), 0.0)


@lru_cache(maxsize=1)
def _keys() -> Tensor:
    """Profiles of both modes on each tonic, without mean and of unit length, [BINS, 72]."""
    rotated = []
    for fits, triads in _MAIN_TRIADS.items():
        tones = _tones(fits, triads)
        closed = torch.cat([tones, tones[:1]])
        thirds = torch.arange(BINS, dtype=torch.float64) / 3
        below = thirds.floor().long()
        spread = closed[below] + (thirds - below) * (closed[below + 1] - closed[below])
        rotated += [spread.roll(tonic) for tonic in range(BINS)]
    keys = torch.stack(rotated, 1)
    keys = keys - keys.mean(0)
    return keys / keys.square().sum(0).sqrt()


def _tones(fits: tuple[float, ...], triads: tuple[tuple[int, int], ...]) -> Tensor:
    """What the chords of a key sound like: tones and harmonics by pitch class, [12] float64."""
    tones = torch.zeros(12, dtype=torch.float64)
    for root, third in triads:
        for tone in (root, root + third, root + 7):
            for harmonic in range(_HARMONICS):
                above = round(12 * math.log2(harmonic + 1))
                tones[(tone + above) % 12] += fits[root] * _HARMONIC_DECAY**harmonic
    return tones
