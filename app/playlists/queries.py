"""What a playlist request asks for: its emotion as a query, and which tracks may answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from app.library.live import Live
from app.playlists.phrases import read
from app.playlists.variety import Variety
from app.wire.responses import UnmatchedOut
from app.wire.schemas import (
    CurveEmotion,
    Emotion,
    Filters,
    FilterTerms,
    MoodEmotion,
    PlaylistRequest,
    TextEmotion,
    TrackEmotion,
    TracksEmotion,
)
from indexer.search.request import AnyOf, QueryPlaces
from indexer.snapshot.filters import NO_TERMS, TrackFilter, TrackTerms
from indexer.snapshot.reader import Snapshot
from model.arrays import Doubles, Floats
from model.curves.curve import EmotionCurve, Keyframe
from model.embedding import Embedding
from model.feelings import moods
from model.personal.scale import PersonalScale
from model.scoring import Direction, ScoringParams

BETWEEN_S = 60.0  # from track to track, where a journey passes by several


class QueryModel(Protocol):
    """The part of the model that queries need."""

    model_id: str
    scoring: ScoringParams

    def embed_emotion(self, curves: Sequence[EmotionCurve]) -> Embedding:
        """The embedding of absolute curves, one row each."""


@dataclass(frozen=True)
class EmbeddedQuery:
    """What one search asks for.

    Attributes:
        embedding: One row; of a region as many as it has points.
        direction: From emotion to music, or from music to music.
        valence: Mean valence asked for, absolute.
        arousal: Mean arousal asked for, absolute.
        at_s: Middle of the piece of a journey.
        any_of: What the points of a region count, any of which will do; None: there is one row.
        points: (arousal, valence) of those points, absolute, [P, 2].
        heard: (arousal, valence) of what was embedded, absolute, where it is another place than
            the one asked for: of tracks that a listener feels elsewhere.
    """

    embedding: Embedding
    direction: Direction
    valence: float
    arousal: float
    at_s: float | None = None
    any_of: AnyOf | None = None
    points: Doubles | None = None
    heard: tuple[float, float] | None = None


def query_places(queries: Sequence[EmbeddedQuery]) -> QueryPlaces:
    """Where queries lie on the plane; of a region all its points do."""
    if len(queries) == 1 and queries[0].points is not None:
        return QueryPlaces(queries[0].points, queries[0].points)
    felt = [(each.arousal, each.valence) for each in queries]
    heard = [each.heard or place for each, place in zip(queries, felt, strict=True)]
    return QueryPlaces(np.array(felt).reshape(-1, 2), np.array(heard).reshape(-1, 2))


@dataclass(frozen=True)
class FeelingQuery:
    """An emotion before it is embedded.

    Attributes:
        curves: On the absolute scale; several are the points of a region.
        any_of: What those points count; None for a single curve.
    """

    curves: tuple[EmotionCurve, ...]
    any_of: AnyOf | None = None

    def embedded(self, embedding: Embedding) -> EmbeddedQuery:
        """The query, from the curves' embedding, a row each."""
        means = np.array([curve.sampled(64).mean(axis=0) for curve in self.curves])
        weights = np.ones(1) if self.any_of is None else self.any_of.weights
        arousal, valence = weights @ means
        points = None if self.any_of is None else means
        return EmbeddedQuery(
            embedding, "e2m", float(valence), float(arousal), any_of=self.any_of, points=points
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


def seeds_of(emotion: Emotion) -> tuple[int, ...]:
    """The tracks that music is asked to be like, each once; none where a feeling is named."""
    if isinstance(emotion, TracksEmotion):
        return tuple(dict.fromkeys(emotion.tracks))
    return (emotion.track_id,) if isinstance(emotion, TrackEmotion) else ()


def felt_by(live: Live, asked: EmbeddedQuery, seeds: Sequence[int]) -> EmbeddedQuery:
    """The query of tracks, asked where its listener feels them."""
    place = live.felt_at(tuple(seeds))
    if place is None:
        return asked
    heard = asked.arousal, asked.valence
    return replace(asked, arousal=place[0], valence=place[1], heard=heard)


def music_query(live: Live, seeds: Sequence[int]) -> EmbeddedQuery:
    """Tracks as one query for music like all of them, asked where its listener feels them.

    Raises:
        TrackNotFoundError: The snapshot lacks one.
    """
    return felt_by(live, tracks_query(live.snapshot, seeds), seeds)


def tracks_query(snapshot: Snapshot, seeds: Sequence[int]) -> EmbeddedQuery:
    """Tracks as one query for music like all of them.

    A score is linear in the query's variates and in its first two moments, so the mixture of the
    tracks, as one Gaussian, scores each candidate by the mean of what the tracks score it, but for
    a constant (ADR 0048); exactly so with the `gaussian` half.

    Raises:
        TrackNotFoundError: The snapshot lacks one.
    """
    found = [track_query(snapshot, snapshot.tracks.row_of(seed)) for seed in seeds]
    arousal, valence = np.mean([emotion for _, emotion in found], axis=0)
    together = whole(Embedding.concatenate([embedding for embedding, _ in found]))
    return EmbeddedQuery(together, "m2m", float(valence), float(arousal))


def feeling_query(request: PlaylistRequest, snapshot: Snapshot) -> FeelingQuery:
    """What a request that names a feeling asks a whole list for: a curve, or a region."""
    emotion = request.emotion
    if isinstance(emotion, TextEmotion):
        understanding = read(emotion.text)
        if not understanding.moves:
            points = understanding.steps[0].points
            curves = [EmotionCurve.constant(*place) for place in points.places.tolist()]
            any_of = AnyOf(points.weights, points.among)
            return FeelingQuery(tuple(c.mapped(snapshot.scale) for c in curves), any_of)
    return FeelingQuery((absolute_curve(request, snapshot),))


def absolute_curve(request: PlaylistRequest, snapshot: Snapshot) -> EmotionCurve:
    """The curve a request asks for, absolute, where the model hears it."""
    emotion, scale = request.emotion, snapshot.scale
    if isinstance(emotion, MoodEmotion):
        return moods.mood_curve(emotion.mood).mapped(scale)
    if isinstance(emotion, TextEmotion):
        return read(emotion.text).curve().mapped(scale)
    if isinstance(emotion, CurveEmotion):
        curve = EmotionCurve(tuple(Keyframe(k.t, k.valence, k.arousal) for k in emotion.curve))
        if request.scale == "relative":
            return curve.mapped(scale)
        return curve.translated(scale.heard) if isinstance(scale, PersonalScale) else curve
    seeds = seeds_of(emotion)
    places = [track_query(snapshot, snapshot.tracks.row_of(seed))[1] for seed in seeds]
    if len(seeds) == 1:
        _, mean, _ = snapshot.curve(seeds[0])
        return EmotionCurve.from_values(np.clip(mean, -1.0, 1.0))
    return EmotionCurve(
        tuple(
            Keyframe(index * BETWEEN_S, float(valence), float(arousal))
            for index, (arousal, valence) in enumerate(np.clip(places, -1.0, 1.0))
        )
    )


def allowed(request: PlaylistRequest) -> TrackFilter | None:
    """Which tracks may answer; a track is not similar to itself, so those asked with are out."""
    filters = _track_filter(request.filters)
    seeds = seeds_of(request.emotion)
    return excluding(filters, set(seeds)) if seeds else filters


def excluding(filters: TrackFilter | None, track_ids: set[int]) -> TrackFilter:
    """The filter that lets `track_ids` out too."""
    filters = filters or TrackFilter()
    return replace(filters, exclude_ids=filters.exclude_ids | track_ids)


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
        include=track_terms(filters.include),
        exclude=track_terms(filters.exclude),
        let_in=tuple(filters.include.verdict) if filters.include else (),
    )


