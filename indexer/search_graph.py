"""The approximate engine: a navigable graph whose Euclidean distance follows the score.

Were all variances equal, the `gaussian` composite would be exactly minus half a squared Euclidean
distance: the likelihood ratio peaks at b = a / rho with precision lambda rho^2 / (1 - rho^2), the
divergence at mu = m with precision (1 - lambda) / var. The graph lies in that joined space, with
the catalogue's mean precision, turned onto its principal axes; true scores come from re-ranking.
Graphs on the inner products themselves do not work (ADR 0022).

Letters: S segments, J joined columns, G columns of the graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from indexer.errors import SnapshotDamagedError
from indexer.search_arrays import Doubles, doubled, points
from indexer.search_engines import Candidates, Mask, read_index, selector
from indexer.snapshot_format import REBUILD, load_array, save_array
from model.embedding import Embedding
from model.scoring import MAX_RHO, Direction, ScoringParams

GRAPH_NAME = "search_graph.faiss"
LINKS = 16  # HNSW's M; twice as many on the ground floor
BUILD_BEAM = 80
MAX_BEAM = 4096
KEPT_VARIANCE = 0.9999
_MAX_COLUMNS = 64
_ALIGNED = 16
_SAMPLE = 100_000
_BLOCK_ROWS = 1 << 16
_SCORE_ALL = 1 << 14  # so few passing segments are all scored, and the answer is exact


@dataclass(frozen=True)
class GraphSpace:
    """How embeddings become points of the graph.

    Attributes:
        weights: Of the joined columns [b, mu, ln var], [J].
        centre: Mean of the weighted columns, [J].
        axes: Principal axes, [J, G].
    """

    weights: Doubles
    centre: Doubles
    axes: Doubles

    @classmethod
    def fit(cls, embedding: Embedding, scoring: ScoringParams) -> GraphSpace:
        """The space of a catalogue."""
        stride = max(1, len(embedding) // _SAMPLE)
        sample = embedding[::stride]
        params = doubled(scoring).with_kind("gaussian")
        rho = params.rho[params.kept].clamp(0.0, MAX_RHO).numpy()
        lam = params.lam
        precision = (1.0 / sample.var.astype(np.float64)).mean(axis=0)
        spread = np.full(precision.shape, (1.0 - lam) / 2.0)
        weights = np.sqrt(
            np.concatenate([lam * rho**2 / (1.0 - rho**2), (1.0 - lam) * precision, spread])
        )
        values = _joined_items(sample, params) * weights  # [N, J]
        centre = values.mean(axis=0)
        return cls(weights, centre, _principal_axes(values - centre))

    def items(self, embedding: Embedding, scoring: ScoringParams) -> NDArray[np.float32]:
        """Points of segments, [S, G]."""
        return self._project(_joined_items(embedding, doubled(scoring)))

    def queries(
        self, query: Embedding, scoring: ScoringParams, direction: Direction
    ) -> NDArray[np.float32]:
        """Points where the best segments of each query would lie, [Q, G]."""
        at, params = points(query), doubled(scoring)
        if params.kind == "gaussian":
            rho = params.rho.clamp(1e-6, MAX_RHO)
            peak = params.standardised_query(at.phi, direction) / rho
        else:
            slope, intercept = params.line(direction)
            peak = params.standardised_candidates(slope * at.phi + intercept, direction)
        joined = torch.cat([peak[:, params.kept], at.mu, torch.log(at.var)], dim=1)
        return self._project(joined.numpy())

    def _project(self, joined: Doubles) -> NDArray[np.float32]:
        return ((joined * self.weights - self.centre) @ self.axes).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write as `search_space_*.npy`."""
        for each in fields(self):
            save_array(folder, f"search_space_{each.name}", getattr(self, each.name))

    @classmethod
    def load(cls, folder: Path) -> GraphSpace:
        """Read what `save` wrote."""
        return cls(
            *(np.array(load_array(folder, f"search_space_{each.name}")) for each in fields(cls))
        )


class GraphEngine:
    """Beam search in the graph; exhaustive where a filter leaves few segments."""

    def __init__(self, folder: Path, segments: int, beams: Mapping[str, int]) -> None:
        """Open the graph.

        Args:
            folder: The snapshot.
            segments: S.
            beams: Beam (efSearch) of an ordinary query, by kind of scoring.
        """
        self._space = GraphSpace.load(folder)
        self._graph = read_index(folder / GRAPH_NAME)
        self._beams = beams
        if self._graph.ntotal != segments:
            raise SnapshotDamagedError(
                f"{folder / GRAPH_NAME} has {self._graph.ntotal} rows, not {segments}: {REBUILD}"
            )

    def candidates(
        self,
        query: Embedding,
        scoring: ScoringParams,
        direction: Direction,
        count: int,
        passing: Mask | None,
    ) -> list[Candidates]:
        """See `Engine`; the bound is NaN except where all passing segments are returned."""
        segments = self._graph.ntotal
        some = segments if passing is None else int(np.count_nonzero(passing))
        beam = max(count, self._beams[scoring.kind])
        widened = int(beam * segments / max(some, 1))  # a beam counts segments that fail too
        if some <= max(_SCORE_ALL, count) or widened > max(MAX_BEAM, segments // 8):
            rows = np.arange(segments) if passing is None else np.flatnonzero(passing)
            return [Candidates(rows.astype(np.int64), -np.inf)] * len(query)
        points_ = self._space.queries(query, scoring, direction)
        parameters = faiss.SearchParametersHNSW(  # type: ignore[attr-defined]
            efSearch=widened, sel=selector(passing)
        )
        _, found = self._graph.search(points_, beam, params=parameters)
        return [Candidates(rows[rows >= 0], np.nan) for rows in found]


def write_graph(folder: Path, embedding: Embedding, scoring: ScoringParams) -> None:
    """Build the graph over S segments and write it with its space."""
    space = GraphSpace.fit(embedding, scoring)
    graph = faiss.IndexHNSWSQ(
        space.axes.shape[1],
        faiss.ScalarQuantizer.QT_8bit,  # type: ignore[arg-type]
        LINKS,
        faiss.METRIC_L2,
    )
    graph.hnsw.efConstruction = BUILD_BEAM
    stride = max(1, len(embedding) // _SAMPLE)
    graph.train(space.items(embedding[::stride], scoring))
    for start in range(0, len(embedding), _BLOCK_ROWS):
        graph.add(space.items(embedding[start : start + _BLOCK_ROWS], scoring))
    faiss.write_index(graph, str(folder / GRAPH_NAME))
    space.save(folder)


def _joined_items(embedding: Embedding, params: ScoringParams) -> Doubles:
    at = points(embedding)
    b = params.standardised_candidates(at.phi, "e2m")[:, params.kept]
    joined: Doubles = torch.cat([b, at.mu, torch.log(at.var)], dim=1).numpy()
    return joined


def _principal_axes(centred: Doubles) -> Doubles:
    """The axes that hold nearly all variance, a multiple of 16 of them, [J, G]."""
    variances, axes = np.linalg.eigh(centred.T @ centred)  # ascending
    share = np.cumsum(variances[::-1]) / max(float(variances.sum()), 1e-30)
    needed = int(np.searchsorted(share, KEPT_VARIANCE)) + 1
    aligned = min(-(-needed // _ALIGNED) * _ALIGNED, _MAX_COLUMNS)
    kept: Any = axes[:, ::-1][:, :aligned]
    return np.pad(kept, ((0, 0), (0, max(0, aligned - kept.shape[1]))))
