"""Chooses a snapshot's engine, builds its arrays and measures it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from indexer.search import Searcher
from indexer.search_arrays import write_columns, write_l1
from indexer.search_graph import GraphEngine, write_graph
from indexer.snapshot_format import Engine, EngineChoice, Manifest, Recall, save_array
from indexer.snapshot_reader import Snapshot
from model.embedding import Embedding
from model.scoring import Direction, Kind, ScoringParams

ANN_SEGMENTS = 200_000  # from here `auto` prefers the graph: exhaustive search passes 5 ms
GPU_SEGMENTS = 20_000  # below, a processor answers before a GPU has been asked
RECALL_AT = 50
RECALL_QUERIES = 200
RECALL_WANTED = 0.995
BEAMS = (128, 192, 256, 384, 512, 768, 1024, 2048, 4096)
KINDS: tuple[Kind, ...] = ("gaussian", "paper")


def choose_engine(choice: EngineChoice, segments: int) -> Engine:
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
        queries: Embedded emotion curves to measure recall with.

    Returns:
        The measured recall of `ann`, else None.
    """
    if not manifest.segments:
        return None
    snapshot = Snapshot(folder, manifest)
    write_columns(folder, snapshot.embedding, scoring)
    write_l1(folder, snapshot.embedding, scoring)
    if manifest.engine != "ann":
        return None
    asked, direction = _recall_queries(snapshot, queries)
    truth = {
        kind: _answers(Searcher(snapshot, scoring, exhaustive=True), asked, kind, direction)
        for kind in KINDS
    }
    write_graph(folder, snapshot.embedding, scoring)
    _shrink(folder, snapshot)
    return _tuned(Snapshot(folder, manifest), scoring, asked, direction, truth)


def _recall_queries(snapshot: Snapshot, queries: Embedding | None) -> tuple[Embedding, Direction]:
    """What to measure with: given emotion curves, else segments spread over the catalogue."""
    if queries is not None and len(queries):
        rows = np.linspace(0, len(queries) - 1, min(RECALL_QUERIES, len(queries)))
        return queries[rows.astype(np.intp)], "e2m"
    last = snapshot.manifest.segments - 1
    rows = np.linspace(0, last, min(RECALL_QUERIES, last + 1))
    return snapshot.embedding[rows.astype(np.intp)], "m2m"


def _answers(
    searcher: Searcher, queries: Embedding, kind: Kind, direction: Direction
) -> list[set[int]]:
    results = searcher.search_batch(queries, limit=RECALL_AT, kind=kind, direction=direction)
    return [{hit.track_id for hit in result.hits} for result in results]


def _shrink(folder: Path, snapshot: Snapshot) -> None:
    """Keep what the graph needs: half-precision embeddings, no scanned codes."""
    for name in ("phi", "mu", "var"):
        values = np.asarray(getattr(snapshot.embedding, name))
        half = values.astype(np.float16)
        if name == "var":  # never zero
            half = np.maximum(half, np.finfo(np.float16).tiny)
        (folder / f"{name}.npy").unlink()  # the mapped file lives on until it is closed
        save_array(folder, name, half)
    for path in (*folder.glob("search_codes_*"), *folder.glob("search_l1*")):
        path.unlink()
    for path in folder.glob("search_columns_*"):
        path.unlink()


def _tuned(
    snapshot: Snapshot,
    scoring: ScoringParams,
    queries: Embedding,
    direction: Direction,
    truth: Mapping[Kind, Sequence[set[int]]],
) -> Recall:
    """The narrowest beam of each kind that finds enough, and what it finds."""
    value: dict[str, float] = {}
    chosen: dict[str, int] = {}
    for kind in KINDS:
        for beam in BEAMS:
            engine = GraphEngine(snapshot.folder, snapshot.manifest.segments, {kind: beam})
            searcher = Searcher(snapshot, scoring, engine=engine)
            found = _answers(searcher, queries, kind, direction)
            value[kind], chosen[kind] = _recall(found, truth[kind]), beam
            if value[kind] >= RECALL_WANTED:
                break
    source = "emotion" if direction == "e2m" else "music"
    return Recall(RECALL_AT, len(queries), source, value, chosen)


def _recall(found: Sequence[set[int]], truth: Sequence[set[int]]) -> float:
    """Share of the true tracks that were found, over all queries."""
    hit = sum(len(ours & theirs) for ours, theirs in zip(found, truth, strict=True))
    return hit / max(1, sum(map(len, truth)))
