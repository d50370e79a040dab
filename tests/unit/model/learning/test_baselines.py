"""Baselines against scikit-learn, and what the published orientation does to exact ranks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from benchmarks.learning.benchmark import smoothed
from model.learning.baselines import (
    REG_MLP,
    RIDGE_PENALTIES,
    curve_summary,
    length_retrieval,
    random_retrieval,
    regression_retrieval,
    ridge,
    ridge_retrieval,
)
from model.learning.datasets import Dataset
from model.learning.evaluation import ranks, retrieval, retrieval_within
from model.learning.experiments import oriented, splits, transposed
from model.learning.fitting import Embedded
from model.learning.training import one_thread
from model.scoring import Points, ScoringParams


@pytest.fixture(autouse=True)
def _one_thread() -> object:
    with one_thread():
        yield


def songs(count: int, frames: int = 20) -> Dataset:
    """Curves whose level the features tell almost exactly."""
    rng = np.random.default_rng(0)
    level = rng.uniform(-0.6, 0.6, size=(count, 2))
    features = level @ rng.normal(size=(2, 4)) + 0.01 * rng.normal(size=(count, 4))
    curves = level[:, None, :] + 0.02 * rng.normal(size=(count, frames, 2))
    return Dataset(
        name="deam",
        song_ids=np.arange(count) * 10,
        features=features.astype(np.float32),
        feature_names=("a", "b", "c", "d"),
        curves=curves.astype(np.float32),
        lengths=np.full(count, frames, dtype=np.int64),
    )


def halves(data: Dataset) -> tuple[Dataset, Dataset]:
    middle = len(data) // 2
    return data.rows(np.arange(middle)), data.rows(np.arange(middle, len(data)))


def test_ridge_equals_scikit_learn_at_the_chosen_penalty() -> None:
    """The coefficients are those of one of the penalties, by an independent solver."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 6)), rng.normal(size=(40, 2))
    found = ridge(x, y)
    errors = [
        np.abs(Ridge(alpha=alpha, fit_intercept=False).fit(x, y).coef_.T - found).max()
        for alpha in RIDGE_PENALTIES
    ]

    assert min(errors) < 1e-10


