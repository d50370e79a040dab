"""What a search is asked for, and what is said of the tracks that it finds.

Letters: Q queries, N tracks of an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.search.additions import NOTHING_ADDED, Addition
from indexer.search.balance import as_query
from indexer.search.columns import doubled
from indexer.search.rank_cells import ranked
from indexer.search.scope import Level, Scope
from indexer.search.scores import Scorer
from indexer.search.tables import Task, Wanted
from indexer.snapshot.filters import TrackFilter
from indexer.snapshot.reader import Snapshot
from model.embedding import Embedding
from model.errors import ShapeError
from model.scoring import Direction, Kind, ScoringParams

_NO_ROWS = np.empty(0, dtype=np.int64)
_NO_ARTISTS = np.empty(0, dtype=np.int32)


class Hit(NamedTuple):
    """A track of the answer, with its best segment.

    Attributes:
        track_id: The catalogue's id.
        start_s: Where the segment begins.
        end_s: Where it ends.
        score: The composite, in nats with `gaussian`.
        cca: Its CCA half.
        neg_kl: Its Gaussian half, in nats, at most 0; of a union what the other half leaves.
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
class Ranked:
    """Exactly scored tracks in order of rank.

    Attributes:
        rows: The best segment of each, [N].
        tracks: [N].
        scores: Total, CCA half, -KL, [N, 3].
    """

    rows: NDArray[np.int64]
    tracks: NDArray[np.int64]
    scores: NDArray[np.float64]


RankedAnswer = tuple[Ranked, bool]  # the wanted ranks, and whether they are proven


@dataclass(frozen=True)
class QueryPlaces:
    """Where questions lie on the plane: what is added to scores may depend on it.

    Attributes:
        felt: (arousal, valence) of what is asked for, absolute, [Q, 2].
        heard: Of what was embedded, absolute, [Q, 2]; another place where a track is asked with
            that its listener feels elsewhere than the model.
    """

    felt: NDArray[np.float64]
    heard: NDArray[np.float64]


@dataclass(frozen=True)
class AnyOf:
    """The queries of one question, any of which will do.

    Attributes:
        weights: Of each query, [Q], >= 0, sum 1.
        among: Of each query, [Q], >= 0, sum 1, where a row counts by the share that the weighted
            queries have of these; None: by its likelihood under the weighted queries.
    """

    weights: NDArray[np.float64]
    among: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class SearchRequest:
    """What a search asks for.

    Attributes:
        queries: Q embedded queries, as the model embeds emotions (`e2m`), or as rows of the
            catalogue (`m2m`; new music first goes through `indexer.search.balance.as_music`).
        limit: Most tracks of an answer, >= 0.
        filters: Which tracks may be answered.
        max_per_artist: Most tracks of one artist, counted over all pages; tracks without an
            artist are not counted.
        kind: The CCA half; default: the checkpoint's.
        offset: How many ranks to skip, >= 0: pages of one query fit together.
        direction: `e2m` for emotion queries, `m2m` for music.
        level: `segment` ranks a track by its best segment, `track` by the one that stands for
            the whole of it.
        floors: What a track of each query's answer scores at least, where that is known from
            elsewhere, [Q]: what scores less may be missing, in any number.
        addition: What is added to scores, if anything.
        places: Where the questions lie, for who makes an addition of it.
    """

    queries: Embedding
    limit: int
    filters: TrackFilter | None = None
    max_per_artist: int | None = None
    kind: Kind | None = None
    offset: int = 0
    direction: Direction = "e2m"
    level: Level = "segment"
    floors: NDArray[np.float64] | None = None
    addition: Addition | None = None
    places: QueryPlaces | None = None


@dataclass(frozen=True)
class Terms:
    """What the queries of one request have in common, made ready for one snapshot."""

    wanted: int
    scoring: ScoringParams
    direction: Direction
    max_per_artist: int | None
    scope: Scope
    addition: Addition | None = None
    floors: NDArray[np.float64] | None = None

    def floor(self, query: int) -> float:
        """What a track of this query's answer scores at least, as far as is known."""
        return -np.inf if self.floors is None else float(self.floors[query])


