"""Keyframes, sampling, mood words and the relative scale."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.curves.curve import (
    AXES,
    MAX_CURVE_S,
    MAX_KEYFRAMES,
    EmotionCurve,
    Keyframe,
    QuantileScale,
)
from model.errors import CurveError, ShapeError

EMOTION = st.floats(-1.0, 1.0, allow_subnormal=False)


@st.composite
def curves(draw: st.DrawFn) -> EmotionCurve:
    """Any valid curve of up to eight keyframes."""
    steps = draw(st.lists(st.floats(0.1, 60.0), min_size=1, max_size=8))
    times = np.cumsum(steps) - steps[0]
    return EmotionCurve(tuple(Keyframe(float(t), draw(EMOTION), draw(EMOTION)) for t in times))


def test_values_interpolate_linearly_at_2_hz() -> None:
    """Halfway between two keyframes both axes are halfway; arousal comes first."""
    curve = EmotionCurve((Keyframe(0.0, -0.5, 0.0), Keyframe(10.0, 0.5, 0.8)))

    values = curve.values()

    assert AXES == ("arousal", "valence")
    assert values.shape == (20, 2)
    np.testing.assert_allclose(values[10], [0.4, 0.0])
    np.testing.assert_allclose(np.diff(values, axis=0), np.tile([0.04, 0.05], (19, 1)))


def test_one_keyframe_is_a_constant_curve_of_30_s() -> None:
    """60 frames of the same emotion."""
    curve = EmotionCurve((Keyframe(0.0, 0.3, -0.2),))

    assert curve.duration_s == 30.0
    np.testing.assert_array_equal(curve.values(), np.tile([-0.2, 0.3], (60, 1)))


def test_the_first_value_holds_before_a_late_first_keyframe() -> None:
    """A curve that starts at 4 s is constant until then."""
    curve = EmotionCurve((Keyframe(4.0, 0.0, 0.5), Keyframe(8.0, 0.0, -0.5)))

    np.testing.assert_array_equal(curve.values()[:8, 0], 0.5)


def test_a_very_short_curve_has_two_frames() -> None:
    """Its start and its end, however short."""
    curve = EmotionCurve((Keyframe(0.0, 0.0, -1.0), Keyframe(0.01, 0.0, 1.0)))

    np.testing.assert_allclose(curve.values(), [[-1.0, 0.0], [1.0, 0.0]])


@settings(max_examples=100, deadline=None)
@given(curves())
def test_values_stay_within_the_keyframes_range(curve: EmotionCurve) -> None:
    """Interpolation neither overshoots nor changes the length rule."""
    values = curve.values()

    arousal = [keyframe.arousal for keyframe in curve.keyframes]
    assert len(values) == max(2, math.floor(curve.duration_s * 2.0 + 1e-9))
    assert values[:, 0].min() >= min(arousal) - 1e-12
    assert values[:, 0].max() <= max(arousal) + 1e-12


@settings(max_examples=50, deadline=None)
@given(curves(), st.integers(2, 50))
def test_sampled_includes_both_ends(curve: EmotionCurve, frames: int) -> None:
    """The first and last sample are the curve's own start and end."""
    sampled = curve.sampled(frames)

    assert sampled.shape == (frames, 2)
    np.testing.assert_allclose(sampled[[0, -1]], curve.at([0.0, curve.duration_s]))


def test_values_round_trip() -> None:
    """A curve made from samples gives the samples back (its last frame is the end)."""
    values = np.random.default_rng(0).uniform(-1, 1, (12, 2))

    curve = EmotionCurve.from_values(values)

    np.testing.assert_allclose(curve.values(), values[:-1])


@pytest.mark.parametrize(
    ("keyframes", "message"),
    [
        ((), "at least one keyframe"),
        ((Keyframe(0, 0, 0), Keyframe(0, 0, 0)), r"keyframe 1: t 0 s .* keyframe 0"),
        ((Keyframe(2, 0, 0), Keyframe(1, 0, 0)), r"keyframe 1: t 1 s does not come after 2 s"),
        ((Keyframe(0, 0, 1.2),), r"keyframe 0: arousal 1.2 is not in \[-1, 1\]"),
        ((Keyframe(0, 0, 0), Keyframe(1, -7, 0)), r"keyframe 1: valence -7 is not"),
        ((Keyframe(0, math.nan, 0),), "keyframe 0: valence nan"),
        ((Keyframe(math.inf, 0, 0),), "keyframe 0: t inf s"),
        ((Keyframe(-1, 0, 0),), "keyframe 0: t -1 s"),
        ((Keyframe(MAX_CURVE_S + 1, 0, 0),), "keyframe 0: t 86401 s"),
    ],
)
def test_what_is_no_curve_is_refused(keyframes: tuple[Keyframe, ...], message: str) -> None:
    """The message names the keyframe and the value."""
    with pytest.raises(CurveError, match=message):
        EmotionCurve(keyframes)


def test_too_many_keyframes_are_refused() -> None:
    """The message names both numbers."""
    keyframes = tuple(Keyframe(float(i), 0.0, 0.0) for i in range(MAX_KEYFRAMES + 1))

    with pytest.raises(CurveError, match=r"10001 keyframes; at most 10000"):
        EmotionCurve(keyframes)


