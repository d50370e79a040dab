"""Key strength and mode: against a plain rendering of their sources, and on known chords."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.frontends.tonality import (
    BINS,
    CONTEXT_S,
    HOP,
    N_FFT,
    RATE_HZ,
    STRETCH_S,
    PitchFrames,
    key_strength,
    mode_of,
)

Floats = NDArray[np.float64]

MAJOR = (5, 2, 3.5, 2, 4.5, 4, 2, 4.5, 2, 3.5, 1.5, 4)
MINOR = (5, 2, 3.5, 4.5, 2, 4, 2, 4.5, 3.5, 2, 1.5, 4)
CADENCE = ((0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7))
MINOR_CADENCE = ((0, 3, 7), (5, 8, 12), (7, 11, 14), (0, 3, 7))
WHOLE_TONES = ((0, 4, 8), (2, 6, 10), (4, 8, 12), (6, 10, 14))
CLUSTERS = (tuple(range(12)),) * 4


def _strength(samples: NDArray[np.float32], *windows: tuple[float, float]) -> list[float]:
    spans = windows or ((0.0, len(samples) / RATE_HZ),)
    frames = PitchFrames(torch.from_numpy(samples))
    found: list[float] = frames.describe(torch.tensor(spans, dtype=torch.float64))[:, 0].tolist()
    return found


def _chords(
    chords: tuple[tuple[int, ...], ...], root_hz: float = 220.0, seconds: float = 32.0
) -> NDArray[np.float32]:
    """Chords of a second each, over and over; tones with five falling overtones."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    sound = np.zeros(len(t))
    for place, chord in enumerate(chords):
        heard = (t.astype(int) % len(chords)) == place
        for tone in chord:
            hz = root_hz * 2 ** (tone / 12)
            for overtone in range(1, 6):
                sound[heard] += 0.5**overtone * np.sin(2 * np.pi * overtone * hz * t[heard])
    return (0.02 * sound).astype(np.float32)


