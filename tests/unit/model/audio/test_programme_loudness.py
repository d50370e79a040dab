"""BS.1770-4 against its own table and sine, against torchaudio, and on what its gates leave out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torchaudio.functional import loudness

from model.audio.programme_loudness import GATE_LUFS, LoudnessMeter, k_weighting
from tests.unit.music import music


def measured(samples: NDArray[np.float32], rate_hz: int, pieces: int = 1) -> float:
    meter = LoudnessMeter(rate_hz)
    for piece in np.array_split(samples, pieces):
        meter.add(piece)
    return meter.integrated_lufs


def test_the_filters_are_those_of_the_standard() -> None:
    """Tables 1 and 2 of BS.1770-4 at 48 kHz."""
    shelf_poles = (1.0, -1.69065929318241, 0.73248077421585)

    np.testing.assert_allclose(
        k_weighting(48_000),
        [
            [1.53512485958697, -2.69169618940638, 1.19839281085285, *shelf_poles],
            [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
        ],
        atol=1e-8,
    )


def test_a_full_scale_sine_has_the_standards_loudness() -> None:
    """997 Hz at 0 dBFS in one channel reads -3.01 LKFS."""
    t = np.arange(48_000 * 10) / 48_000

    sine = np.sin(2 * np.pi * 997 * t).astype(np.float32)

    assert measured(sine, 48_000) == pytest.approx(-3.01, abs=0.01)


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_it_agrees_with_torchaudio(rate_hz: int) -> None:
    """To a fifth of a decibel; torchaudio's filters are approximations away from 48 kHz."""
    samples = music(8.0, rate_hz, 1)
    samples[: 2 * rate_hz] *= 0.01

    expected = float(loudness(torch.from_numpy(samples)[None], rate_hz))

    assert measured(samples, rate_hz) == pytest.approx(expected, abs=0.2)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 40), st.sampled_from([2_000, 8_000, 11_025]))
def test_pieces_give_what_the_whole_gives(pieces: int, rate_hz: int) -> None:
    """However the waveform is cut."""
    samples = music(5.0, rate_hz, 2)

    assert measured(samples, rate_hz, pieces) == pytest.approx(measured(samples, rate_hz), abs=1e-9)


@given(st.floats(-30.0, 20.0))
def test_a_gain_moves_it_by_as_much(gain_db: float) -> None:
    """As long as nothing falls under the absolute gate."""
    samples = np.random.default_rng(3).normal(size=24_000).astype(np.float32)

    louder = samples * np.float32(10 ** (gain_db / 20))

    assert measured(louder, 8_000) - measured(samples, 8_000) == pytest.approx(gain_db, abs=1e-3)


def test_silence_around_the_music_hardly_counts() -> None:
    """Two seconds of silence before and after are gated out."""
    samples = music(30.0, 8_000, 4)
    silence = np.zeros(16_000, np.float32)

    padded = np.concatenate([silence, samples, silence])

    assert measured(padded, 8_000) == pytest.approx(measured(samples, 8_000), abs=0.1)


@pytest.mark.parametrize("level", [0.0, 1e-5])
def test_what_is_too_soft_to_count_has_the_gates_loudness(level: float) -> None:
    """The gain of a file is finite whatever is in it."""
    noise = np.random.default_rng(0).normal(size=8_000).astype(np.float32)

    assert measured(level * noise, 8_000) == GATE_LUFS
    assert measured(noise[:100] * level, 8_000) == GATE_LUFS
