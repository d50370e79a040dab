"""Response bodies of the API. Every answer about emotions names its scale and its model."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from app.wire.schemas import NEXT_NOTE, SCALE_NOTE, Mode, Scale
from app.wire.understood import UnderstoodOut
from model.verdict import VerdictKind

MISSING = "Share of the catalogue's tracks that could not be searched: parts of it were lost."


class Shown(BaseModel):
    """A response body."""

    model_config = ConfigDict(frozen=True)


class IdentifiersOut(Shown):
    """What names a recording beyond its title; what is not known is null or empty."""

    recording_mbid: str | None = Field(None, description="MusicBrainz id of the recording.")
    track_mbid: str | None = Field(None, description="MusicBrainz id of the track of a release.")
    release_mbid: str | None = Field(None, description="MusicBrainz id of the release.")
    artist_mbids: list[str] = Field([], description="MusicBrainz ids of the artists, in order.")
    album_artist_mbids: list[str] = Field([], description="Those of the artists of the release.")
    isrcs: list[str] = Field([], description="International Standard Recording Codes.")
    album_artist: str | None = Field(None, description="Artists of the release, joined by `; `.")
    track_number: int | None = Field(None, description="Place on its disc, from 1.")
    disc_number: int | None = Field(None, description="Disc of the release, from 1.")
    compilation: bool = Field(False, description="Whether the release is by various artists.")
    inferred: list[Literal["artist", "album", "track_number", "disc_number"]] = Field(
        [], description="What no tag says, but the folders and the name of the file."
    )


class CopyOut(Shown):
    """Another file of the same recording."""

    id: int
    path: str = Field(description="Relative to its music root.")


class TrackOut(Shown):
    """A track of the catalogue."""

    id: int = Field(description="Stays the same when the file moves.", examples=[17])
    title: str | None = Field(examples=["Knalgan Theme"])
    artist: str | None = Field(description="Several are joined by `; `.", examples=["Ryan Reilly"])
    artists: list[str] = Field([], description="Each artist on its own.")
    album: str | None = None
    genre: str | None = None
    year: int | None = None
    duration_s: float | None = Field(examples=[212.4])
    path: str = Field(description="Relative to its music root.", examples=["themes/knalgan.ogg"])
    identifiers: IdentifiersOut | None = Field(
        None, description="What names the recording beyond that; null where nothing is known."
    )
    verdict: VerdictKind = Field(
        "music",
        description="What it is taken for. What is not music stays out of playlists and of the "
        "map unless it is let in.",
    )
    copies: list[CopyOut] = Field(
        [], description="Other files of the same recording; one of each recording is answered."
    )


class SegmentOut(Shown):
    """The stretch of the track that fits best."""

    start_s: float
    end_s: float


class ExplanationOut(Shown):
    """Where a score comes from: `score` is the sum of the three contributions."""

    cca_contribution: float = Field(description="lambda * rho_sim.")
    kl_contribution: float = Field(description="(1 - lambda) * neg_kl.")
    personal_contribution: float = Field(0.0, description="What the listener's own plane adds.")
    asked_valence: float = Field(description="Mean valence asked for at this place of the list.")
    asked_arousal: float = Field(description="Mean arousal asked for at this place of the list.")
    at_s: float | None = Field(None, description="Time on the curve this item stands for; journey.")


class PlaylistItem(Shown):
    """One place of a playlist."""

    rank: int = Field(description="1 is the first.")
    track: TrackOut
    segment: SegmentOut
    fit: float = Field(
        description="How near its place lies to what was asked: 1 on it, 0 at a distance of 1 or "
        "more on the response's `scale`. The order also weighs the score."
    )
    reason: str = Field(
        description="How it differs from what was asked.",
        examples=["as calm as asked, a little darker"],
    )
    score: float = Field(description="Composite similarity; larger is nearer.")
    rho_sim: float = Field(
        description="Its CCA half; of a region the mean over its points, each as far as it "
        "explains the score."
    )
    neg_kl: float = Field(
        description="Its distribution half: minus the KL divergence in nats, at most 0. Of a "
        "region, which a phrase may ask for, what `rho_sim` leaves of the score: "
        "`(score - lambda * rho_sim) / (1 - lambda)`, which may be above 0."
    )
    valence: float = Field(
        description="Of the segment, on the response's `scale`; of a track that the listener "
        "placed, where they put it."
    )
    arousal: float = Field(description="Likewise.")
    explanation: ExplanationOut | None = None


class ScoringOut(Shown):
    """How scores are made."""

    kind: str = Field(description="Which CCA half: `gaussian` or `paper`.")
    lam: float = Field(
        validation_alias=AliasChoices("lambda", "lam"),
        serialization_alias="lambda",
        description="Weight of the CCA half.",
    )
    direction: str = Field(description="`e2m`: emotion to music; `m2m`: music to music.")


class VarietyOut(Shown):
    """How far a list departs from the best one, and what that costs."""

    amount: float = Field(description="The `variety` of the request.")
    seed: int | None = Field(description="Ask with it again for the same list; null at 0.")
    replaced: int = Field(description="Items that are not in the best list of this length.")
    below_best: float = Field(
        description="How far the mean score lies below that of the best list, in nats."
    )


class NotAgainOut(Shown):
    """What stepped back because it was heard lately."""

    heard: int = Field(description="Tracks that were heard since `not_again_s` ago.")
    left_out: int = Field(description="Of these, how many were left out; the others came back.")


class UnmatchedOut(Shown):
    """A part of a filter that no track has."""

    filter: str = Field(examples=["include.genre"])
    value: str = Field(examples=["jaz"])
    near: list[str] = Field(description="What the catalogue has that looks like it.")


class PersonalOut(Shown):
    """What of a listener's own plane was applied to an answer."""

    weight: float = Field(description="How much of what was learned counts, 0 to 1.")
    placed: int = Field(description="Tracks that lie where the listener put them.")
    warped: bool = Field(description="Whether the question was moved to the model's plane.")
    residual: bool = Field(description="Whether tracks that were not placed are felt elsewhere.")


