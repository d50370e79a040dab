"""Metrics against ranks counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import r2_score

from model.errors import ShapeError
from model.learning.evaluation import (
    chance,
    evaluate,
    r2,
    ranks,
    retrieval,
    retrieval_within,
    top_cosine,
)


def test_ranks_count_better_candidates() -> None:
    """The best candidate has rank 1, the worst rank N."""
    similarity = [[0.9, 0.1, 0.5], [0.3, 0.2, 0.1], [0.7, 0.6, 0.5]]

    assert ranks(similarity).tolist() == [1.0, 2.0, 3.0]


def test_ties_share_their_mean_rank() -> None:
    """A true candidate tied with two others behind one better takes the mean of 2, 3 and 4."""
    similarity = [[0.5, 0.9, 0.5, 0.5, 0.1]]

    assert ranks(similarity).tolist() == [3.0]


def test_a_constant_matrix_scores_as_chance_on_average_rank() -> None:
    """Without information every rank is (N + 1) / 2: a tie never helps."""
    result = retrieval(np.zeros((6, 6)))

    assert result.ar == pytest.approx(3.5)
    assert result.ar_fraction == pytest.approx(3.5 / 6)


def test_queries_are_rows() -> None:
    """With more candidates than queries only [query, candidate] gives these ranks."""
    similarity = np.array([[0.1, 0.2, 0.3, 0.4, 0.5], [0.5, 0.1, 0.2, 0.3, 0.4]])

    assert ranks(similarity, [4, 1]).tolist() == [1.0, 5.0]
    with pytest.raises(ShapeError, match="give truth"):
        ranks(similarity.T)


def test_mrr_and_ar_by_hand() -> None:
    """Ranks 1, 2 and 4 of 4 give MRR 7/12 and AR 7/3."""
    similarity = [[9, 1, 2, 3], [9, 5, 1, 2], [9, 8, 1, 7]]
    result = retrieval(similarity)

    assert result.mrr == pytest.approx((1 + 1 / 2 + 1 / 4) / 3)
    assert result.ar == pytest.approx(7 / 3)
    assert result.ar_fraction == pytest.approx(7 / 12)


def test_both_directions_keep_their_own_matrix() -> None:
    """M2E and E2M are read from different matrices."""
    perfect, worst = np.eye(3), -np.eye(3)

    result = evaluate(perfect, worst)

    assert (result["m2e"].ar, result["e2m"].ar) == (1.0, 3.0)


def test_chance_equals_a_long_simulation() -> None:
    """The closed form agrees with random matrices."""
    rng = np.random.default_rng(0)
    drawn = retrieval(rng.random((20_000, 12)), np.zeros(20_000, dtype=int))

    assert chance(12).mrr == pytest.approx(drawn.mrr, abs=0.005)
    assert chance(12).ar == pytest.approx(drawn.ar, abs=0.1)


def test_groups_limit_the_candidates() -> None:
    """A better candidate of another group does not count, and ranks divide by the group's size."""
    similarity = [[0.1, 0.9, 0.2], [0.0, 0.5, 0.4], [0.3, 0.9, 0.2]]
    result = retrieval_within(similarity, [0, 1, 0])

    assert result.ar == pytest.approx((2 + 1 + 2) / 3)
    assert result.ar_fraction == pytest.approx((2 / 2 + 1 / 1 + 2 / 2) / 3)


def test_r2_equals_scikit_learn() -> None:
    """Column by column."""
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(50, 2))
    predicted = truth + rng.normal(size=(50, 2))

    expected = r2_score(truth, predicted, multioutput="raw_values")
    assert r2(truth, predicted) == pytest.approx(expected)


def test_top_cosine_averages_over_the_best_candidates() -> None:
    """Half of four candidates: the two best by similarity, whatever their cosine."""
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [2.0, 0.0]])
    result = top_cosine([[0.9, 0.8, 0.1, 0.2]], [[3.0, 0.0]], vectors, share=0.5)

    assert result.tolist() == pytest.approx([0.5])


def test_nan_similarities_are_refused() -> None:
    """A NaN would rank nowhere and look like a perfect score."""
    with pytest.raises(ShapeError, match="NaN"):
        ranks([[np.nan, 1.0], [0.0, 1.0]])
