"""Key strength and mode: how well the pitch classes of a stretch of music fit keys, and which.

Sources: harmonic pitch class profiles of spectral peaks (Gómez 2006), with 36 bins an octave, tuned
to the music; Temperley's key profiles (1999).

Key strength is the correlation of the profile of powers with the best of 24 keys, each of them the
tones of its three main triads and their harmonics (Gómez 2006); its settings are those that agree
with the public training table (ADR 73).

Mode is the probability of a major key less that of a minor one. It reads the profile of amplitudes,
in which quiet tones count for more, stretch by stretch, since music changes its key (ADR 80).

N samples at `RATE_HZ`, F frames, K bins of the spectrum, W windows, P stretches.
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
MODE_NAMES = ("mode",)

STRETCH_S = 15.0
"""Mode is judged in stretches of this length, half of it apart; shorter windows are widened."""

KEY_SHARPNESS = 10.0
"""A key that correlates better by 0.1 is e times as likely."""

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
_EPSILON = 1e-6
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
        powers, amplitudes, tunings = [], [], []
        for chunk in torch.split(frames, _CHUNK_FRAMES):
            power, amplitude = _cells(torch.fft.rfft(chunk * window)[:, : _n_bins()].abs())
            powers.append(_profiles(power))
            amplitudes.append(_profiles(amplitude))
            tunings.append(power.view(len(power), 12, _PER_SEMITONE).sum(1))
        self._powers = RunningSums(torch.cat(powers))  # [F, _CELLS]
        self._amplitudes = RunningSums(torch.cat(amplitudes))  # [F, _CELLS]
        self._tunings = RunningSums(torch.cat(tunings))  # [F, _PER_SEMITONE]

    def __len__(self) -> int:
        return len(self._powers)

    def describe(self, windows_s: Tensor) -> Tensor:
        """Key strength of each window with `CONTEXT_S` around it.

        Args:
            windows_s: Start and end in seconds, [W, 2] float64.

        Returns:
            [W, 1] in [-1, 1]; 0 where nothing sounds.
        """
        profiles = self.profiles(_widened(windows_s, CONTEXT_S, self._duration_s))
        return key_strength(profiles)[:, None].float()

    def mode(self, windows_s: Tensor) -> Tensor:
        """How major (1) or minor (-1) each window is: the mean over its stretches of `STRETCH_S`.

        Args:
            windows_s: Start and end in seconds, [W, 2] float64.

        Returns:
            [W, 1] in [-1, 1]; 0 where nothing sounds or where both modes fit alike.
        """
        starts, ends, counts = _stretches(_widened(windows_s, STRETCH_S, self._duration_s))
        stretches = torch.stack([starts.flatten(), ends.flatten()], 1)  # [W * P, 2]
        modes = mode_of(self._profiles(self._amplitudes, stretches)).view(starts.shape)
        inside = torch.arange(starts.shape[1], device=modes.device) < counts[:, None]
        return (modes.masked_fill(~inside, 0.0).sum(1) / counts)[:, None].float()

    def profiles(self, windows_s: Tensor) -> Tensor:
        """Summed pitch class profile of each window in its own tuning, [W, BINS], first bin A."""
        return self._profiles(self._powers, windows_s)

    def _profiles(self, frames: RunningSums, windows_s: Tensor) -> Tensor:
        places = windows_s * (RATE_HZ / HOP)
        spans = FrameSpans.between(places[:, 0], places[:, 1], len(self))
        sums = frames.over(spans)
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


def mode_of(profiles: Tensor) -> Tensor:
    """Probability of a major key less that of a minor one, by how well keys fit.

    Args:
        profiles: Of amplitudes, [W, BINS], >= 0; their scale does not matter.

    Returns:
        [W] float64 in [-1, 1]; 0 for profiles without contrast.
    """
    values = _folded(profiles.double())
    values = values - values.mean(1, keepdim=True)
    length = values.square().sum(1, keepdim=True).sqrt()
    fits = (values @ _mode_keys().to(values.device)) / length.clamp(min=1e-300)  # [W, 2 * BINS]
    odds = (KEY_SHARPNESS * fits).view(-1, 2, BINS).logsumexp(2)  # major, minor
    return (0.5 * (odds[:, 0] - odds[:, 1])).tanh().masked_fill(length[:, 0] <= 0, 0.0)


def _folded(profiles: Tensor) -> Tensor:
    """Profiles in which each pitch class has what sounds at its harmonics too, [W, BINS]."""
    folded = torch.zeros_like(profiles)
    for harmonic in range(1, _HARMONICS + 1):
        above = round(BINS * math.log2(harmonic))
        folded = folded + _HARMONIC_DECAY ** (harmonic - 1) * profiles.roll(-above, 1)
    return folded


def _cells(magnitudes: Tensor) -> tuple[Tensor, Tensor]:
    """Power and amplitude of the spectrum's peaks by pitch class, [F, _CELLS] float64 both.

    Place and height of a peak are those of a parabola through three bins. A peak is shared between
    the two cells nearest to it.
    """
    here = magnitudes[:, 1:-1]
    is_peak = (here > magnitudes[:, :-2]) & (here >= magnitudes[:, 2:]) & (here > _LEAST_PEAK / 2)
    frame, above = is_peak.nonzero(as_tuple=True)  # [peaks] both
    left, here, right = (magnitudes[frame, above + shift] for shift in range(3))
    bend = (left - 2 * here + right).clamp(max=-_TINY)
    place = (0.5 * (left - right) / bend).clamp(-0.5, 0.5)
    height = here - 0.25 * (left - right) * place
    hz = (above + 1 + place) * (RATE_HZ / N_FFT)
    heard = (height > _LEAST_PEAK) & (hz >= _LOW_HZ) & (hz <= _HIGH_HZ)
    amplitude = torch.where(heard, height, 0.0).double()
    pitch = _CELLS * (hz / _REFERENCE_HZ).log2()  # cells over the reference
    below = pitch.floor()
    share = (pitch - below).double()
    first = below.long() % _CELLS
    places = torch.cat([first, (first + 1) % _CELLS]) + frame.repeat(2) * _CELLS
    shares = torch.cat([1 - share, share])
    found = []
    for strength in (amplitude.square(), amplitude):
        flat = amplitude.new_zeros(len(magnitudes) * _CELLS)
        flat.index_add_(0, places, strength.repeat(2) * shares)
        found.append(flat.view(-1, _CELLS))
    return found[0], found[1]


def _profiles(cells: Tensor) -> Tensor:
    """Profile of each frame in each tuning, the largest bin of each 1, [F, _CELLS]."""
    by_tuning = (cells.float() @ _kernel().to(cells.device)).view(-1, BINS, _TUNINGS)
    largest = by_tuning.amax(1, keepdim=True)
    return (by_tuning / torch.where(largest > 0, largest, 1.0)).reshape(-1, _CELLS)


def _widened(windows_s: Tensor, least_s: float, duration_s: float) -> Tensor:
    """Windows of at least `least_s` around the same centres, as far as there is sound, [W, 2]."""
    beyond = ((least_s - (windows_s[:, 1] - windows_s[:, 0])) / 2).clamp(min=0)
    low = (windows_s[:, 0] - beyond).clamp(min=0)
    return torch.stack([low, (windows_s[:, 1] + beyond).clamp(max=duration_s)], 1)


def _stretches(windows_s: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Stretches of `STRETCH_S`, at most half of it apart, that cover each window.

    Returns:
        Their starts and ends, [W, P] both, and how many of the P are the window's own, [W]; one,
        the whole window, where it is shorter.
    """
    low, length = windows_s[:, 0], windows_s[:, 1] - windows_s[:, 0]
    room = (length - STRETCH_S).clamp(min=0)  # where a stretch can start
    counts = (room / (STRETCH_S / 2) - _EPSILON).ceil().clamp(min=0).long() + 1  # [W]
    step = room / (counts - 1).clamp(min=1)
    places = torch.arange(int(counts.max()), device=low.device)
    starts = low[:, None] + torch.minimum(places, counts[:, None] - 1) * step[:, None]  # [W, P]
    return starts, starts + length.clamp(max=STRETCH_S)[:, None], counts


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
    """What a cell gives to each other: a cosine one semitone wide, [_CELLS, _CELLS]."""
    cells = torch.arange(_CELLS, dtype=torch.float64)
    away = (cells[:, None] - cells + _CELLS / 2) % _CELLS - _CELLS / 2
    away = away / _PER_SEMITONE  # semitones
    return torch.where(away.abs() <= 0.5, (math.pi * away).cos(), 0.0).float()


@lru_cache(maxsize=1)
def _keys() -> Tensor:
    """Keys as their triads sound, in both modes on each tonic, [BINS, 2 * BINS]."""
    return _rotated([_tones(fits, triads) for fits, triads in _MAIN_TRIADS.items()])


@lru_cache(maxsize=1)
def _mode_keys() -> Tensor:
    """How well pitch classes fit keys of both modes on each tonic, [BINS, 2 * BINS]."""
    return _rotated([torch.tensor(fits, dtype=torch.float64) for fits in (_MAJOR, _MINOR)])


def _rotated(modes: list[Tensor]) -> Tensor:
    """Profiles [12] of modes on each tonic, without mean and of unit length."""
    rotated = []
    thirds = torch.arange(BINS, dtype=torch.float64) / 3
    below = thirds.floor().long()
    for tones in modes:
        closed = torch.cat([tones, tones[:1]])
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
