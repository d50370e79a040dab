"""Scores with something added for each track: still the exhaustive ranking, still proven."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.search.additions import Addition, TrackColumns
from indexer.search.balance import LIKELIHOOD_POWER, as_query
from indexer.search.columns import doubled, points
from indexer.search.request import AnyOf
from indexer.search.searcher import Searcher, SearchRequest
from indexer.snapshot.filters import TrackFilter
from model.errors import ShapeError
from model.scoring import score
from tests.snapshots import content, embedding, scoring, written

TRACKS, QUERIES, COLUMNS = 2000, 150, 3
IDS = 10 * np.arange(1, TRACKS + 1)  # as `tests.snapshots.content` gives them


@pytest.fixture(scope="module", params=["exact", "ann"])
def at(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    """Two thousand tracks of five segments."""
    folder = tmp_path_factory.mktemp("additions") / request.param
    return Searcher(written(folder, content(TRACKS, seed=3), engine=request.param), scoring())


def addition(queries: int, seed: int = 0) -> Addition:
    """Small columns of all tracks, and large ones of a hundred that stand apart."""
    draws = np.random.default_rng(seed)
    columns = draws.normal(0.0, 0.3, (TRACKS, COLUMNS))
    apart = np.sort(draws.choice(TRACKS, 100, replace=False))
    columns[apart] *= 20.0
    counted = np.ones(TRACKS)
    counted[apart[::2]], counted[apart[1::2]] = 0.25, 0.0
    weights = draws.normal(0.0, 1.0, (queries, COLUMNS))
    return Addition(TrackColumns(IDS, columns, counted, apart), weights)


def exhaustive(at: Searcher, added: Addition, level: str, direction: str) -> np.ndarray:
    """What each track scores, by the definition in float64, [Q, T]."""
    own, params = at.snapshot.embedding, doubled(scoring())
    asked = embedding(QUERIES, seed=9) if direction == "e2m" else own[np.arange(QUERIES)]
    queries = as_query(asked, own) if direction == "e2m" else asked
    total = score(points(queries), points(own), params, direction).total.numpy()  # [Q, S]
    if level == "track":
        total = np.where(at.snapshot.whole, total, -np.inf)
    best = np.maximum.reduceat(total, at.snapshot.track_first[:-1], axis=1)
    return added.tracks.counted * best + added.weights @ added.tracks.columns.T


@pytest.mark.parametrize("level", ["track", "segment"])
@pytest.mark.parametrize("direction", ["e2m", "m2m"])
def test_proven_answers_are_the_exhaustive_ones(at: Searcher, level: str, direction: str) -> None:
    """Of all queries no answer that calls itself exact differs from float64 brute force."""
    added = addition(QUERIES)
    own = at.snapshot.embedding
    asked = embedding(QUERIES, seed=9) if direction == "e2m" else own[np.arange(QUERIES)]
    request = SearchRequest(asked, 10, direction=direction, level=level, addition=added)  # type: ignore[arg-type]
    results = at.search(request)
    best = np.sort(exhaustive(at, added, level, direction), axis=1)[:, ::-1]
    proven = 0
    for query, result in enumerate(results):
        if result.exact:
            proven += 1
            np.testing.assert_allclose(
                [hit.score for hit in result.hits], best[query, :10], atol=1e-7
            )
    assert proven == QUERIES if at.snapshot.manifest.engine == "exact" else proven > 0


def test_filters_hold_for_tracks_that_stand_apart(at: Searcher) -> None:
    """A track that is left out stays out, however much is added to it."""
    added = addition(1)
    plain = SearchRequest(embedding(1, seed=9), 5, addition=added)
    first = at.search(plain)[0].hits[0].track_id
    left = SearchRequest(
        embedding(1, seed=9), 5, TrackFilter(exclude_ids=frozenset({first})), addition=added
    )
    assert first not in {hit.track_id for hit in at.search(left)[0].hits}


def test_of_a_track_whose_own_score_counts_nothing_one_segment_is_scored() -> None:
    """The first that may be answered; of other tracks that stand apart all are."""
    apart, counted = np.array([0, 2, 3]), np.array([0.0, 1.0, 0.5, 0.0])
    tracks = TrackColumns(IDS[:4], np.zeros((4, COLUMNS)), counted, apart)
    first = np.array([0, 3, 5, 8, 10])
    assert tracks.rows_apart(first).tolist() == [0, 5, 6, 7, 8]
    allowed = ~np.isin(np.arange(10), [0, 6, 8, 9])
    assert tracks.rows_apart(first, allowed).tolist() == [1, 5, 7]


def test_a_union_adds_to_each_of_its_points(at: Searcher) -> None:
    """The score of a region is ln sum w exp(p (score + what is added for the point)) / p."""
    added, weights = addition(2, seed=4), np.array([0.25, 0.75])
    queries = embedding(2, seed=9)
    request = SearchRequest(queries, 10, level="track", addition=added)
    found = at.search_union(AnyOf(weights), request)
    total = score(
        points(as_query(queries, at.snapshot.embedding)),
        points(at.snapshot.embedding),
        doubled(scoring()),
        "e2m",
    ).total.numpy()
    total = np.where(at.snapshot.whole, total, -np.inf)
    tracks = np.maximum.reduceat(total, at.snapshot.track_first[:-1], axis=1)
    each = added.tracks.counted * tracks + added.weights @ added.tracks.columns.T
    logs = LIKELIHOOD_POWER * each + np.log(weights)[:, None]
    best = np.sort(np.logaddexp(*logs) / LIKELIHOOD_POWER)[::-1]
    assert found.exact
    np.testing.assert_allclose([hit.score for hit in found.hits], best[:10], atol=1e-9)


def test_weights_belong_to_queries(at: Searcher) -> None:
    """One row of weights a query."""
    with pytest.raises(ShapeError, match="2 weights for 1 queries"):
        at.search(SearchRequest(embedding(1, seed=9), 5, addition=addition(2)))