def variety_of(request: PlaylistRequest) -> Variety:
    """How the list is chosen from the ranking."""
    filters = request.filters
    artists = filters and (filters.artist or (filters.include and filters.include.artist))
    spread = "max_per_artist" not in request.model_fields_set and not artists
    return Variety(request.variety, request.seed or 0, spread)


def unmatched(request: PlaylistRequest, snapshot: Snapshot) -> list[UnmatchedOut]:
    """What of the request's filters no track has, with what is nearest to it."""
    filters = _track_filter(request.filters)
    if filters is None:
        return []
    named = {
        "": TrackTerms(genre=filters.genre, artist=filters.artist),
        "include.": filters.include,
        "exclude.": filters.exclude,
    }
    return [
        UnmatchedOut(filter=where + each.name, value=each.value, near=list(each.near))
        for where, terms in named.items()
        for each in snapshot.tracks.unmatched(terms)
    ]


def track_terms(terms: FilterTerms | None) -> TrackTerms:
    """Terms of a request as a filter's; none where none are given."""
    if terms is None:
        return NO_TERMS
    duration = terms.duration_s
    return TrackTerms(
        genre=tuple(terms.genre),
        artist=tuple(terms.artist),
        album=tuple(terms.album),
        folder=tuple(terms.folder),
        title=tuple(terms.title),
        decade=tuple(terms.decade),
        duration_min_s=duration.min if duration else None,
        duration_max_s=duration.max if duration else None,
    )