def test_ridge_shrinks_pure_noise_more_than_a_clear_signal() -> None:
    """Cross-validation picks a large penalty where nothing can be predicted."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(60, 5))
    signal, noise = x @ rng.normal(size=(5, 1)), rng.normal(size=(60, 1))

    assert np.linalg.norm(ridge(x, noise)) < 0.5 * np.linalg.norm(ridge(x, signal))


@pytest.mark.parametrize("side", ["m2e", "e2m"])
def test_regression_finds_partners_where_features_tell(side: str) -> None:
    """On easy data both directions rank far better than the random ranking."""
    train, test = halves(songs(120))
    chance = retrieval(getattr(random_retrieval(test, 0), side)).ar
    quick = replace(REG_MLP, epochs=60)

    assert retrieval(getattr(ridge_retrieval(train, test), side)).ar < 0.6 * chance
    assert retrieval(getattr(regression_retrieval(train, test, quick), side)).ar < 0.7 * chance


def test_length_alone_finds_unique_lengths_and_ties_equal_ones() -> None:
    """Lengths 5, 5 and 9: the unique one is found, the equal ones share rank 1.5."""
    data = replace(songs(3), lengths=np.array([5, 5, 9]))

    assert ranks(length_retrieval(data).m2e).tolist() == [1.5, 1.5, 1.0]


def test_the_curve_summary_tells_mean_spread_and_slope() -> None:
    """A rise from -0.5 to 0.5 has mean 0 and slope 0.5 a half; padding does not count."""
    line = np.linspace(-0.5, 0.5, 101, dtype=np.float32)
    curves = np.zeros((1, 120, 2), dtype=np.float32)
    curves[0, :101, 0] = line
    data = replace(songs(1), curves=curves, lengths=np.array([101]))

    expected = [0.0, 0.0, line.std(), 0.0, 0.5, 0.0]
    np.testing.assert_allclose(curve_summary(data)[0], expected, atol=0.01)


def test_splits_are_disjoint_and_complete() -> None:
    """Every song is in one part of a split, a fifth of them in the test part."""
    first, second = splits(songs(50), 2)

    assert sorted([*first.train.song_ids, *first.test.song_ids]) == sorted(songs(50).song_ids)
    assert len(first.test) == 10
    assert first.test.song_ids.tolist() != second.test.song_ids.tolist()


def test_smoothing_keeps_constant_curves_and_removes_jitter() -> None:
    """Roughness goes, level stays."""
    data = songs(5, frames=60)
    smooth = smoothed(data)

    roughness = [np.abs(np.diff(part.curves, axis=1)).mean() for part in (data, smooth)]
    assert roughness[1] < 0.2 * roughness[0]
    np.testing.assert_allclose(smooth.mean_emotion, data.mean_emotion, atol=0.01)


def parameters(dimensions: int) -> ScoringParams:
    """Identity lines, equal weights, every dimension kept."""
    ones, zeros = torch.ones(dimensions), torch.zeros(dimensions)
    return ScoringParams(
        kind="paper",
        lambda_gaussian=0.5,
        lambda_paper=0.5,
        min_rho=0.0,
        rho=ones,
        m2e_slope=ones,
        m2e_intercept=zeros,
        e2m_slope=ones,
        e2m_intercept=zeros,
        music_mean=zeros,
        music_std=ones,
        emotion_mean=zeros,
        emotion_std=ones,
    )


def points(values: torch.Tensor) -> Points:
    return Points(values, values, torch.ones_like(values))


def shifted_pairs() -> Embedded:
    """Music at 0, 1, 2, 3 and its emotions one step further: the model is off by one."""
    music = torch.arange(4.0)[:, None]
    return Embedded(points(music), points(music + 1.0))


def test_the_right_orientation_gives_the_ranks_counted_by_hand() -> None:
    """The true partner is always one step away, its left neighbour exactly on the spot.

    Query a scores candidate b with -|a-b-1|/2 - (a-b-1)^2/4: own partner -0.75, b = a-1 gets 0,
    b = a-2 ties with -0.75. So the ranks are 1, 2, 2.5, 2.5.
    """
    matrices = oriented(shifted_pairs(), parameters(1))

    assert ranks(matrices.m2e).tolist() == [1.0, 2.0, 2.5, 2.5]
    assert ranks(matrices.e2m).tolist() == [2.5, 2.5, 2.0, 1.0]


def test_the_published_orientation_turns_a_wrong_model_into_a_perfect_one() -> None:
    """With the KL half transposed both neighbours get -1 and the partner -0.75: rank 1, always.

    Entry (a, b) adds KL(music b || emotion a), and emotion a is the answer itself.
    """
    matrices = transposed(shifted_pairs(), parameters(1))

    assert ranks(matrices.m2e).tolist() == [1.0, 1.0, 1.0, 1.0]
    assert ranks(matrices.e2m).tolist() == [1.0, 1.0, 1.0, 1.0]


def test_the_published_orientation_inflates_noisy_pairs() -> None:
    """At a known correlation of 0.8 in four dimensions, the leak alone cuts the average rank."""
    generator = torch.Generator().manual_seed(0)
    music = torch.randn(200, 4, generator=generator)
    emotion = 0.8 * music + 0.6 * torch.randn(200, 4, generator=generator)
    pairs = Embedded(points(music), points(emotion))

    right = retrieval(oriented(pairs, parameters(4)).m2e)
    leaking = retrieval(transposed(pairs, parameters(4)).m2e)

    assert leaking.ar < 0.7 * right.ar
    assert leaking.mrr > 1.3 * right.mrr


def test_candidates_of_the_other_collection_do_not_count() -> None:
    """Within collections of 2 and 3 a perfect matrix still has rank 1 and fractions 1/2 and 1/3."""
    result = retrieval_within(np.eye(5), [0, 0, 1, 1, 1])

    assert result.ar == 1.0
    assert result.ar_fraction == pytest.approx((2 / 2 + 3 / 3) / 5)
