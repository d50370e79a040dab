"""Exhaustive float32 scoring of the whole catalogue on one device, for GPUs.

One matrix product (and for `paper` one L1 distance) over arrays that stay in the device's memory.
The bound covers the rounding of float32, so answers are certified like those of the codes; it
holds for torch's default precision of matrix products ("highest"), not for TF32.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from indexer.search.codes import Doubles
from indexer.search.columns import doubled, points, raw_columns, raw_query
from indexer.search.engines import Candidates, Mask
from model.embedding import Embedding
from model.scoring import Direction, ScoringParams, l1_item_vectors, l1_query_vectors

_BLOCK_ROWS = 1 << 16


class DeviceEngine:
    """Scores every segment, then takes the best `count`.

    Letters: Q queries, S segments, P columns of `raw_columns`, K kept CCA dimensions.
    """

    def __init__(self, embedding: Embedding, scoring: ScoringParams, device: str) -> None:
        """Move a catalogue to `device`: 4 (P + K) bytes a segment."""
        self._device, params = torch.device(device), doubled(scoring)
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
        passing: Mask | None,
    ) -> list[Candidates]:
        """See `Engine`; both kinds are one list of total scores."""
        scores, error = self._scan(query, scoring, direction)  # [Q, S], [Q]
        segments = scores.shape[1]
        some = segments if passing is None else int(np.count_nonzero(passing))
        if passing is not None:
            scores[:, ~torch.from_numpy(passing).to(self._device)] = -torch.inf
        best = torch.topk(scores, min(count, some), dim=1)
        rows = best.indices.cpu().numpy()
        if some <= count:
            return [Candidates(each, -np.inf) for each in rows]
        last = best.values[:, -1].double().cpu().numpy() + error
        return [Candidates(each, float(bound)) for each, bound in zip(rows, last, strict=True)]

    def first_count(self, wanted: int, scoring: ScoringParams) -> int:
        """See `Engine`: the bound is tight, and a track rarely holds more than four of the best."""
        return max(256, 4 * wanted)

    def _scan(
        self, query: Embedding, scoring: ScoringParams, direction: Direction
    ) -> tuple[Tensor, Doubles]:
        """Every score, [Q, S], and how far it may be off, [Q]."""
        raw, constant = raw_query(query, scoring, self._shift, direction)  # [Q, P]
        offset = constant + raw @ self._centre
        scores = self._at_home(raw) @ self._items.T + self._at_home(offset)[:, None]
        error = _rounding(raw.shape[1]) * (np.abs(raw) @ self._largest[0] + np.abs(offset))
        if scoring.kind == "gaussian":
            return scores, error
        params = doubled(scoring)
        near = l1_query_vectors(points(query).phi, params, direction).numpy()  # [Q, K]
        distance = torch.cdist(self._at_home(near), self._near, p=1.0)
        largest = (np.abs(near) + self._largest[1]).sum(axis=1)
        lam = params.lam
        total = (1.0 - lam) * error + lam * _rounding(near.shape[1]) * largest
        scale = lam * largest + (1.0 - lam) * (np.abs(raw) @ self._largest[0] + np.abs(offset))
        return (1.0 - lam) * scores - lam * distance, total + _rounding(0) * scale

    def _at_home(self, values: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(values).float().to(self._device)


def _rounding(terms: int) -> float:
    """Largest relative error of a float32 sum of `terms` products in any order, generously."""
    return (terms + 8) * float(np.finfo(np.float32).eps)
