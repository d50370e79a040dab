"""How long a playlist lasts, and how many tracks it takes to fill a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

from indexer.search.searcher import Hit

TRIES = 4


def played_s(hits: Sequence[Hit]) -> float:
    """How long it takes to play what was found, one after the other, in seconds."""
    return sum(hit.end_s - hit.start_s for hit in hits)


def filling(hits: Sequence[Hit], duration_s: float) -> Sequence[Hit]:
    """The first of `hits` that together come nearest to `duration_s`; at least one."""
    ends = list(accumulate(hit.end_s - hit.start_s for hit in hits))
    count = min(range(len(ends)), key=lambda i: abs(ends[i] - duration_s), default=-1) + 1
    return hits[:count]


def nearest(
    make: Callable[[int], Sequence[Hit]], duration_s: float, first: int, most: int
) -> tuple[int, Sequence[Hit]]:
    """How many places a journey needs to last about `duration_s`.

    The next number to try follows from the mean length of the tracks so far, or, between a journey
    that is too short and one that is too long, from a line through both.

    Args:
        make: The hits of a journey of so many places.
        duration_s: What the journey should last.
        first: Places to try first.
        most: Places it may have.

    Returns:
        The number of places that came nearest among those tried, and its hits.
    """
    tried: dict[int, Sequence[Hit]] = {}
    lasts: dict[int, float] = {}
    places = max(1, min(first, most))
    while places not in tried and len(tried) < TRIES:
        tried[places] = make(places)
        lasts[places] = played_s(tried[places])
        if not lasts[places]:
            break
        places = max(1, min(_next(lasts, duration_s, places), most))
    best = min(tried, key=lambda n: abs(lasts[n] - duration_s))
    return best, tried[best]


def _next(lasts: Mapping[int, float], duration_s: float, places: int) -> int:
    """The number of places to try next, from how long others last."""
    short = max((n for n, length_s in lasts.items() if length_s <= duration_s), default=0)
    long = min((n for n, length_s in lasts.items() if length_s > duration_s), default=0)
    guess = round(places * duration_s / lasts[places])
    if guess == places or not short or not long or short < guess < long or long - short <= 1:
        return guess
    share = (duration_s - lasts[short]) / (lasts[long] - lasts[short])
    return min(max(short + round(share * (long - short)), short + 1), long - 1)
