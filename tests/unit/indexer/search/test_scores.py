"""The search's compiled scores are those of `model.scoring`, which defines them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.search.bounds import columns
from indexer.search.columns import doubled, points, raw_columns, raw_query
from indexer.search.scores import Scorer
from model.embedding import Embedding
from model.scoring import Direction, Kind, ScoringParams, score
from tests import snapshots


def spread_out(rows: int, seed: int, decades: float) -> Embedding:
    """Rows whose variances differ by powers of ten."""
    base, draws = snapshots.embedding(rows, seed), np.random.default_rng(seed)
    var = base.var * 10.0 ** draws.uniform(-decades, decades, base.var.shape)
    return Embedding(base.phi, base.mu, var.astype(np.float32))


def scores_of(items: Embedding, params: ScoringParams) -> Scorer:
    """Scores of segments that are a track each."""
    count = len(items)
    return Scorer(items, params, np.arange(count + 1), np.arange(count, dtype=np.int32))


@pytest.mark.parametrize("direction", ["e2m", "m2m"])
@pytest.mark.parametrize("kind", ["gaussian", "paper"])
@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), decades=st.floats(0.0, 4.0))
def test_scores_are_those_of_the_definition(
    kind: Kind, direction: Direction, seed: int, decades: float
) -> None:
    """Total and both halves of any query with any segments, to the last digits."""
    items, query = spread_out(40, seed, decades), spread_out(1, seed + 1, decades)
    rows = np.random.default_rng(seed).permutation(40)[:17]
    fast = scores_of(items, snapshots.scoring())

    found = fast.score(fast.ask(query, kind, direction), rows)

    params = doubled(snapshots.scoring()).with_kind(kind)
    truth = score(points(query), points(items[rows]), params, direction)
    expected = np.concatenate([truth.total, truth.cca, truth.neg_kl])
    assert np.allclose(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("direction", ["e2m", "m2m"])
@pytest.mark.parametrize("kind", ["gaussian", "paper"])
def test_columns_are_those_of_the_definition(kind: Kind, direction: Direction) -> None:
    """The inner-product form of a query, and with the raw columns the score itself."""
    items, query = snapshots.embedding(30, 1), snapshots.embedding(1, 2)
    params = replace(snapshots.scoring(lambda_paper=0.0), kind=kind)
    shift = np.asarray(items.mu.mean(axis=0, dtype=np.float64))
    fast = scores_of(items, params)
    asked = fast.ask(query, kind, direction)

    vector, constant = columns(asked, shift)

    expected = raw_query(query, params, shift, direction)
    assert np.allclose(vector, expected[0][0])
    assert constant == pytest.approx(expected[1][0])
    scores = raw_columns(items, params, shift) @ vector + constant
    assert np.allclose(scores, fast.score(asked, np.arange(30))[0])
