"""Descriptors against librosa and openSMILE, called live, and against the stored tables.

Deviations are in standard deviations of each column over the songs of DEAM.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
import opensmile
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.audio.decoding import decode
from model.frontends import frontend_id, get_frontend
from model.frontends.descriptors import Descriptors
from tests.unit.music import music

CLIPS = (2, 3, 4, 5, 7)
TIMBRE = Descriptors.feature_names[:20]
LOUDNESS = Descriptors.feature_names[20:]
MP3_DELAY = 1105
"""Samples that MP3 decoders used to put before the music; the GeMAPS table was made with them."""

LIMITS = np.array([0.02] * 13 + [0.10] * 7 + [0.05] * 6 + [0.10] * 5)
"""Accepted deviation of each column: MFCC, contrast, loudness levels, slopes and peaks."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Tables:
    """What others computed for all of DEAM: rows by song, and each column's standard deviation."""

    rows: dict[int, Floats]
    sd: Floats


@pytest.fixture(scope="module")
def tables(shared_data: Path) -> Tables:
    timbre = _columns(shared_data / "deam/librosa_mfcc13_contrast7.csv", TIMBRE)
    loudness = _columns(shared_data / "gemaps62_deam_pmemo.csv", LOUDNESS)
    loudness = {key: row for key, row in loudness.items() if key.startswith("deam_")}
    sd = [np.std(list(table.values()), axis=0) for table in (timbre, loudness)]
    rows = {i: np.concatenate([timbre[f"{i}.mp3"], loudness[f"deam_{i}"]]) for i in CLIPS}
    return Tables(rows, np.concatenate(sd))


def _columns(path: Path, names: tuple[str, ...]) -> dict[str, Floats]:
    with path.open(newline="") as file:
        records = csv.reader(file)
        header = next(records)
        places = [header.index(name) for name in names]
        return {row[0]: np.array([float(row[i]) for i in places]) for row in records}


@pytest.fixture(scope="module")
def clips(shared_data: Path) -> dict[int, NDArray[np.float32]]:
    return {i: decode(shared_data / f"deam/audio/{i}.mp3").samples for i in CLIPS}


@pytest.fixture(scope="module")
def smile() -> opensmile.Smile:
    return opensmile.Smile(opensmile.FeatureSet.GeMAPSv01b, opensmile.FeatureLevel.Functionals)


def _described(samples: NDArray[np.float32], rate_hz: int = 44_100) -> Floats:
    windows = torch.tensor([[0.0, len(samples) / rate_hz]], dtype=torch.float64)
    features = Descriptors().describe(torch.from_numpy(samples), rate_hz, windows)
    return features[0].double().numpy()


def _oracle(samples: NDArray[np.float32], smile: opensmile.Smile, rate_hz: int = 44_100) -> Floats:
    return np.concatenate([_librosa(samples, rate_hz), _opensmile(samples, smile, rate_hz)])


def _librosa(samples: NDArray[np.float32], rate_hz: int = 44_100) -> Floats:
    y = librosa.resample(samples, orig_sr=rate_hz, target_sr=22_050)
    mfcc = librosa.feature.mfcc(y=y, sr=22_050, n_mfcc=13).mean(1)
    return np.concatenate([mfcc, librosa.feature.spectral_contrast(y=y, sr=22_050).mean(1)])


def _opensmile(samples: NDArray[np.float32], smile: opensmile.Smile, rate_hz: int) -> Floats:
    return smile.process_signal(samples, rate_hz)[list(LOUDNESS)].to_numpy(np.float64)[0]


def _report(title: str, deviations: Floats) -> None:
    groups = {
        "MFCC": slice(13),
        "contrast": slice(13, 20),
        "levels": slice(20, 26),
        "slopes": slice(26, 31),
    }
    worst = {name: float(deviations[:, part].max()) for name, part in groups.items()}
    print(title, *(f"{name} {value:.4f} sd" for name, value in worst.items()), sep="  ")


def test_equals_librosa_and_opensmile_on_deam(
    tables: Tables, clips: dict[int, NDArray[np.float32]], smile: opensmile.Smile
) -> None:
    """Each column of each clip lies within its limit of what the two packages give, live."""
    deviations = np.array(
        [np.abs(_described(clips[i]) - _oracle(clips[i], smile)) / tables.sd for i in CLIPS]
    )

    _report("against librosa and openSMILE:", deviations)
    assert (deviations <= LIMITS).all()


