"""Search in a snapshot: ranks its tracks for queries, and says which answers are proven."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from indexer.errors import SnapshotFormatError
from indexer.search.cells import CellIndex
from indexer.search.columns import KINDS, scoring_id
from indexer.search.device import DeviceScores, DeviceSearch
from indexer.search.rank_cells import find_in_cells, ranked
from indexer.search.request import (
    AnyOf,
    Hit,
    Ranked,
    RankedAnswer,
    Ranker,
    SearchRequest,
    Terms,
    own_queries,
)
from indexer.search.scope import Level, Scopes
from indexer.search.tables import Allowed, Coded, Sieve, Task
from indexer.search.union import UnionSearch
from indexer.snapshot.filters import TrackFilter
from indexer.snapshot.format import REBUILD, Manifest
from indexer.snapshot.reader import Snapshot
from model.arrays import Integers
from model.embedding import Embedding
from model.errors import ShapeError
from model.scoring import Kind, ScoringParams

__all__ = ["Hit", "Level", "SearchRequest", "SearchResult", "Searcher", "TrackFilter"]

_ALL = np.empty(0, dtype=np.bool_)
_NO_ROWS = np.empty(0, dtype=np.int64)
_NO_TRACKS = np.empty(0, dtype=np.int32)


@dataclass(frozen=True)
class SearchResult:
    """An answer, best first.

    Attributes:
        hits: The tracks.
        exact: Whether they are proven to be the exhaustive ones.
        missing: Share of the catalogue's tracks that nobody answered for, 0 to 1.
    """

    hits: tuple[Hit, ...]
    exact: bool
    missing: float = 0.0


class _Engine(Protocol):
    """Finds the best tracks: in cells, or by scoring everything on a device."""

    def answers(self, queries: Embedding, terms: Terms) -> list[RankedAnswer]:
        """The ranks of each query."""


class Searcher:
    """Answers queries from one snapshot; safe to use from many threads."""

    def __init__(
        self,
        snapshot: Snapshot,
        scoring: ScoringParams,
        device: str = "cpu",
        *,
        engine: CellIndex | DeviceScores | None = None,
        exhaustive: bool = False,
        budget: Mapping[Kind, int] | None = None,
    ) -> None:
        """Open the engine that the snapshot's manifest names.

        Args:
            snapshot: What to search.
            scoring: Of the checkpoint that embedded it.
            device: Where a snapshot of the engine `gpu` is searched: `cpu`, `cuda`, or `auto`.
                Without a GPU, and for snapshots of other engines, cells are read.
            engine: Search with this one instead.
            exhaustive: Prove every answer, whatever the manifest says.
            budget: Rows that a query without a filter reads at most, by kind; default: the
                manifest's.

        Raises:
            SnapshotFormatError: The snapshot was built for another scoring.
        """
        if snapshot.manifest.scoring_id != scoring_id(scoring):
            raise SnapshotFormatError(
                f"{snapshot.folder} was built for scoring {snapshot.manifest.scoring_id}, the "
                f"checkpoint has {scoring_id(scoring)}: {REBUILD}"
            )
        self.snapshot = snapshot
        self._ranker = Ranker(snapshot, scoring)
        self._scopes = Scopes(snapshot)
        self._union = UnionSearch(snapshot, scoring, self._ranker, self._scopes)
        self._engine: _Engine | None = None
        if engine is None and snapshot.manifest.segments:
            engine = _open_engine(snapshot, scoring, device)
        if isinstance(engine, CellIndex):
            measured = {} if exhaustive else _budget(snapshot.manifest)
            limits = measured if budget is None else budget
            self._engine = CellSearch(engine, self._ranker, limits, self._scopes)
        elif engine is not None:
            self._engine = DeviceSearch(engine, self._ranker, self._scopes)

    def search(self, request: SearchRequest) -> list[SearchResult]:
        """The tracks that score best for each query.

        A track scores what its best segment scores. Of the tracks of one recording only the
        best copy that passes the filters is answered, and only music unless they let in more.
        Scores equal to 1e-9 are ties, in order of track id. A filtered answer is full whenever
        enough tracks pass. Emotions are asked as the model embeds them, also where the catalogue's
        rows are balanced.

        Raises:
            ShapeError: The queries come from other spaces than the snapshot.
        """
        queries = own_queries(request, self.snapshot)
        if self._engine is None or request.limit == 0 or not len(queries):
            return [SearchResult((), True)] * len(queries)
        return [
            SearchResult(self._ranker.hits(found, request.offset), exact)
            for found, exact in self._engine.answers(queries, self._terms(request))
        ]

    def hit_of(self, track_id: int, request: SearchRequest) -> Hit:
        """How one track fits the single query of `request`, whatever its filters say.

        Raises:
            ShapeError: The query comes from other spaces than the snapshot.
            TrackNotFoundError: The snapshot lacks the track.
        """
        return self._ranker.hit_of(track_id, request)

    def search_union(self, any_of: AnyOf, request: SearchRequest) -> SearchResult:
        """The tracks that score best for any of several points; see `indexer.search.union`.

        Args:
            any_of: What each query of `request` counts; they are the points.
            request: What is asked for; all its queries are one question.

        Raises:
            ShapeError: The queries come from other spaces, or are not as many as the weights.
        """
        queries = own_queries(request, self.snapshot)
        if len(any_of.weights) != len(queries):
            raise ShapeError(f"{len(any_of.weights)} weights for {len(queries)} points")
        if self._engine is None or request.limit == 0:
            return SearchResult((), True)
        found, exact = self._union.answer(queries, any_of, self._terms(request))
        return SearchResult(self._ranker.hits(found, request.offset), exact)

    def _terms(self, request: SearchRequest) -> Terms:
        return self._ranker.terms(request, self._scopes.of(request.filters, request.level))


class CellSearch:
    """Answers from cells: reads those whose bound reaches the answer (ADR 23)."""

    def __init__(
        self, index: CellIndex, ranker: Ranker, budget: Mapping[Kind, int], scopes: Scopes
    ) -> None:
        """Search in `index`.

        Args:
            index: The cells.
            ranker: Scores and ranks.
            budget: Rows that a query without a filter reads at most, by kind: the approximate
                engine. Kinds that are missing, queries with filters and those of `paper` with
                both halves read what it takes.
            scopes: Of the snapshot.
        """
        self._index, self._ranker, self._budget = index, ranker, budget
        self._scopes = scopes

    def answers(self, queries: Embedding, terms: Terms) -> list[RankedAnswer]:
        """The ranks of each query."""
        apart = _NO_ROWS
        if terms.addition is not None:
            first, allowed = self._ranker.scores.items.first, self._scopes.mask(terms.scope)
            apart = terms.addition.tracks.rows_apart(first, allowed)
        return [self._answer(queries[q : q + 1], terms, q, apart) for q in range(len(queries))]

    def _answer(self, query: Embedding, terms: Terms, number: int, apart: Integers) -> RankedAnswer:
        task, scope = self._ranker.task(query, terms, number), terms.scope
        passing, reading = scope.passing, self._index.reading
        if passing is not None and passing.count <= reading.few:
            rows = passing.rows[~np.isin(passing.rows, scope.without)]
            return Ranked(*ranked(task, rows)), True
        mask = _ALL if passing is None else passing.mask
        share = 1.0 if passing is None else passing.count / self._index.segments
        read = max(reading.least, reading.factor * terms.wanted) / share
        coded = self._index.aim(task.asked, scope.level)
        allowed = Allowed(mask, scope.without)
        sieve = self._sieve(coded, allowed, terms, number, apart)
        most = self._most(task, terms, read)
        rows, tracks, scores, proven = find_in_cells(task, sieve, read, most, terms.floor(number))
        return Ranked(rows, tracks, scores), proven

    def _sieve(
        self, coded: Coded, allowed: Allowed, terms: Terms, number: int, apart: Integers
    ) -> Sieve:
        """What says which segments need not be scored for one of the queries."""
        lists, cells, addition = self._index.lists, len(coded.bound), terms.addition
        if addition is None:
            return Sieve(lists, coded, allowed, np.zeros(cells), apart, _NO_TRACKS)
        most = addition.tracks.most(lists, self._tracks, addition.weights[number], cells)
        return Sieve(lists, coded, allowed, most, apart, self._tracks)

    @cached_property
    def _tracks(self) -> NDArray[np.int32]:
        """The track of each coded row."""
        first = self._ranker.scores.items.first
        found = np.searchsorted(first, self._index.lists.rows, side="right") - 1
        return found.astype(np.int32)

    def _most(self, task: Task, terms: Terms, read: float) -> float:
        """The most rows to read after the first ones."""
        both_halves = task.asked.l1 and task.asked.lam > 0.0
        budget = self._budget.get(terms.scoring.kind)
        if budget is None or terms.scope.narrowed or both_halves:
            return np.inf
        return max(0.0, budget - read)


def _open_engine(
    snapshot: Snapshot, scoring: ScoringParams, device: str
) -> CellIndex | DeviceScores:
    """What the manifest names, as far as this machine has it."""
    if snapshot.manifest.shards:
        raise SnapshotFormatError(
            f"{snapshot.folder} is searched in {len(snapshot.manifest.shards)} shards, not alone"
        )
    if snapshot.manifest.engine == "gpu" and device != "cpu" and torch.cuda.is_available():
        return DeviceScores(snapshot.embedding, scoring, "cuda" if device == "auto" else device)
    return CellIndex(snapshot.folder, snapshot.manifest.segments)


def _budget(manifest: Manifest) -> Mapping[Kind, int]:
    """Rows that a query of the approximate engine reads at most."""
    if manifest.engine != "ann" or manifest.recall is None:
        return {}
    return {kind: manifest.recall.counts[kind] for kind in KINDS}
