"""Search for a region: any of several weighted points."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from indexer.search.balance import LIKELIHOOD_POWER, as_query
from indexer.search.columns import doubled, points
from indexer.search.request import AnyOf
from indexer.search.searcher import Hit, Searcher, SearchRequest
from indexer.snapshot.filters import TrackFilter
from model.embedding import Embedding
from model.errors import ShapeError
from model.scoring import score
from tests.snapshots import SEGMENTS_PER_TRACK, content, embedding, scoring, searcher

TRACKS = 60
WEIGHTS = np.array([0.5, 0.3, 0.2])
ANY = AnyOf(WEIGHTS)
PART = AnyOf(np.array([0.6, 0.0, 0.4]), among=WEIGHTS)


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    """Sixty tracks of five segments."""
    data = content(TRACKS, seed=5)
    return searcher(tmp_path_factory.mktemp("union") / "s", data)


def asked() -> Embedding:
    """Three points that lie near each other, as those of a plane do."""
    far = embedding(3, seed=9)
    parts = [part.mean(axis=0) + 0.1 * (part - part.mean(axis=0)) for part in (far.phi, far.mu)]
    return Embedding(*(part.astype(np.float32) for part in parts), far.var)


def total_of(scores: torch.Tensor, weights: np.ndarray) -> np.ndarray:
    """Ln sum w exp(p score) / p, [K, S] -> [S]."""
    logs = torch.log(torch.from_numpy(weights))
    total = torch.logsumexp(LIKELIHOOD_POWER * scores + logs[:, None], dim=0)
    return total.numpy() / LIKELIHOOD_POWER


def expected(at: Searcher, level: str, kind: str, any_of: AnyOf) -> list[tuple[float, int]]:
    """Every track with its score by the definition, best first."""
    params = doubled(scoring()).with_kind(kind)  # type: ignore[arg-type]
    queries = as_query(asked(), at.snapshot.embedding)
    total = score(points(queries), points(at.snapshot.embedding), params, "e2m").total  # [K, S]
    union = total_of(total, any_of.weights)
    if any_of.among is not None:
        union = union - total_of(total, any_of.among)
    if level == "track":
        union = np.where(at.snapshot.whole, union, -np.inf)
    first = at.snapshot.track_first
    best = [union[first[row] : first[row + 1]].max() for row in range(len(at.snapshot.tracks))]
    ids = at.snapshot.tracks.ids.tolist()
    return sorted(zip(best, ids, strict=True), key=lambda each: (-each[0], each[1]))


def found(at: Searcher, limit: int = 10, any_of: AnyOf = ANY, **options: object) -> tuple[Hit, ...]:
    request = SearchRequest(asked(), limit=limit, **options)  # type: ignore[arg-type]
    answer = at.search_union(any_of, request)
    assert answer.exact
    return answer.hits


@pytest.mark.parametrize("any_of", [ANY, PART], ids=["any", "part"])
@pytest.mark.parametrize("level", ["track", "segment"])
@pytest.mark.parametrize("kind", ["gaussian", "paper"])
def test_the_ranking_is_the_exhaustive_one(
    at: Searcher, level: str, kind: str, any_of: AnyOf
) -> None:
    """Tracks and scores are those defined: ln sum w exp(p score) / p, or a share of it."""
    best = expected(at, level, kind, any_of)[:10]
    hits = found(at, level=level, kind=kind, any_of=any_of)
    assert [hit.track_id for hit in hits] == [track for _, track in best]
    np.testing.assert_allclose([hit.score for hit in hits], [s for s, _ in best], atol=1e-9)


@pytest.mark.parametrize("any_of", [ANY, PART], ids=["any", "part"])
def test_halves_add_up_to_the_score(at: Searcher, any_of: AnyOf) -> None:
    """Lambda of one half and the rest of the other give the score."""
    lam = scoring().lam
    for hit in found(at, any_of=any_of):
        assert lam * hit.cca + (1.0 - lam) * hit.neg_kl == pytest.approx(hit.score)


def test_one_point_ranks_as_a_search_for_it_does(at: Searcher) -> None:
    """A union of one is that one."""
    request = SearchRequest(embedding(1, seed=9), limit=10)
    (single,) = at.search(request)
    union = at.search_union(AnyOf(np.ones(1)), request)
    assert [h.track_id for h in union.hits] == [h.track_id for h in single.hits]
    np.testing.assert_allclose(
        [h.score for h in union.hits], [h.score for h in single.hits], atol=1e-9
    )


def test_pages_fit_together(at: Searcher) -> None:
    """An offset goes on where the first page ends."""
    assert found(at, 10) == found(at, 4) + found(at, 6, offset=4)


def test_filters_and_caps_hold(at: Searcher) -> None:
    """What a filter leaves out is not answered; no artist comes more often than the cap says."""
    all_ids = [hit.track_id for hit in found(at, TRACKS)]
    without = frozenset(all_ids[:5])
    filtered = found(at, 10, filters=TrackFilter(exclude_ids=without))
    assert [hit.track_id for hit in filtered] == all_ids[5:15]
    capped = found(at, TRACKS, max_per_artist=1)
    artists = [at.snapshot.tracks[at.snapshot.tracks.row_of(h.track_id)].artist for h in capped]
    named = [artist for artist in artists if artist is not None]
    assert len(named) == len(set(named))
    assert len(capped) < len(all_ids)


def test_copies_are_answered_once(tmp_path: Path) -> None:
    """Of tracks with the same content the one with the smallest id stands for all."""
    data = content(4, seed=1)
    copied = [replace(each, content_id="same") for each in data.tracks]
    rows = embedding(SEGMENTS_PER_TRACK, 2)
    alike = Embedding.concatenate([rows] * len(copied))
    at = searcher(tmp_path / "s", replace(data, tracks=copied, embedding=alike))
    answer = at.search_union(ANY, SearchRequest(embedding(3, seed=9), limit=10))
    assert [hit.track_id for hit in answer.hits] == [10]


def test_weights_must_fit_the_points(at: Searcher) -> None:
    """The message names both numbers."""
    with pytest.raises(ShapeError, match="2 weights for 3 points"):
        at.search_union(AnyOf(np.array([0.5, 0.5])), SearchRequest(embedding(3, seed=9), limit=3))
