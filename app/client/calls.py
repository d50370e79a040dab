"""The requests of both clients, and how their answers are read; nothing is sent here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from app.client.errors import RefusedError, UnreachableError
from app.stations.schemas import Rhythm, StationList, StationOut, StationPlaylist
from app.wire.browsing import GroupList
from app.wire.responses import (
    EmotionResponse,
    LibraryOut,
    PlaylistResponse,
    TrackDetail,
    TrackPageOut,
)
from app.wire.run_responses import IndexRunOut
from app.wire.schemas import FileFormat, Locations, PlaylistRequest, Scale

Answer = TypeVar("Answer", covariant=True)
Item = TypeVar("Item", covariant=True)
Model = TypeVar("Model", bound=BaseModel)
Question = PlaylistRequest | Mapping[str, Any]


class Page(Protocol[Item]):
    """A part of a list; the next begins at its cursor."""

    next_cursor: str | None

    @property
    def items(self) -> Sequence[Item]:
        """What it holds."""


@dataclass(frozen=True)
class Call(Generic[Answer]):
    """One request, and how its answer is read.

    Attributes:
        method: HTTP method.
        path: Below the service's address.
        read: Makes the answer of a response that is no problem.
        params: Of the query; None values are left out.
        json: The body as plain values.
        file: A name and bytes to upload.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], Answer]
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    file: tuple[str, bytes] | None = None

    def options(self) -> dict[str, Any]:
        """Of `httpx.Client.request`."""
        given = {name: value for name, value in self.params.items() if value is not None}
        options: dict[str, Any] = {"params": given}
        if self.json is not None:
            options["json"] = self.json
        if self.file is not None:
            options["files"] = {"file": self.file}
        return options

    def answer(self, response: httpx.Response) -> Answer:
        """What a response says.

        Raises:
            RefusedError: It is a problem.
            UnreachableError: It is no answer of such a service.
        """
        if response.is_error:
            raise RefusedError(response.status_code, _problem(response))
        try:
            return self.read(response)
        except (ValidationError, ValueError) as exc:
            raise UnreachableError(
                f"{response.url} answered as no Circumplex of this version does: {exc}"
            ) from exc


def headers(key: str | None) -> dict[str, str]:
    """What every request carries."""
    return {} if key is None else {"Authorization": f"Bearer {key}"}


def address(url: str) -> str:
    """The service's address as httpx wants it.

    Raises:
        UnreachableError: It is no address of the web.
    """
    if not url.startswith(("http://", "https://")):
        raise UnreachableError(f"{url!r} is no address: it begins with http:// or https://")
    return url.rstrip("/") + "/"


# Questions ----------------------------------------------------------------------------------------


def playlist(question: Question) -> Call[PlaylistResponse]:
    """Music that feels like this."""
    return Call("POST", "v1/playlists", _as(PlaylistResponse), json=_plain(question))


def playlist_file(question: Question, form: FileFormat, locations: Locations) -> Call[bytes]:
    """The same as a file."""
    params = {"format": form, "locations": locations}
    return Call("POST", "v1/playlists", _content, params, _plain(question))


def emotion(
    clip: Path | bytes, scale: Scale | None, similar: int, name: str
) -> Call[EmotionResponse]:
    """The emotion of a clip over time."""
    content = clip if isinstance(clip, bytes) else clip.read_bytes()
    known = name if isinstance(clip, bytes) else clip.name
    params = {"scale": scale, "similar": similar}
    return Call("POST", "v1/emotions", _as(EmotionResponse), params, file=(known, content))


# The library --------------------------------------------------------------------------------------


def library() -> Call[LibraryOut]:
    """What is indexed."""
    return Call("GET", "v1/library", _as(LibraryOut))


def tracks(filters: Mapping[str, Any], cursor: str | None) -> Call[TrackPageOut]:
    """A page of the catalogue."""
    return Call("GET", "v1/tracks", _as(TrackPageOut), {**filters, "cursor": cursor})


def track(track_id: int) -> Call[TrackDetail]:
    """One track."""
    return Call("GET", f"v1/tracks/{track_id}", _as(TrackDetail))


def track_emotion(track_id: int, scale: Scale, similar: int) -> Call[EmotionResponse]:
    """The emotion of a track over time."""
    params = {"scale": scale, "similar": similar}
    return Call("GET", f"v1/tracks/{track_id}/emotion", _as(EmotionResponse), params)


def artists(q: str, cursor: str | None) -> Call[GroupList]:
    """A page of the artists."""
    return Call("GET", "v1/artists", _as(GroupList), {"q": q or None, "cursor": cursor})


# Stations -----------------------------------------------------------------------------------------


def stations(cursor: str | None) -> Call[StationList]:
    """A page of the stations."""
    return Call("GET", "v1/stations", _as(StationList), {"cursor": cursor})


def create_station(name: str, question: Question, rhythm: Rhythm) -> Call[StationOut]:
    """Save a question under a name."""
    body = {"name": name, "question": _plain(question), "rhythm": rhythm}
    return Call("POST", "v1/stations", _as(StationOut), json=body)


def delete_station(station_id: str) -> Call[None]:
    """Delete a station."""
    return Call("DELETE", f"v1/stations/{station_id}", _nothing)


def station_playlist(station_id: str, seed: str | None) -> Call[StationPlaylist]:
    """The music of a station now."""
    path = f"v1/stations/{station_id}/playlist"
    return Call("GET", path, _as(StationPlaylist), {"seed": seed, "format": "json"})


def station_file(
    station_id: str, form: FileFormat, locations: Locations, seed: str | None
) -> Call[bytes]:
    """The same as a file."""
    params = {"seed": seed, "format": form, "locations": locations}
    return Call("GET", f"v1/stations/{station_id}/playlist", _content, params)


# Index runs ---------------------------------------------------------------------------------------


def start_index(
    roots: Sequence[str] | None, *, full: bool, only: bool, allow_shrink: bool
) -> Call[IndexRunOut]:
    """Queue an index run."""
    body: dict[str, Any] = {"full": full, "only": only, "allow_shrink": allow_shrink}
    if roots:
        body["roots"] = list(roots)
    return Call("POST", "v1/admin/index-runs", _as(IndexRunOut), json=body)


def index_run(run_id: int) -> Call[IndexRunOut]:
    """State and progress of a run."""
    return Call("GET", f"v1/admin/index-runs/{run_id}", _as(IndexRunOut))


def cancel_index(run_id: int) -> Call[IndexRunOut]:
    """End a run before its next file."""
    return Call("DELETE", f"v1/admin/index-runs/{run_id}", _as(IndexRunOut))


def _as(model: type[Model]) -> Callable[[httpx.Response], Model]:
    return lambda response: model.model_validate_json(response.content)


def _content(response: httpx.Response) -> bytes:
    return response.content


def _nothing(_response: httpx.Response) -> None:
    return None


def _plain(question: Question) -> Any:
    if isinstance(question, PlaylistRequest):
        return question.model_dump(mode="json", exclude_unset=True)
    return dict(question)


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        document = None
    known = isinstance(document, dict)
    return document if known else {"detail": f"{response.url} answered {response.status_code}"}
