"""One call of the protocol: its parameters, who makes it, and what it may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from anyio import CapacityLimiter
from fastapi import Request

from app.desk import Places
from app.http.origins import Origins
from app.library.live import Live
from app.services import Services
from app.subsonic.answers import LargeBodies
from app.subsonic.errors import FORBIDDEN, MISSING, NOT_FOUND, SubsonicError
from app.subsonic.library import Album, Artist, Libraries, MusicLibrary, Song
from app.subsonic.station_answers import StationAnswers
from app.subsonic.transcode import Transcodes
from indexer.catalog.listening import Mark, Played
from indexer.catalog.profiles import MACHINE
from model.emotion_model import EmotionModel

Params = dict[str, list[str]]
Item = TypeVar("Item")
MAX_COUNT = 500
LISTERS = 2  # lists made at a time: more only keep each other, and health, waiting
LIST_PLACES = 128  # half of them for one client


@dataclass(frozen=True)
class Listener:
    """Who calls.

    Attributes:
        name: Of the key, or the user name that was given.
        may_write: Whether playlists, stars and plays may be kept.
        is_admin: Whether the key may do everything.
        profile: Whose plane answers.
    """

    name: str
    may_write: bool
    is_admin: bool
    profile: str = MACHINE


@dataclass(frozen=True)
class Shared:
    """What calls share: made once, with the routes.

    Attributes:
        libraries: The music as players browse it.
        stations: Their music.
        transcodes: Those under way.
        large: Answers that are large.
        turns: Whose turn it is to make a list.
        waiting: Who waits for that.
    """

    libraries: Libraries
    stations: StationAnswers
    transcodes: Transcodes
    large: LargeBodies = field(default_factory=LargeBodies)
    turns: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(LISTERS))
    waiting: Places = field(default_factory=lambda: Places(LIST_PLACES, "lists wait"))


@dataclass(frozen=True)
class SubsonicCall:
    """One call.

    Attributes:
        request: As it came.
        params: Of the query and the form, each with its values.
        listener: Who calls.
        services: What requests share.
        shared: What calls share.
    """

    request: Request
    params: Params
    listener: Listener
    services: Services
    shared: Shared

    @cached_property
    def live(self) -> Live:
        """The snapshot that answers.

        Raises:
            NotReadyError: There is none.
        """
        return self.services.live.current()

    @cached_property
    def felt(self) -> Live:
        """The same on the plane of the listener, if they have one."""
        return self.services.planes.live_of(self.listener.profile, self.live)

    @cached_property
    def model(self) -> EmotionModel:
        """The model that the snapshot is asked with."""
        return self.services.model_of(self.live)

    @cached_property
    def library(self) -> MusicLibrary:
        """The music as players browse it."""
        return self.shared.libraries.of(self.live, self.services.catalog)

    def mood_of(self, song: Song) -> str:
        """The mood word nearest to where the listener feels a song."""
        return self.felt.mood_words[self.felt.snapshot.tracks.row_of(song.track.id)]

    @cached_property
    def marks(self) -> dict[str, Mark]:
        """Stars and ratings of the listener."""
        return self.services.catalog.marks_of(self.listener.name)

    @cached_property
    def plays(self) -> dict[int, Played]:
        """What the listener has played."""
        return self.services.catalog.plays_of(self.listener.name)

    def require_write(self) -> None:
        """Let pass who may keep things.

        GET is no sign here that nothing changes, so the page of another site is judged as if it
        had sent a form.

        Raises:
            SubsonicError: The key may only read, or the page of another site asks.
        """
        settings = self.services.settings
        origins = Origins(settings.resolved_trusted_hosts, settings.cors_origins)
        if origins.is_foreign("POST", self.request.headers):
            raise SubsonicError(
                FORBIDDEN,
                "the page of another site may not do this: name its origin in "
                "CIRCUMPLEX_CORS_ORIGINS if it should",
            )
        if not self.listener.may_write:
            raise SubsonicError(FORBIDDEN, "this key may not write: give it the scope `write`")

    # Parameters ------------------------------------------------------------------------------

    def text(self, name: str, default: str | None = None) -> str:
        """A parameter.

        Raises:
            SubsonicError: It is missing and has no default.
        """
        values = self.params.get(name)
        if values:
            return values[0]
        if default is None:
            raise SubsonicError(MISSING, f"the parameter {name} is missing")
        return default

    def optional(self, name: str) -> str | None:
        """A parameter that may be missing."""
        values = self.params.get(name)
        return values[0] if values else None

    def all(self, name: str) -> Sequence[str]:
        """Every value of a parameter."""
        return self.params.get(name, [])

    def number(self, name: str, default: int, *, least: int = 0, most: int = MAX_COUNT) -> int:
        """A whole number, kept within its bounds; of one with a fraction that is left out.

        Raises:
            SubsonicError: It is no number.
        """
        value = self.optional(name)
        if value is None or not value.strip():
            return default
        try:
            return max(least, min(int(float(value)), most))
        except (ValueError, OverflowError) as exc:
            raise SubsonicError(MISSING, f"{name}={value[:40]!r} is no number") from exc

    def flag(self, name: str) -> bool | None:
        """A truth value; None where it is missing."""
        value = self.optional(name)
        return None if value is None else value.strip().lower() in {"true", "1"}

    # Things ----------------------------------------------------------------------------------

    def song(self, song_id: str) -> Song:
        """A song of the library.

        Raises:
            SubsonicError: There is none of this id.
        """
        return _found(self.library.songs, song_id, "song")

    def album(self, album_id: str) -> Album:
        """An album of the library.

        Raises:
            SubsonicError: There is none of this id.
        """
        return _found(self.library.albums, album_id, "album")

    def artist(self, artist_id: str) -> Artist:
        """An artist of the library.

        Raises:
            SubsonicError: There is none of this id.
        """
        return _found(self.library.artists, artist_id, "artist")

    def starred_at(self, item: str) -> datetime | None:
        """Since when an item has the listener's star."""
        mark = self.marks.get(item)
        return mark.starred_at if mark else None


def _found(known: Mapping[str, Item], item_id: str, kind: str) -> Item:
    found = known.get(item_id)
    if found is None:
        raise SubsonicError(NOT_FOUND, f"no {kind} {item_id[:64]!r}")
    return found
