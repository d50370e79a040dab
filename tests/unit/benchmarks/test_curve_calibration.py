"""What clips teach about movement and spread, on made-up clips of known answers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from benchmarks.learning.curve_calibration import (
    GuessedClip,
    Movement,
    coverage,
    cross_check,
    fit_movement,
    reliability,
)
from benchmarks.learning.curve_report import pairing_chance
from model.analysis import CURVE_HOP_S, segment_spans
from model.arrays import Doubles
from model.curves.estimation import CurveSettings, estimate_curve
from model.learning.evaluation import calibrated_sd

FRAMES = 90  # 45 s


def wave(rng: np.random.Generator, size: float) -> Doubles:
    """Slow movement over 45 s, [FRAMES, 2]."""
    t = np.linspace(0, 2 * np.pi, FRAMES)[:, None]
    return size * np.sin(t * rng.uniform(0.8, 1.2, 2) + rng.uniform(0, 2 * np.pi, 2))


def clip(seed: int, *, believed: float, noise: float = 0.0, flipped: bool = False) -> GuessedClip:
    """Humans move by `believed` times what the windows say, plus what nothing tells."""
    rng = np.random.default_rng(seed)
    windows = wave(rng, 0.1)
    human = (-believed if flipped else believed) * windows + wave(rng, noise)
    segments = np.zeros((2, 2))
    return GuessedClip(seed, human[30:], segment_spans(45.0).astype(np.float32), segments, windows)


def test_movement_that_humans_share_lowers_the_error() -> None:
    """Clips that agree on a slope of one are believed by half, and the error falls by as much."""
    clips = [clip(seed, believed=1.0, noise=0.01) for seed in range(6)]

    rule, check = fit_movement(clips, 0.0), cross_check(clips, 0.0)

    assert rule.trust == pytest.approx(0.5, abs=0.1)
    np.testing.assert_allclose(check.movement_ratio, 0.5, atol=0.1)
    assert (check.curve_rmse < check.constant_rmse).all()


def test_movement_that_clips_disagree_about_is_not_believed() -> None:
    """Half of the clips move against their humans: the curve stays nearly constant."""
    clips = [clip(seed, believed=1.0, flipped=seed % 2 == 0) for seed in range(6)]

    assert fit_movement(clips, 0.0).trust < 0.1
    assert (cross_check(clips, 0.0).movement_ratio < 1.25).all()


def test_movement_against_the_humans_is_never_inverted() -> None:
    """A negative slope means no trust, not a mirrored curve."""
    clips = [clip(seed, believed=1.0, flipped=True) for seed in range(6)]

    assert fit_movement(clips).trust == 0.0


def test_each_clip_is_tried_with_what_the_others_teach() -> None:
    """The rule of a clip does not change with that clip's own human curve."""
    clips = [clip(seed, believed=0.7, noise=0.05) for seed in range(4)]
    changed = [clip(0, believed=-3.0), *clips[1:]]

    before, after = cross_check(clips).rules, cross_check(changed).rules

    assert after[0] == before[0]
    assert after[1] != before[1]


def test_the_rule_is_what_the_estimate_applies() -> None:
    """A guessed clip's curve equals `estimate_curve` under the rule's settings."""
    guessed = clip(3, believed=0.5)
    rule = Movement(4.0, 0.6)

    expected = estimate_curve(
        guessed.segments_s,
        guessed.segments,
        guessed.windows,
        np.full(guessed.segments_s.shape, 0.15, np.float32),
        rule.applied(CurveSettings()),
    ).mean[round(15.0 / CURVE_HOP_S) :]

    np.testing.assert_allclose(guessed.curve(4.0, 0.6), expected, atol=1e-6)


def test_coverage_equals_the_normal_probability() -> None:
    """Gaussian residuals are inside each central interval as often as it says."""
    truth = np.random.default_rng(0).normal(0.1, [0.2, 0.3], (20_000, 2))

    shares = reliability(truth, np.full(2, 0.1), np.array([0.2, 0.3]))

    for level, share in shares.items():
        np.testing.assert_allclose(share, level, atol=0.012)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_coverage_counts_by_hand(level: float) -> None:
    """One residual inside and one outside of the interval, on each axis."""
    edge = norm.ppf(0.5 + level / 2)
    truth = np.array([[0.99 * edge, -1.01 * edge], [1.01 * edge, 0.99 * edge]])

    np.testing.assert_array_equal(coverage(truth, np.zeros(2), np.ones(2), level), [0.5, 0.5])


def test_calibrated_sd_is_the_sd_of_gaussian_residuals() -> None:
    """And covers heavier tails evenly where their root mean square would not."""
    rng = np.random.default_rng(0)
    gaussian = rng.normal(0, 0.2, (20_000, 2))
    heavy = 0.1 * rng.standard_t(3, (20_000, 2))

    np.testing.assert_allclose(calibrated_sd(gaussian), 0.2, rtol=0.02)
    share = coverage(heavy, np.zeros(2), calibrated_sd(heavy), 0.5)
    wide = coverage(heavy, np.zeros(2), heavy.std(axis=0), 0.5)
    assert (np.abs(share - 0.5) < np.abs(wide - 0.5)).all()


def test_the_right_pairing_stands_out_only_where_movement_is_shared() -> None:
    """Shared movement beats nearly every other pairing; unrelated movement does not."""
    shared = [clip(seed, believed=1.0, noise=0.02) for seed in range(5)]
    unrelated = [clip(seed, believed=0.0, noise=0.1) for seed in range(5)]

    assert pairing_chance(shared, 0.0) <= 2 / 120
    assert pairing_chance(unrelated, 0.0) > 0.05
