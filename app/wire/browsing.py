"""What goes over the wire about groups of tracks and lists that scroll."""

from __future__ import annotations

from pydantic import Field

from app.wire.responses import Shown, TrackOut, UnmatchedOut
from app.wire.schemas import NEXT_NOTE, SCALE_NOTE, Scale
from app.wire.understood import UnderstoodOut


class GroupOut(Shown):
    """Tracks that have an artist, an album, a genre or a folder in common."""

    name: str = Field(description="What a filter calls it.", examples=["Ryan Reilly"])
    tracks: int = Field(description="How many recordings.")
    duration_s: float = Field(description="Length of these together, seconds.")
    valence: float = Field(
        description="Mean over these, relative scale, as the listener feels them."
    )
    arousal: float = Field(description="Likewise.")
    artists: list[str] = Field(
        [], description="Of an album: the artists of most of its tracks, two at most."
    )


class GroupList(Shown):
    """Groups, those that fit best first."""

    snapshot_id: str
    total: int = Field(description="How many there are, with those before and behind the items.")
    items: list[GroupOut]
    next_cursor: str | None = Field(description=NEXT_NOTE)


class ListedTrack(TrackOut):
    """A track with its place on the plane."""

    valence: float
    arousal: float


class TrackListing(Shown):
    """A part of a long list of tracks."""

    snapshot_id: str
    model_id: str
    scale: Scale = Field(description=SCALE_NOTE)
    total: int = Field(description="How many there are, with those before and behind the items.")
    duration_s: float = Field(description="Length of all of them together, seconds.")
    unmatched: list[UnmatchedOut] = Field([], description="Terms that no track has.")
    items: list[ListedTrack]


class FeelingRead(Shown):
    """How a phrase is read."""

    text: str
    understood: UnderstoodOut | None = Field(description="Null where no word of it is a feeling.")
    near: list[str] = Field(
        description="Words of the lexicon that look like those that were not understood."
    )
    completions: list[str] = Field(
        description="Phrases that go on from this one, its last word finished."
    )
