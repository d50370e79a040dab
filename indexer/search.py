"""Search in a snapshot: ranks tracks by their best segment, exactly where the engine allows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from indexer.errors import SnapshotFormatError
from indexer.search_arrays import doubled, scoring_id
from indexer.search_device import DeviceEngine
from indexer.search_engines import Candidates, Engine, ExactEngine, SinglePass
from indexer.search_live import LiveSearcher
from indexer.search_masks import Level, SegmentMasks
from indexer.search_rank import Hit, Ranked, Ranker
from indexer.snapshot_format import REBUILD
from indexer.snapshot_reader import Snapshot
from indexer.snapshot_tracks import TrackFilter
from model.embedding import Embedding
from model.errors import ShapeError
from model.scoring import Direction, Kind, ScoringParams

__all__ = ["Hit", "Level", "LiveSearcher", "SearchResult", "Searcher", "TrackFilter"]

_WIDEN = 4


@dataclass(frozen=True)
class SearchResult:
    """An answer, best first; `exact` says that it is proven to be the exhaustive one."""

    hits: tuple[Hit, ...]
    exact: bool


@dataclass(frozen=True)
class _Request:
    """What a search asks for, besides its query."""

    wanted: int
    scoring: ScoringParams
    direction: Direction
    max_per_artist: int | None
    segments: NDArray[np.bool_] | None  # mask of the segments that may be answered, [S]


class Searcher:
    """Answers queries from one snapshot; safe to use from many threads."""

    def __init__(
        self,
        snapshot: Snapshot,
        scoring: ScoringParams,
        device: str = "cpu",
        threads: int | None = None,
        *,
        engine: Engine | None = None,
        exhaustive: bool = False,
    ) -> None:
        """Open the engine that the snapshot's manifest names.

        Args:
            snapshot: What to search.
            scoring: Of the checkpoint that embedded it.
            device: Where exhaustive search runs: `cpu`, `cuda`, or `auto`.
            threads: Of one exhaustive search; default: the machine's cores.
            engine: Search with this one instead.
            exhaustive: Search exhaustively whatever the manifest says.

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
        self._masks = SegmentMasks(snapshot)
        if engine is None and snapshot.manifest.segments:
            engine = _open_engine(snapshot, scoring, device, threads, exhaustive=exhaustive)
        self._engine = engine

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
        if self._engine is None or limit == 0 or not len(queries):
            return [SearchResult((), True)] * len(queries)
        return [
            SearchResult(self._ranker.hits(ranked, offset), exact)
            for ranked, exact in self._ranked(self._engine, queries, request)
        ]

    def _ranked(
        self, engine: Engine, queries: Embedding, request: _Request
    ) -> list[tuple[Ranked, bool]]:
        """The wanted ranks of each query, and whether they are proven."""
        answers: list[tuple[Ranked, bool] | None] = [None] * len(queries)
        count = engine.first_count(request.wanted, request.scoring)
        while open_ones := [q for q, answer in enumerate(answers) if answer is None]:
            asked = queries[np.array(open_ones)]
            found = engine.candidates(
                asked, request.scoring, request.direction, count, request.segments
            )
            for q, candidates in zip(open_ones, found, strict=True):
                answers[q] = self._settle(queries[q : q + 1], candidates, request)
            count *= _WIDEN
        return [answer for answer in answers if answer is not None]

    def _settle(
        self, query: Embedding, candidates: Candidates, request: _Request
    ) -> tuple[Ranked, bool] | None:
        """The wanted ranks, if the candidates suffice for them, and whether that is proven."""
        kind = request.scoring.kind
        asked = self._ranker.scores.ask(query, kind, request.direction)
        ranked = self._ranker.ranked(asked, candidates.rows)
        chosen = self._chosen(ranked.above(candidates.bound), request)
        if len(chosen.rows) >= request.wanted or np.isneginf(candidates.bound):
            return chosen, True
        if not candidates.final:
            return None
        chosen = self._chosen(ranked, request)
        return (chosen, False) if len(chosen.rows) >= request.wanted else None

    def _chosen(self, ranked: Ranked, request: _Request) -> Ranked:
        return self._ranker.chosen(ranked, request.wanted, request.max_per_artist)

    def _request(
        self,
        wanted: int,
        filters: TrackFilter | None,
        max_per_artist: int | None,
        kind: Kind | None,
        direction: Direction,
        level: Level,
    ) -> _Request:
        return _Request(
            wanted=wanted,
            scoring=self._scoring if kind is None else self._scoring.with_kind(kind),
            direction=direction,
            max_per_artist=max_per_artist,
            segments=self._masks.of(filters, level),
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
) -> Engine:
    manifest = snapshot.manifest
    approximate = manifest.engine == "ann" and not exhaustive
    if not approximate and device != "cpu" and torch.cuda.is_available():
        return DeviceEngine(snapshot.embedding, scoring, "cuda" if device == "auto" else device)
    engine = ExactEngine(snapshot.folder, manifest.segments, threads)
    if approximate and manifest.recall is not None:
        return SinglePass(engine, manifest.recall.counts)
    return engine
