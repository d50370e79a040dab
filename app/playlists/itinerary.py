"""Which track comes at which place of a journey: all places are decided together (ADR 0046).

A linear programme: as many places as possible get a track, then the sum of their worth is largest.
Each place has at most one track, each track and each artist a place or as many as it may have.
These limits are nested sets on either side, so a corner of the programme is whole numbers, unless a
track has several artists: then whole numbers are asked for.
Letters: O offers, a track for a place each.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.playlists.queries import EmbeddedQuery
from app.playlists.variety import BEST, Variety
from indexer.search.searcher import Hit
from model.arrays import Doubles
from model.curves.curve import QuantileScale

CLOSENESS = 2.0
"""Nats that a track loses by being shown at a relative distance of 1 from its place."""

MOST_S = 10.0  # for whole numbers
_EARLIER = 1e-3  # earlier places count so much more: where all ask the same, the best comes first

Places = NDArray[np.intp]

NOBODY: Mapping[int, int] = MappingProxyType({})
_TRACK, _SCORE = Hit._fields.index("track_id"), Hit._fields.index("score")
_SHOWN = [Hit._fields.index("arousal"), Hit._fields.index("valence")]


def plan(
    rankings: Sequence[Sequence[Hit]],
    asked: Sequence[EmbeddedQuery],
    scale: QuantileScale,
    artists_of: Callable[[Hit], Collection[int]],
    cap: int | None,
    taken: Mapping[int, int] = NOBODY,
    variety: Variety = BEST,
) -> list[Hit | None]:
    """The track of each place, no track twice and no artist more often than `cap`.

    Args:
        rankings: What the search found for each place.
        asked: What each place asks for.
        scale: The relative scale, on which distances are taken.
        artists_of: The artists of a track, each of whom counts; none where none is known.
        cap: Tracks of one artist, or None for any number.
        taken: Tracks of an artist that stand in the list already.
        variety: How far chance decides: its noise is added to the score of each track.

    Returns:
        A hit a place; None where those that were found are better used elsewhere.
    """
    hits = [hit for ranking in rankings for hit in ranking]
    places = np.repeat(np.arange(len(rankings)), [len(ranking) for ranking in rankings])
    found: list[Hit | None] = [None] * len(rankings)
    if not hits:
        return found
    columns = np.array(hits, dtype=np.float64)  # [O, 8], the fields of a hit
    columns[:, _SCORE] += variety.noise(columns[:, _TRACK])
    worth = _worth(places, columns, asked, scale)
    every = np.arange(len(hits))
    _, first, tracks = np.unique(columns[:, _TRACK], return_index=True, return_inverse=True)
    width = len(hits)
    limits = [_at_most(places, every, 1.0, width), _at_most(tracks, every, 1.0, width)]
    several = False
    if cap is not None:
        known = [artists_of(hits[index]) for index in first.tolist()]  # of a track, asked once
        artists = [known[track] for track in tracks.tolist()]
        counts = np.array([len(each) for each in artists])
        several = bool((counts > 1).any())
        flat = np.fromiter((name for each in artists for name in each), np.int64, counts.sum())
        names, rows = np.unique(flat, return_inverse=True)
        left = np.array([max(0, cap - taken.get(int(name), 0)) for name in names], dtype=float)
        limits.append(_at_most(rows, np.repeat(every, counts), left, width))
    for index in _best(worth, limits, len(rankings), whole=several):
        found[int(places[index])] = hits[index]
    return found


def _worth(
    places: Places, columns: Doubles, asked: Sequence[EmbeddedQuery], scale: QuantileScale
) -> Doubles:
    """Score less the squared distance of what is shown to what is asked, [O].

    In nats, shifted so that the least is 1.
    """
    shown = scale.to_relative(columns[:, _SHOWN])
    wanted = scale.to_relative([(each.arousal, each.valence) for each in asked])[places]
    worth = columns[:, _SCORE] - CLOSENESS * ((shown - wanted) ** 2).sum(axis=1)
    earlier = 1.0 - _EARLIER * places / len(asked)
    counted: Doubles = earlier * (worth - worth.min() + 1.0)
    return counted


Limit = tuple[Any, Doubles]  # a sparse matrix, and the most of each of its rows


def _at_most(rows: Places, offers: Places, most: Doubles | float, width: int) -> Limit:
    """Of the offers that stand in one row at most as many are taken as `most` says."""
    from scipy.sparse import coo_array  # type: ignore[import-untyped]  # not while starting

    count = int(rows.max()) + 1 if len(rows) else 0
    matrix = coo_array((np.ones(len(rows)), (rows, offers)), shape=(count, width))
    return matrix, np.broadcast_to(np.asarray(most, dtype=np.float64), count)


def _best(worth: Doubles, limits: Sequence[Limit], places: int, *, whole: bool) -> NDArray[np.intp]:
    """The offers to take: as many as possible, then those worth most together.

    `whole` asks for whole numbers, where a corner of the programme need not be.
    """
    from scipy.optimize import linprog  # type: ignore[import-untyped]  # not while starting
    from scipy.sparse import vstack

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
