"""Request bodies of the API, with their bounds, units and examples."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    FailFast,
    Field,
    Tag,
    model_validator,
)

from model.curves.curve import MAX_KEYFRAMES
from model.feelings.reader import MOST_LETTERS


def _as_int(value: Any) -> Any:
    """20.0 is an integer in JSON; text and truth values are none."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Scale = Literal["absolute", "relative"]
Mode = Literal["match", "journey"]
Level = Literal["track", "segment"]
FileFormat = Literal["m3u8", "xspf", "jspf", "csv"]
Locations = Literal["path", "url"]
AffectValue = Annotated[float, Field(ge=-1.0, le=1.0, allow_inf_nan=False)]
AsInt = BeforeValidator(_as_int)
TrackId = Annotated[
    int, Field(ge=1, le=2**31 - 1, description="Id of a track of the catalogue."), AsInt
]
MOST_ITEMS = 500
MOST_SEEDS = 20  # tracks that music may be asked to be like
Count = Annotated[int, Field(ge=1, le=MOST_ITEMS), AsInt]
PlayingTime = Annotated[float, Field(ge=1.0, le=1e6, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1), AsInt]
Year = Annotated[int, Field(ge=0, le=9999), AsInt]
Decade = Annotated[int, Field(ge=0, le=9990, multiple_of=10), AsInt]
FolderName = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[^\x00]*$")]
Phrase = Annotated[str, Field(min_length=1, max_length=MOST_LETTERS, pattern=r"^[^\x00]*$")]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]

SCALE_NOTE = (
    "`absolute`: the annotators' scale, of which whole songs fill only the middle. `relative`: "
    "-1..1 are quantiles of the indexed catalogue, so that 1 is the most there is."
)
NEXT_NOTE = "Pass as `cursor` for the next page; null at the last."


MOST_MEMBERS = 64  # of an object; a body of many unknown ones makes as many errors, slowly


class Closed(BaseModel):
    """Part of a request: unknown members and silent conversions are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _few_members(value: Any) -> Any:
    """Refuse an object of many members before each of them is looked at."""
    if isinstance(value, dict) and len(value) > MOST_MEMBERS:
        raise ValueError(f"{len(value)} members; an object here has at most {MOST_MEMBERS}")
    return value


def _each_few_members(values: Any) -> Any:
    if isinstance(values, list):
        for value in values:
            _few_members(value)
    return values


class Strict(Closed):
    """A request body or an object in it, of few members."""

    @model_validator(mode="before")
    @classmethod
    def _is_small(cls, value: Any) -> Any:
        return _few_members(value)


class KeyframeIn(Closed):
    """The emotion at one moment; between two moments it moves in a straight line."""

    t: float = Field(
        ge=0.0, le=86_400.0, allow_inf_nan=False, description="Seconds from the start of the curve."
    )
    valence: AffectValue = Field(description="Unpleasant (-1) to pleasant (1).")
    arousal: AffectValue = Field(description="Sleepy (-1) to activated (1).")


class CurveEmotion(Strict):
    """An emotion over time."""

    curve: Annotated[
        list[KeyframeIn],
        Field(min_length=1, max_length=MAX_KEYFRAMES),
        FailFast(),
        BeforeValidator(_each_few_members),
    ] = Field(
        description="Keyframes with increasing `t`, best a microsecond apart or more; a single one "
        "is a steady emotion.",
        examples=[
            [
                {"t": 0, "valence": -0.4, "arousal": -0.6},
                {"t": 60, "valence": 0.7, "arousal": 0.8},
            ]
        ],
    )

    @model_validator(mode="after")
    def _times_increase(self) -> Self:
        for index in range(1, len(self.curve)):
            before, after = self.curve[index - 1].t, self.curve[index].t
            if after <= before:
                raise ValueError(
                    f"t must increase: keyframe {index} has t={after:g} after t={before:g}"
                )
        return self


class MoodEmotion(Strict):
    """An emotion by its name, always read on the relative scale."""

    mood: Annotated[str, Field(min_length=1, max_length=64)] = Field(
        description="A word of the lexicon, in any of its languages, as a point of the plane.",
        examples=["calm", "wistful", "triumphant"],
    )


class TextEmotion(Strict):
    """An emotion in one's own words, in any of ten languages, always read on the relative scale."""

    text: Phrase = Field(
        description="A phrase such as `sad but hopeful`, `not sad`, `calm then triumphant` or `an "
        "hour of focus`. The answer's `understood` says how it was read. A sequence is a journey "
        "unless `mode` is given; a length that it names is `duration_s` unless that is given.",
        examples=["sad but hopeful"],
    )


