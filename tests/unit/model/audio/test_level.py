"""Silence in a file: where it is, and that it is not described."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from model.analysis import CURVE_HOP_S, Analysis, analyse
from model.arrays import Floats
from model.audio.level import Level
from model.audio.programme_loudness import LoudnessMeter
from model.judge import Judge
from tests.unit.encoded_audio import wav
from tests.unit.model.test_analysis import MeanAndSpan

RATE_HZ = 2_000
RINGING_S = 0.1  # of the meter's filters, after a sound


def _parts(*parts: tuple[float, float]) -> Floats:
    """Noise, [N]: each part has a length in seconds and an amplitude."""
    random = np.random.default_rng(0)
    made = [level * random.uniform(-1, 1, round(length_s * RATE_HZ)) for length_s, level in parts]
    return np.concatenate(made).astype(np.float32)


def _sounding(samples: Floats) -> list[list[float]]:
    meter = LoudnessMeter(RATE_HZ)
    meter.add(samples)
    found: list[list[float]] = (meter.sounding(-70.0, 5.0) - [0.0, RINGING_S]).tolist()
    return found


def test_stretches_of_sound_lie_between_long_silences() -> None:
    """A rest of four seconds is music; clicks in silence are not, unless nothing else is there."""
    rest, click, gap = (4.0, 0.0), (0.1, 0.5), (6.0, 0.0)

    np.testing.assert_array_equal(_sounding(_parts((10.0, 0.5), rest, (3.0, 0.5))), [[0.0, np.inf]])
    np.testing.assert_allclose(
        _sounding(_parts(gap, (3.0, 0.5), gap, (1.0, 0.5), gap)), [[6.0, 9.0], [15.0, 16.0]]
    )
    np.testing.assert_allclose(_sounding(_parts(click, gap, (3.0, 0.5), gap)), [[6.1, 9.1]])
    np.testing.assert_allclose(_sounding(_parts(click, gap, click, gap)), [[0.0, 6.2]])


def test_days_of_sounds_apart_take_little_memory() -> None:
    """The longest sound within each span is found, however many there are."""
    starts = np.arange(20_000) * 10.0
    level = Level(-20.0, 1.0, 200_000.0, np.stack([starts, starts + 2.0 + starts % 7], axis=1), ())
    spans = np.arange(99_000)[:, None] * 2.0 + [[0.0, 10.0]]

    tracemalloc.start()
    found, enough = level.without_silence(spans)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak_bytes < 100e6
    assert enough.all()
    for row in range(0, len(spans), 997):
        parts = np.clip(level.sound_s, *spans[row])
        np.testing.assert_allclose(np.ptp(found[row]), np.ptp(parts, axis=1).max())


def _hidden_track(gap_level: float) -> Analysis:
    samples = _parts((50.0, 0.2), (100.0, gap_level), (30.0, 0.4), (20.0, 0.0))
    return analyse(wav(samples[None], RATE_HZ), MeanAndSpan(), block_s=70.0)


@pytest.mark.parametrize("gap_level", [0.0, 1e-5])
def test_silence_before_a_hidden_track_is_not_described(gap_level: float) -> None:
    """Segments lie in the sound alone; the curve goes on from the nearest window with sound."""
    analysis = _hidden_track(gap_level)

    expected = [
        *([0.0, 30.0], [15.0, 45.0], [30.0, 50.0], [45.0, 50.0]),
        *([150.0, 165.0], [150.0, 180.0], [165.0, 180.0]),
    ]
    np.testing.assert_allclose(analysis.segments_s, expected, atol=1.1 * RINGING_S)
    means = analysis.segment_features[:, 0]
    np.testing.assert_allclose(means, [0.1] * 4 + [0.2] * 3, rtol=0.02)
    windows = analysis.window_features[:, 0]
    assert len(windows) == round(200.0 / CURVE_HOP_S)
    np.testing.assert_allclose(windows, [0.1] * 200 + [0.2] * 200, rtol=0.2)


def test_a_file_of_silence_with_little_sound_is_short() -> None:
    """Its length is not that of a piece of music."""
    samples = _parts((25.0, 0.0), (5.0, 0.5), (25.0, 0.0))
    little = analyse(wav(samples[None], RATE_HZ), MeanAndSpan())

    verdict = Judge().verdict(little)

    assert (verdict.kind, verdict.reason) == ("short", "5.1 s of sound in a file of 55.0 s")
    assert Judge().verdict(_hidden_track(0.0)).kind == "music"
