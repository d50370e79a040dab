"""The frontends of descriptors, which need no trained weights.

`descriptors` has 31 numbers of timbre and loudness: 13 MFCC means and 7 spectral-contrast means
(librosa's definitions) and GeMAPS's eleven loudness functionals (openSMILE's definition).
`descriptors33` has the same and two more, of rhythm and harmony: onset rate and key strength
(ADR 73).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.arrays import Floats
from model.frontends import LISTENING_LUFS, Frontend, loudness, onsets, tonality
from model.frontends.onsets import OnsetFrames
from model.frontends.resampling import resample
from model.frontends.spectral import N_CONTRAST, N_MELS, N_MFCC, RATE_HZ, SpectralFrames
from model.frontends.tonality import PitchFrames

_CHUNK_WINDOWS = 64


class Descriptors:
    """Frontend `descriptors`; see `model.frontends.Frontend`.

    Frames are computed once for the whole waveform; windows only summarise them. A window's
    features do not depend on what lies further than `context_s` outside it, and little on the
    waveform's sample rate.
    """

    name = "descriptors"
    version = 2
    feature_names: tuple[str, ...] = (
        *(f"mfcc_{i}" for i in range(1, N_MFCC + 1)),
        *(f"spectral_contrast_{i}" for i in range(1, N_CONTRAST + 1)),
        *loudness.NAMES,
    )
    context_s = 0.2
    grid_s = 10.24  # 441 spectral frames, 1024 loudness frames
    listens_at_lufs: float | None = LISTENING_LUFS
    cues: tuple[Frontend, ...] = ()

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)

    @torch.inference_mode()
    def describe(self, samples: Tensor, sample_rate_hz: int, windows_s: Tensor) -> Tensor:
        """See `Frontend.describe`; [W, 31], of `Descriptors33` [W, 33]."""
        windows = windows_s.to(self.device, torch.float64)
        features = windows.new_zeros(len(windows), len(self.feature_names), dtype=torch.float32)
        if len(windows) == 0:
            return features
        frames = self._frames(samples.to(self.device, torch.float32), sample_rate_hz)
        # Windows of like length go together, so that little is padded.
        for rows in torch.split((windows[:, 1] - windows[:, 0]).argsort(), _CHUNK_WINDOWS):
            features[rows] = frames.describe(windows[rows])
        return features

    def within_file(self, segments: Floats, windows: Floats) -> tuple[Floats, Floats]:
        """Each row as if its own mean loudness were the reference (ADR 78).

        Only the column of the mean loudness keeps how much louder a row is than the segments of its
        file on average, whose value is the reference.
        """
        place = self.feature_names.index(loudness.MEAN)
        of_file = segments[:, place].mean(dtype=np.float64)

        def related(rows: Floats) -> Floats:
            relative = at_reference(rows, self.feature_names, rows[:, place])
            relative[:, place] = rows[:, place] * (loudness.REFERENCE / of_file)
            return relative

        return related(segments), related(windows)

    def _frames(self, samples: Tensor, sample_rate_hz: int) -> _Frames:
        return _Frames(resample(samples, sample_rate_hz, RATE_HZ))


class Descriptors33(Descriptors):
    """Frontend `descriptors33`; see `model.frontends.Frontend`.

    The first 31 columns are those of `descriptors`.
    """

    name = "descriptors33"
    version = 2
    feature_names: tuple[str, ...] = (
        *Descriptors.feature_names,
        *onsets.NAMES,
        *tonality.NAMES,
    )
    context_s = Descriptors.context_s + tonality.CONTEXT_S / 2
    grid_s = 20.48  # 441 frames of pitches, 1764 of onsets

    def _frames(self, samples: Tensor, sample_rate_hz: int) -> _Frames:
        at_rate = resample(samples, sample_rate_hz, RATE_HZ)
        finer = resample(samples, sample_rate_hz, onsets.RATE_HZ)
        return _MoreFrames(at_rate, finer)


class Descriptors34(Descriptors33):
    """Frontend `descriptors34`; see `model.frontends.Frontend`.

    The first 33 columns are those of `descriptors33`, the last is mode (ADR 80).
    """

    name = "descriptors34"
    version = 2
    feature_names: tuple[str, ...] = (*Descriptors33.feature_names, *tonality.MODE_NAMES)

    def _frames(self, samples: Tensor, sample_rate_hz: int) -> _Frames:
        at_rate = resample(samples, sample_rate_hz, RATE_HZ)
        finer = resample(samples, sample_rate_hz, onsets.RATE_HZ)
        return _FramesWithMode(at_rate, finer)


def at_reference(
    features: Floats, names: Sequence[str], mean_loudness: NDArray[np.floating[Any]]
) -> Floats:
    """Descriptors of the same music, amplified so that a mean loudness becomes the reference.

    Loudness grows with power to `loudness.EXPONENT`, and decibels of all mel bands move alike, so
    that no waveform is needed (exact up to the floors of both).

    Args:
        features: Descriptors, [N, Dx].
        names: Their columns, Dx of them.
        mean_loudness: openSMILE's mean loudness of each row, > 0, [N].

    Returns:
        [N, Dx] float32.
    """
    ratio = loudness.REFERENCE / np.asarray(mean_loudness, dtype=np.float64)
    changed = np.array(features, dtype=np.float64)
    for column, name in enumerate(names):
        if name in loudness.LEVELS:
            changed[:, column] *= ratio
        elif name == "mfcc_1":
            gain_db = 10 / loudness.EXPONENT * np.log10(ratio)
            changed[:, column] += math.sqrt(N_MELS) * gain_db
    return changed.astype(np.float32)


class _Frames:
    """What `descriptors` makes of a waveform before windows summarise it."""

    def __init__(self, at_rate: Tensor) -> None:
        self._timbre = SpectralFrames(at_rate)
        self._loudness = loudness.loudness_contour(at_rate)

    def describe(self, windows: Tensor) -> Tensor:
        """Features of windows [W, 2] in seconds, [W, Dx]."""
        timbre = self._timbre.describe(windows)
        return torch.cat([timbre, loudness.describe(self._loudness, windows)], dim=1)


class _MoreFrames(_Frames):
    """What `descriptors33` makes of it."""

    def __init__(self, at_rate: Tensor, finer: Tensor) -> None:
        super().__init__(at_rate)
        self._onsets = OnsetFrames(finer)
        self._pitches = PitchFrames(at_rate)

    def describe(self, windows: Tensor) -> Tensor:
        before = super().describe(windows)
        more = (self._onsets.describe(windows), self._pitches.describe(windows))
        return torch.cat([before, *more], dim=1)


class _FramesWithMode(_MoreFrames):
    """What `descriptors34` makes of it."""

    def describe(self, windows: Tensor) -> Tensor:
        return torch.cat([super().describe(windows), self._pitches.mode(windows)], dim=1)