class PlaylistResponse(Shown):
    """A playlist and what it was made from."""

    snapshot_id: str
    model_id: str
    scale: Scale = Field(description=SCALE_NOTE)
    mode: Mode
    exact: bool = Field(description="Whether the ranking is proven to be the exhaustive one.")
    missing: float = Field(0.0, description=MISSING)
    variety: VarietyOut | None = Field(
        None, description="How the list departs from the best one, where it may."
    )
    not_again: NotAgainOut | None = Field(
        None, description="What stepped back, where that was asked for and anything was heard."
    )
    unmatched: list[UnmatchedOut] = Field(
        [], description="What of the filters no track of the catalogue has."
    )
    understood: UnderstoodOut | None = Field(
        None, description="How the phrase was read, where one was asked with."
    )
    scoring: ScoringOut | None = Field(None, description="Present when `explain` was asked for.")
    note: str | None = Field(None, description="What is out of the ordinary with this answer.")
    personal: PersonalOut | None = Field(
        None, description="What of the listener's own plane was applied; null without one."
    )
    items: list[PlaylistItem]


class CurvePoint(Shown):
    """Emotion at one moment with its uncertainty (standard deviations)."""

    t: float = Field(description="Seconds.")
    valence: float
    arousal: float
    valence_sd: float
    arousal_sd: float


class MeanOut(Shown):
    """Emotion of the whole clip."""

    valence: float
    arousal: float


class SimilarOut(Shown):
    """A track of the catalogue that sounds alike."""

    track: TrackOut
    segment: SegmentOut
    fit: float = Field(description="How near its place lies to the clip's, as in a playlist.")
    reason: str = Field(description="How it differs from the clip, as in a playlist.")
    score: float
    valence: float
    arousal: float


class EmotionResponse(Shown):
    """The emotion of a clip over time."""

    model_id: str
    snapshot_id: str | None = Field(description="Index `similar` comes from; null before one.")
    scale: Scale = Field(description=SCALE_NOTE)
    duration_s: float
    curve: list[CurvePoint] = Field(description="One point each 0.5 s.")
    mean: MeanOut
    similar: list[SimilarOut] = Field(description="Nearest tracks of the catalogue, best first.")
    missing: float = Field(0.0, description=MISSING)
    note: str | None = Field(None, description="Such as that a part of the file does not decode.")


class TrackListItem(TrackOut):
    """A track with its place on the plane."""

    valence: float | None = Field(
        description="Of the track as a whole, as the listener feels it; null before it is live."
    )
    arousal: float | None = Field(description="Likewise.")
    verdict_reason: str | None = Field(None, description="Why it is not taken for music.")


