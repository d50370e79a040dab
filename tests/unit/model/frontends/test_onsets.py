"""Onset rate: against a plain rendering of its sources, and on sounds with known onsets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.frontends.onsets import HOP, N_FFT, RATE_HZ, OnsetFrames
from tests.unit.music import music

Floats = NDArray[np.float64]


def _rate(samples: NDArray[np.float32], *windows: tuple[float, float]) -> list[float]:
    spans = windows or ((0.0, len(samples) / RATE_HZ),)
    frames = OnsetFrames(torch.from_numpy(samples))
    rates: list[float] = frames.describe(torch.tensor(spans, dtype=torch.float64))[:, 0].tolist()
    return rates


def _plain_count(samples: NDArray[np.float32]) -> int:
    """The same from the papers, frame by frame in float64."""
    padded = np.pad(samples.astype(np.float64), (N_FFT // 2, N_FFT // 2))
    starts = range(0, len(padded) - N_FFT + 1, HOP)
    window = np.hanning(N_FFT + 1)[:-1]
    spectra = [np.fft.rfft(padded[s : s + N_FFT] * window) for s in starts]
    content = np.array([(np.arange(len(x)) * np.abs(x)).sum() for x in spectra])
    change = np.array([_surprise(spectra, k) for k in range(len(spectra))])
    values = (content / content.max() + change / change.max()) / 2
    smooth = np.array([values[max(0, k - 4) : k + 1].sum() / 5 for k in range(len(values))])
    smooth[smooth < 0.02] = 0.0
    above = []
    for k in range(len(smooth)):
        local = np.concatenate([np.zeros(max(0, 4 - k)), smooth[max(0, k - 4) : k + 1]])
        above.append(smooth[k] > np.median(local) + 0.1 * local.mean())
    runs = "".join("x" if a else " " for a in above).split()
    return sum(len(run) > 1 for run in runs)


def _surprise(spectra: list[NDArray[np.complex128]], k: int) -> float:
    if k < 2:
        return float(np.abs(spectra[k]).sum())
    phase = 2 * np.angle(spectra[k - 1]) - np.angle(spectra[k - 2])
    expected = np.abs(spectra[k - 1]) * np.exp(1j * phase)
    return float(np.abs(spectra[k] - expected).sum())


def _clicks(per_s: float, duration_s: float = 20.0) -> NDArray[np.float32]:
    since = (np.arange(round(duration_s * RATE_HZ)) / RATE_HZ) % (1 / per_s)
    return (0.2 * np.exp(-80.0 * since) * np.sin(4e3 * np.pi * since)).astype(np.float32)


def _notes(per_s: float, duration_s: float = 20.0) -> NDArray[np.float32]:
    """A melody of sines without gaps or accents: only the pitch changes."""
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    scale = 440.0 * 2 ** (np.array([0, 4, 7, 12, 5, 9]) / 12)
    hz = scale[(t * per_s).astype(int) % len(scale)]
    return (0.3 * np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ)).astype(np.float32)


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_counts_what_the_papers_count(seed: int) -> None:
    """On made-up music the count is that of a plain loop over frames, to one onset."""
    samples = music(20.0, RATE_HZ, seed)

    assert _rate(samples)[0] * 20 == pytest.approx(_plain_count(samples), abs=1)


@pytest.mark.parametrize("per_s", [0.5, 1.0, 2.0, 4.0, 6.0])
def test_clicks_are_counted(per_s: float) -> None:
    """So many clicks a second are so many onsets a second."""
    assert _rate(_clicks(per_s))[0] == pytest.approx(per_s, rel=0.1)


def test_notes_without_accents_are_counted() -> None:
    """A change of pitch at equal loudness is an onset, a held note is none after its start."""
    assert _rate(_notes(3.0))[0] == pytest.approx(3.0, rel=0.15)
    assert _rate(_notes(0.01))[0] <= 0.1


def test_loudness_does_not_matter() -> None:
    """The same music thirty decibels softer has the same onsets."""
    samples = music(20.0, RATE_HZ, 4)

    assert _rate((samples * 0.03).astype(np.float32)) == _rate(samples)


def test_windows_of_a_steady_beat_agree() -> None:
    """Windows of any length within a piece tell its rate, also where they start amid a note."""
    rates = _rate(_clicks(4.0, 60.0), (0.0, 10.0), (10.13, 20.13), (25.4, 55.4), (30.0, 35.0))

    assert rates == pytest.approx([4.0] * 4, rel=0.1)


def test_a_window_within_a_held_note_has_no_onset() -> None:
    """What sounded before a window does not begin in it."""
    assert _rate(_notes(0.01), (5.0, 15.0)) == [0.0]


@pytest.mark.parametrize("level", [0.0, 1e-30, 1e-7])
def test_silence_and_rounding_noise_have_no_onsets(level: float) -> None:
    """Noise far under a 16-bit step is no music."""
    noise = np.random.default_rng(1).normal(size=5 * RATE_HZ) * level

    assert _rate(noise.astype(np.float32)) == [0.0]


def test_a_moment_is_no_rate() -> None:
    """One onset in a tenth of a second counts as one a second."""
    assert _rate(_clicks(2.0, 0.1))[0] <= 1.0
