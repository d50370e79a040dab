"""Which track comes at which place of a journey."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.playlists.itinerary import CLOSENESS, plan
from app.playlists.queries import EmbeddedQuery
from indexer.search.searcher import Hit
from model.curves.curve import QuantileScale
from tests import snapshots

EVEN = QuantileScale(np.linspace(-1.0, 1.0, 11)[:, None].repeat(2, axis=1))


def _hit(track: int, score: float, valence: float = 0.0, arousal: float = 0.0) -> Hit:
    return Hit(track, 0.0, 30.0, score, 0.0, score, valence, arousal)


def _asked(valence: float = 0.0, arousal: float = 0.0) -> EmbeddedQuery:
    return EmbeddedQuery(snapshots.embedding(1, 1), "e2m", valence, arousal)


def _artists(hit: Hit) -> tuple[int, ...]:
    return [(), (1,), (2,), (1, 2), (1,)][hit.track_id % 5]


def _score(rankings: list[list[Hit]], tracks: tuple[int | None, ...]) -> tuple[int, float]:
    """How many places have a track, and their scores together."""
    known = [{hit.track_id: hit.score for hit in hits} for hits in rankings]
    taken = [scores[t] for scores, t in zip(known, tracks, strict=True) if t is not None]
    return len(taken), sum(taken)


def _may_be(tracks: tuple[int | None, ...], rankings: list[list[Hit]], cap: int | None) -> bool:
    known = [{hit.track_id for hit in hits} for hits in rankings]
    artists = Counter(a for t in tracks if t is not None for a in _artists(_hit(t, 0.0)))
    return all(t is None or t in k for t, k in zip(tracks, known, strict=True)) and (
        cap is None or not artists or max(artists.values()) <= cap
    )


@given(
    st.lists(
        st.dictionaries(st.integers(0, 4), st.integers(-300, 0), max_size=4), min_size=1, max_size=4
    ),
    st.sampled_from([None, 1, 2]),
)
def test_no_other_plan_is_better(offered: list[dict[int, int]], cap: int | None) -> None:
    """Of all plans without repetition: as many places as possible, then the best scores."""
    rankings = [[_hit(t, float(score)) for t, score in each.items()] for each in offered]

    found = plan(rankings, [_asked()] * len(rankings), EVEN, _artists, cap)

    places = len(rankings)
    pool: list[int | None] = [*range(5), *[None] * places]
    possible = {p for p in permutations(pool, places) if _may_be(p, rankings, cap)}
    tracks = tuple(None if hit is None else hit.track_id for hit in found)
    assert tracks in possible
    count, score = _score(rankings, tracks)
    most, best = max(_score(rankings, each) for each in possible)
    assert count == most
    assert score >= best - 1.0 - 0.001 * 300 * places


def test_a_track_goes_where_it_is_missed_most() -> None:
    """The first place leaves its best track to the second, which has no other that fits."""
    rankings = [[_hit(1, -1.0), _hit(2, -2.0)], [_hit(1, -1.0), _hit(3, -9.0)]]

    found = plan(rankings, [_asked(), _asked()], EVEN, _artists, None)

    assert [hit.track_id for hit in found if hit] == [2, 1]


@pytest.mark.parametrize(("nearer", "expected"), [(0.9, 2), (1.1, 1)])
def test_a_distance_of_one_costs_as_much_as_is_said(nearer: float, expected: int) -> None:
    """The nearer of two tracks is taken unless its score is lower by more."""
    far = _hit(1, -1.0, valence=0.5)
    near = _hit(2, -1.0 - nearer * CLOSENESS, valence=-0.5)

    (found,) = plan([[far, near]], [_asked(valence=-0.5)], EVEN, _artists, None)

    assert found is not None
    assert found.track_id == expected


def test_the_best_comes_first_where_all_ask_the_same() -> None:
    """As in a list that is matched."""
    ranking = [_hit(track, -float(track)) for track in (4, 2, 7, 1)]

    found = plan([ranking] * 3, [_asked()] * 3, EVEN, _artists, None)

    assert [hit.track_id for hit in found if hit] == [1, 2, 4]


def test_nothing_found_is_nothing_planned() -> None:
    """No place, or no track for any."""
    assert plan([], [], EVEN, _artists, None) == []
    assert plan([[], []], [_asked(), _asked()], EVEN, _artists, 1) == [None, None]