def catalogue(segments: int = 500, seed: int = 0) -> np.ndarray:
    return np.clip(np.random.default_rng(seed).normal(0.1, 0.25, (segments, 2)), -1, 1)


def test_relative_ends_and_middle_are_the_catalogues() -> None:
    """-1, 0 and 1 are minimum, median and maximum: of arousal, and of valence at that arousal."""
    values = catalogue()
    scale = QuantileScale.fit(values)

    absolute = scale.to_absolute([[-1, -1], [0, 0], [1, 1]])

    rest = values - scale.slope * values[:, :1] * [0, 1]
    expected = np.quantile(rest, [0, 0.5, 1], axis=0)
    expected[:, 1] += scale.slope * expected[:, 0]
    np.testing.assert_allclose(absolute, np.clip(expected, -1, 1), atol=1e-5)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 40), st.integers(0, 1000), st.floats(-1, 1), st.lists(EMOTION, min_size=1))
def test_the_scale_is_monotone_and_invertible(
    segments: int, seed: int, pull: float, points: list[float]
) -> None:
    """For any number of segments, none included, and however valence goes with arousal."""
    values = catalogue(segments, seed)
    values[:, 1] = np.clip(values[:, 1] + pull * values[:, 0], -1, 1)
    scale = QuantileScale.fit(values)
    relative = np.array([(points[0], valence) for valence in sorted(points)])

    absolute = scale.to_absolute(relative)

    inside = np.abs(absolute[:, 1]) < 1.0
    assert (np.diff(absolute, axis=0) >= -1e-12).all()
    assert np.abs(absolute).max() <= 1.0
    np.testing.assert_allclose(scale.to_relative(absolute)[inside], relative[inside], atol=1e-6)


def test_relative_positions_are_uniform_over_the_catalogue() -> None:
    """A tenth of the segments lies above 0.8, whatever their distribution."""
    values = catalogue() ** 3

    relative = QuantileScale.fit(values).to_relative(values)

    np.testing.assert_allclose((relative > 0.8).mean(axis=0), 0.1, atol=0.01)


def test_every_quarter_of_the_relative_plane_holds_music() -> None:
    """Valence that goes with arousal leaves the calm and the tense corner no emptier."""
    values = catalogue(2000)
    values[:, 1] = 0.7 * values[:, 0] + 0.3 * values[:, 1]

    arousal, valence = QuantileScale.fit(values).to_relative(values).T

    counts = [((arousal * a > 0) & (valence * v > 0)).mean() for a in (-1, 1) for v in (-1, 1)]
    np.testing.assert_allclose(counts, 0.25, atol=0.03)


@pytest.mark.parametrize("value", [-1.0, 0.2, 1.0])
def test_copies_of_one_track_still_make_a_scale(value: float) -> None:
    """It is narrow, inside [-1, 1] and strictly increasing."""
    scale = QuantileScale.fit(np.full((4, 2), value))

    low, high = scale.to_absolute([[-1, -1], [1, 1]])
    assert (high > low).all()
    assert np.abs(np.stack([low, high]) - value).max() <= 0.0201


def test_ties_in_a_catalogue_keep_the_scale_invertible() -> None:
    """Half of the segments being equal does not make the scale flat."""
    values = catalogue(100)
    values[:50] = 0.1

    scale = QuantileScale.fit(values)

    relative = np.linspace(-1, 1, 41)[:, None].repeat(2, axis=1)
    np.testing.assert_allclose(scale.to_relative(scale.to_absolute(relative)), relative, atol=1e-6)


def test_without_segments_the_scale_is_absolute() -> None:
    """An empty catalogue changes nothing."""
    points = np.array([[-0.7, 0.2], [0.0, 1.0]])

    np.testing.assert_allclose(QuantileScale.fit(np.zeros((0, 2))).to_absolute(points), points)


def test_mapped_follows_the_scale_between_keyframes() -> None:
    """A straight relative line passes through the catalogue's median, not its mid-range."""
    scale = QuantileScale.fit(catalogue() ** 3)
    line = EmotionCurve((Keyframe(0.0, -1.0, -1.0), Keyframe(10.0, 1.0, 1.0)))

    mapped = line.mapped(scale)

    np.testing.assert_allclose(mapped.at([5.0]), scale.to_absolute([[0.0, 0.0]]), atol=1e-9)
    assert mapped.duration_s == line.duration_s


def test_mapped_constant_curves_stay_two_keyframes() -> None:
    """Nothing is added where nothing moves."""
    mapped = EmotionCurve.constant(0.5, -0.5).mapped(QuantileScale.fit(catalogue()))

    assert len(mapped.keyframes) == 2
    assert mapped.keyframes[0].valence == mapped.keyframes[1].valence


@pytest.mark.parametrize(
    "quantiles",
    [np.zeros((3, 2)), np.array([[0.0, 0.0], [np.nan, 1.0]]), np.array([[-2.0, 0], [0.0, 1.0]])],
)
def test_what_is_no_scale_is_refused(quantiles: np.ndarray) -> None:
    """Flat, unknown and out-of-range quantiles."""
    with pytest.raises(CurveError, match="quantiles"):
        QuantileScale(quantiles)


def test_other_shapes_are_refused() -> None:
    """The message names the shape."""
    with pytest.raises(ShapeError, match=r"\(4, 3\)"):
        QuantileScale.fit(np.zeros((4, 3)))
