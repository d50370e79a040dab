"""The frontend with onset rate and key strength: its columns, its windows, the stored table."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.analysis import analyse, window_spans
from model.audio.decoding import decode
from model.frontends import frontend_id, get_frontend
from model.frontends.descriptors import Descriptors, Descriptors33
from model.learning.datasets import ESSENTIA_NAMES
from tests.unit.encoded_audio import wav
from tests.unit.music import music

CLIPS = (2, 3, 4, 5, 7)
MP3_DELAY = 1105
"""Samples that MP3 decoders used to put before the music; the stored table was made with them."""

Floats = NDArray[np.float64]


def _described(samples: NDArray[np.float32], *windows: tuple[float, float]) -> torch.Tensor:
    spans = torch.tensor(windows or [(0.0, len(samples) / 44_100)], dtype=torch.float64)
    return Descriptors33().describe(torch.from_numpy(samples), 44_100, spans)


@pytest.fixture(scope="module")
def stored(shared_data: Path) -> tuple[dict[int, Floats], Floats]:
    """Onset rate and key strength of all songs by Essentia, and their standard deviations."""
    with (shared_data / "essentia66_deam_pmemo.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["song_id"].startswith("deam_")]
    table = {
        int(row["song_id"].removeprefix("deam_")): np.array([float(row[n]) for n in ESSENTIA_NAMES])
        for row in rows
    }
    return table, np.std(list(table.values()), axis=0)


def test_is_near_the_stored_table(
    stored: tuple[dict[int, Floats], Floats], shared_data: Path
) -> None:
    """With the decoder delay that the table was made with: onsets to .08 sd, keys to .3."""
    table, sd = stored
    found = []
    for song in CLIPS:
        samples = decode(shared_data / f"deam/audio/{song}.mp3").samples
        ours = _described(np.pad(samples, (MP3_DELAY, 0)))[0, 31:].double().numpy()
        found.append((ours - table[song]) / sd)
    apart = np.abs(found)

    print("onset rate and key strength, mean and worst in sd:", apart.mean(0), apart.max(0))
    assert (apart.mean(0) <= [0.03, 0.12]).all()
    assert (apart.max(0) <= [0.08, 0.3]).all()


def test_curve_windows_are_unbiased(
    stored: tuple[dict[int, Floats], Floats], shared_data: Path
) -> None:
    """Windows of the curve have, in the mean, what the whole clip has: to a tenth of a sd."""
    _, sd = stored
    found = []
    for song in CLIPS:
        audio = decode(shared_data / f"deam/audio/{song}.mp3")
        spans = [(0.0, audio.duration_s), *window_spans(audio.duration_s).tolist()]
        both = _described(audio.samples, *spans)[:, 31:].double().numpy()
        found.append((both[1:].mean(0) - both[0]) / sd)

    print("bias of windows in sd, onset rate and key strength:", np.mean(found, 0))
    assert (np.abs(np.mean(found, axis=0)) <= 0.1).all()


def test_the_first_columns_are_those_of_descriptors() -> None:
    """To the bit, so that what was measured of the 31 holds for them here."""
    samples = torch.from_numpy(music(40.0, 48_000, 1))
    windows = torch.from_numpy(window_spans(40.0))

    more = Descriptors33().describe(samples, 48_000, windows)

    assert torch.equal(more[:, :31], Descriptors().describe(samples, 48_000, windows))
    assert Descriptors33.feature_names[:31] == Descriptors.feature_names
    assert Descriptors33.feature_names[31:] == tuple(ESSENTIA_NAMES.values())


def test_is_deterministic() -> None:
    """Twice the same sound, twice the same bits."""
    samples = music(20.0, 44_100, 2)

    assert torch.equal(_described(samples), _described(samples))


def test_many_windows_equal_one_at_a_time() -> None:
    """Windows of any lengths, described together or alone, give the same rows in the same order."""
    samples = music(60.0, 44_100, 7)
    starts = torch.rand(150, dtype=torch.float64) * 45
    ends = starts + 0.5 + 14 * torch.rand(150, dtype=torch.float64)
    windows = [(float(a), float(b)) for a, b in zip(starts, ends, strict=True)]

    together = _described(samples, *windows)[::30, 31:]
    alone = torch.cat([_described(samples, window)[:, 31:] for window in windows[::30]])

    torch.testing.assert_close(together, alone, atol=1e-6, rtol=0)


def test_a_shift_in_time_moves_the_windows_along() -> None:
    """Music delayed by one grid step has the same features one grid step later."""
    samples = music(60.0, 44_100, 5)
    delay_s = Descriptors33.grid_s
    delayed = np.concatenate([np.zeros(round(delay_s * 44_100), np.float32), samples])
    windows = ((16.0, 24.0), (20.0, 35.0), (25.0, 30.0))

    now = _described(samples, *windows)
    later = _described(delayed, *((a + delay_s, b + delay_s) for a, b in windows))

    torch.testing.assert_close(later[:, 31:], now[:, 31:], atol=2e-3, rtol=0)


@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
def test_blocks_do_not_matter(rate_hz: int) -> None:
    """A long file read in blocks has the segments and windows that it has in one piece."""
    content = wav([music(95.0, rate_hz, 9)], rate_hz)

    whole = analyse(io.BytesIO(content), Descriptors33(), block_s=1000.0)
    pieces = analyse(io.BytesIO(content), Descriptors33(), block_s=82.0)

    for ours, theirs in (
        (pieces.segment_features, whole.segment_features),
        (pieces.window_features, whole.window_features),
    ):
        assert np.isclose(ours[:, 31:], theirs[:, 31:], atol=2e-3).mean() > 0.99
        np.testing.assert_allclose(ours[:, 31], theirs[:, 31], atol=0.11)  # an onset in 10 s
        np.testing.assert_allclose(ours[:, 32], theirs[:, 32], atol=0.05)


@pytest.mark.parametrize("rate_hz", [22_050, 32_000, 48_000, 96_000])
def test_sample_rates_agree(rate_hz: int) -> None:
    """The same music at another rate has the same onsets and the same key."""
    reference = _described(music(20.0, 44_100, 3, highest_hz=6_000.0))[0, 31:]
    samples = torch.from_numpy(music(20.0, rate_hz, 3, highest_hz=6_000.0))
    windows = torch.tensor([[0.0, 20.0]], dtype=torch.float64)
    other = Descriptors33().describe(samples, rate_hz, windows)[0, 31:]

    assert other.tolist() == pytest.approx(reference.tolist(), abs=0.1)


@pytest.mark.parametrize("level", [0.0, 1e-30, 1e-9, 1.0, 1e8])
def test_silence_and_extremes_are_finite(level: float) -> None:
    """Silence, the faintest noise, constants and absurdly loud sound all give finite numbers."""
    noise = level * torch.randn(44_100 * 2)
    for samples in (noise, torch.full((44_100,), level), noise[:22_050], noise[:1_000]):
        ends = [[0.0, 0.5], [0.0, len(samples) / 44_100]]
        windows = torch.tensor(ends, dtype=torch.float64)
        assert torch.isfinite(Descriptors33().describe(samples, 44_100, windows)[:, 31:]).all()


@settings(max_examples=10, deadline=None)
@given(st.integers(8_000, 192_000), st.integers(0, 2**31))
def test_any_rate_and_window_is_described(rate_hz: int, seed: int) -> None:
    """Every rate from 8 to 192 kHz works, and both columns stay in their range."""
    random = np.random.default_rng(seed)
    samples = torch.from_numpy(random.uniform(-1, 1, rate_hz).astype(np.float32))
    ends = np.sort(random.uniform(0, 1.0, (4, 2)), axis=1)

    features = Descriptors33().describe(samples, rate_hz, torch.from_numpy(ends))

    assert features.shape == (4, 33)
    assert torch.isfinite(features).all()
    assert ((features[:, 31] >= 0) & (features[:, 31] < 45)).all()
    assert (features[:, 32].abs() <= 1).all()


def test_no_windows_give_no_rows() -> None:
    """An empty list of windows is answered with an empty table."""
    windows = torch.zeros(0, 2, dtype=torch.float64)

    assert Descriptors33().describe(torch.zeros(44_100), 44_100, windows).shape == (0, 33)


def test_both_are_found_by_name() -> None:
    """Checkpoints of either frontend find theirs."""
    assert frontend_id(get_frontend("descriptors33")) == "descriptors33-2"
    assert frontend_id(get_frontend("descriptors")) == "descriptors-2"
