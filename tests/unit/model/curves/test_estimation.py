"""The emotion curve: level from segments, shrunken movement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.arrays import Doubles
from model.curves.estimation import (
    CURVE_HOP_S,
    RETIRED_SETTINGS,
    CurveEstimate,
    CurveSettings,
    estimate_curve,
)

PLAIN = CurveSettings(smoothing_s=0.0, trust=(1.0, 1.0))


def segments(duration_s: float) -> NDArray[np.float32]:
    starts = np.arange(0.0, max(duration_s - 15.0, 1.0), 15.0)
    ends = np.minimum(starts + 30.0, duration_s)
    return np.stack([starts, ends], axis=1).astype(np.float32)


def estimate(
    windows: Doubles, level: Doubles | None = None, config: CurveSettings = PLAIN
) -> CurveEstimate:
    spans = segments(len(windows) * CURVE_HOP_S)
    each = np.tile([0.1, -0.2], (len(spans), 1)) if level is None else level
    sd = np.full(spans.shape, 0.15, np.float32)
    return estimate_curve(spans, each, windows, sd, config)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 400), st.floats(-1, 1), st.floats(-1, 1))
def test_steady_guesses_give_a_steady_curve(frames: int, arousal: float, valence: float) -> None:
    """Of any length and with every setting in use; the level is the segments'."""
    curve = estimate(np.tile([arousal, valence], (frames, 1)), config=CurveSettings())

    assert len(curve.t_s) == frames
    np.testing.assert_allclose(curve.mean, np.tile([0.1, -0.2], (frames, 1)), atol=1e-6)


def test_the_level_is_the_segments_mean() -> None:
    """Whatever the windows say about it."""
    rng = np.random.default_rng(0)

    curve = estimate(rng.uniform(0.2, 0.9, (90, 2)))

    np.testing.assert_allclose(curve.overall, [0.1, -0.2], atol=1e-6)


def test_no_trust_in_windows_leaves_the_segments() -> None:
    """A one-segment clip is then exactly constant."""
    rng = np.random.default_rng(0)

    curve = estimate(rng.normal(size=(50, 2)), config=replace(PLAIN, trust=(0.0, 0.0)))

    np.testing.assert_allclose(curve.mean, np.tile([0.1, -0.2], (50, 1)), atol=1e-6)


def test_trust_scales_the_movement() -> None:
    """Half the trust, half the movement, each axis by its own factor."""
    rng = np.random.default_rng(0)
    windows = 0.1 * rng.normal(size=(50, 2))

    full = estimate(windows).mean - [0.1, -0.2]
    part = estimate(windows, config=replace(PLAIN, trust=(0.5, 0.25))).mean - [0.1, -0.2]

    np.testing.assert_allclose(part, full * [0.5, 0.25], atol=1e-6)


def test_smoothing_quiets_noise_and_keeps_slow_movement() -> None:
    """White noise loses most of its variance, a slow rise little."""
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.normal(size=(60, 2))
    rise = np.linspace(-0.2, 0.2, 60)[:, None].repeat(2, axis=1)
    smooth = replace(PLAIN, smoothing_s=2.0)

    level = np.zeros((1, 2))
    quiet = estimate(noise, level, smooth).mean.std() / estimate(noise, level).mean.std()
    kept = estimate(rise, level, smooth).mean.std() / estimate(rise, level).mean.std()
    assert quiet < 0.4
    assert kept > 0.7


def test_a_long_track_follows_its_segments() -> None:
    """A quiet half and a lively half differ by what the segments say, at full trust."""
    spans = segments(300.0)
    lively = (spans.mean(axis=1) > 150.0).astype(float)
    level = np.stack([0.4 * lively - 0.2, 0.0 * lively], axis=1)
    windows = np.where(np.arange(600)[:, None] > 300, [0.2, 0.0], [-0.2, 0.0])

    curve = estimate(windows, level, replace(PLAIN, trust=(0.0, 0.0)))

    difference = curve.mean[-200:].mean(axis=0) - curve.mean[:200].mean(axis=0)
    np.testing.assert_allclose(difference, [0.4, 0.0], atol=0.02)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 200))
def test_curves_stay_in_range_with_a_positive_spread(seed: int, frames: int) -> None:
    """Even when guesses are extreme."""
    rng = np.random.default_rng(seed)

    curve = estimate(rng.choice([-1.0, 1.0], (frames, 2)), config=replace(PLAIN, smoothing_s=1.0))

    assert np.abs(curve.mean).max() <= 1.0
    assert (curve.sd > 0).all()
    np.testing.assert_allclose(np.diff(curve.t_s), CURVE_HOP_S)


def test_the_spread_follows_the_segments() -> None:
    """Each frame has that of the segments around it."""
    spans = segments(60.0)
    sd = np.array([[0.1, 0.2], [0.3, 0.2], [0.5, 0.2]], np.float32)
    none = np.zeros((120, 2))

    curve = estimate_curve(spans, none[:3], none, sd, PLAIN)

    assert curve.sd[0, 0] == pytest.approx(0.1)
    assert curve.sd[-1, 0] == pytest.approx(0.5)
    assert (np.diff(curve.sd[:, 0]) >= 0).all()
    np.testing.assert_allclose(curve.sd[:, 1], 0.2, rtol=1e-6)


def test_settings_survive_a_dictionary() -> None:
    """JSON's lists become pairs again."""
    config = CurveSettings(4.0, trust=(0.1, 0.2))
    data = {k: list(v) if isinstance(v, tuple) else v for k, v in config.to_dict().items()}

    assert CurveSettings.from_dict(data) == config


def test_settings_that_are_gone_are_left_out() -> None:
    """Shipped checkpoints name them; a name that never was is refused."""
    old = CurveSettings().to_dict() | dict.fromkeys(RETIRED_SETTINGS, 1.0)

    assert CurveSettings.from_dict(old) == CurveSettings()
    with pytest.raises(TypeError, match="smooth"):
        CurveSettings.from_dict({"smooth": 1.0})
