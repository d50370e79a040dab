"""One answer from the shards of a snapshot: scatter, gather, and what of it is proven.

The tracks of a catalogue part over its shards, so the best of all are among the best of each. One
shard is asked first; what its last track scores, every track of the answer scores at least, and the
others need not look for less. An answer is exact if every shard answered and proved its part. A
shard that is lost is missing from it, and its share of the catalogue is said.

Letters: Q queries.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.search.rank_cells import TIE, TIE_DECIMALS
from indexer.search.request import AnyOf, Hit, Ranker, SearchRequest
from indexer.search.searcher import SearchResult
from indexer.snapshot.reader import Snapshot
from model.errors import ShapeError
from model.scoring import ScoringParams

_MORE = 2  # times as many tracks as are wanted are looked at where artists are capped
_WIDEN = 4
_ONE = 10.0**TIE_DECIMALS

Waves = Iterable[Sequence[int]]
Results = list[SearchResult]


@dataclass(frozen=True)
class ShardQuestion:
    """What every shard is asked.

    Attributes:
        request: The queries; no cap of artists, which only the whole can keep.
        any_of: Where they are the points of one union, what each counts; else None.
    """

    request: SearchRequest
    any_of: AnyOf | None = None


class Shards(Protocol):
    """The shards of one snapshot, wherever they are."""

    def waves(self, first: int) -> Waves:
        """In which order the shards are asked, those of a wave at the same time.

        Args:
            first: Counts up, so that not every query begins with the same shard.
        """

    def ask(self, shards: Sequence[int], question: ShardQuestion) -> list[Results | None]:
        """The answers of these shards; None for each that nobody could answer for."""

    def replicas_answering(self) -> list[int]:
        """How many processes can answer for each shard now."""


class ShardedSearcher:
    """Answers queries from all shards of a snapshot as `Searcher` does from one; thread-safe.

    Attributes:
        snapshot: The whole.
        shards: Its parts.
    """

    def __init__(self, snapshot: Snapshot, scoring: ScoringParams, shards: Shards) -> None:
        """Ask `shards`.

        Args:
            snapshot: The whole: its tracks, and the rows that the hits of single tracks need.
            scoring: Of the checkpoint that embedded it.
            shards: In the order of the snapshot's manifest.
        """
        self.snapshot = snapshot
        self.shards = shards
        self._ranker = Ranker(snapshot, scoring)
        entries = snapshot.manifest.shards
        tracks = [entry.tracks for entry in entries] or [snapshot.manifest.tracks]
        self._shares = [count / max(1, snapshot.manifest.tracks) for count in tracks]
        self._turn = itertools.count()

    def search(self, request: SearchRequest) -> list[SearchResult]:
        """The tracks that score best for each query; see `Searcher.search`.

        Raises:
            ShapeError: The queries come from other spaces than the snapshot.
        """
        return self._answers(ShardQuestion(request), len(request.queries))

    def search_union(self, any_of: AnyOf, request: SearchRequest) -> SearchResult:
        """The tracks that score best for any of several points; see `Searcher.search_union`.

        Raises:
            ShapeError: The queries come from other spaces, or are not as many as the weights.
        """
        weights = any_of.weights
        if len(weights) != len(request.queries):
            raise ShapeError(f"{len(weights)} weights for {len(request.queries)} points")
        return self._answers(ShardQuestion(request, any_of), 1)[0]

    def hit_of(self, track_id: int, request: SearchRequest) -> Hit:
        """How one track fits the single query of `request`, whatever its filters say.

        Raises:
            ShapeError: The query comes from other spaces than the snapshot.
            TrackNotFoundError: The snapshot lacks the track.
        """
        return self._ranker.hit_of(track_id, request)

    def _answers(self, question: ShardQuestion, count: int) -> list[SearchResult]:
        """The answers to the `count` queries of a question, or to its one union."""
        request = question.request
        wanted, cap = request.limit + request.offset, request.max_per_artist
        if cap is None:
            whole = replace(question, request=_uncapped(request, wanted))
            return [_from(found, request.offset) for found in self._gathered(whole, count)]
        done: dict[int, SearchResult] = {}
        left, most = list(range(count)), _MORE * wanted
        while left:
            asked = question if question.any_of is not None else _only(question, left)
            whole = replace(asked, request=_uncapped(asked.request, most))
            for query, found in zip(left, self._gathered(whole, len(left)), strict=True):
                hits = self._capped(found.hits, wanted, cap)
                if len(hits) == wanted or len(found.hits) < most:
                    done[query] = _from(replace(found, hits=hits), request.offset)
            left = [query for query in left if query not in done]
            most *= _WIDEN
        return [done[query] for query in range(count)]

    def _gathered(self, question: ShardQuestion, count: int) -> list[SearchResult]:
        """The best tracks of all shards for each query, artists not counted."""
        wanted = question.request.limit
        merged = [SearchResult((), exact=True)] * count
        for wave in self.shards.waves(next(self._turn)):
            floors = _floors(merged, wanted) if question.any_of is None else None
            asked = replace(question, request=replace(question.request, floors=floors))
            for shard, found in zip(wave, self.shards.ask(wave, asked), strict=True):
                lost = SearchResult((), exact=False, missing=self._shares[shard])
                part = [lost] * count if found is None else found
                merged = [_merged(*pair, wanted) for pair in zip(merged, part, strict=True)]
        return merged

    def _capped(self, hits: Sequence[Hit], wanted: int, cap: int) -> tuple[Hit, ...]:
        """The first tracks, none of an artist who has as many already."""
        tracks, groups = self.snapshot.tracks, self.snapshot.tracks.artist_groups
        rows = np.searchsorted(tracks.ids, [hit.track_id for hit in hits]).tolist()
        counts: Counter[int] = Counter()
        kept: list[Hit] = []
        for hit, row in zip(hits, rows, strict=True):
            if len(kept) == wanted:
                break
            names = groups.of(row)
            if all(counts[name] < cap for name in names):
                counts.update(names)
                kept.append(hit)
        return tuple(kept)


def _uncapped(request: SearchRequest, limit: int) -> SearchRequest:
    return replace(request, limit=limit, offset=0, max_per_artist=None)


def _only(question: ShardQuestion, queries: Sequence[int]) -> ShardQuestion:
    rows, request = np.array(queries, dtype=np.intp), question.request
    addition = None if request.addition is None else request.addition.of_queries(rows)
    chosen = replace(request, queries=request.queries[rows], addition=addition)
    return replace(question, request=chosen)


def _from(found: SearchResult, offset: int) -> SearchResult:
    return replace(found, hits=found.hits[offset:])


def _floors(merged: Sequence[SearchResult], wanted: int) -> NDArray[np.float64]:
    """What each query's answer scores at least, [Q]: the last track that was found so far."""
    full = (len(found.hits) >= wanted > 0 for found in merged)
    return np.array(
        [
            found.hits[wanted - 1].score - TIE if is_full else -np.inf
            for found, is_full in zip(merged, full, strict=True)
        ]
    )


def _merged(one: SearchResult, other: SearchResult, wanted: int) -> SearchResult:
    """The best tracks of two parts, as one part would rank them: ties in order of track id."""
    hits = sorted((*one.hits, *other.hits), key=_rank)[:wanted]
    missing = min(1.0, one.missing + other.missing)
    return SearchResult(tuple(hits), one.exact and other.exact, missing)


def _rank(hit: Hit) -> tuple[int, int]:
    return -round(hit.score * _ONE), hit.track_id
