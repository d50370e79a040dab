"""Chooses a snapshot's engine, builds its arrays and measures it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch

from indexer.search.balance import as_query
from indexer.search.build_cells import write_cells
from indexer.search.cells import CellIndex
from indexer.search.columns import KINDS
from indexer.search.searcher import Searcher, SearchRequest
from indexer.snapshot.format import EngineChoice, EngineName, Manifest, Recall
from indexer.snapshot.reader import Snapshot
from model.embedding import Embedding
from model.scoring import Direction, Kind, ScoringParams

ANN_SEGMENTS = 200_000  # from here `auto` stops after so many rows, proven or not
GPU_SEGMENTS = 20_000  # below, a processor answers before a GPU has been asked
RECALL_AT = 50
RECALL_QUERIES = 200
RECALL_WANTED = 0.995  # of places all over both scales; of annotators' curves it is .999 then
COUNTS = tuple(step << power for power in range(10) for step in (2048, 3072))  # rows, at most
HELD_OUT = 10


def choose_engine(choice: EngineChoice, segments: int) -> EngineName:
    """The engine for a catalogue of this size on this machine; a choice stands."""
    if choice != "auto":
        return choice
    if segments >= GPU_SEGMENTS and torch.cuda.is_available():
        return "gpu"
    return "ann" if segments >= ANN_SEGMENTS else "exact"


def build(
    folder: Path, manifest: Manifest, scoring: ScoringParams, queries: Embedding | None
) -> Recall | None:
    """Write the search arrays of the snapshot that lies in `folder`, all but its manifest.

    Args:
        folder: The snapshot being written, with its embedding in it.
        manifest: Its manifest so far; names the engine.
        scoring: The checkpoint's scoring.
        queries: Emotion curves as the model embeds them: what the arrays are made for, and, one
            in `HELD_OUT` that is left out for it, measured with.

    Returns:
        The measured recall of `ann`, else None.
    """
    if not manifest.segments:
        return None
    snapshot = Snapshot(folder, manifest)
    if queries is not None:
        queries = as_query(queries, snapshot.embedding)
    fitted = queries
    if queries is not None and len(queries) >= HELD_OUT:
        fitted = queries[np.flatnonzero(np.arange(len(queries)) % HELD_OUT != 0)]
        queries = queries[::HELD_OUT]
    write_cells(folder, snapshot.embedding, snapshot.whole, scoring, fitted)
    return measure_recall(snapshot, scoring, queries) if manifest.engine == "ann" else None


def measure_recall(snapshot: Snapshot, scoring: ScoringParams, queries: Embedding | None) -> Recall:
    """Find how few rows must be read to find enough of what exhaustive search finds.

    Args:
        snapshot: With all its arrays.
        scoring: The checkpoint's scoring.
        queries: Embedded emotion curves; without them segments of the catalogue stand in.
    """
    asked, direction = _recall_queries(snapshot, queries)
    cells = CellIndex(snapshot.folder, snapshot.manifest.segments)
    exhaustive = Searcher(snapshot, scoring, engine=cells, exhaustive=True)
    value: dict[str, float] = {}
    chosen: dict[str, int] = {}
    for kind in KINDS:
        truth = _answers(exhaustive, asked, kind, direction)
        for count in COUNTS:
            searcher = Searcher(snapshot, scoring, engine=cells, budget={kind: count})
            found = _answers(searcher, asked, kind, direction)
            value[kind], chosen[kind] = _recall(found, truth), count
            if value[kind] >= RECALL_WANTED:
                break
    source = "emotion" if direction == "e2m" else "music"
    return Recall(RECALL_AT, len(asked), source, value, chosen)


def _recall_queries(snapshot: Snapshot, queries: Embedding | None) -> tuple[Embedding, Direction]:
    """What to measure with: given emotion curves, else segments spread over the catalogue."""
    source, direction = (snapshot.embedding, "m2m") if not queries else (queries, "e2m")
    rows = np.linspace(0, len(source) - 1, min(RECALL_QUERIES, len(source)))
    return source[rows.astype(np.intp)], cast(Direction, direction)


def _answers(
    searcher: Searcher, queries: Embedding, kind: Kind, direction: Direction
) -> list[set[int]]:
    request = SearchRequest(queries, RECALL_AT, kind=kind, direction=direction)
    return [{hit.track_id for hit in result.hits} for result in searcher.search(request)]


def _recall(found: Sequence[set[int]], truth: Sequence[set[int]]) -> float:
    """Share of the true tracks that were found, over all queries."""
    hit = sum(len(ours & theirs) for ours, theirs in zip(found, truth, strict=True))
    return hit / max(1, sum(map(len, truth)))