class TrackDetail(TrackListItem):
    """A track with what is known about its file."""

    snapshot_id: str | None
    model_id: str
    scale: Scale = Field(description=SCALE_NOTE)
    content_id: str | None = Field(description="BLAKE2b-128 of the file's bytes.")
    size_bytes: int
    status: Literal["ok", "failed", "missing"] = Field(description="`ok`: it is in the index.")
    failure_reason: str | None = Field(description="Why it is not in the index.")
    note: str | None = Field(description="Such as that a part of the file does not decode.")
    added_at: datetime
    updated_at: datetime


class TrackPageOut(Shown):
    """One page of the catalogue."""

    snapshot_id: str | None
    model_id: str
    scale: Scale = Field(description=SCALE_NOTE)
    items: list[TrackListItem]
    next_cursor: str | None = Field(description=NEXT_NOTE)


class TrackMap(Shown):
    """Every indexed track as a point of the listener's plane; the four lists belong together."""

    snapshot_id: str
    model_id: str
    scale: Scale = Field(description=SCALE_NOTE)
    ids: list[int]
    valence: list[float]
    arousal: list[float]


class GenreOut(Shown):
    """A genre that a filter may name."""

    name: str
    tracks: int = Field(description="How many have it.")


class IndexingOut(Shown):
    """How far the index run under way is."""

    files_total: int = Field(description="Audio files found; 0 while they are looked for.")
    files_done: int
    files_failed: int
    seconds_left: float | None = Field(description="Of the analysis; null while unknown.")


class LibraryOut(Shown):
    """What is indexed."""

    snapshot_id: str | None
    model_id: str
    scale: Scale = Field("relative", description="Of mood words and of answers by default.")
    tracks: int
    segments: int
    failed: int = Field(description="Files that could not be indexed.")
    verdicts: dict[str, int] = Field(description="How many tracks are taken for what.")
    copies: int = Field(description="Tracks that are further copies of a recording.")
    partial: bool = Field(
        description="Whether this is what a first index run has read so far, or until it broke off."
    )
    indexing: bool = Field(description="Whether an index run is queued or under way.")
    administered: bool = Field(description="Whether there is a token that opens `/v1/admin`.")
    progress: IndexingOut | None = Field(description="Of that run; null without one.")
    duration_s: float = Field(description="Length of all tracks together, seconds.")
    indexed_at: datetime | None
    genres: list[GenreOut] = Field(description="The hundred largest genres, the largest first.")
    moods: dict[str, MeanOut] = Field(
        description="Words `emotion.mood` understands, and where they lie on the relative scale."
    )


class Health(Shown):
    """The process answers."""

    status: Literal["ok"] = "ok"
    version: str


class Ready(Shown):
    """The service can answer queries."""

    status: Literal["ready"] = "ready"
    snapshot_id: str
    model_id: str
    tracks: int
    note: str | None = Field(
        None, description="Why answers come from another index than they should; null if not."
    )
    shards: int = Field(1, description="Parts in which the snapshot is searched.")
    shards_lost: int = Field(0, description="Parts that nobody can answer for now.")


class ProblemPlace(Shown):
    """One value of a request that cannot be used."""

    model_config = ConfigDict(frozen=True, validate_by_name=True, validate_by_alias=True)

    part: Literal["body", "query", "path", "header"] = Field(
        alias="in", description="Which part of the request."
    )
    pointer: str = Field(
        description="JSON pointer (RFC 6901) to the value in that part; parameters are members of "
        "an object. Empty: the whole of it.",
        examples=["/emotion/curve/0/valence"],
    )
    message: str


class Problem(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "type": "urn:circumplex:problem:unknown-mood",
                "title": "Unknown mood",
                "status": 422,
                "detail": "unknown mood 'clam'; did you mean calm?",
                "suggestions": ["calm"],
                "request_id": "b54adf32c1f24c4d",
            }
        },
    )

    type: str = Field(description="Names the kind of problem; stable.")
    title: str
    status: int
    detail: str
    request_id: str | None = None
    errors: list[ProblemPlace] = Field([], description="Where the request cannot be used.")
    suggestions: list[str] = Field([], description="Words that look like an unknown one.")
