"""Music-like test signals: chords, beats and a little noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_CHORD_S = 1.0
_BLOCK = 1024


def music(
    duration_s: float, rate_hz: int, seed: int, highest_hz: float = 16_000.0
) -> NDArray[np.float32]:
    """A made-up piece, the same at every rate, [N] with peaks under 1.

    Args:
        duration_s: Length in seconds.
        rate_hz: Samples per second.
        seed: Which piece.
        highest_hz: Overtones end here.
    """
    random = np.random.default_rng(seed)
    t = np.arange(round(duration_s * rate_hz)) / rate_hz
    sound = np.zeros(len(t))
    for chord in range(int(np.ceil(duration_s / _CHORD_S))):
        since = t - chord * _CHORD_S
        heard = slice(*np.searchsorted(since, [0.0, 2 * _CHORD_S]))
        envelope = np.minimum(since[heard] / 0.02, 1.0) * np.exp(-2.0 * since[heard])
        partials = []
        for _ in range(3):
            base = 110.0 * 2 ** (random.integers(0, 36) / 12)
            strength = random.uniform(0.05, 0.2)
            for overtone in range(1, 13):
                phase = random.uniform(0, 2 * np.pi)
                if base * overtone < highest_hz:
                    partials.append((base * overtone, phase, strength / overtone))
        sound[heard] += envelope * _sines(since[heard], rate_hz, np.array(partials))
    beats = np.exp(-30.0 * (t % 0.5)) * np.sin(2 * np.pi * 80.0 * t)
    # Noise as a sum of sines, so that every rate samples the same one.
    hz = random.uniform(50.0, min(highest_hz, 10_000.0), 60)
    phases = random.uniform(0, 2 * np.pi, 60)
    hiss = _sines(t, rate_hz, np.column_stack([hz, phases, np.ones(60)]))
    sound += 0.2 * beats + 0.002 * hiss
    return (sound / 4.0).astype(np.float32)  # a fixed gain, the same at every rate


def _sines(
    t: NDArray[np.float64], rate_hz: int, partials: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The sum of sines, rows of (Hz, phase, strength), at evenly spaced times.

    By the rule for sin(a + b), as matrix products over blocks.
    """
    hz, phases, strengths = (column[:, None] for column in partials.T)
    starts = 2 * np.pi * hz * t[::_BLOCK] + phases
    within = 2 * np.pi * hz * (np.arange(_BLOCK) / rate_hz)
    sines = (strengths * np.sin(starts)).T @ np.cos(within)
    cosines = (strengths * np.cos(starts)).T @ np.sin(within)
    return np.ravel(sines + cosines)[: len(t)]
