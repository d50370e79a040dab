"""A first look at a file: how loud it is, and where in it there is sound.

N spans, K stretches of sound.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.arrays import Doubles
from model.audio.decoding import MIN_DURATION_S, Audio
from model.audio.programme_loudness import GATE_LUFS, LoudnessMeter

SILENCE_LU = 40.0
"""What lies so far under a file's integrated loudness is silence, tenth of a second by tenth."""

GAP_S = 5.0
"""Silence at the start, at the end, or of so many seconds in between (before a hidden track) is not
described with the music; shorter rests are part of it."""


@dataclass(frozen=True)
class PlacedAudio:
    """A stretch of a file, placed in time."""

    audio: Audio
    start_s: float
    is_last: bool

    @property
    def end_s(self) -> float:
        """Where it ends."""
        return self.start_s + self.audio.duration_s


@dataclass(frozen=True)
class Level:
    """What a first look at a file tells.

    Attributes:
        loudness_lufs: Integrated loudness.
        peak: Largest |sample|.
        end_s: Length in seconds.
        sound_s: Start and end of the stretches between long silences, [K, 2].
        kept: The only block, if one holds all of the file.
    """

    loudness_lufs: float
    peak: float
    end_s: float
    sound_s: Doubles
    kept: tuple[PlacedAudio, ...]

    @classmethod
    def measured(cls, blocks: Iterable[PlacedAudio]) -> Level:
        """Of a file's blocks, in order, which may overlap."""
        meter: LoudnessMeter | None = None
        peak = end_s = 0.0
        kept: tuple[PlacedAudio, ...] = ()
        for block in blocks:
            rate_hz = block.audio.sample_rate_hz
            meter = meter or LoudnessMeter(rate_hz)
            fresh = block.audio.samples[round((end_s - block.start_s) * rate_hz) if end_s else 0 :]
            meter.add(fresh)
            peak = max(peak, float(np.abs(fresh).max(initial=0.0)))
            kept = (block,) if block.is_last and not end_s else ()
            end_s = block.end_s
        if meter is None:  # the decoder refuses files without samples
            return cls(GATE_LUFS, peak, end_s, np.array([[0.0, end_s]]), kept)
        loudness_lufs = meter.integrated_lufs
        sound_s = meter.sounding(loudness_lufs - SILENCE_LU, GAP_S)
        return cls(loudness_lufs, peak, end_s, sound_s, kept)

    def without_silence(self, spans: Doubles) -> tuple[Doubles, NDArray[np.bool_]]:
        """The longest sounding part of each span, [N, 2], and where enough of it is left, [N].

        Where it is not, the span is as it was.
        """
        starts, ends = self.sound_s.T
        first = np.searchsorted(ends, spans[:, 0], side="right")
        beyond = np.searchsorted(starts, spans[:, 1], side="left")
        clipped = np.repeat(spans[:, :1], 2, axis=1)
        for step in range(int((beyond - first).max(initial=0))):  # few: stretches lie apart
            at = np.minimum(first + step, len(starts) - 1)
            part = np.clip(spans, starts[at, None], ends[at, None])
            better = (first + step < beyond) & (np.ptp(part, axis=1) > np.ptp(clipped, axis=1))
            clipped = np.where(better[:, None], part, clipped)
        enough = np.ptp(clipped, axis=1) >= MIN_DURATION_S
        return np.where(enough[:, None], clipped, spans), enough
