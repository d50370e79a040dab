"""Random queries against brute force: an answer that calls itself exact must be it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from indexer.search.cells import CellIndex, ReadingLimits
from indexer.search.columns import doubled, points, raw_columns, raw_query
from indexer.search.searcher import Searcher, SearchRequest
from indexer.snapshot.reader import Snapshot
from model.embedding import Embedding
from model.scoring import ScoringParams, l1_item_vectors, l1_query_vectors

LIMIT = 10
_CHOOSY = ReadingLimits(whole=0, least=64, factor=1)


def proof(
    at: Snapshot, asked: Embedding, modes: dict[str, ScoringParams], count: int
) -> dict[str, Any]:
    """Hold every answer that calls itself exact against brute force in float64.

    Cells are read as sparingly as in a catalogue a hundred times as large.

    Args:
        at: The catalogue.
        asked: Real queries; they are repeated with noise until there are enough.
        modes: Scorings by name.
        count: How many queries of each.
    """
    cells = CellIndex(at.folder, at.manifest.segments, _CHOOSY)
    figures: dict[str, Any] = {"queries": count, "segments": at.manifest.segments}
    for name, scoring in modes.items():
        search, brute = Searcher(at, scoring, engine=cells, exhaustive=True), Brute(at, scoring)
        proven, wrong, draws = 0, 0, np.random.default_rng(4)
        for start in range(0, count, len(asked)):
            block = _jittered(asked, draws)[: count - start]
            results = search.search(SearchRequest(block, LIMIT))
            for result, scores in zip(results, brute.tracks(block), strict=True):
                proven += result.exact
                best = np.sort(scores)[::-1][: len(result.hits)]
                ours = np.array([hit.score for hit in result.hits])
                right = len(ours) == LIMIT and bool(np.abs(ours - best).max() <= 1e-6)
                wrong += result.exact and not right
        figures[name] = {"exact": proven, "exact_but_wrong": wrong}
        print(name, figures[name], flush=True)
    return figures


def _jittered(asked: Embedding, draws: np.random.Generator) -> Embedding:
    """The queries with noise in phi and mu."""
    phi, mu = (
        part + (0.05 * draws.standard_normal(part.shape)).astype(np.float32)
        for part in (asked.phi, asked.mu)
    )
    return Embedding(phi, mu, asked.var)


class Brute:
    """Scores of all tracks in float64, by the columns of `indexer.search.columns`."""

    def __init__(self, at: Snapshot, scoring: ScoringParams) -> None:
        self._first, self._scoring = at.track_first[:-1], scoring
        self._shift = np.zeros(at.embedding.mu.shape[1])
        self._columns = raw_columns(at.embedding, scoring, self._shift)
        phi = torch.from_numpy(np.array(at.embedding.phi, dtype=np.float64))
        self._near = l1_item_vectors(phi, doubled(scoring)).numpy()

    def tracks(self, asked: Embedding) -> np.ndarray[Any, Any]:
        """Score of every track for every query, [Q, T]."""
        return np.maximum.reduceat(self.rows(asked), self._first, axis=1)

    def rows(self, asked: Embedding) -> np.ndarray[Any, Any]:
        """Score of every segment for every query, [Q, S]."""
        raw, constant = raw_query(asked, self._scoring, self._shift, "e2m")
        scores = raw @ self._columns.T + constant[:, None]
        if self._scoring.kind == "paper":
            lam = self._scoring.lam
            scores *= 1.0 - lam
            for q, moved in enumerate(self._moved(asked) if lam else []):
                scores[q] -= lam * np.abs(moved - self._near).sum(axis=1)
        return np.asarray(scores)

    def _moved(self, asked: Embedding) -> np.ndarray[Any, Any]:
        moved = l1_query_vectors(points(asked).phi, doubled(self._scoring), "e2m").numpy()
        return np.asarray(moved)
