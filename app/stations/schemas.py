"""What goes over the wire about stations."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from app.wire.responses import PlaylistResponse, Shown
from app.wire.schemas import NEXT_NOTE, PlaylistRequest, Strict

RHYTHM_NOTE = (
    "`daily`: other music of about equal fit each day, chosen by the date; `none`: always the best."
)
Rhythm = Literal["none", "daily"]
StationName = Annotated[
    str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*\S[^\x00-\x1f]*$")
]


class StationIn(Strict):
    """A question to save under a name."""

    name: StationName = Field(examples=["Calm evening"])
    question: PlaylistRequest = Field(description="What `POST /v1/playlists` takes.")
    rhythm: Rhythm = Field("none", description=RHYTHM_NOTE)


class StationAddresses(Shown):
    """Where players load the station; under required keys signed by the key that asked."""

    m3u8: str
    m3u: str


class StationOut(Shown):
    """A saved question."""

    id: str = Field(description="Stays when the station changes.")
    name: str
    question: dict[str, Any] = Field(description="As it was given.")
    rhythm: Rhythm = Field(description=RHYTHM_NOTE)
    created_at: datetime
    updated_at: datetime
    addresses: StationAddresses


class StationList(Shown):
    """Stations, by name."""

    items: list[StationOut]
    next_cursor: str | None = Field(description=NEXT_NOTE)


class StationPlaylist(PlaylistResponse):
    """The music of a station now."""

    station_id: str
    seed: str | None = Field(description="What chose among answers of about equal fit.")
    below_best: float = Field(
        description="How far the mean score lies below that of the best answer, nats; 0 without "
        "a seed."
    )