def test_equals_the_stored_loudness_table(
    tables: Tables, clips: dict[int, NDArray[np.float32]]
) -> None:
    """With the decoder delay that the table was made with, each loudness column is near it."""
    deviations = np.array(
        [
            np.abs(_described(np.pad(clips[i], (MP3_DELAY, 0)))[20:] - tables.rows[i][20:])
            / tables.sd[20:]
            for i in CLIPS
        ]
    )

    _report("against the stored GeMAPS table:", np.pad(deviations, ((0, 0), (20, 0))))
    assert (deviations <= LIMITS[20:]).all()


def test_is_as_near_the_stored_timbre_table_as_librosa_is(
    tables: Tables, clips: dict[int, NDArray[np.float32]]
) -> None:
    """Librosa itself departs from the table by 0.03 (MFCC) and 0.17 (contrast); we add nothing."""
    ours = np.array(
        [np.abs(_described(clips[i])[:20] - tables.rows[i][:20]) / tables.sd[:20] for i in CLIPS]
    )
    librosas = np.array(
        [np.abs(_librosa(clips[i]) - tables.rows[i][:20]) / tables.sd[:20] for i in CLIPS]
    )

    _report("against the stored librosa table:", np.pad(ours, ((0, 0), (0, 11))))
    _report("librosa against its stored table:", np.pad(librosas, ((0, 0), (0, 11))))
    assert (ours <= librosas + np.array([0.002] * 13 + [0.035] * 7)).all()
    print(
        f"mean over the clips, worst column:  {ours[:, :13].mean(0).max():.4f} sd (MFCC)  "
        f"{ours[:, 13:].mean(0).max():.4f} sd (contrast)"
    )
    assert (ours.mean(axis=0) <= LIMITS[:20]).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_equals_librosa_and_opensmile_on_synthetic_music(smile: opensmile.Smile, seed: int) -> None:
    """Without any data set: 20 s of chords, beats and noise agree to a few thousandths."""
    samples = music(20.0, 44_100, seed)
    ours, theirs = _described(samples), _oracle(samples, smile)

    np.testing.assert_allclose(
        ours[:13], theirs[:13], atol=0.05
    )  # dB-like; spread over DEAM 8 to 100
    np.testing.assert_allclose(ours[13:20], theirs[13:20], atol=0.4)  # dB; spread 2.5 to 4
    np.testing.assert_allclose(ours[20:26], theirs[20:26], rtol=0.01, atol=0.002)
    np.testing.assert_allclose(ours[26:], theirs[26:], rtol=0.03, atol=0.05)


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 32_000, 48_000, 88_200, 96_000, 192_000])
def test_sample_rates_agree(rate_hz: int) -> None:
    """The same music at another rate has the same loudness; timbre too where the band allows."""
    reference = _described(music(12.0, 44_100, 3, highest_hz=6_000.0))
    other = _described(music(12.0, rate_hz, 3, highest_hz=6_000.0), rate_hz)

    np.testing.assert_allclose(other[20:26], reference[20:26], rtol=0.03, atol=0.01)
    np.testing.assert_allclose(other[13:18], reference[13:18], atol=0.5)
    if rate_hz >= 32_000:
        np.testing.assert_allclose(other[:13], reference[:13], atol=2.0)


def test_louder_music_differs_by_its_gain_alone() -> None:
    """Twice the amplitude: +6 dB in the first MFCC, loudness by the power law, shape unchanged."""
    samples = music(10.0, 44_100, 4)
    soft, loud = _described(0.5 * samples), _described(samples)

    decibels = 20 * np.log10(2)
    assert loud[0] - soft[0] == pytest.approx(decibels * np.sqrt(128), rel=1e-3)
    np.testing.assert_allclose(loud[1:20], soft[1:20], atol=0.02)
    assert loud[20] / soft[20] == pytest.approx(2 ** (2 * 0.33), rel=0.01)
    assert loud[21] == pytest.approx(soft[21], rel=0.02)
    assert loud[30] == soft[30]