class TrackEmotion(Strict):
    """The emotion of a track: music that feels like it."""

    track_id: TrackId = Field(examples=[1])


class TracksEmotion(Strict):
    """The emotion of several tracks: music that feels like all of them, each counting the same."""

    tracks: Annotated[list[TrackId], Field(min_length=1, max_length=MOST_SEEDS)] = Field(
        description="Ids of tracks; one that is named twice counts once. As a journey they are "
        "passed by in this order.",
        examples=[[2, 9]],
    )


def _emotion_kind(value: Any) -> str | None:
    """Which of the five ways of naming an emotion `value` uses; None unless exactly one."""
    kinds = ("curve", "mood", "text", "track_id", "tracks")
    present = [
        kind
        for kind in kinds
        if (kind in value if isinstance(value, dict) else hasattr(value, kind))
    ]
    return present[0] if len(present) == 1 else None


Emotion = Annotated[
    Annotated[CurveEmotion, Tag("curve")]
    | Annotated[MoodEmotion, Tag("mood")]
    | Annotated[TextEmotion, Tag("text")]
    | Annotated[TrackEmotion, Tag("track_id")]
    | Annotated[TracksEmotion, Tag("tracks")],
    Discriminator(
        _emotion_kind,
        custom_error_type="emotion_kind",
        custom_error_message="give exactly one of curve, mood, text, track_id and tracks",
    ),
]


class YearRange(Strict):
    """Years, both ends included."""

    min: Year | None = Field(None, description="First year.")
    max: Year | None = Field(None, description="Last year.")


class DurationRange(Strict):
    """Seconds, both ends included."""

    min: float | None = Field(None, ge=0, le=1e6, allow_inf_nan=False, description="Shortest, s.")
    max: float | None = Field(None, ge=0, le=1e6, allow_inf_nan=False, description="Longest, s.")


class FilterTerms(Strict):
    """Properties of tracks; a track has them all where each list that is given holds one of it."""

    genre: list[Name] = Field([], max_length=100, description="One of its genres.")
    artist: list[Name] = Field([], max_length=100, description="One of its artists.")
    album: list[Name] = Field([], max_length=100, description="Its album.")
    folder: list[FolderName] = Field(
        [],
        max_length=100,
        description="A folder it lies in: one or several of the path's parts; after a slash they "
        "begin at the music root.",
    )
    title: list[Name] = Field(
        [], max_length=100, description="Words that stand in its title, such as `live`."
    )
    decade: list[Decade] = Field([], max_length=100, description="Its decade, such as 1990.")
    duration_s: DurationRange | None = Field(None, description="Length of the track.")


NotMusic = Literal["speech", "noise", "short"]


class IncludedTerms(FilterTerms):
    """Properties that tracks must have; and what may appear though it is no music."""

    verdict: list[NotMusic] = Field(
        [],
        max_length=3,
        description="What may appear besides music: `speech`, `noise` (tones too), `short` (under "
        "20 s, or much shorter than the other music).",
    )


class Filters(Strict):
    """Which tracks may appear. Every filter that is given must hold."""

    genre: list[Name] = Field([], max_length=100, description="Any of these genres.")
    artist: list[Name] = Field([], max_length=100, description="Any of these artists.")
    year: YearRange | None = Field(None, description="Release year; tracks without one are out.")
    duration_s: DurationRange | None = Field(None, description="Length of the track.")
    exclude_ids: Annotated[list[TrackId], FailFast()] = Field(
        [], max_length=10_000, description="None of these tracks, nor copies of their recordings."
    )
    include: IncludedTerms | None = Field(None, description="Only tracks that have all of these.")
    exclude: FilterTerms | None = Field(None, description="No track that has any of these.")


