from __future__ import annotations

import contextlib
import io
import itertools
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from model.analysis import (
    CURVE_HOP_S,
    CURVE_WINDOW_S,
    MIN_NEW_S,
    SEGMENT_HOP_S,
    SEGMENT_S,
    Analysis,
    analyse,
    segment_spans,
    window_spans,
)
from model.arrays import Floats
from model.errors import AudioTooLongError, AudioTooShortError, ShapeError, SilentAudioError
from model.frontends import WithCues, frontend_name
from model.frontends.descriptors import Descriptors
from tests.unit.encoded_audio import encoded, wav
from tests.unit.music import music

DURATIONS = st.floats(0.5, 400.0)


class MeanAndSpan:
    """A frontend that tells what it was shown: mean |sample|, the first and the last, length."""

    name = "mean-and-span"
    version = 3
    feature_names = ("mean", "first", "last", "n_samples")
    context_s = 0.5
    grid_s = 2.0
    listens_at_lufs = None
    cues = ()

    def __init__(self) -> None:
        self.longest_s = 0.0

    def describe(self, samples: Tensor, sample_rate_hz: int, windows_s: Tensor) -> Tensor:
        """One row for each window; every window must lie inside, with its context."""
        self.longest_s = max(self.longest_s, len(samples) / sample_rate_hz)
        rows, heard = [], samples.abs()
        for start, end in (windows_s * sample_rate_hz).round().long().tolist():
            assert 0 <= start < end <= len(samples)
            piece = heard[start:end]
            mean = piece.mean(dtype=torch.float64)
            rows.append(torch.stack([mean, piece[0], piece[-1], torch.tensor(end - start)]))
        return torch.stack(rows).float() if rows else torch.zeros(0, 4)

    def within_file(self, segments: Floats, windows: Floats) -> tuple[Floats, Floats]:
        """Rows as they are."""
        return segments, windows


def _ramp(duration_s: float, rate_hz: int = 2_000) -> bytes:
    """A WAV whose |samples| go from .5 to 1, so that every place can be told from its value."""
    n = round(duration_s * rate_hz)
    return wav(((0.5 + np.arange(n) / n / 2) * _alternating(n))[None], rate_hz)


def _alternating(n: int) -> Floats:
    """Signs that change from sample to sample: the highest tone, without an offset, [n]."""
    return np.where(np.arange(n) % 2, -1.0, 1.0).astype(np.float32)


@pytest.mark.parametrize(
    ("duration_s", "expected"),
    [
        (0.5, [(0, 0.5)]),
        (29.9, [(0, 29.9)]),
        (30.0, [(0, 30)]),
        (30.4, [(0, 30)]),
        (31.0, [(0, 30), (15, 31)]),
        (45.0, [(0, 30), (15, 45)]),
        (46.0, [(0, 30), (15, 45), (30, 46)]),
        (75.0, [(0, 30), (15, 45), (30, 60), (45, 75)]),
    ],
)
def test_segments_of_known_lengths(duration_s: float, expected: list[tuple[float, float]]) -> None:
    """30 s every 15 s, the last one shorter, none for less than half a second of new music."""
    clipped = [(start, min(end, duration_s)) for start, end in expected]

    assert [tuple(row) for row in segment_spans(duration_s)] == clipped


@given(DURATIONS)
def test_segments_cover_the_track(duration_s: float) -> None:
    """Segments start on the hop, never exceed their length and leave out but the slack."""
    spans = segment_spans(duration_s)

    np.testing.assert_array_equal(spans[:, 0], np.arange(len(spans)) * SEGMENT_HOP_S)
    assert (spans[:, 1] - spans[:, 0] <= SEGMENT_S).all()
    assert (spans[:, 1] > spans[:, 0]).all()
    assert duration_s - MIN_NEW_S <= spans[-1, 1] <= duration_s
    assert len(spans) == 1 or spans[-1, 1] > spans[-2, 1]


