"""Search in a snapshot: ranks tracks by their best segment, exactly where the engine allows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from indexer.errors import SnapshotFormatError
from indexer.search.cells import CellIndex
from indexer.search.columns import KINDS, doubled, scoring_id
from indexer.search.device import DeviceEngine
from indexer.search.engines import Engine, ExactEngine, SinglePass
from indexer.search.hunt import CellHunt, ListHunt
from indexer.search.live import LiveSearcher
from indexer.search.request import Hit, Ranker, Request
from indexer.search.scope import Level, Scopes
from indexer.snapshot.format import REBUILD, Manifest
from indexer.snapshot.reader import Snapshot
from indexer.snapshot.tracks import TrackFilter
from model.embedding import Embedding
from model.errors import ShapeError
from model.scoring import Direction, Kind, ScoringParams

__all__ = ["Hit", "Level", "LiveSearcher", "SearchResult", "Searcher", "TrackFilter"]


@dataclass(frozen=True)
class SearchResult:
    """An answer, best first; `exact` says that it is proven to be the exhaustive one."""

    hits: tuple[Hit, ...]
    exact: bool


class Searcher:
    """Answers queries from one snapshot; safe to use from many threads."""

    def __init__(
        self,
        snapshot: Snapshot,
        scoring: ScoringParams,
        device: str = "cpu",
        threads: int | None = None,
        *,
        engine: Engine | CellIndex | None = None,
        exhaustive: bool = False,
        budget: Mapping[Kind, int] | None = None,
    ) -> None:
        """Open the engine that the snapshot's manifest names.

        Args:
            snapshot: What to search.
            scoring: Of the checkpoint that embedded it.
            device: Where exhaustive search runs: `cpu`, `cuda`, or `auto`.
            threads: Of one exhaustive search; default: the machine's cores.
            engine: Search with this one instead.
            exhaustive: Prove every answer, whatever the manifest says.
            budget: Rows that a query without a filter reads at most, by kind; default: the
                manifest's.

        Raises:
            SnapshotFormatError: The snapshot was built for another scoring.
        """
        if snapshot.manifest.scoring_id != scoring_id(scoring):
            raise SnapshotFormatError(
                f"{snapshot.folder} was built for scoring {snapshot.manifest.scoring_id}, the "
                f"checkpoint has {scoring_id(scoring)}: {REBUILD}"
            )
        self.snapshot = snapshot
        self._scoring = doubled(scoring)
        self._ranker = Ranker(snapshot, scoring)
        self._scopes = Scopes(snapshot)
        self._hunt: CellHunt | ListHunt | None = None
        if engine is None and snapshot.manifest.segments:
            engine = _open_engine(snapshot, scoring, device, threads, exhaustive=exhaustive)
        if isinstance(engine, CellIndex):
            measured = {} if exhaustive else _budget(snapshot.manifest)
            self._hunt = CellHunt(engine, self._ranker, measured if budget is None else budget)
        elif engine is not None:
            self._hunt = ListHunt(engine, self._ranker, self._scopes)

    def search(
        self,
        query: Embedding,
        *,
        limit: int,
        filters: TrackFilter | None = None,
        max_per_artist: int | None = None,
        kind: Kind | None = None,
        offset: int = 0,
        direction: Direction = "e2m",
        level: Level = "segment",
    ) -> SearchResult:
        """The tracks that score best for one query; see `search_batch`."""
        if len(query) != 1:
            raise ShapeError(f"search takes one query, not {len(query)}: call search_batch")
        return self.search_batch(
            query,
            limit=limit,
            filters=filters,
            max_per_artist=max_per_artist,
            kind=kind,
            offset=offset,
            direction=direction,
            level=level,
        )[0]

    def search_batch(
        self,
        queries: Embedding,
        *,
        limit: int,
        filters: TrackFilter | None = None,
        max_per_artist: int | None = None,
        kind: Kind | None = None,
        offset: int = 0,
        direction: Direction = "e2m",
        level: Level = "segment",
    ) -> list[SearchResult]:
        """The tracks that score best for each of Q queries.

        A track scores what its best segment scores. Of tracks with the same content only the one
        with the smallest id that passes the filters is answered. Scores equal to 1e-9 are ties,
        in order of track id. A filtered answer is full whenever enough tracks pass.

        Args:
            queries: Q embedded queries.
            limit: Most tracks of an answer, >= 0.
            filters: Which tracks may be answered.
            max_per_artist: Most tracks of one artist, counted over all pages; tracks without an
                artist are not counted.
            kind: The CCA half; default: the checkpoint's.
            offset: How many ranks to skip, >= 0: pages of one query fit together.
            direction: `e2m` for emotion queries, `m2m` for music.
            level: `segment` ranks a track by its best segment, `track` by the one that stands for
                the whole of it.

        Raises:
            ShapeError: The queries come from other spaces than the snapshot.
        """
        self._check(queries, limit, offset, direction)
        request = self._request(limit + offset, filters, max_per_artist, kind, direction, level)
        if self._hunt is None or limit == 0 or not len(queries):
            return [SearchResult((), True)] * len(queries)
        return [
            SearchResult(self._ranker.hits(ranked, offset), exact)
            for ranked, exact in self._hunt.answers(queries, request)
        ]

    def _request(
        self,
        wanted: int,
        filters: TrackFilter | None,
        max_per_artist: int | None,
        kind: Kind | None,
        direction: Direction,
        level: Level,
    ) -> Request:
        return Request(
            wanted=wanted,
            scoring=self._scoring if kind is None else self._scoring.with_kind(kind),
            direction=direction,
            max_per_artist=max_per_artist,
            scope=self._scopes.of(filters, level),
        )

    def _check(self, queries: Embedding, limit: int, offset: int, direction: Direction) -> None:
        own = self.snapshot.embedding
        if queries.phi.shape[1] != own.phi.shape[1] or queries.mu.shape[1] != own.mu.shape[1]:
            raise ShapeError(
                f"queries have {queries.phi.shape[1]} and {queries.mu.shape[1]} dimensions, the "
                f"snapshot {own.phi.shape[1]} and {own.mu.shape[1]}: were they embedded by "
                f"{self.snapshot.manifest.model_id}?"
            )
        if limit < 0 or offset < 0 or direction == "m2e":
            raise ShapeError(
                f"limit {limit} and offset {offset} must not be negative, and candidates are "
                f"music: direction e2m or m2m, not {direction}"
            )


def _open_engine(
    snapshot: Snapshot,
    scoring: ScoringParams,
    device: str,
    threads: int | None,
    *,
    exhaustive: bool,
) -> Engine | CellIndex:
    manifest = snapshot.manifest
    approximate = manifest.engine == "ann" and not exhaustive
    if not approximate and device != "cpu" and torch.cuda.is_available():
        return DeviceEngine(snapshot.embedding, scoring, "cuda" if device == "auto" else device)
    if manifest.format > 1:
        return CellIndex(snapshot.folder, manifest.segments)
    engine = ExactEngine(snapshot.folder, manifest.segments, threads)
    if approximate and manifest.recall is not None:
        return SinglePass(engine, manifest.recall.counts)
    return engine


def _budget(manifest: Manifest) -> Mapping[Kind, int]:
    """Rows that a query of the approximate engine reads at most."""
    if manifest.engine != "ann" or manifest.recall is None:
        return {}
    return {kind: manifest.recall.counts[kind] for kind in KINDS}
