"""Which track comes at which place of a journey: all places are decided together (ADR 0046).

A linear programme: as many places as possible get a track, then the sum of their worth is largest.
Each place has at most one track, each track and each artist a place or as many as it may have.
These limits are nested sets on either side, so a corner of the programme is whole numbers, unless a
track has several artists: then whole numbers are asked for.
Letters: O offers, a track for a place each.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog  # type: ignore[import-untyped]
from scipy.sparse import coo_array, vstack  # type: ignore[import-untyped]

from app.playlists.queries import Asked
from indexer.search.searcher import Hit
from model.curves import QuantileScale

CLOSENESS = 2.0
"""Nats that a track loses by being shown at a relative distance of 1 from its place."""

MOST_S = 10.0  # for whole numbers
_EARLIER = 1e-3  # earlier places count so much more: where all ask the same, the best comes first

Doubles = NDArray[np.float64]


def plan(
    rankings: Sequence[Sequence[Hit]],
    asked: Sequence[Asked],
    scale: QuantileScale,
    artists_of: Callable[[Hit], Collection[Hashable]],
    cap: int | None,
) -> list[Hit | None]:
    """The track of each place, no track twice and no artist more often than `cap`.

    Args:
        rankings: What the search found for each place.
        asked: What each place asks for.
        scale: The relative scale, on which distances are taken.
        artists_of: The artists of a track, each of whom counts; none where none is known.
        cap: Tracks of one artist, or None for any number.

    Returns:
        A hit a place; None where those that were found are better used elsewhere.
    """
    offers = [(place, hit) for place, hits in enumerate(rankings) for hit in hits]
    found: list[Hit | None] = [None] * len(rankings)
    if not offers:
        return found
    worth = _worth(offers, asked, scale)
    limits = [
        _at_most(1, [(place,) for place, _ in offers]),
        _at_most(1, [(hit.track_id,) for _, hit in offers]),
    ]
    several = False
    if cap is not None:
        artists = [artists_of(hit) for _, hit in offers]
        several = any(len(each) > 1 for each in artists)
        limits.append(_at_most(cap, artists))
    for index in _best(worth, limits, len(rankings), whole=several):
        place, hit = offers[index]
        found[place] = hit
    return found


def _worth(
    offers: Sequence[tuple[int, Hit]], asked: Sequence[Asked], scale: QuantileScale
) -> Doubles:
    """Score less the squared distance of what is shown to what is asked, [O].

    In nats, shifted so that the least is 1.
    """
    places = np.array([place for place, _ in offers])
    score = np.array([hit.score for _, hit in offers])
    shown = scale.to_relative([(hit.arousal, hit.valence) for _, hit in offers])
    wanted = scale.to_relative([(each.arousal, each.valence) for each in asked])[places]
    worth = score - CLOSENESS * ((shown - wanted) ** 2).sum(axis=1)
    earlier = 1.0 - _EARLIER * places / len(asked)
    counted: Doubles = earlier * (worth - worth.min() + 1.0)
    return counted


Limit = tuple[coo_array, Doubles]


def _at_most(count: int, names: Sequence[Collection[Hashable]]) -> Limit:
    """Of the offers that share a name at most `count` are taken."""
    rows: dict[Hashable, int] = {}
    pairs = [
        (rows.setdefault(name, len(rows)), offer)
        for offer, several in enumerate(names)
        for name in several
    ]
    row, column = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    matrix = coo_array((np.ones(len(pairs)), (row, column)), shape=(len(rows), len(names)))
    return matrix, np.full(len(rows), float(count))


def _best(worth: Doubles, limits: Sequence[Limit], places: int, *, whole: bool) -> NDArray[np.intp]:
    """The offers to take: as many as possible, then those worth most together.

    `whole` asks for whole numbers, where a corner of the programme need not be.
    """
    filled = worth.max() * places  # outweighs any exchange of tracks
    solution = linprog(
        -(worth + filled),
        A_ub=vstack([matrix for matrix, _ in limits], format="csr"),
        b_ub=np.concatenate([most for _, most in limits]),
        bounds=(0.0, 1.0),
        method="highs" if whole else "highs-ds",
        integrality=1 if whole else None,
        options={"time_limit": MOST_S} if whole else None,
    )
    if solution.x is None:  # not even one solution in this time: every place searches alone
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(solution.x > 0.5)