@given(DURATIONS)
def test_windows_follow_the_curve(duration_s: float) -> None:
    """Window i is centred on i hops, clipped to the track, and the points reach its end."""
    spans = window_spans(duration_s)
    centres = np.arange(len(spans)) * CURVE_HOP_S

    np.testing.assert_array_equal(spans[:, 0], np.maximum(centres - CURVE_WINDOW_S / 2, 0))
    np.testing.assert_array_equal(spans[:, 1], np.minimum(centres + CURVE_WINDOW_S / 2, duration_s))
    assert centres[-1] < duration_s <= centres[-1] + CURVE_HOP_S + 1e-5


@settings(max_examples=20, deadline=None)
@given(st.floats(0.5, 250.0), st.floats(33.0, 120.0))
def test_windows_do_not_depend_on_blocks(duration_s: float, block_s: float) -> None:
    """Read in one piece or in many, every segment and window is the same stretch of the file."""
    content = _ramp(duration_s)

    whole = analyse(content, MeanAndSpan(), block_s=1000.0)
    pieces = analyse(content, MeanAndSpan(), block_s=block_s)

    np.testing.assert_array_equal(whole.segments_s, pieces.segments_s)
    np.testing.assert_allclose(whole.segment_features, pieces.segment_features, atol=1e-6)
    np.testing.assert_allclose(whole.window_features, pieces.window_features, atol=1e-6)


def test_rows_describe_their_own_stretch() -> None:
    """First and last sample of each row are those at its start and end."""
    duration_s = 100.0
    analysis = analyse(_ramp(duration_s), MeanAndSpan(), block_s=40.0)

    spans = np.concatenate([segment_spans(duration_s), window_spans(duration_s)])
    rows = np.concatenate([analysis.segment_features, analysis.window_features])
    places_s = (rows[:, 1:3] - 0.5) * 2 * duration_s
    np.testing.assert_allclose(places_s, spans, atol=2e-3)
    assert analysis.frontend_id == "mean-and-span-3"
    assert analysis.duration_s == pytest.approx(duration_s)


def test_descriptors_do_not_depend_on_blocks() -> None:
    """The default frontend gives the same numbers from 50 s blocks as from the whole."""
    content = wav(music(90.0, 22_050, 0)[None], 22_050)

    whole = analyse(content, Descriptors(), block_s=1000.0)
    pieces = analyse(content, Descriptors(), block_s=51.2)

    for a, b in (
        (whole.window_features, pieces.window_features),
        (whole.segment_features, pieces.segment_features),
    ):
        np.testing.assert_allclose(a, b, atol=1e-3, rtol=1e-4)


def test_hours_fit_into_little_memory() -> None:
    """An hour is analysed in blocks: neither the frontend nor the decoder holds much at once."""
    rate_hz = 8_000
    content = encoded(0.1 * _alternating(3600 * rate_hz)[None], rate_hz, "flac", "flac")
    frontend = MeanAndSpan()
    tracemalloc.start()
    try:
        analysis = analyse(content, frontend, block_s=60.0)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert analysis.duration_s == pytest.approx(3600, abs=1)
    assert len(analysis.segments_s) == 239
    assert frontend.longest_s <= 60.0
    assert peak_bytes < 0.15 * 3600 * rate_hz * 4


def test_limits_and_short_clips_are_passed_on() -> None:
    """What the decoder refuses is refused here too."""
    with pytest.raises(AudioTooLongError):
        analyse(_ramp(20.0), MeanAndSpan(), max_duration_s=10.0)
    with pytest.raises(AudioTooShortError):
        analyse(_ramp(0.2), MeanAndSpan())


def _analysis() -> Analysis:
    random = np.random.default_rng(0)
    return Analysis(
        "descriptors-2",
        42.25,
        segment_spans(42.25).astype(np.float32),
        random.normal(size=(2, 31)).astype(np.float32),
        random.normal(size=(85, 31)).astype(np.float32),
        loudness_lufs=-11.5,
        cues={"bells-3": random.normal(size=(2, 4)).astype(np.float32)},
    )


