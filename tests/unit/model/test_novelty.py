"""The distance from training music grows away from it, and the spread with it, up to a bound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.learning.novelty import LEFT_OUT, fit_novelty
from model.novelty import LARGEST_RATIO, Novelty

NAMES = ("a", "b", "c", LEFT_OUT[0])


def songs(count: int = 4000) -> NDArray[np.float32]:
    """Correlated columns of different scales, and one that is left out."""
    random = np.random.default_rng(0)
    mixed = random.normal(size=(count, 3)) @ np.array([[1.0, 0.9, 0], [0, 0.3, 0], [0, 0, 50]])
    return np.column_stack([mixed + 3.0, random.normal(size=count)]).astype(np.float32)


@pytest.fixture(scope="module")
def novelty() -> Novelty:
    return fit_novelty(songs(), NAMES)


def test_the_distance_is_mahalanobis_own(novelty: Novelty) -> None:
    """Over the root of the number of columns; the column that is left out does not count."""
    x = songs()
    inverse = np.linalg.inv(np.cov(x[:, :3].T))
    away = x[:50, :3] - x[:, :3].mean(axis=0)

    expected = np.sqrt(np.einsum("ni,ij,nj->n", away, inverse, away) / 3)

    np.testing.assert_allclose(novelty.distance(x[:50]), expected, rtol=2e-3)


def test_few_training_songs_are_doubted(novelty: Novelty) -> None:
    """The spread doubles for one in forty, and hardly grows for the nearer half."""
    ratio = novelty.ratio(songs())

    assert (ratio >= 2.0).mean() == pytest.approx(0.025, abs=0.001)
    assert np.median(ratio) < 1.15


def test_what_breaks_the_correlations_is_far(novelty: Novelty) -> None:
    """Columns that are usual alone but not together count as unlike music."""
    usual = np.array([[5.0, 4.8, 3.0, 0.0], [5.0, 0.0, 3.0, 0.0]], dtype=np.float32)

    near, far = novelty.ratio(usual)

    assert near < 1.5
    assert far == LARGEST_RATIO


@given(st.floats(-1e6, 1e6))
def test_the_ratio_is_bounded(value: float) -> None:
    """Whatever the columns hold."""
    row = np.array([[value, 3.0, 3.0, value]], dtype=np.float32)

    assert 1.0 <= float(fit_novelty(songs(200), NAMES).ratio(row)[0]) <= LARGEST_RATIO


def test_short_stretches_are_known_less(novelty: Novelty) -> None:
    """Nothing is added from a segment's length on."""
    variance = novelty.extra_var(np.array([1.0, 5.0, 20.0, 30.0, 45.0]), 30.0)

    assert (np.diff(variance[:4], axis=0) < 0).all()
    assert (variance[3:] == 0).all()
