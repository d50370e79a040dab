"""From a waveform to its emotion curve with the shipped checkpoint."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from model.audio.decoding import decode
from model.emotion_model import EmotionModel
from model.learning.datasets import load_deam
from model.shipped import FAST_CHECKPOINT

RATE_HZ = 22_050
DEAM_CLIPS = (2, 3, 4, 5, 7)


@pytest.fixture(scope="module")
def model() -> EmotionModel:
    return EmotionModel.load(FAST_CHECKPOINT, "cpu")


def bar(*, lively: bool) -> NDArray[np.float64]:
    """Two seconds of music: a major chord struck eight times, or a minor one held softly."""
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    ratios = (1.0, 1.26, 1.498, 2.0) if lively else (0.5, 0.595, 0.749)
    chord = sum(np.sin(2 * np.pi * 220.0 * r * t) / (1 + i) for i, r in enumerate(ratios))
    if not lively:
        return 0.05 * chord
    strikes = np.exp(-12.0 * (t % 0.25))
    noise = np.random.default_rng(0).normal(size=len(t)) * np.exp(-60.0 * (t % 0.25))
    return 0.25 * (chord * strikes + 0.5 * noise)


def wav(samples: NDArray[np.floating], rate_hz: int = RATE_HZ) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


@pytest.mark.parametrize("lively", [True, False])
def test_a_looped_bar_gets_a_steady_curve(model: EmotionModel, lively: bool) -> None:
    """Over a minute of the same two seconds the curve moves by less than 0.005."""
    analysis = model.analyse(wav(np.tile(bar(lively=lively), 30)))

    curve = model.emotion_curve(analysis)

    assert curve.mean.shape == (120, 2)
    assert np.ptp(curve.mean, axis=0).max() < 0.005


def test_a_lively_half_stands_out(model: EmotionModel, shared_data: Path) -> None:
    """Of a quiet DEAM clip followed by a lively one, the second half has the higher arousal."""
    quiet, lively = (decode(shared_data / "deam" / "audio" / f"{song}.mp3") for song in (5, 7))
    assert quiet.sample_rate_hz == lively.sample_rate_hz
    joined = np.concatenate([quiet.samples, lively.samples])

    curve = model.emotion_curve(model.analyse(wav(joined, quiet.sample_rate_hz)))

    arousal = curve.mean[:, 0]
    assert arousal[-60:].mean() - arousal[:60].mean() > curve.sd[:, 0].mean()


def test_deam_clips_get_means_like_the_annotators(model: EmotionModel, shared_data: Path) -> None:
    """On the five clips with audio, predicted and human means agree in order and within 3 sd.

    The shipped checkpoint was trained on these songs; `docs/benchmarks/curve.md` has the figures of
    models that were not.
    """
    data = load_deam(shared_data)
    human = {int(s): c.mean(axis=0) for s, c in zip(data.song_ids, data.curves, strict=True)}
    curves = [
        model.emotion_curve(model.analyse(shared_data / "deam" / "audio" / f"{song}.mp3"))
        for song in DEAM_CLIPS
    ]
    truth = np.stack([human[song] for song in DEAM_CLIPS])
    predicted = np.stack([curve.overall for curve in curves])
    sd = np.stack([curve.sd.mean(axis=0) for curve in curves])

    assert (np.abs(predicted - truth) < 3 * sd).all()
    for axis in range(2):
        assert np.corrcoef(predicted[:, axis], truth[:, axis])[0, 1] > 0.5