def test_bytes_keep_everything() -> None:
    """Written and read back, every field is the same to the bit; equal analyses are equal bytes."""
    analysis = _analysis()
    content = analysis.to_bytes()

    back = Analysis.from_bytes(content)

    for name in ("frontend_id", "duration_s", "loudness_lufs"):
        assert getattr(back, name) == getattr(analysis, name)
    assert list(back.cues) == ["bells-3"]
    np.testing.assert_array_equal(back.cues["bells-3"], analysis.cues["bells-3"])
    for name in ("segments_s", "segment_features", "window_features"):
        np.testing.assert_array_equal(getattr(back, name), getattr(analysis, name))
        assert getattr(back, name).dtype == np.float32
    assert _analysis().to_bytes() == content


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "flipped"])
def test_damaged_bytes_are_refused(damage: str) -> None:
    """No stored analysis is trusted when its bytes are not whole."""
    good = _analysis().to_bytes()
    middle = len(good) // 2
    bad = {
        "empty": b"",
        "text": b"not an analysis",
        "cut": good[:middle],
        "flipped": good[:middle] + bytes([good[middle] ^ 0xFF]) + good[middle + 1 :],
    }[damage]

    with pytest.raises(ValueError, match="analyse the file again"):
        Analysis.from_bytes(bad)


def test_a_damaged_array_header_is_noticed() -> None:
    """Also where numpy stumbles as over broken Python, or is told of fewer rows than there are."""
    content = _analysis().to_bytes()

    for place, change in itertools.product(range(1120, 1480), (1, 102)):
        bad = bytearray(content)
        bad[place] ^= change
        with contextlib.suppress(ValueError):
            assert Analysis.from_bytes(bytes(bad)).window_features.shape == (85, 31)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_damage_is_noticed_or_harmless(data: st.DataObject) -> None:
    """A changed byte anywhere is refused in words, or leaves the content as it was."""
    good = _analysis()
    content = bytearray(good.to_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))

    complaint = ""
    back = good
    try:
        back = Analysis.from_bytes(bytes(content))
    except ValueError as error:
        complaint = str(error)

    assert not complaint or "analyse the file again" in complaint
    np.testing.assert_array_equal(back.window_features, good.window_features)