def test_a_shift_in_time_moves_the_windows_along() -> None:
    """Music delayed by one grid step has the same features one grid step later."""
    samples = music(25.0, 44_100, 5)
    delay_s = Descriptors.grid_s
    delayed = np.concatenate([np.zeros(round(delay_s * 44_100), np.float32), samples])
    windows = torch.tensor([[1.0, 9.0], [5.0, 20.0]], dtype=torch.float64)
    frontend = Descriptors()

    now = frontend.describe(torch.from_numpy(samples), 44_100, windows)
    later = frontend.describe(torch.from_numpy(delayed), 44_100, windows + delay_s)

    torch.testing.assert_close(later[:, :19], now[:, :19], atol=0.01, rtol=1e-4)
    torch.testing.assert_close(later[:, 19], now[:, 19], atol=0.3, rtol=0)
    torch.testing.assert_close(later[:, 20:], now[:, 20:], atol=1e-3, rtol=1e-3)


def test_a_window_is_described_like_the_clip_cut_out() -> None:
    """A window within a long piece has nearly the features of that stretch alone."""
    samples = music(40.0, 44_100, 6)
    windows = torch.tensor([[10.0, 30.0]], dtype=torch.float64)

    inside = Descriptors().describe(torch.from_numpy(samples), 44_100, windows)[0].double().numpy()
    alone = _described(samples[441_000 : 3 * 441_000])

    np.testing.assert_allclose(inside[:19], alone[:19], atol=1.0, rtol=0.01)
    np.testing.assert_allclose(inside[20:26], alone[20:26], rtol=0.01, atol=0.01)


def test_many_windows_equal_one_at_a_time() -> None:
    """Windows of any lengths, described together or alone, give the same rows in the same order."""
    samples = torch.from_numpy(music(30.0, 44_100, 7))
    starts = torch.rand(150, dtype=torch.float64) * 20
    windows = torch.stack([starts, starts + 0.5 + 9 * torch.rand(150, dtype=torch.float64)], 1)
    frontend = Descriptors()

    together = frontend.describe(samples, 44_100, windows)
    alone = torch.cat([frontend.describe(samples, 44_100, row[None]) for row in windows[::10]])

    torch.testing.assert_close(together[::10], alone, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("level", [0.0, 1e-30, 1e-9, 1.0, 1e8])
def test_silence_and_extremes_are_finite(level: float) -> None:
    """Silence, the faintest noise, constants and absurdly loud sound all give finite numbers."""
    noise = level * torch.randn(44_100 * 2)
    for samples in (noise, torch.full((44_100,), level), noise[:22_050]):
        windows = torch.tensor([[0.0, 0.5], [0.0, len(samples) / 44_100]], dtype=torch.float64)
        assert torch.isfinite(Descriptors().describe(samples, 44_100, windows)).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(8_000, 192_000), st.integers(0, 2**31))
def test_any_rate_and_window_is_described(rate_hz: int, seed: int) -> None:
    """Every rate from 8 to 192 kHz works, also those without a small ratio to 22,050 Hz."""
    random = np.random.default_rng(seed)
    samples = torch.from_numpy(random.uniform(-1, 1, rate_hz).astype(np.float32))
    ends = np.sort(random.uniform(0, 1.0, (4, 2)), axis=1)

    features = Descriptors().describe(samples, rate_hz, torch.from_numpy(ends))

    assert features.shape == (4, 31)
    assert torch.isfinite(features).all()


def test_no_windows_give_no_rows() -> None:
    """An empty list of windows is answered with an empty table."""
    windows = torch.zeros(0, 2, dtype=torch.float64)

    assert Descriptors().describe(torch.zeros(44_100), 44_100, windows).shape == (0, 31)


def test_frontends_are_found_by_name() -> None:
    """The name in a checkpoint leads to the frontend; an unknown one is refused by name."""
    assert frontend_id(get_frontend("descriptors")) == "descriptors-2"
    with pytest.raises(ValueError, match="no frontend is called 'ears'"):
        get_frontend("ears")


def test_the_names_are_the_tables_columns(shared_data: Path) -> None:
    """Every feature is a column of the stored tables, under the same name."""
    with (shared_data / "gemaps62_deam_pmemo.csv").open() as file:
        gemaps = file.readline().strip().split(",")
    with (shared_data / "deam/librosa_mfcc13_contrast7.csv").open() as file:
        timbre = file.readline().strip().split(",")

    assert set(Descriptors.feature_names) <= {*gemaps, *timbre}
    assert len(Descriptors.feature_names) == 31