def _plain_profile(samples: NDArray[np.float32], reference_hz: float) -> Floats:
    """Mean profile, peak by peak, in float64."""
    turn = 2 * np.pi * np.arange(N_FFT) / (N_FFT - 1)
    window = 0.44959 - 0.49364 * np.cos(turn) + 0.05677 * np.cos(2 * turn)
    padded = np.pad(samples.astype(np.float64), (N_FFT // 2, N_FFT // 2))
    starts = range(0, len(padded) - N_FFT + 1, HOP)
    total = np.zeros(BINS)
    for start in starts:
        m = np.abs(np.fft.rfft(padded[start : start + N_FFT] * window * 2 / window.sum()))
        profile = np.zeros(BINS)
        for k in range(1, N_FFT // 2):
            if not (m[k] > m[k - 1] and m[k] >= m[k + 1]):
                continue
            place = 0.5 * (m[k - 1] - m[k + 1]) / (m[k - 1] - 2 * m[k] + m[k + 1])
            height = m[k] - 0.25 * (m[k - 1] - m[k + 1]) * place
            hz = (k + place) * RATE_HZ / N_FFT
            if not 20 <= hz <= 3500 or height <= 1e-5:
                continue
            for b in range(BINS):
                away = (12 * np.log2(hz / reference_hz) - b / 3 + 6) % 12 - 6
                if abs(away) <= 0.5:
                    profile[b] += np.cos(np.pi * away) * height**2
        total += profile / max(profile.max(), 1e-300)
    return total / len(starts)


def _plain_strength(profile: Floats) -> float:
    """The best of all correlations with the keys' chords."""
    profile = np.where(profile < 0.2 * profile.max(), 0.0, profile)
    found = []
    for fits, thirds in ((MAJOR, (4, 4, 4)), (MINOR, (3, 3, 4))):
        tones = np.zeros(12)
        for root, third in zip((0, 5, 7), thirds, strict=True):
            for tone in (root, root + third, root + 7):
                for harmonic, above in enumerate((0, 12, 19, 24)):
                    tones[(tone + above) % 12] += fits[root] * 0.6**harmonic
        key = np.interp(np.arange(BINS), np.arange(0, BINS + 3, 3), np.append(tones, tones[0]))
        found += [np.corrcoef(profile, np.roll(key, b))[0, 1] for b in range(BINS)]
    return float(max(found))


@pytest.mark.parametrize("chords", [CADENCE, MINOR_CADENCE, WHOLE_TONES])
def test_is_what_the_papers_say(chords: tuple[tuple[int, ...], ...]) -> None:
    """Peak by peak and key by key, at the reference's pitch, gives the same to a hundredth."""
    samples = _chords(chords, seconds=8.0)

    plain = _plain_strength(_plain_profile(samples, 440.0))

    assert _strength(samples)[0] == pytest.approx(plain, abs=0.01)


def test_correlates_with_every_key() -> None:
    """Profiles of any content have the strength that numpy's correlations give."""
    profiles = np.random.default_rng(0).random((50, BINS)) ** 3

    expected = [_plain_strength(profile) for profile in profiles]

    np.testing.assert_allclose(key_strength(torch.from_numpy(profiles)), expected, atol=1e-9)


def test_clear_keys_are_stronger() -> None:
    """Cadences have a strong key, whole tones a weak one, clusters and noise hardly any."""
    cadence, minor, whole_tones, clusters = (
        _strength(_chords(chords))[0] for chords in (CADENCE, MINOR_CADENCE, WHOLE_TONES, CLUSTERS)
    )
    noise = np.random.default_rng(1).normal(size=20 * RATE_HZ) * 0.1

    assert min(cadence, minor) > 0.8
    assert whole_tones < 0.6
    assert max(clusters, _strength(noise.astype(np.float32))[0]) < 0.5


@pytest.mark.parametrize("semitones", [-5.0, 1.0, 6.0])
def test_every_key_is_alike(semitones: float) -> None:
    """Transposed music has the same key strength, a few bins of the spectrum aside."""
    at_home = _strength(_chords(CADENCE))[0]
    transposed = _strength(_chords(CADENCE, 220.0 * 2 ** (semitones / 12)))[0]

    assert transposed == pytest.approx(at_home, abs=0.04)


@pytest.mark.parametrize("cents", [-45.0, -20.0, 7.0, 33.0, 50.0])
def test_follows_the_tuning(cents: float) -> None:
    """An orchestra tuned off 440 Hz, by up to a quarter tone, loses nothing."""
    in_tune = _strength(_chords(CADENCE))[0]
    off = _strength(_chords(CADENCE, 220.0 * 2 ** (cents / 1200)))[0]

    assert off == pytest.approx(in_tune, abs=0.04)


def test_loudness_does_not_matter() -> None:
    """Thirty decibels less: the same key."""
    samples = _chords(CADENCE)

    soft = _strength((samples * 0.03).astype(np.float32))

    assert soft == pytest.approx(_strength(samples), abs=1e-3)


def test_short_windows_hear_their_surroundings() -> None:
    """A window under `CONTEXT_S` is told the key of so much music around it, ends cut off."""
    piece = np.concatenate([_chords(CADENCE, seconds=60.0), _chords(WHOLE_TONES, seconds=60.0)])
    frames = PitchFrames(torch.from_numpy(piece))
    half = CONTEXT_S / 2
    windows = torch.tensor([(50.0, 60.0), (0.0, 10.0), (116.0, 120.0)], dtype=torch.float64)
    around = [(55.0 - half, 55.0 + half), (0.0, 5.0 + half), (118.0 - half, 120.0)]

    told = frames.describe(windows)[:, 0].double()
    alone = key_strength(frames.profiles(torch.tensor(around, dtype=torch.float64)))

    torch.testing.assert_close(told, alone, atol=1e-6, rtol=0)


@pytest.mark.parametrize("level", [0.0, 1e-30, 1e-7])
def test_silence_has_no_key(level: float) -> None:
    """What is too soft to hear fits no key."""
    noise = np.random.default_rng(2).normal(size=5 * RATE_HZ) * level

    assert _strength(noise.astype(np.float32)) == [0.0]


def _mode(samples: NDArray[np.float32], *windows: tuple[float, float]) -> list[float]:
    spans = windows or ((0.0, len(samples) / RATE_HZ),)
    frames = PitchFrames(torch.from_numpy(samples))
    found: list[float] = frames.mode(torch.tensor(spans, dtype=torch.float64))[:, 0].tolist()
    return found


def _plain_mode(profile: Floats) -> float:
    """By plain correlation with every key and sums of exponentials."""
    folded = sum(
        0.6 ** (harmonic - 1) * np.roll(profile, -round(BINS * np.log2(harmonic)))
        for harmonic in range(1, 5)
    )
    odds = []
    for fits in (MAJOR, MINOR):
        closed = np.interp(np.arange(BINS) / 3, np.arange(13), [*fits, fits[0]])
        keys = [np.corrcoef(np.roll(closed, tonic), folded)[0, 1] for tonic in range(BINS)]
        odds.append(np.exp(10.0 * np.array(keys)).sum())
    return float((odds[0] - odds[1]) / (odds[0] + odds[1]))


def test_mode_is_the_probability_of_major_less_that_of_minor() -> None:
    """Made-up profiles give what their correlations with all keys say."""
    profiles = np.random.default_rng(0).random((20, BINS)) ** 3

    found = mode_of(torch.from_numpy(profiles))

    assert found.tolist() == pytest.approx([_plain_mode(each) for each in profiles], abs=1e-9)


@pytest.mark.parametrize("root_hz", [196.0, 220.0, 233.0, 311.0])
def test_cadences_tell_their_mode(root_hz: float) -> None:
    """A major cadence is major and a minor one minor, whatever the tonic and its tuning."""
    major = _mode(_chords(CADENCE, root_hz))[0]
    minor = _mode(_chords(MINOR_CADENCE, root_hz))[0]

    assert major > 0.3
    assert minor < -0.1


def test_what_has_no_key_has_no_mode() -> None:
    """Chords of whole tones and clusters lean little, silence not at all."""
    assert _mode(_chords(WHOLE_TONES))[0] == pytest.approx(0.0, abs=0.3)
    assert _mode(_chords(CLUSTERS))[0] == pytest.approx(0.0, abs=0.15)
    assert _mode(np.zeros(RATE_HZ * 20, dtype=np.float32)) == [0.0]


def test_mode_does_not_depend_on_level() -> None:
    """The same music 30 dB softer has the same mode."""
    samples = _chords(CADENCE)

    assert _mode(samples * 10**-1.5) == pytest.approx(_mode(samples), abs=0.02)


def test_a_window_has_the_mean_of_its_stretches() -> None:
    """Half a minute of major and half of minor lie between the two, and each is told apart."""
    samples = np.concatenate([_chords(CADENCE), _chords(MINOR_CADENCE)])
    first, second, whole = _mode(samples, (0.0, 30.0), (34.0, 64.0), (0.0, 64.0))

    assert first > whole > second
    assert whole == pytest.approx((first + second) / 2, abs=0.15)


def test_short_windows_are_widened() -> None:
    """A second within a cadence is heard with what is around it."""
    samples = _chords(CADENCE)
    around = (16.5 - STRETCH_S / 2, 16.5 + STRETCH_S / 2)

    assert _mode(samples, (16.0, 17.0)) == pytest.approx(_mode(samples, around), abs=1e-6)
