"""How long a playlist lasts, and how many tracks it takes to fill a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

    Args:
        make: The hits of a journey of so many places.
        duration_s: What the journey should last.
        first: Places to try first.
        most: Places it may have.

    Returns:
        The number of places that came nearest among those tried, and its hits.
    """
    tried: dict[int, Sequence[Hit]] = {}
    places = max(1, min(first, most))
    while places not in tried and len(tried) < TRIES:
        hits = tried[places] = make(places)
        length_s = played_s(hits)
        if not length_s:
            break
        places = max(1, min(round(places * duration_s / length_s), most))
    best = min(tried, key=lambda n: abs(played_s(tried[n]) - duration_s))
    return best, tried[best]
