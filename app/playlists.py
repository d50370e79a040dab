"""Playlists: match an emotion, or follow it through time.

`match` ranks the tracks, each as a whole or by its best segment. `journey` cuts the curve
into as many pieces as the playlist has places and gives each place the best track for its piece.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.errors import MoodError, TrackNotFoundError
from app.live import Live
from app.responses import (
    ExplanationOut,
    PlaylistItem,
    PlaylistResponse,
    ScoringOut,
    SegmentOut,
    TrackOut,
)
from app.schemas import CurveEmotion, Filters, MoodEmotion, PlaylistRequest, Scale
from indexer import errors as indexer_errors
from indexer.balance import as_query
from indexer.search import Hit, SearchResult, TrackFilter
from indexer.snapshot import Snapshot, TrackRecord
from model.curves import EmotionCurve, Keyframe
from model.embedding import Embedding
from model.errors import UnknownMoodError
from model.moods import near_moods
from model.scoring import Direction, ScoringParams

Floats = NDArray[np.float32]

PIECE_S = 30.0  # a piece of a journey is embedded as if it lasted so long
CANDIDATES = 24  # tracks looked at for a place of a journey before searching anew


class QueryModel(Protocol):
    """The part of the model that queries need."""

    model_id: str
    scoring: ScoringParams

    def embed_emotion(self, curves: Sequence[EmotionCurve]) -> Embedding:
        """The embedding of absolute curves, one row each."""


@dataclass(frozen=True)
class Asked:
    """What one search asks for.

    Attributes:
        embedding: One row.
        direction: From emotion to music, or from music to music.
        valence: Mean valence asked for, absolute.
        arousal: Mean arousal asked for, absolute.
        at_s: Middle of the piece of a journey.
    """

    embedding: Embedding
    direction: Direction
    valence: float
    arousal: float
    at_s: float | None = None


def make_playlist(request: PlaylistRequest, model: QueryModel, live: Live) -> PlaylistResponse:
    """Answer a playlist request from one snapshot.

    Raises:
        CurveError: The curve is none.
        UnknownMoodError: The mood is no word of the vocabulary.
        TrackNotFoundError: The snapshot lacks the track that was asked with.
    """
    filters = _track_filter(request.filters)
    if request.mode == "journey":
        asked = _journey_queries(request, model, live.snapshot)
        hits, exact = _journey(request, live, asked, _without_own(request, filters))
    else:
        query = _match_query(request, model, live.snapshot)
        result = live.searcher.search(
            query.embedding,
            limit=request.limit,
            filters=_without_own(request, filters),
            max_per_artist=request.max_per_artist,
            direction=query.direction,
            level=request.level,
        )
        hits, exact = list(result.hits), result.exact
        asked = [query] * len(hits)
    shape = _Shape(live.snapshot, request.scale, model.scoring, explain=request.explain)
    return PlaylistResponse(
        snapshot_id=live.id,
        model_id=live.model_id,
        scale=request.scale,
        mode=request.mode,
        exact=exact,
        scoring=shape.scoring(asked) if request.explain else None,
        items=shape.items(hits, asked),
    )


def similar_hits(
    live: Live, embedding: Embedding, limit: int, filters: TrackFilter | None = None
) -> SearchResult:
    """The tracks that feel as a whole like the music of `embedding`, one row, best first."""
    return live.searcher.search(
        embedding, limit=limit, filters=filters, direction="m2m", level="track"
    )


def track_query(snapshot: Snapshot, row: int) -> tuple[Embedding, Floats]:
    """A track as a query for music like it, and its (arousal, valence), [2]."""
    segments = snapshot.segments_of(row)
    standing = segments.start + np.flatnonzero(snapshot.whole[segments])
    emotion = snapshot.segment_emotion[standing].mean(axis=0)
    return whole(snapshot.embedding[standing]), emotion


def whole(embedding: Embedding) -> Embedding:
    """One row for all segments: the mean, with the variance of the mixture."""
    mu = embedding.mu.mean(axis=0, keepdims=True)
    var = (embedding.var + (embedding.mu - mu) ** 2).mean(axis=0, keepdims=True)
    return Embedding(embedding.phi.mean(axis=0, keepdims=True), mu, var)


def absolute_curve(request: PlaylistRequest, snapshot: Snapshot) -> EmotionCurve:
    """The curve a request asks for, on the absolute scale."""
    emotion = request.emotion
    if isinstance(emotion, MoodEmotion):
        return mood_curve(emotion.mood).mapped(snapshot.scale)
    if isinstance(emotion, CurveEmotion):
        curve = EmotionCurve(tuple(Keyframe(k.t, k.valence, k.arousal) for k in emotion.curve))
        return curve if request.scale == "absolute" else curve.mapped(snapshot.scale)
    _row(snapshot, emotion.track_id)
    _, mean, _ = snapshot.curve(emotion.track_id)
    return EmotionCurve.from_values(np.clip(mean, -1.0, 1.0))


def mood_curve(word: str) -> EmotionCurve:
    """The curve of a mood word, on the relative scale.

    Raises:
        MoodError: The vocabulary lacks the word; suggests near ones.
    """
    try:
        return EmotionCurve.from_mood(word)
    except UnknownMoodError as exc:
        raise MoodError(str(exc), suggestions=list(near_moods(word))) from exc


def track_out(record: TrackRecord) -> TrackOut:
    """A track of the snapshot as it goes over the wire."""
    return TrackOut(
        id=record.id,
        title=record.title,
        artist=record.artist,
        album=record.album,
        genre=record.genre,
        year=record.year,
        duration_s=round(record.duration_s, 3),
        path=record.path,
    )


def _row(snapshot: Snapshot, track_id: int) -> int:
    try:
        return snapshot.tracks.row_of(track_id)
    except indexer_errors.TrackNotFoundError as exc:
        raise TrackNotFoundError(str(exc)) from exc


def _track_filter(filters: Filters | None) -> TrackFilter | None:
    if filters is None or not filters.model_dump(exclude_defaults=True):
        return None
    year, duration = filters.year, filters.duration_s
    return TrackFilter(
        genre=tuple(filters.genre),
        artist=tuple(filters.artist),
        year_min=year.min if year else None,
        year_max=year.max if year else None,
        duration_min_s=duration.min if duration else None,
        duration_max_s=duration.max if duration else None,
        exclude_ids=frozenset(filters.exclude_ids),
    )


def _without_own(request: PlaylistRequest, filters: TrackFilter | None) -> TrackFilter | None:
    """A track is not similar to itself: leave out the one that was asked with."""
    own = getattr(request.emotion, "track_id", None)
    if own is None:
        return filters
    return _excluding(filters, {own})


def _excluding(filters: TrackFilter | None, track_ids: set[int]) -> TrackFilter:
    filters = filters or TrackFilter()
    return replace(filters, exclude_ids=filters.exclude_ids | track_ids)


def _match_query(request: PlaylistRequest, model: QueryModel, snapshot: Snapshot) -> Asked:
    own = getattr(request.emotion, "track_id", None)
    if own is not None:
        embedding, (arousal, valence) = track_query(snapshot, _row(snapshot, own))
        return Asked(embedding, "m2m", float(valence), float(arousal))
    curve = absolute_curve(request, snapshot)
    return _asked(curve, as_query(model.embed_emotion([curve]), snapshot.embedding))


def _journey_queries(
    request: PlaylistRequest, model: QueryModel, snapshot: Snapshot
) -> list[Asked]:
    curve = absolute_curve(request, snapshot)
    places = min(request.limit, len(snapshot.tracks))
    edges = np.linspace(0.0, curve.duration_s, places + 1)
    pieces = [_piece(curve, start, end) for start, end in pairwise(edges.tolist())]
    if not pieces:
        return []
    embedding = as_query(model.embed_emotion(pieces), snapshot.embedding)
    middles = (edges[:-1] + edges[1:]) / 2.0
    return [
        replace(_asked(piece, embedding[index : index + 1]), at_s=float(middles[index]))
        for index, piece in enumerate(pieces)
    ]


def _piece(curve: EmotionCurve, start_s: float, end_s: float) -> EmotionCurve:
    """The part of the curve between two times, stretched to `PIECE_S`."""
    inner = [k.t_s for k in curve.keyframes if start_s < k.t_s < end_s]
    times = np.array([start_s, *inner, end_s])
    stretched = np.unique((times - start_s) / max(end_s - start_s, 1e-9) * PIECE_S)
    values = curve.at(stretched / PIECE_S * (end_s - start_s) + start_s)
    return EmotionCurve(
        tuple(
            Keyframe(float(t_s), float(valence), float(arousal))
            for t_s, (arousal, valence) in zip(stretched, values, strict=True)
        )
    )


def _asked(curve: EmotionCurve, embedding: Embedding) -> Asked:
    arousal, valence = curve.sampled(64).mean(axis=0)
    return Asked(embedding, "e2m", float(valence), float(arousal))


def _journey(
    request: PlaylistRequest, live: Live, asked: Sequence[Asked], filters: TrackFilter | None
) -> tuple[list[Hit], bool]:
    """The best unused track for each piece in turn."""
    if not asked:
        return [], True
    results = live.searcher.search_batch(
        Embedding.concatenate([query.embedding for query in asked]),
        limit=min(CANDIDATES, len(live.snapshot.tracks)),
        filters=filters,
        level=request.level,
    )
    traveller = _Traveller(live, filters, request)
    exact = all(result.exact for result in results)
    for query, result in zip(asked, results, strict=True):
        if not traveller.take(result.hits) and not traveller.take(traveller.more(query)):
            break
    return traveller.hits, exact


class _Traveller:
    """Collects the hits of a journey: no track twice, no artist too often."""

    def __init__(self, live: Live, filters: TrackFilter | None, request: PlaylistRequest) -> None:
        self.hits: list[Hit] = []
        self._live, self._filters = live, filters
        self._cap, self._level = request.max_per_artist, request.level
        self._used: set[int] = set()
        self._artists: Counter[str] = Counter()

    def take(self, candidates: Sequence[Hit]) -> bool:
        """Append the first candidate that may still come; False if there is none."""
        for hit in candidates:
            if hit.track_id in self._used:
                continue
            artist = self._artist(hit)
            if self._cap is not None and artist and self._artists[artist] >= self._cap:
                continue
            self.hits.append(hit)
            self._used.add(hit.track_id)
            self._artists[artist] += 1
            return True
        return False

    def more(self, query: Asked) -> Sequence[Hit]:
        """Search among the unused tracks alone; all of them when artists are capped."""
        unused = _excluding(self._filters, self._used)
        limit = 1 if self._cap is None else len(self._live.snapshot.tracks)
        found = self._live.searcher.search(
            query.embedding, limit=limit, filters=unused, level=self._level
        )
        return found.hits

    def _artist(self, hit: Hit) -> str:
        tracks = self._live.snapshot.tracks
        return (tracks[tracks.row_of(hit.track_id)].artist or "").casefold()


class _Shape:
    """Turns hits into items of a response."""

    def __init__(
        self, snapshot: Snapshot, scale: Scale, scoring: ScoringParams, *, explain: bool
    ) -> None:
        self._snapshot, self._scale, self._scoring = snapshot, scale, scoring
        self._explain = explain

    def items(self, hits: Sequence[Hit], asked: Sequence[Asked]) -> list[PlaylistItem]:
        tracks = self._snapshot.tracks
        places = self._on_scale([(hit.arousal, hit.valence) for hit in hits])
        wanted = self._on_scale([(query.arousal, query.valence) for query in asked[: len(hits)]])
        return [
            PlaylistItem(
                rank=rank,
                track=track_out(tracks[tracks.row_of(hit.track_id)]),
                segment=SegmentOut(start_s=hit.start_s, end_s=hit.end_s),
                score=hit.score,
                rho_sim=hit.cca,
                neg_kl=hit.neg_kl,
                arousal=place[0],
                valence=place[1],
                explanation=self._explanation(hit, want, query.at_s) if self._explain else None,
            )
            for rank, (hit, place, want, query) in enumerate(
                zip(hits, places, wanted, asked, strict=False), start=1
            )
        ]

    def scoring(self, asked: Sequence[Asked]) -> ScoringOut:
        direction = asked[0].direction if asked else "e2m"
        return ScoringOut(kind=self._scoring.kind, lam=self._scoring.lam, direction=direction)

    def _explanation(
        self, hit: Hit, wanted: tuple[float, float], at_s: float | None
    ) -> ExplanationOut:
        lam = self._scoring.lam
        return ExplanationOut(
            cca_contribution=lam * hit.cca,
            kl_contribution=(1.0 - lam) * hit.neg_kl,
            asked_arousal=wanted[0],
            asked_valence=wanted[1],
            at_s=at_s,
        )

    def _on_scale(self, emotions: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """Absolute (arousal, valence) pairs on the scale of the response."""
        values = np.asarray(emotions, dtype=np.float64).reshape(-1, 2)
        if self._scale == "relative":
            values = self._snapshot.scale.to_relative(values)
        return [(float(arousal), float(valence)) for arousal, valence in values]
