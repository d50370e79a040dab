"""Integrated loudness of a programme (ITU-R BS.1770-4), from a waveform that comes in blocks.

K-weighting (a high shelf and a high pass), mean power of 400 ms blocks that overlap by three
quarters, an absolute gate at -70 LUFS and a relative one 10 LU below the mean of what passed. The
filters are the analogue prototypes behind the standard's table for 48 kHz, at any sample rate
(De Man, "Evaluation of implementations of the EBU R128 loudness measurement", AES 2018).

Here the programme is one channel: the mono mix that frontends describe.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from model.arrays import Doubles

GATE_LUFS = -70.0
"""What is softer does not count; a file without anything louder is taken to be this loud."""

SOUND_S = 0.5
"""A sound that lasts no longer, alone in silence, is a click."""

_RELATIVE_GATE_LU = -10.0
_OFFSET = -0.691  # so that a full-scale sine at 997 Hz has -3.01 LUFS
_STEP_S = 0.1
_STEPS = 4  # of a block of 400 ms
_PIECE = 1 << 17  # samples filtered at once, in float64

_SHELF_HZ, _SHELF_DB, _SHELF_Q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
_PASS_HZ, _PASS_Q = 38.13547087602444, 0.5003270373238773
_SHELF_NYQUIST = 1.05  # a shelf above the Nyquist frequency changes nothing below it

Samples = NDArray[np.float32]


class LoudnessMeter:
    """Measures a waveform that is handed over in pieces.

    Args:
        sample_rate_hz: Samples per second.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._filters = k_weighting(sample_rate_hz)
        self._state: Doubles = np.zeros((len(self._filters), 2))
        self._step = max(1, round(_STEP_S * sample_rate_hz))
        self._waiting: Samples = np.zeros(0, dtype=np.float32)
        self._powers: list[Doubles] = []

    def add(self, samples: Samples) -> None:
        """Go on with the next samples, [N], full scale 1."""
        # Here, because it takes longer to import than all else that a service needs to start.
        from scipy.signal import sosfilt  # type: ignore[import-untyped]

        joined = np.concatenate([self._waiting, samples]) if len(self._waiting) else samples
        whole = len(joined) // self._step * self._step
        size = max(1, _PIECE // self._step) * self._step
        for start in range(0, whole, size):
            piece = joined[start : min(start + size, whole)]
            weighted, self._state = sosfilt(self._filters, piece, zi=self._state)
            self._powers.append(_mean_power(weighted.reshape(-1, self._step)))
        self._waiting = joined[whole:].copy()

    @property
    def step_lufs(self) -> Doubles:
        """Ungated loudness of each 100 ms so far, in LUFS; silence has -inf."""
        return _lufs(np.concatenate([np.zeros(0), *self._powers]))

    def sounding(self, least_lufs: float, gap_s: float) -> Doubles:
        """Stretches between silences, start and end in seconds, [K, 2]; K >= 1.

        The last one is infinite where the last whole step is louder, so that it reaches what
        follows; without any louder step all is one stretch.

        Args:
            least_lufs: What a step must exceed.
            gap_s: Shorter silences within belong to a stretch; sounds shorter than
                `SOUND_S` between longer ones are part of the silence, unless there are no others.
        """
        loud = np.flatnonzero(self.step_lufs > least_lufs)
        if len(loud) == 0:
            return np.array([[0.0, math.inf]])
        step_s = self._step / self._sample_rate_hz
        apart = np.flatnonzero(np.diff(loud) * step_s > gap_s)
        starts = np.concatenate([loud[:1], loud[apart + 1]])
        ends = np.concatenate([loud[apart], loud[-1:]]) + 1
        found = np.stack([starts, ends], axis=1) * step_s
        if loud[-1] + 1 == len(self.step_lufs):
            found[-1, 1] = math.inf
        lasting = found[:, 1] - found[:, 0] > SOUND_S
        if not lasting.any():
            return np.array([[found[0, 0], found[-1, 1]]])
        chosen: Doubles = found[lasting]
        return chosen

    @property
    def integrated_lufs(self) -> float:
        """Gated loudness of all so far in LUFS, at least `GATE_LUFS`."""
        steps = np.concatenate([np.zeros(0), *self._powers])
        if len(steps) < _STEPS:
            steps = np.append(
                steps, np.full(_STEPS - len(steps), steps.mean() if len(steps) else 0)
            )
        sums = np.concatenate([[0.0], np.cumsum(steps)])
        blocks = np.maximum(sums[_STEPS:] - sums[:-_STEPS], 0.0) / _STEPS
        loud = blocks[_lufs(blocks) > GATE_LUFS]
        if len(loud) == 0:
            return GATE_LUFS
        gate = _lufs(loud.mean()) + _RELATIVE_GATE_LU
        return float(_lufs(loud[_lufs(loud) > gate].mean()))


@lru_cache(maxsize=16)
def k_weighting(sample_rate_hz: int) -> Doubles:
    """The K filter as second-order sections (b0, b1, b2, a0, a1, a2).

    Args:
        sample_rate_hz: Samples per second.

    Returns:
        [2, 6]; [1, 6] at rates whose Nyquist frequency lies under the shelf.
    """
    sections = []
    if sample_rate_hz / 2 > _SHELF_NYQUIST * _SHELF_HZ:
        k = math.tan(math.pi * _SHELF_HZ / sample_rate_hz)
        high = 10 ** (_SHELF_DB / 20)
        band = high**0.4996667741545416
        b = (
            high + band * k / _SHELF_Q + k * k,
            2 * (k * k - high),
            high - band * k / _SHELF_Q + k * k,
        )
        sections.append(_section(b, k, _SHELF_Q, normed=True))
    k = math.tan(math.pi * _PASS_HZ / sample_rate_hz)
    sections.append(_section((1.0, -2.0, 1.0), k, _PASS_Q, normed=False))
    return np.array(sections)


def _section(b: tuple[float, float, float], k: float, q: float, *, normed: bool) -> list[float]:
    """One section with the poles of `k` and `q`; the standard leaves the high pass's gain as is."""
    a0 = 1 + k / q + k * k
    scale = a0 if normed else 1.0
    return [*(value / scale for value in b), 1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]


def _mean_power(rows: Doubles) -> Doubles:
    power: Doubles = np.einsum("ij,ij->i", rows, rows) / rows.shape[1]
    return power


def _lufs(power: Doubles | float) -> Doubles:
    with np.errstate(divide="ignore"):
        loudness: Doubles = _OFFSET + 10 * np.log10(power)
    return loudness
