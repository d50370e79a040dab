"""Builds what a snapshot's engine needs, and chooses the engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from indexer.errors import SnapshotError
from indexer.search_arrays import write_columns, write_l1
from indexer.snapshot_format import Engine, EngineChoice, Recall
from model.embedding import Embedding
from model.scoring import ScoringParams


@dataclass(frozen=True)
class Built:
    """The engine that was built, and its measured recall if it is approximate."""

    engine: Engine
    recall: Recall | None


def build(
    folder: Path,
    embedding: Embedding,
    scoring: ScoringParams,
    engine: EngineChoice,
    queries: Embedding | None,
) -> Built:
    """Write the search arrays of S segments into `folder`.

    Args:
        folder: The snapshot being written.
        embedding: The segments, in their final order.
        scoring: The checkpoint's scoring.
        engine: What to build; `auto` chooses by size and device.
        queries: Embedded emotion curves to measure recall with.
    """
    if engine not in ("auto", "exact"):
        raise SnapshotError(f"engine {engine} is not among: auto, exact")
    if len(embedding):
        write_columns(folder, embedding, scoring)
        write_l1(folder, embedding, scoring)
    return Built("exact", None)
