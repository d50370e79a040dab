"""Random queries against brute force: an answer that calls itself exact must be it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from indexer.search import Searcher
from indexer.search_arrays import KINDS, l1_queries, raw_columns, raw_query
from indexer.snapshot import Snapshot
from model.embedding import Embedding
from model.scoring import ScoringParams, l1_item_vectors


def proof(at: Snapshot, asked: Embedding, scoring: ScoringParams, count: int) -> dict[str, Any]:
    """Hold every answer that calls itself exact against brute force in float64.

    Args:
        at: The catalogue.
        asked: Real queries; they are repeated with noise until there are enough.
        scoring: Both kinds are tried.
        count: How many queries of each kind.
    """
    search = Searcher(at, scoring, exhaustive=True)
    draws = np.random.default_rng(4)
    figures: dict[str, Any] = {"queries": count}
    for kind in KINDS:
        proven = wrong = 0
        for start in range(0, count, len(asked)):
            jitter = (0.05 * draws.standard_normal(part.shape) for part in (asked.phi, asked.mu))
            phi, mu = (
                p + j.astype(np.float32) for p, j in zip((asked.phi, asked.mu), jitter, strict=True)
            )
            block = Embedding(phi, mu, asked.var)[: count - start]
            results = search.search_batch(block, limit=10, kind=kind)
            truth = _brute(at, block, scoring.with_kind(kind))
            for result, scores in zip(results, truth, strict=True):
                proven += result.exact
                best = np.sort(scores)[::-1][: len(result.hits)]
                ours = np.array([hit.score for hit in result.hits])
                wrong += result.exact and bool(np.abs(ours - best).max() > 1e-6)
        figures[kind] = {"exact": proven, "exact_but_wrong": wrong}
    return figures


def _brute(at: Snapshot, asked: Embedding, scoring: ScoringParams) -> np.ndarray[Any, Any]:
    """Score of every track for every query in float64, [Q, T]."""
    shift = np.zeros(at.embedding.mu.shape[1])
    raw, constant = raw_query(asked, scoring, shift, "e2m")
    scores = raw @ raw_columns(at.embedding, scoring, shift).T + constant[:, None]
    if scoring.kind == "paper":
        near = l1_item_vectors(
            torch.from_numpy(np.array(at.embedding.phi)).double(), scoring
        ).numpy()
        moved = l1_queries(asked, scoring, np.zeros(near.shape[1]), "e2m").vectors
        for column in range(near.shape[1]):
            off = np.abs(moved[:, column, None].astype(np.float64) - near[None, :, column])
            scores -= scoring.lam / (1 - scoring.lam) * off
        scores *= 1 - scoring.lam
    return np.maximum.reduceat(scores, at.track_first[:-1], axis=1)
