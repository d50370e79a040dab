"""The emotion curve: level from segments, shrunken movement, posterior over the bank."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.curves.estimation import (
    CURVE_HOP_S,
    CurveEstimate,
    CurveSettings,
    bank_posterior,
    estimate_curve,
    make_bank,
)
from model.embedding import Embedding
from model.scoring import Kind, Points, ScoringParams, score

Doubles = NDArray[np.float64]
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
    return estimate_curve(spans, each, windows, np.zeros_like(windows), sd, config)


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


def test_spread_joins_the_calibrated_and_the_posterior_part() -> None:
    """In quadrature, the posterior's part by its factor."""
    config = replace(PLAIN, bank_sd_scale=2.0)
    none, own = np.zeros((20, 2)), np.full((1, 2), 0.3, np.float32)

    curve = estimate_curve(segments(10.0), none[:1], none, none + 0.2, own, config)

    np.testing.assert_allclose(curve.sd, 0.5, rtol=1e-6)


def test_the_spread_follows_the_segments() -> None:
    """Each frame has that of the segments around it."""
    spans = segments(60.0)
    sd = np.array([[0.1, 0.2], [0.3, 0.2], [0.5, 0.2]], np.float32)
    none = np.zeros((120, 2))

    curve = estimate_curve(spans, none[:3], none, none, sd, PLAIN)

    assert curve.sd[0, 0] == pytest.approx(0.1)
    assert curve.sd[-1, 0] == pytest.approx(0.5)
    assert (np.diff(curve.sd[:, 0]) >= 0).all()
    np.testing.assert_allclose(curve.sd[:, 1], 0.2, rtol=1e-6)


def test_the_bank_holds_constants_and_movements() -> None:
    """Constants cover the plane; rises, falls and arches move along one axis around their level."""
    bank = make_bank()

    moving = bank.curves.std(axis=1).max(axis=1) > 1e-3
    assert (~moving).sum() == 17 * 17
    assert moving.sum() % 6 == 0
    assert moving.sum() > 100
    assert np.abs(bank.curves).max() <= 1.0
    assert bank.levels.min() < -0.75
    assert bank.levels.max() > 0.75


def posterior_case(kind: Kind) -> tuple[Embedding, Embedding, NDArray[np.float32], ScoringParams]:
    rng = np.random.default_rng(1)

    def rows(count: int) -> Embedding:
        phi, mu = (rng.normal(size=(count, 3)).astype(np.float32) for _ in range(2))
        return Embedding(phi, mu, np.exp(rng.normal(size=(count, 3))).astype(np.float32))

    one, zero = torch.ones(3), torch.zeros(3)
    rho = torch.tensor([0.8, 0.5, 0.05])
    params = ScoringParams(
        kind, 0.4, 0.7, 0.2, rho, 0.8 * one, zero, 0.7 * one, zero, zero, one, zero, one
    )
    return rows(6), rows(11), rng.uniform(-1, 1, (11, 2)).astype(np.float32), params


@pytest.mark.parametrize("kind", ["gaussian", "paper"])
def test_the_posterior_is_bayes_rule_over_the_bank(kind: Kind) -> None:
    """Weights proportional to prior times exp(score / temperature), summed by plain numpy."""
    windows, bank, levels, params = posterior_case(kind)
    config = CurveSettings(temperature=1.7, prior_mean=(0.1, 0.0), prior_sd=(0.3, 0.4))

    mean, sd = bank_posterior(windows, bank, levels, params, config)

    def points(rows: Embedding) -> Points:
        return Points(*(torch.from_numpy(x) for x in (rows.phi, rows.mu, rows.var)))

    totals = score(points(windows), points(bank), params, "m2e").total.numpy()
    for w in range(6):
        prior = np.exp(-0.5 * (((levels - [0.1, 0.0]) / [0.3, 0.4]) ** 2).sum(axis=1))
        weights = prior * np.exp((totals[w] - totals[w].max()) / 1.7)
        weights = weights / weights.sum()
        expected = (weights[:, None] * levels).sum(axis=0)
        variance = (weights[:, None] * (levels - expected) ** 2).sum(axis=0)
        np.testing.assert_allclose(mean[w], expected, atol=1e-4)
        np.testing.assert_allclose(sd[w], np.sqrt(variance), atol=1e-4)


def test_a_hot_posterior_is_the_prior() -> None:
    """Scores stop mattering at a high temperature."""
    windows, bank, levels, params = posterior_case("gaussian")
    config = CurveSettings(temperature=1e9, prior_sd=(1e6, 1e6))

    mean, _ = bank_posterior(windows, bank, levels, params, config)

    np.testing.assert_allclose(mean, np.tile(levels.mean(axis=0), (6, 1)), atol=1e-5)


def test_settings_survive_a_dictionary() -> None:
    """JSON's lists become pairs again."""
    config = CurveSettings("bank", 1.5, trust=(0.1, 0.2))
    data = {k: list(v) if isinstance(v, tuple) else v for k, v in config.to_dict().items()}

    assert CurveSettings.from_dict(data) == config
