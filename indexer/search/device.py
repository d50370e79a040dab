"""Exhaustive float32 scoring of the whole catalogue on one device, for GPUs.

One matrix product (and for `paper` one L1 distance) for each block of the rows, which stay in the
device's memory. A bound covers the rounding of float32, so that the answer is proven: the best rows
are scored again in float64, and the list grows until its last tracks beat the bound of all others
(Fagin's threshold algorithm, carried over to scans with an error). The bound holds for torch's
default precision of matrix products ("highest"), not for TF32.

Letters: Q queries, S segments, B segments of a block, M candidates, P columns of `raw_columns`,
K kept CCA dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from indexer.search.columns import doubled, points, raw_columns, raw_query
from indexer.search.rank_cells import ranked
from indexer.search.request import Ranked, RankedAnswer, Ranker, Terms
from indexer.search.scope import Rows, Scopes
from model.arrays import Doubles, Mask
from model.embedding import Embedding
from model.scoring import Direction, ScoringParams, l1_item_vectors, l1_query_vectors

BLOCK_SCORES = 1 << 26  # of a block, at once in the device's memory: 256 MiB
_BLOCK_ROWS = 1 << 16  # moved to the device at once
_LEAST = 256  # rows of the first list
_FACTOR = 4  # and for each wanted track: one rarely holds more than four of the best rows
_WIDEN = 4


@dataclass(frozen=True)
class Candidates:
    """Rows worth scoring exactly, and a bound on all others.

    Attributes:
        rows: [M].
        bound: No other allowed row scores more; minus infinity where there is none.
    """

    rows: Rows
    bound: float


@dataclass(frozen=True)
class _Line:
    """Q queries as one block of rows is multiplied with them, and their rounding.

    Attributes:
        vectors: Of the columns, [Q, P].
        constant: Added to the products, [Q].
        near: Points of the L1 half, [Q, K]; None for `gaussian`.
        lam: Weight of the L1 half.
        error: How far a score may lie from the true one, [Q].
    """

    vectors: Tensor
    constant: Tensor
    near: Tensor | None
    lam: float
    error: Doubles


class DeviceScores:
    """Scores every segment in float32, then takes the best."""

    def __init__(
        self,
        embedding: Embedding,
        scoring: ScoringParams,
        device: str,
        block_scores: int = BLOCK_SCORES,
    ) -> None:
        """Move a catalogue to `device`: 4 (P + K) bytes a segment.

        Args:
            embedding: Its segments.
            scoring: The checkpoint's scoring.
            device: A device of torch.
            block_scores: How many scores may be in the device's memory at once.
        """
        self._device, params = torch.device(device), doubled(scoring)
        self._block_scores = block_scores
        self._shift = np.asarray(embedding.mu.mean(axis=0, dtype=np.float64))
        blocks = [
            embedding[start : start + _BLOCK_ROWS]
            for start in range(0, len(embedding), _BLOCK_ROWS)
        ]
        columns = [raw_columns(block, scoring, self._shift) for block in blocks]
        self._centre = np.sum([each.sum(axis=0) for each in columns], axis=0) / len(embedding)
        self._items = torch.cat([self._at_home(each - self._centre) for each in columns])  # [S, P]
        near = [l1_item_vectors(points(block).phi, params).numpy() for block in blocks]
        self._near = torch.cat([self._at_home(each) for each in near])  # [S, K]
        self._largest = [
            values.abs().amax(dim=0).double().cpu().numpy() for values in (self._items, self._near)
        ]

    def candidates(
        self,
        query: Embedding,
        scoring: ScoringParams,
        direction: Direction,
        count: int,
        allowed: Mask | None,
    ) -> list[Candidates]:
        """The `count` best of the allowed rows for each query.

        Args:
            query: Q queries.
            scoring: Kind and lambda of the scores.
            direction: `e2m` or `m2m`.
            count: Rows of each list, 1 or more.
            allowed: Rows that may be answered, [S]; None for all.
        """
        line = self._line(query, scoring, direction)
        some = len(self._items) if allowed is None else int(np.count_nonzero(allowed))
        values, rows = self._best(line, min(count, some), allowed)
        if some <= count:
            return [Candidates(each, -np.inf) for each in rows]
        bounds = values[:, -1] + line.error
        return [Candidates(each, float(bound)) for each, bound in zip(rows, bounds, strict=True)]

    def _best(self, line: _Line, count: int, allowed: Mask | None) -> tuple[Doubles, Rows]:
        """The best scores of each query and their rows, best first, [Q, M] each."""
        queries = len(line.vectors)
        step = max(1, self._block_scores // max(1, queries))
        values = torch.empty((queries, 0), device=self._device)
        rows = torch.empty((queries, 0), dtype=torch.int64, device=self._device)
        for start in range(0, len(self._items), step):
            scores = self._scores(line, slice(start, start + step))  # [Q, B]
            if allowed is not None:
                mask = torch.from_numpy(allowed[start : start + step]).to(self._device)
                scores.masked_fill_(~mask, -torch.inf)
            best = torch.topk(scores, min(count, scores.shape[1]), dim=1)
            joined = torch.cat([values, best.values], dim=1)  # [Q, up to 2 M]
            found = torch.cat([rows, best.indices + start], dim=1)
            values, kept = torch.topk(joined, min(count, joined.shape[1]), dim=1)
            rows = torch.gather(found, 1, kept)
        return values.double().cpu().numpy(), rows.cpu().numpy()

    def _line(self, query: Embedding, scoring: ScoringParams, direction: Direction) -> _Line:
        raw, constant = raw_query(query, scoring, self._shift, direction)  # [Q, P]
        offset = constant + raw @ self._centre
        size = np.abs(raw) @ self._largest[0] + np.abs(offset)
        error = _rounding(raw.shape[1]) * size
        vectors, moved = self._at_home(raw), self._at_home(offset)
        if scoring.kind == "gaussian":
            return _Line(vectors, moved, None, 0.0, error)
        params = doubled(scoring)
        near = l1_query_vectors(points(query).phi, params, direction).numpy()  # [Q, K]
        largest, lam = (np.abs(near) + self._largest[1]).sum(axis=1), params.lam
        total = (1.0 - lam) * error + lam * _rounding(near.shape[1]) * largest
        total += _rounding(0) * (lam * largest + (1.0 - lam) * size)
        return _Line(vectors, moved, self._at_home(near), lam, total)

    def _scores(self, line: _Line, block: slice) -> Tensor:
        """Scores of the rows of one block, [Q, B]."""
        scores = line.vectors @ self._items[block].T + line.constant[:, None]
        if line.near is None:
            return scores
        distance = torch.cdist(line.near, self._near[block], p=1.0)
        return (1.0 - line.lam) * scores - line.lam * distance

    def _at_home(self, values: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(values).float().to(self._device)


class DeviceSearch:
    """Answers from a device, with lists that grow until they prove the answer."""

    def __init__(self, scores: DeviceScores, ranker: Ranker, scopes: Scopes) -> None:
        self._scores, self._ranker, self._scopes = scores, ranker, scopes

    def answers(self, queries: Embedding, terms: Terms) -> list[RankedAnswer]:
        """The ranks of each query, all of them proven."""
        answers: list[RankedAnswer | None] = [None] * len(queries)
        allowed = self._scopes.mask(terms.scope)
        count = max(_LEAST, _FACTOR * terms.wanted)
        while open_ones := [q for q, answer in enumerate(answers) if answer is None]:
            found = self._scores.candidates(
                queries[np.array(open_ones)], terms.scoring, terms.direction, count, allowed
            )
            for q, candidates in zip(open_ones, found, strict=True):
                answers[q] = self._settle(queries[q : q + 1], candidates, terms, q, allowed)
            count *= _WIDEN
        return [answer for answer in answers if answer is not None]

    def _settle(
        self,
        query: Embedding,
        candidates: Candidates,
        terms: Terms,
        number: int,
        allowed: Mask | None,
    ) -> RankedAnswer | None:
        """The wanted ranks, if the candidates suffice to prove them."""
        task = self._ranker.task(query, terms, number)
        rows, bound = candidates.rows, candidates.bound
        if terms.addition is not None:
            apart = terms.addition.tracks.rows_apart(task.items.first, allowed)
            rows = np.union1d(rows, apart)
            bound += terms.addition.tracks.most_of_all(task.added)
        chosen = Ranked(*ranked(task, rows))
        if np.isneginf(bound):
            return chosen, True
        full = len(chosen.rows) >= terms.wanted
        return (chosen, True) if full and chosen.scores[-1, 0] > bound else None


def _rounding(terms: int) -> float:
    """Largest relative error of a float32 sum of `terms` products in any order, generously."""
    return (terms + 8) * float(np.finfo(np.float32).eps)
