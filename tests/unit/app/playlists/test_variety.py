"""Which of the tracks that fit about equally well are shown."""

from __future__ import annotations

import numpy as np
import pytest

from app.playlists.variety import Variety, below_best, gumbel, spread
from indexer.search.searcher import Hit


def ranking(count: int, step: float = 0.01) -> list[Hit]:
    """Tracks whose scores fall evenly."""
    return [Hit(n + 1, 0.0, 30.0, -step * n, 0.0, 0.0, 0.0, 0.0) for n in range(count)]


def nobody(_: Hit) -> tuple[int, ...]:
    return ()


def by_threes(hit: Hit) -> tuple[int, ...]:
    """Three tracks in a row by each artist."""
    return ((hit.track_id - 1) // 3,)


def one(_: Hit) -> tuple[int, ...]:
    return (7,)


def test_without_variety_the_best_list_comes() -> None:
    """Nothing is drawn and nobody is held back."""
    hits = ranking(50)
    assert Variety().choose(hits, 10, one) == hits[:10]
    assert Variety().pool(10) == 10


def test_a_seed_gives_the_same_list_again_and_another_seed_another() -> None:
    """The draw depends on the seed and the tracks alone, not on the pool's size."""
    hits = ranking(300)
    lists = [Variety(0.5, seed).choose(hits, 20, nobody) for seed in (1, 1, 2)]
    assert lists[0] == lists[1] != lists[2]


def test_a_drawn_list_is_best_first_and_without_repeats() -> None:
    """It is a choice from the ranking, in its order."""
    chosen = Variety(1.0, 3).choose(ranking(300), 20, nobody)
    scores = [hit.score for hit in chosen]
    assert scores == sorted(scores, reverse=True)
    assert len({hit.track_id for hit in chosen}) == 20


def test_more_variety_costs_more_fit() -> None:
    """The mean score falls as the amount grows; over many seeds."""
    hits = ranking(300, step=0.05)
    best = [hit.score for hit in hits]

    def cost(amount: float, seed: int) -> float:
        chosen = Variety(amount, seed).choose(hits, 20, nobody)
        return below_best(best, [hit.score for hit in chosen])

    costs = [np.mean([cost(amount, seed) for seed in range(40)]) for amount in (0.0, 0.2, 1.0)]

    assert costs[0] == 0.0 < costs[1] < costs[2]


def test_chances_follow_the_scores() -> None:
    """At 1 a track that scores ln 3 more comes first three times as often."""
    pair = [Hit(n, 0.0, 30.0, s, 0.0, 0.0, 0.0, 0.0) for n, s in ((11, np.log(3.0)), (12, 0.0))]
    first = [Variety(1.0, seed).choose(pair, 1, nobody)[0].track_id for seed in range(4000)]
    assert first.count(11) / len(first) == pytest.approx(0.75, abs=0.03)


def test_noise_is_gumbels() -> None:
    """Mean Euler's constant, variance pi^2 / 6."""
    noise = gumbel(np.arange(20_000, dtype=np.uint64), 5)
    assert noise.mean() == pytest.approx(0.5772, abs=0.03)
    assert noise.var() == pytest.approx(np.pi**2 / 6.0, rel=0.05)


def test_no_artist_fills_a_list() -> None:
    """Two of three tracks a block come; the third waits for the next twenty places."""
    hits = ranking(90)
    first = spread(hits, 20, by_threes)
    assert max(np.bincount([by_threes(hit)[0] for hit in first])) == 2
    both = spread(hits, 40, by_threes)
    assert hits[2] in both
    assert both[:20] == first


def test_where_nobody_else_is_left_an_artist_comes_all_the_same() -> None:
    """A library of one artist gives full lists."""
    assert spread(ranking(30), 20, one) == ranking(30)[:20]


def test_an_artist_comes_again_before_what_fits_much_worse() -> None:
    """A library of few artists is not filled up with what nobody asked for."""
    hits = ranking(30)
    artists = {hit.track_id: 0 if at < 10 else at for at, hit in enumerate(hits)}
    near = [hit._replace(score=0.0 if at < 10 else -0.5) for at, hit in enumerate(hits)]
    far = [hit._replace(score=0.0 if at < 10 else -1.5) for at, hit in enumerate(hits)]

    def of(hit: Hit) -> tuple[int]:
        return (artists[hit.track_id],)

    assert sum(hit.score == 0.0 for hit in spread(near, 10, of, 1.0)) == 2
    assert spread(far, 10, of, 1.0) == far[:10]
