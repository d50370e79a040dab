"""Parts of the descriptors frontend against plain numpy, soxr and openSMILE."""

from __future__ import annotations

import librosa
import numpy as np
import opensmile
import pytest
import scipy.fft
import soxr
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.frontends.loudness import STEP_S, equal_loudness, loudness_contour
from model.frontends.peaks import peak_statistics
from model.frontends.resampling import resample
from model.frontends.spectral import HOP, N_MELS, N_MFCC, RATE_HZ, dct_matrix, mel_bank
from model.frontends.windows import FrameLevels, FrameSpans, quantiles
from tests.unit.music import music


def test_mel_bank_is_librosas() -> None:
    """Slaney's filters, to float32."""
    theirs = librosa.filters.mel(sr=RATE_HZ, n_fft=2048, n_mels=N_MELS).T

    np.testing.assert_allclose(mel_bank().numpy(), theirs, atol=1e-8)


def test_dct_is_scipys() -> None:
    """The orthonormal DCT-II."""
    levels = np.random.default_rng(0).normal(size=(5, N_MELS))
    ours = levels @ dct_matrix().double().numpy()

    np.testing.assert_allclose(ours, scipy.fft.dct(levels, norm="ortho")[:, :N_MFCC], atol=1e-5)


@pytest.mark.parametrize(
    "from_hz", [8_000, 11_025, 16_000, 32_000, 44_100, 48_000, 96_000, 192_000]
)
def test_resampling_is_soxrs(from_hz: int) -> None:
    """From every usual rate the result is soxr's HQ one, to -66 dB (downwards -80 dB)."""
    samples = music(4.0, from_hz, 1)
    ours = resample(torch.from_numpy(samples), from_hz, RATE_HZ).numpy()
    theirs = soxr.resample(samples, from_hz, RATE_HZ, quality="HQ")[: len(ours)]

    inside = slice(500, len(theirs) - 500)
    error = np.sqrt(np.mean(np.square(ours[: len(theirs)] - theirs)[inside]))
    assert len(ours) == int(np.ceil(len(samples) * RATE_HZ / from_hz))
    assert error < (1e-4 if from_hz > RATE_HZ else 5e-4) * np.sqrt(np.mean(np.square(theirs)))


@settings(max_examples=30, deadline=None)
@given(st.integers(8_000, 192_000), st.floats(0.02, 0.4), st.integers(1_000, 60_000))
def test_a_sine_keeps_pitch_phase_and_level(from_hz: int, place: float, n: int) -> None:
    """At any rate, prime ones too, a sine within the band comes out as the same sine."""
    hz = place * min(from_hz, RATE_HZ)
    sine = torch.sin(2 * torch.pi * hz * torch.arange(n, dtype=torch.float64) / from_hz).float()

    out = resample(sine, from_hz, RATE_HZ)

    t = torch.arange(len(out), dtype=torch.float64) / RATE_HZ
    expected = torch.sin(2 * torch.pi * hz * t).float()
    guard = 400
    error = (out - expected)[guard : len(out) - guard].abs()
    drift = 2 * torch.pi * hz * len(out) / RATE_HZ * 5e-5  # where the rates have no small ratio
    assert error.numel() == 0 or error.max() < 1e-4 + drift


@pytest.mark.parametrize("from_hz", [8_000, 16_000, 32_000, 44_100, 48_000, 96_000, 192_000])
def test_usual_rates_do_not_drift(from_hz: int) -> None:
    """Between usual rates a sine stays exact for as long as it lasts."""
    sine = torch.sin(2 * torch.pi * 1_000 * torch.arange(10 * from_hz).double() / from_hz).float()

    out = resample(sine, from_hz, RATE_HZ)

    expected = torch.sin(2 * torch.pi * 1_000 * torch.arange(len(out)).double() / RATE_HZ).float()
    assert (out - expected)[400:-400].abs().max() < 1e-5


def test_what_would_alias_is_removed() -> None:
    """A tone above the new band vanishes."""
    tone = torch.sin(2 * torch.pi * 15_000 * torch.arange(48_000, dtype=torch.float64) / 48_000)

    out = resample(tone.float(), 48_000, RATE_HZ)

    assert out[1_000:-1_000].abs().max() < 1e-5


def test_a_spans_frames_are_those_inside() -> None:
    """Frames on the ends count, partial ones do not, and there is always one."""
    low = torch.tensor([0.0, 2.0, 2.1, 4.4, 90.0], dtype=torch.float64)
    high = torch.tensor([3.0, 5.0, 4.9, 4.6, 99.0], dtype=torch.float64)

    spans = FrameSpans.between(low, high, 10)

    assert spans.first.tolist() == [0, 2, 3, 5, 9]
    assert spans.count.tolist() == [4, 4, 2, 1, 1]


def test_quantiles_are_numpys() -> None:
    """Linear interpolation between order statistics, in windows of different lengths."""
    values = torch.randn(500)
    first = torch.tensor([0, 3, 100, 499, 250])
    count = torch.tensor([500, 1, 37, 1, 250])

    ours = quantiles(values, FrameSpans(first, count), (0.2, 0.5, 0.8)).numpy()

    for row, (start, length) in zip(
        ours, zip(first.tolist(), count.tolist(), strict=True), strict=True
    ):
        theirs = np.quantile(values[start : start + length].numpy(), (0.2, 0.5, 0.8))
        np.testing.assert_allclose(row, theirs, atol=1e-6)