def test_another_format_is_refused() -> None:
    """Bytes of a later build are told from damaged ones."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        format=np.int64(99),
        **{name: np.zeros(1) for name in ("frontend_id", "duration_s")},
        segments_s=np.zeros((1, 2)),
        segment_features=np.zeros((1, 3)),
        window_features=np.zeros((1, 3)),
    )

    with pytest.raises(ValueError, match="analysis format 99; this build reads 2"):
        Analysis.from_bytes(buffer.getvalue())


def test_arrays_that_do_not_fit_are_refused() -> None:
    """The three arrays must agree on the numbers of segments and of features."""
    with pytest.raises(ShapeError, match="do not fit"):
        Analysis(
            "x-1", 1.0, np.zeros((1, 2), "f4"), *(np.zeros((2, 31), "f4") for _ in range(2)), -9.0
        )
    with pytest.raises(ShapeError, match="do not fit"):
        Analysis("x-1", 1.0, *(np.zeros((n, w), "f4") for n, w in ((1, 2), (1, 31), (2, 30))), -9.0)
    row = np.zeros((1, 31), "f4")
    with pytest.raises(ShapeError, match="cue bells-3"):
        Analysis(
            "x-1", 1.0, np.zeros((1, 2), "f4"), row, row, -9.0, {"bells-3": np.zeros((2, 4), "f4")}
        )


@pytest.mark.parametrize("level", [0.0, 8e-4])
def test_a_silent_file_is_refused(level: float) -> None:
    """Nothing above -60 dB, though a long file is read in blocks; a single louder click passes."""
    quiet = level * _alternating(2_000 * 40)[None]
    click = quiet.copy()
    click[0, 100] = -2e-3

    with pytest.raises(SilentAudioError, match=r"40\.0 s of silence"):
        analyse(io.BytesIO(wav(quiet, 2_000)), MeanAndSpan(), block_s=35.0)
    assert analyse(io.BytesIO(wav(click, 2_000)), MeanAndSpan(), block_s=35.0).duration_s == 40.0


class Cue(MeanAndSpan):
    """The same for segments alone, on a grid of its own, and as loud as asked."""

    name = "cue"
    version = 2
    grid_s = 3.2
    listens_at_lufs: float | None = -10.0


@pytest.mark.parametrize("duration_s", [20.0, 100.0])
def test_cues_describe_the_segments(duration_s: float) -> None:
    """Each cue hears every segment at its own loudness; the frontend's rows stay as they are."""
    content = wav(0.1 * music(duration_s, 8_000, 0)[None], 8_000)

    alone = analyse(content, MeanAndSpan(), block_s=48.0)
    both = analyse(content, WithCues(MeanAndSpan(), [Cue()]), block_s=48.0)

    assert both.frontend_id == "mean-and-span-3+cue-2"
    assert frontend_name(both.frontend_id) == "mean-and-span+cue"
    np.testing.assert_array_equal(both.segment_features, alone.segment_features)
    np.testing.assert_array_equal(both.window_features, alone.window_features)
    gain = 10 ** ((-10.0 - both.loudness_lufs) / 20)
    expected = alone.segment_features * np.array([gain, gain, gain, 1.0])
    np.testing.assert_allclose(both.cues["cue-2"], expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("gain_db", [-18.0, -6.0, 6.0])
def test_the_level_of_a_file_does_not_matter(gain_db: float) -> None:
    """A frontend that listens at a loudness hears the same from a softer or louder copy."""
    samples = 0.05 * np.random.default_rng(0).normal(size=(1, 8_000 * 70)).astype(np.float32)

    copies = [analyse(wav(samples * g, 8_000), Cue()) for g in (1.0, 10 ** (gain_db / 20))]

    assert copies[1].loudness_lufs - copies[0].loudness_lufs == pytest.approx(gain_db, abs=0.01)
    np.testing.assert_allclose(
        copies[1].segment_features[:, :3], copies[0].segment_features[:, :3], atol=1e-3
    )


def test_louder_parts_stay_louder() -> None:
    """Within a file levels keep their ratios: the gain is one for all of it."""
    samples = 0.05 * _alternating(8_000 * 60)[None]
    samples[0, 8_000 * 30 :] *= 4

    rows = analyse(wav(samples, 8_000), Cue()).segment_features

    assert rows[2, 1] / rows[0, 1] == pytest.approx(4.0, rel=1e-3)


def test_a_file_object_is_read_twice() -> None:
    """Also where the file is longer than a block and must be decoded twice."""
    content = _ramp(120.0)

    found = analyse(io.BytesIO(content), MeanAndSpan(), block_s=40.0)

    np.testing.assert_array_equal(
        found.window_features, analyse(content, MeanAndSpan(), block_s=40.0).window_features
    )


class OnGrid(MeanAndSpan):
    """Hears only the sample at each step of its grid, as patches far apart do."""

    name = "on-grid"
    feature_names = ("mean",)

    def describe(self, samples: Tensor, sample_rate_hz: int, windows_s: Tensor) -> Tensor:
        """Mean of the samples on the grid inside each window; all must lie in what is heard."""
        step = round(self.grid_s * sample_rate_hz)
        rows = []
        for start, end in (windows_s * sample_rate_hz).round().long().tolist():
            assert 0 <= start < end <= len(samples)
            heard = [float(samples[n]) for n in range(-(-start // step) * step, end, step)]
            rows.append(float(np.mean(heard)) if heard else 0.0)
        return torch.tensor(rows)[:, None]


@pytest.mark.parametrize("block_s", [1000.0, 48.0])
@pytest.mark.parametrize("lead_s", [0.5, 2.0, 3.7])
def test_silence_before_the_music_moves_no_frame(lead_s: float, block_s: float) -> None:
    """What is heard on a grid is heard at the same places of the music, in long files too."""
    rate_hz = 2_000
    samples = 0.1 * np.random.default_rng(0).normal(size=110 * rate_hz)
    later = np.concatenate([np.zeros(round(lead_s * rate_hz)), samples])
    heard = analyse(wav(samples[None], rate_hz), OnGrid(), block_s=1000.0).window_features[:, 0]

    found = analyse(wav(later[None], rate_hz), OnGrid(), block_s=block_s).window_features[:, 0]

    if lead_s % CURVE_HOP_S == 0.0:
        moved = found[round(lead_s / CURVE_HOP_S) :]
        np.testing.assert_allclose(moved[: len(heard)], heard[: len(moved)], atol=1e-6)
    whole = analyse(wav(later[None], rate_hz), OnGrid(), block_s=1000.0).window_features[:, 0]
    np.testing.assert_allclose(found, whole, atol=1e-6)
