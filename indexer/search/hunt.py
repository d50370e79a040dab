"""Two ways to an answer: by a threshold over cells, and by lists that grow until they suffice.

Both score candidates exactly and rank them; they differ in how they know that nothing is missing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from indexer.search.cells import CellIndex
from indexer.search.engines import Candidates, Engine
from indexer.search.rank_cells import hunt, ranked
from indexer.search.request import Ranked, Ranker, Request
from indexer.search.scope import Scopes
from indexer.search.tables import Allowed, Sieve, Task
from model.embedding import Embedding
from model.scoring import Kind

Answer = tuple[Ranked, bool]  # the wanted ranks, and whether they are proven

_ALL = np.empty(0, dtype=np.bool_)
_WIDEN = 4


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
        task, scope = self._ranker.task(query, request), request.scope
        passing, reading = scope.passing, self._index.reading
        if passing is not None and passing.count <= reading.few:
            rows = passing.rows[~np.isin(passing.rows, scope.without)]
            return Ranked(*ranked(task, rows)), True
        mask = _ALL if passing is None else passing.mask
        share = 1.0 if passing is None else passing.count / self._index.segments
        read = max(reading.least, reading.factor * request.wanted) / share
        coded = self._index.aim(task.asked, scope.level)
        sieve = Sieve(self._index.lists, coded, Allowed(mask, scope.without))
        rows, tracks, scores, proven = hunt(task, sieve, read, self._most(task, request, read))
        return Ranked(rows, tracks, scores), proven

    def _most(self, task: Task, request: Request, read: float) -> float:
        """The most rows to read after the first ones."""
        both_halves = task.asked.l1 and task.asked.lam > 0.0
        budget = self._budget.get(request.scoring.kind)
        if budget is None or request.scope.passing is not None or both_halves:
            return np.inf
        return max(0.0, budget - read)


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
        rows: NDArray[np.int64] = candidates.rows.astype(np.int64)
        chosen = Ranked(*ranked(self._ranker.task(query, request), rows))
        full = len(chosen.rows) >= request.wanted
        if np.isneginf(candidates.bound):
            return chosen, True
        if full and chosen.scores[-1, 0] > candidates.bound:
            return chosen, True
        return (chosen, False) if full and candidates.final else None
