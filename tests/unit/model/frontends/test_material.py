"""What the cue `material` says of noises, tones and made-up music."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.analysis import segment_spans
from model.frontends.material import COLUMNS, material
from tests.unit.music import music

RATE_HZ = 22_050


def described(samples: NDArray[np.floating], rate_hz: int = RATE_HZ) -> NDArray[np.float32]:
    """The cue's rows of a whole file."""
    spans = torch.from_numpy(segment_spans(len(samples) / rate_hz))
    waveform = torch.from_numpy(np.asarray(samples, dtype=np.float32))
    return np.asarray(material().describe(waveform, rate_hz, spans).numpy())


def column(rows: NDArray[np.float32], name: str) -> float:
    """One column's mean over the segments."""
    return float(rows[:, COLUMNS.index(name)].mean())


def test_noise_stays_as_it_is_and_music_does_not() -> None:
    """The spectrum of music moves several times as much."""
    noise = 0.1 * np.random.default_rng(0).standard_normal(40 * RATE_HZ)

    still = column(described(noise), "steady_db")
    moving = column(described(music(40.0, RATE_HZ, 1)), "steady_db")

    assert moving > 3 * still


def test_a_sine_is_a_single_partial() -> None:
    """All its power lies within some bins; that of a chord progression does not."""
    sine = 0.3 * np.sin(2 * np.pi * 440 * np.arange(25 * RATE_HZ) / RATE_HZ)

    assert column(described(sine), "single") > 0.99
    assert column(described(music(25.0, RATE_HZ, 1)), "single") < 0.85


def test_the_level_changes_nothing() -> None:
    """The same music 20 dB lower, up to rounding."""
    piece = music(30.0, RATE_HZ, 2)

    assert described(0.1 * piece) == pytest.approx(described(piece), abs=0.1)


@pytest.mark.parametrize("duration_s", [0.5, 2.0, 3.5, 31.0])
def test_any_length_and_silence_give_finite_rows(duration_s: float) -> None:
    """A row for each segment, without NaN."""
    samples = np.zeros(round(duration_s * RATE_HZ))
    samples[: len(samples) // 2] = 0.1 * np.random.default_rng(1).standard_normal(len(samples) // 2)

    rows = described(samples)

    assert rows.shape == (len(segment_spans(duration_s)), len(material().feature_names))
    assert np.isfinite(rows).all()
