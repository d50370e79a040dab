"""Emotions on the scale of an answer."""

from __future__ import annotations

import numpy as np
import pytest

from app.clips.emotions import sd_on_scale
from model.curves.curve import QuantileScale

SLOPES = [-0.8, 0.0, 0.56, 0.9]


def even(slope: float) -> QuantileScale:
    """A scale whose quantiles lie evenly: relative values are straight lines of absolute ones."""
    levels = np.linspace(-1.0, 1.0, 101)
    return QuantileScale(np.stack([0.8 * levels, 0.9 * levels], axis=1), slope)


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("axis", [0, 1])
def test_relative_deviations_are_those_of_many_guesses(slope: float, axis: int) -> None:
    """Guesses of one axis as uncertain as the estimate spread as far as it says."""
    draws = np.random.default_rng(3)
    mean, sd = np.array([[0.1, -0.05]]), np.array([[0.06, 0.04]])
    guesses = np.tile(mean, (200_000, 1))
    guesses[:, axis] += sd[0, axis] * draws.normal(size=len(guesses))

    deviation = sd_on_scale(mean, sd, even(slope))

    spread = even(slope).to_relative(guesses)[:, axis]
    assert deviation[0, axis] == pytest.approx(spread.std(), rel=0.01)


@pytest.mark.parametrize("slope", SLOPES)
def test_a_deviation_is_never_negative(slope: float) -> None:
    """Also where arousal is much less certain than valence."""
    mean = np.random.default_rng(4).uniform(-1.0, 1.0, (50, 2))
    deviation = sd_on_scale(mean, np.tile([[0.5, 0.01]], (50, 1)), even(slope))

    assert deviation.min() >= 0.0


def test_without_an_index_nothing_is_mapped() -> None:
    """The absolute scale is the estimate's own."""
    mean, sd = np.array([[0.5, 2.0]]), np.array([[0.1, 0.2]])

    np.testing.assert_array_equal(sd_on_scale(mean, sd, None), sd)