def own_queries(request: SearchRequest, snapshot: Snapshot) -> Embedding:
    """The queries of a request as the rows of a snapshot are embedded.

    Raises:
        ShapeError: They come from other spaces, or the request asks for what cannot be.
    """
    queries, own, addition = request.queries, snapshot.embedding, request.addition
    if request.direction == "e2m":
        queries = as_query(queries, own)
    if addition is not None and len(addition.weights) != len(queries):
        raise ShapeError(f"{len(addition.weights)} weights for {len(queries)} queries")
    if queries.phi.shape[1] != own.phi.shape[1] or queries.mu.shape[1] != own.mu.shape[1]:
        raise ShapeError(
            f"queries have {queries.phi.shape[1]} and {queries.mu.shape[1]} dimensions, the "
            f"snapshot {own.phi.shape[1]} and {own.mu.shape[1]}: were they embedded by "
            f"{snapshot.manifest.model_id}?"
        )
    if request.limit < 0 or request.offset < 0 or request.direction == "m2e":
        raise ShapeError(
            f"limit {request.limit} and offset {request.offset} must not be negative, and "
            f"candidates are music: direction e2m or m2m, not {request.direction}"
        )
    return queries


class Ranker:
    """What ranking the tracks of one snapshot takes, and their hits."""

    def __init__(self, snapshot: Snapshot, scoring: ScoringParams) -> None:
        """Prepare the columns that every search reads."""
        self._snapshot, self._tracks = snapshot, snapshot.tracks
        self._scoring = doubled(scoring)
        self.scores = Scorer(
            snapshot.embedding, scoring, snapshot.track_first, snapshot.tracks.answering.recordings
        )
        self._ids = np.asarray(snapshot.tracks.ids)
        self._segment_s = np.asarray(snapshot.segment_s)
        self._emotion = np.asarray(snapshot.segment_emotion)

    def terms(self, request: SearchRequest, scope: Scope) -> Terms:
        """What the queries of a request have in common."""
        kind, addition = request.kind, request.addition
        return Terms(
            wanted=request.limit + request.offset,
            scoring=self._scoring if kind is None else self._scoring.with_kind(kind),
            direction=request.direction,
            max_per_artist=request.max_per_artist,
            scope=scope,
            # The snapshot may be a shard: only its own tracks count.
            addition=None if addition is None else addition.to_tracks(self._tracks.ids),
            floors=request.floors,
        )

    def task(self, query: Embedding, terms: Terms, number: int = 0) -> Task:
        """One query, a row, ready to be scored; `number` says which one of its request."""
        wanted = Wanted(terms.wanted, -1, _NO_ROWS, _NO_ARTISTS)
        if terms.max_per_artist is not None:
            artists = self._tracks.artist_groups
            wanted = Wanted(terms.wanted, terms.max_per_artist, artists.first, artists.codes)
        asked = self.scores.ask(query, terms.scoring.kind, terms.direction)
        added = NOTHING_ADDED if terms.addition is None else terms.addition.of(number)
        return Task(self.scores.items, asked, wanted, added)

    def hit_of(self, track_id: int, request: SearchRequest) -> Hit:
        """How one track fits the single query of `request`, whatever its filters say.

        Raises:
            ShapeError: The query comes from other spaces than the snapshot.
            TrackNotFoundError: The snapshot lacks the track.
        """
        query = own_queries(request, self._snapshot)
        alone = replace(request, limit=1, offset=0, max_per_artist=None, floors=None)
        terms = self.terms(alone, Scope(request.level, None, _NO_ROWS, narrowed=False))
        segments = self._snapshot.segments_of(self._tracks.row_of(track_id))
        rows = np.arange(segments.start, segments.stop)
        if terms.scope.level == "track":
            rows = rows[self._snapshot.whole[segments]]
        return self.hits(Ranked(*ranked(self.task(query, terms), rows)), 0)[0]

    def hits(self, found: Ranked, offset: int) -> tuple[Hit, ...]:
        """The answer from rank `offset` on."""
        rows = found.rows[offset:]
        start_s, end_s = self._segment_s[rows].T.tolist() if len(rows) else ([], [])
        arousal, valence = self._emotion[rows].T.tolist() if len(rows) else ([], [])
        ids = self._ids[found.tracks[offset:]].tolist()
        total, cca, neg_kl = found.scores[offset:].T.tolist()
        return tuple(map(Hit, ids, start_s, end_s, total, cca, neg_kl, valence, arousal))
