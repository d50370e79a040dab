"""Two ways to an answer: by a threshold over cells, and by lists that grow until they suffice.

Both score candidates exactly and rank them; they differ in how they know that nothing is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.search_cells import CellIndex, Query, allowed
from indexer.search_engines import Candidates, Engine
from indexer.search_rank import TIE, Ranked, Ranker
from indexer.search_scope import Scope, Scopes
from indexer.search_scores import Asked
from model.embedding import Embedding
from model.scoring import Direction, Kind, ScoringParams

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]
Answer = tuple[Ranked, bool]  # the wanted ranks, and whether they are proven

_FIRST_FACTOR = {"segment": 6, "track": 2}  # rows of the first list for each track wanted
_LEAST_FIRST = 48
_PROBED = 1.3  # tracks scored for a threshold, for each that is wanted
_WIDEN = 4


@dataclass(frozen=True)
class Request:
    """What a search asks for, besides its query."""

    wanted: int
    scoring: ScoringParams
    direction: Direction
    max_per_artist: int | None
    scope: Scope


class CellHunt:
    """Answers from cells."""

    def __init__(self, index: CellIndex, ranker: Ranker, budget: Mapping[Kind, int]) -> None:
        """Search in `index`.

        Args:
            index: The cells.
            ranker: Scores and ranks.
            budget: Rows that a query without a filter reads at most, by kind: the approximate
                engine. Kinds that are missing, queries with filters and those of `paper` with
                both halves read what it takes.
        """
        self._index, self._ranker, self._budget = index, ranker, budget

    def answers(self, queries: Embedding, request: Request) -> list[Answer]:
        """The ranks of each query."""
        return [self._answer(queries[q : q + 1], request) for q in range(len(queries))]

    def _answer(self, query: Embedding, request: Request) -> Answer:
        scores, passing = self._ranker.scores, request.scope.passing
        asked = scores.ask(query, request.scoring.kind, request.direction)
        if passing is not None and passing.count <= self._index.reading.few:
            rows = passing.rows[allowed(passing.rows, request.scope.without)]
            return self._chosen(asked, rows, request), True
        hunted = self._index.query(asked, scores, request.scope)
        rows, complete = self._rows(hunted, request)
        return self._chosen(asked, rows, request), complete

    def _rows(self, query: Query, request: Request) -> tuple[Rows, bool]:
        """Rows among which the answer is, and whether that is proven."""
        factor = _FIRST_FACTOR[request.scope.level]
        count = max(_LEAST_FIRST, factor * request.wanted) + len(request.scope.without)
        while True:
            count = min(count, self._index.segments)
            read = max(self._index.reading.least, self._index.reading.factor * count)
            cells = self._index.promising(query, read)
            rows, bounds, others = self._best(query, cells, count)
            everything = len(cells) == query.cells
            threshold = self._threshold(query.asked, rows, request)
            if threshold is None:
                if everything and np.isneginf(others):
                    return rows, True
                count *= _WIDEN
                continue
            if everything and others < threshold:
                return rows[bounds >= threshold], True
            return self._above(query, threshold, read)

    def _threshold(self, asked: Asked, rows: Rows, request: Request) -> float | None:
        """What the wanted tracks score at least, from the best rows by bound; None for too few."""
        wanted = request.wanted
        if request.max_per_artist is None:
            first = self._ranker.first_of_each(rows, int(_PROBED * wanted) + 4)
            if len(first) < wanted:
                return None
            totals = self._ranker.scores.score(asked, first)[0]
            return float(np.partition(totals, len(first) - wanted)[len(first) - wanted]) - TIE
        chosen = self._chosen(asked, rows, request)
        return float(chosen.scores[0, -1]) - TIE if len(chosen.rows) == wanted else None

    def _above(self, query: Query, threshold: float, read: int) -> tuple[Rows, bool]:
        """The rows that may score `threshold`, and whether the budget sufficed for all."""
        cells, complete = np.flatnonzero(query.bound >= threshold), True
        budget = self._budget.get(query.asked.kind)
        if budget is not None and query.scope.passing is None and not query.both_halves:
            some = self._index.within(query, cells, max(budget, read))
            cells, complete = some, len(some) == len(cells)
        rows, bounds = self._bounded(query, cells, threshold)
        return rows[bounds >= threshold], complete

    def _best(self, query: Query, cells: Rows, count: int) -> tuple[Rows, Floats, float]:
        """The `count` best rows of the cells by bound, their bounds, the bound of the others."""
        if not query.both_halves:
            return self._index.best(query, cells, count)
        rows, bounds = self._bounded(query, cells, -np.inf)
        if len(rows) <= count:
            return rows, bounds, -np.inf
        order = np.argpartition(-bounds, count)[: count + 1]
        order = order[np.argsort(-bounds[order], kind="stable")]
        return rows[order[:-1]], bounds[order[:-1]], float(bounds[order[-1]])

    def _bounded(self, query: Query, cells: Rows, threshold: float) -> tuple[Rows, Floats]:
        """Rows that may score `threshold`, among others, and what they score at most."""
        rows, bounds = self._index.above(query, cells, threshold)
        if query.both_halves:
            bounds = bounds + query.asked.lam * self._ranker.scores.cca(query.asked, rows)
        return rows, bounds

    def _chosen(self, asked: Asked, rows: Rows, request: Request) -> Ranked:
        ranked = self._ranker.ranked(asked, rows)
        return self._ranker.chosen(ranked, request.wanted, request.max_per_artist)


class ListHunt:
    """Answers from an engine's lists, asking for longer ones until they prove an answer."""

    def __init__(self, engine: Engine, ranker: Ranker, scopes: Scopes) -> None:
        self._engine, self._ranker, self._scopes = engine, ranker, scopes

    def answers(self, queries: Embedding, request: Request) -> list[Answer]:
        """The ranks of each query."""
        answers: list[Answer | None] = [None] * len(queries)
        mask = self._scopes.mask(request.scope)
        count = self._engine.first_count(request.wanted, request.scoring)
        while open_ones := [q for q, answer in enumerate(answers) if answer is None]:
            found = self._engine.candidates(
                queries[np.array(open_ones)], request.scoring, request.direction, count, mask
            )
            for q, candidates in zip(open_ones, found, strict=True):
                answers[q] = self._settle(queries[q : q + 1], candidates, request)
            count *= _WIDEN
        return [answer for answer in answers if answer is not None]

    def _settle(self, query: Embedding, candidates: Candidates, request: Request) -> Answer | None:
        """The wanted ranks, if the candidates suffice for them, and whether that is proven."""
        asked = self._ranker.scores.ask(query, request.scoring.kind, request.direction)
        ranked = self._ranker.ranked(asked, candidates.rows)
        chosen = self._chosen(ranked.above(candidates.bound), request)
        if len(chosen.rows) >= request.wanted or np.isneginf(candidates.bound):
            return chosen, True
        if not candidates.final:
            return None
        chosen = self._chosen(ranked, request)
        return (chosen, False) if len(chosen.rows) >= request.wanted else None

    def _chosen(self, ranked: Ranked, request: Request) -> Ranked:
        return self._ranker.chosen(ranked, request.wanted, request.max_per_artist)
