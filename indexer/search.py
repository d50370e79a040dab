"""Search in a snapshot: ranks tracks by their best segment, exactly where the engine allows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from indexer.errors import SnapshotFormatError
from indexer.search_arrays import doubled, points, scoring_id
from indexer.search_device import DeviceEngine
from indexer.search_engines import Candidates, Engine, ExactEngine, SinglePass
from indexer.search_live import LiveSearcher
from indexer.snapshot_format import REBUILD
from indexer.snapshot_reader import Snapshot
from indexer.snapshot_tracks import TrackFilter
from model.embedding import Embedding
from model.errors import ShapeError
from model.scoring import Direction, Kind, ScoringParams, score

__all__ = ["Hit", "Level", "LiveSearcher", "SearchResult", "Searcher", "TrackFilter"]

Level = Literal["segment", "track"]

TIE_DECIMALS = 9  # scores that agree to 1e-9 nats are equal; the smaller track id comes first
_WIDEN = 4
_SERIAL_NUMBERS = 1 << 15  # torch spreads larger operations over threads, which costs more here


@dataclass(frozen=True)
class Hit:
    """A track of the answer, with its best segment.

    Attributes:
        track_id: The catalogue's id.
        start_s: Where the segment begins.
        end_s: Where it ends.
        score: The composite, in nats with `gaussian`.
        cca: Its CCA half.
        neg_kl: Its Gaussian half, in nats, at most 0.
        valence: Of the segment, absolute scale.
        arousal: Of the segment, absolute scale.
    """

    track_id: int
    start_s: float
    end_s: float
    score: float
    cca: float
    neg_kl: float
    valence: float
    arousal: float


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


@dataclass(frozen=True)
class _Scored:
    """Exactly scored segments in order of rank: rows, and total, cca, neg_kl of each."""

    rows: NDArray[np.int64]
    tracks: NDArray[np.int64]
    scores: NDArray[np.float64]  # [3, M]

    def best_of_each(self, key: NDArray[np.int64]) -> _Scored:
        """Only the first of equal keys, [M]."""
        first = np.sort(np.unique(key, return_index=True)[1])
        return self._at(first)

    def _at(self, positions: NDArray[np.intp]) -> _Scored:
        return _Scored(self.rows[positions], self.tracks[positions], self.scores[:, positions])

    def above(self, bound: float) -> _Scored:
        """Those that score more than `bound`."""
        return self._at(np.flatnonzero(self.scores[0] > bound))


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
            SearchResult(self._hits(ranked, offset), exact)
            for ranked, exact in self._ranked(self._engine, queries, request)
        ]

    def _ranked(
        self, engine: Engine, queries: Embedding, request: _Request
    ) -> list[tuple[_Scored, bool]]:
        """The wanted ranks of each query, and whether they are proven."""
        answers: list[tuple[_Scored, bool] | None] = [None] * len(queries)
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
    ) -> tuple[_Scored, bool] | None:
        """The wanted ranks, if the candidates suffice for them, and whether that is proven."""
        scored = self._score(query, candidates.rows, request)
        chosen = self._chosen(scored.above(candidates.bound), request)
        if len(chosen.rows) >= request.wanted or np.isneginf(candidates.bound):
            return chosen, True
        if not candidates.final:
            return None
        chosen = self._chosen(scored, request)
        return (chosen, False) if len(chosen.rows) >= request.wanted else None

    def _score(self, query: Embedding, rows: NDArray[np.int64], request: _Request) -> _Scored:
        """Segments scored by the definition in float64, best first, ties by row."""
        asked, block = points(query), max(1, _SERIAL_NUMBERS // max(1, query.mu.shape[1]))
        parts = [np.empty((3, 0))]
        for start in range(0, len(rows), block):
            some = points(self.snapshot.embedding[rows[start : start + block]])
            found = score(asked, some, request.scoring, request.direction)
            parts.append(torch.cat([found.total, found.cca, found.neg_kl]).numpy())
        scores = np.concatenate(parts, axis=1)  # [3, M]
        order = np.lexsort((rows, -np.round(scores[0], TIE_DECIMALS)))
        tracks = np.searchsorted(self.snapshot.track_first, rows[order], side="right") - 1
        return _Scored(rows[order], tracks, scores[:, order])

    def _chosen(self, scored: _Scored, request: _Request) -> _Scored:
        """Tracks in order: each once, each content once, no artist too often."""
        tracks = self.snapshot.tracks
        best = scored.best_of_each(scored.tracks)
        best = best.best_of_each(tracks.content_codes[best.tracks].astype(np.int64))
        if request.max_per_artist is None:
            return best._at(np.arange(min(request.wanted, len(best.rows))))
        kept, seen = [], dict[int, int]()
        for position, artist in enumerate(tracks.artist_codes[best.tracks].tolist()):
            seen[artist] = seen.get(artist, 0) + 1
            if artist < 0 or seen[artist] <= request.max_per_artist:
                kept.append(position)
        return best._at(np.array(kept[: request.wanted], dtype=np.intp))

    def _hits(self, ranked: _Scored, offset: int) -> tuple[Hit, ...]:
        at = self.snapshot
        return tuple(
            Hit(
                track_id=int(at.tracks.ids[track]),
                start_s=float(at.segment_s[row, 0]),
                end_s=float(at.segment_s[row, 1]),
                score=float(total),
                cca=float(cca),
                neg_kl=float(neg_kl),
                valence=float(at.segment_emotion[row, 1]),
                arousal=float(at.segment_emotion[row, 0]),
            )
            for row, track, (total, cca, neg_kl) in zip(
                ranked.rows[offset:], ranked.tracks[offset:], ranked.scores.T[offset:], strict=True
            )
        )

    def _request(
        self,
        wanted: int,
        filters: TrackFilter | None,
        max_per_artist: int | None,
        kind: Kind | None,
        direction: Direction,
        level: Level,
    ) -> _Request:
        segments = None if filters is None else self._of_segments(filters)
        if level == "track":
            whole = self.snapshot.whole
            segments = whole if segments is None else segments & whole
        return _Request(
            wanted=wanted,
            scoring=self._scoring if kind is None else self._scoring.with_kind(kind),
            direction=direction,
            max_per_artist=max_per_artist,
            segments=segments,
        )

    def _of_segments(self, filters: TrackFilter) -> NDArray[np.bool_]:
        """Mask of the segments of the tracks that pass, [S]."""
        return np.repeat(self.snapshot.tracks.passing(filters), np.diff(self.snapshot.track_first))

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