def test_floored_means_are_librosas_top_db() -> None:
    """The floor follows each window's own maximum."""
    levels = 40 * torch.randn(300, 7)
    spans = FrameSpans(torch.tensor([0, 10, 250]), torch.tensor([300, 40, 1]))

    ours = FrameLevels(levels).floored_means(spans, 80.0).numpy()

    for row, start, length in zip(ours, spans.first.tolist(), spans.count.tolist(), strict=True):
        window = levels[start : start + length].numpy()
        np.testing.assert_allclose(row, np.maximum(window, window.max() - 80.0).mean(0), atol=1e-3)


def test_loudness_contour_is_opensmiles() -> None:
    """Frame by frame, the smoothed loudness equals openSMILE's low-level descriptor."""
    samples = music(10.0, 44_100, 2)
    smile = opensmile.Smile(
        opensmile.FeatureSet.GeMAPSv01b, opensmile.FeatureLevel.LowLevelDescriptors
    )
    theirs = smile.process_signal(samples, 44_100)["Loudness_sma3"].to_numpy()

    at_rate = resample(torch.from_numpy(samples), 44_100, RATE_HZ)
    ours = loudness_contour(at_rate).numpy()[: len(theirs)]

    # The last rows of the package's table are delayed by its pitch tracker and repeat.
    np.testing.assert_allclose(ours[:-3], theirs[:-3], atol=0.01)


def test_ears_are_most_sensitive_in_the_middle() -> None:
    """The weight is small in the bass, greatest at a few kilohertz, and falls again above."""
    bass, middle, treble = equal_loudness(torch.tensor([50.0, 4_000.0, 15_000.0]).double()).tolist()

    assert bass < 0.01 * middle
    assert treble < 0.5 * middle


def _peaks(contour: list[float]) -> list[float]:
    values = torch.tensor(contour)
    spans = FrameSpans(torch.tensor([0]), torch.tensor([len(contour)]))
    return peak_statistics(values, spans, STEP_S)[0].tolist()


def test_peaks_of_a_zigzag() -> None:
    """Two clear peaks and the dip between them, worked out by hand."""
    # Peaks of 1 at frames 3 and 9, a dip of 0 at 6, ends at 0: rises and falls of 1/3 a frame.
    rise, rise_sd, fall, fall_sd, rate = _peaks(
        [0, 1 / 3, 2 / 3, 1, 2 / 3, 1 / 3, 0, 1 / 3, 2 / 3, 1, 2 / 3, 1 / 3, 0]
    )

    third = 1 / 3 / STEP_S
    assert rise == pytest.approx(third, rel=1e-5)
    assert rise_sd == pytest.approx(0.0, abs=1e-3)
    # The way to the end counts with its sign: (third - third) / 2.
    assert fall == pytest.approx(0.0, abs=1e-3)
    assert fall_sd == pytest.approx(third / np.sqrt(2), rel=1e-5)
    assert rate == pytest.approx(2 / (13 * STEP_S), rel=1e-5)


def test_small_ripples_are_no_peaks() -> None:
    """A ripple of under a tenth of the range is passed over."""
    t = np.arange(400)
    smooth = np.sin(2 * np.pi * t / 100)
    rippled = smooth + 0.02 * np.sin(2 * np.pi * t / 7)

    assert _peaks(rippled.tolist())[4] == pytest.approx(_peaks(smooth.tolist())[4])
    assert _peaks(smooth.tolist())[4] == pytest.approx(1.0)


def test_a_level_contour_has_no_slopes() -> None:
    """Without extremes everything is zero, but for a steady drift."""
    assert _peaks([1.0] * 50) == [0.0] * 5
    assert _peaks([0.1 * i for i in range(50)])[0] == pytest.approx(4.9 / 50, rel=1e-5)
    assert _peaks([-0.1 * i for i in range(50)])[2] == pytest.approx(-4.9 / 50, rel=1e-5)


def test_windows_slice_the_contour() -> None:
    """Statistics of a window within a contour are those of the slice alone."""
    contour = torch.rand(2_000).cumsum(0).sin() + torch.rand(2_000)
    first, count = torch.tensor([0, 300, 1_990, 17]), torch.tensor([2_000, 700, 10, 3])

    together = peak_statistics(contour, FrameSpans(first, count), STEP_S)

    for row, start, length in zip(together, first.tolist(), count.tolist(), strict=True):
        alone = peak_statistics(
            contour[start : start + length],
            FrameSpans(torch.tensor([0]), torch.tensor([length])),
            STEP_S,
        )
        torch.testing.assert_close(row, alone[0])


def test_the_grids_meet() -> None:
    """The frontend's block grid is a whole number of spectral and of loudness frames."""
    from model.frontends.descriptors import Descriptors

    assert (Descriptors.grid_s * RATE_HZ / HOP).is_integer()
    assert round(Descriptors.grid_s / STEP_S, 9).is_integer()
