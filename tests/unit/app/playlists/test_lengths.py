"""Playlists that fill a time."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.playlists.lengths import TRIES, filling, nearest, played_s
from indexer.search.searcher import Hit

LENGTHS = st.lists(st.floats(1.0, 1200.0), min_size=1, max_size=40)


def _hits(lengths_s: list[float]) -> list[Hit]:
    return [Hit(i, 0.0, length, 0.0, 0.0, 0.0, 0.0, 0.0) for i, length in enumerate(lengths_s)]


@given(LENGTHS, st.floats(1.0, 50_000.0))
def test_a_filled_time_is_met_as_nearly_as_the_order_allows(
    lengths_s: list[float], duration_s: float
) -> None:
    """No other number of tracks from the beginning comes nearer."""
    hits = filling(_hits(lengths_s), duration_s)

    missed = abs(played_s(hits) - duration_s)
    assert missed == pytest.approx(min(abs(end - duration_s) for end in accumulate(lengths_s)))


def test_nothing_found_fills_no_time() -> None:
    """Filters may let nothing through."""
    assert list(filling([], 60.0)) == []
    assert nearest(lambda _places: [], 60.0, 5, 10) == (5, [])


@given(LENGTHS, st.floats(1.0, 50_000.0), st.integers(-3, 80))
def test_a_journey_tries_few_lengths_and_keeps_the_nearest(
    lengths_s: list[float], duration_s: float, first: int
) -> None:
    """Of the journeys it made none is nearer; none has more places than there are."""
    made: dict[int, float] = {}

    def make(places: int) -> list[Hit]:
        hits = _hits(lengths_s[:places])
        made[places] = played_s(hits)
        return hits

    places, hits = nearest(make, duration_s, first, len(lengths_s))

    assert 1 <= len(made) <= TRIES
    assert set(made) <= set(range(1, len(lengths_s) + 1))
    assert made[places] == played_s(hits)
    assert abs(made[places] - duration_s) == min(abs(x - duration_s) for x in made.values())


@given(st.floats(30.0, 600.0), st.integers(1, 100))
def test_tracks_of_one_length_fill_a_time_exactly(length_s: float, wanted: int) -> None:
    """The second try is the answer, wherever the first one started."""
    places, _ = nearest(lambda n: _hits([length_s] * n), wanted * length_s, 1, 200)

    assert places == wanted


def test_between_too_short_and_too_long_another_number_is_tried() -> None:
    """Where one place gets a very short track, and nine are far too many, two are tried."""
    asked: list[int] = []

    def make(places: int) -> list[Hit]:
        asked.append(places)
        return _hits([21.0] if places == 1 else [90.0 if places == 2 else 200.0] * places)

    places, hits = nearest(make, 180.0, 1, 200)

    assert (places, played_s(hits)) == (2, 180.0)
    assert asked == [1, 9, 2]