class Way(Strict):
    """Tracks that a journey must pass by, whatever its filters say."""

    first: TrackId | None = Field(None, description="The track at its first place.")
    via: list[TrackId] = Field(
        [],
        max_length=MOST_SEEDS,
        description="Tracks on the way, in this order, each where the curve is nearest to it.",
    )
    last: TrackId | None = Field(None, description="The track at its last place.")

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.tracks)) < len(self.tracks):
            raise ValueError("a journey passes by a track once: name each one once")
        return self

    @property
    def tracks(self) -> list[int]:
        """All of them, in order."""
        every = (self.first, *self.via, self.last)
        return [track for track in every if track is not None]


class PlaylistRequest(Strict):
    """What the playlist should feel like."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"emotion": {"mood": "calm"}, "limit": 10},
                {"emotion": {"text": "sad but hopeful"}, "limit": 10},
                {"emotion": {"tracks": [2, 9]}, "limit": 10},
                {
                    "emotion": {
                        "curve": [
                            {"t": 0, "valence": 0.2, "arousal": -0.8},
                            {"t": 1800, "valence": 0.8, "arousal": 0.9},
                        ]
                    },
                    "mode": "journey",
                    "duration_s": 1800,
                    "max_per_artist": 2,
                },
            ]
        }
    )

    emotion: Emotion = Field(
        description="Exactly one of `curve`, `mood`, `text`, `track_id` and `tracks`."
    )
    mode: Mode = Field(
        "match",
        description="`match`: every item resembles the whole emotion, best first. `journey`: the "
        "items follow the curve through time, one after the other, chosen so that they fit it best "
        "together.",
    )
    level: Level = Field(
        "track",
        description="What has to feel like it: the `track` as a whole, or the `segment` of it "
        "that does so most.",
    )
    limit: Count = Field(
        20, description="Most items to return; with `duration_s`, 500 unless it is given."
    )
    duration_s: PlayingTime | None = Field(
        None,
        description="About how long the playlist should last, s: it has as many items as come "
        "nearest to it. A journey along a `curve` lasts as long as that, unless this or `limit` is "
        "given.",
    )
    way: Way | None = Field(None, description="Tracks that a journey must pass by.")
    scale: Scale = Field("relative", description=SCALE_NOTE + " Of the curve and of the answer.")
    filters: Filters | None = Field(None, description="Which tracks may appear.")
    max_per_artist: Count | None = Field(
        None,
        description="Most items by one artist; tracks without one are free. Left out: two in "
        "twenty, as far as others are there, unless artists are asked for. Null: any number.",
    )
    variety: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        description="0: the best list. More: drawn from those that fit about as well, a track "
        "with the chance exp(score / variety).",
    )
    seed: Seed | None = Field(
        None, description="What the draw depends on; left out: another one each time."
    )
    not_again_s: float | None = Field(
        None,
        ge=0.0,
        le=1e9,
        allow_inf_nan=False,
        description="Leave out what was heard in the last so many seconds (`POST /v1/plays`, "
        "Subsonic's `scrobble`). Where too few are left, what was heard longest ago comes back.",
    )
    explain: bool = Field(False, description="Say how each score came about.")

    @property
    def places(self) -> int:
        """Most items to return."""
        filled = self.duration_s is not None and "limit" not in self.model_fields_set
        return MOST_ITEMS if filled else self.limit


class IndexRunRequest(Strict):
    """What to index."""

    roots: list[FolderName] | None = Field(
        None,
        max_length=100,
        description="Folders inside the configured music roots; all of the roots by default.",
    )
    full: bool = Field(False, description="Analyse unchanged files again too.")
    only: bool = Field(False, description="Let tracks outside these folders leave the index.")
    allow_shrink: bool = Field(
        False,
        description="Accept that more than a fifth of the tracks of a folder, or all, are gone; "
        "otherwise such a run fails, because a disk may not be mounted.",
    )
