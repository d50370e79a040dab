"""Playlists: stations first, which no player changes; then those that listeners arranged.

`readonly` and `validUntil`, which the protocol offers for stations, are left out: there are clients
whose models refuse any member that they do not know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, time
from functools import partial
from typing import Any, TypeVar

from app.routes.plays import heard_by
from app.subsonic.answers import moment, present
from app.subsonic.call import SubsonicCall
from app.subsonic.errors import FORBIDDEN, MISSING, NOT_FOUND, SubsonicError
from app.subsonic.library import Song
from app.subsonic.shapes import song_tree
from app.subsonic.station_answers import Heard, asked_by
from indexer.catalog.listening import SavedPlaylist
from indexer.catalog.stations import Station
from indexer.errors import PlaylistNotFoundError, StationNotFoundError

Result = TypeVar("Result")
STATION, SAVED = "st-", "pl-"
STATION_OWNER = "circumplex"
MOST_TRACKS = 10_000


def get_playlists(call: SubsonicCall) -> dict[str, Any]:
    """Stations, then the listener's own and the public ones, each by name."""
    catalog = call.services.catalog
    stations = [_station(each, call)[0] for each in catalog.list_stations()]
    saved = [_saved(each, call)[0] for each in catalog.playlists_of(call.listener.name)]
    return {"playlists": {"playlist": [*stations, *saved]}}


def get_playlist(call: SubsonicCall) -> dict[str, Any]:
    """A playlist with its songs."""
    asked = call.text("id")
    if asked.startswith(STATION):
        return _with_songs(*_station(station_called(call, asked), call), call)
    return _with_songs(*_saved(_visible(call, asked), call), call)


def create_playlist(call: SubsonicCall) -> dict[str, Any]:
    """Make a playlist, or (with `playlistId`) put other songs into one."""
    call.require_write()
    tracks = [call.song(each).track.id for each in call.all("songId")]
    known = call.optional("playlistId")
    catalog = call.services.catalog
    if known is not None:
        before = _own(call, known)
        name = call.optional("name") or before.name
        catalog.change_playlist(replace(before, name=name, track_ids=_bounded(tracks)))
        made = catalog.saved_playlist(before.id)
    else:
        name = call.text("name").strip()
        if not name:
            raise SubsonicError(MISSING, "a playlist needs a name")
        made = catalog.create_playlist(call.listener.name, name[:200], _bounded(tracks))
    return _with_songs(*_saved(made, call), call)


def update_playlist(call: SubsonicCall) -> dict[str, Any]:
    """Rename a playlist, add songs to it and take songs out."""
    call.require_write()
    before = _own(call, call.text("playlistId"))
    out = {_index(each) for each in call.all("songIndexToRemove")}
    kept = [each for index, each in enumerate(before.track_ids) if index not in out]
    kept += [call.song(each).track.id for each in call.all("songIdToAdd")]
    public, comment = call.flag("public"), call.optional("comment")
    changed = replace(
        before,
        name=(call.optional("name") or before.name)[:200],
        comment=before.comment if comment is None else comment[:2000],
        public=before.public if public is None else public,
        track_ids=_bounded(kept),
    )
    call.services.catalog.change_playlist(changed)
    return {}


def delete_playlist(call: SubsonicCall) -> dict[str, Any]:
    """Forget a playlist of the listener's own."""
    call.require_write()
    call.services.catalog.delete_playlist(_own(call, call.text("id")).id)
    return {}


def named_by(item: str) -> str:
    """The id of a playlist; some players (DSub) write another `pl-` in front of any, for covers."""
    inner = item.removeprefix(SAVED)
    return inner if inner.startswith((STATION, SAVED)) else item


def unless_travelling(work: Callable[[SubsonicCall], Result], call: SubsonicCall) -> Result | None:
    """The result of a call that lists all stations; None where a journey has to be made first."""
    stations = call.services.catalog.list_stations()
    return None if any(_awaits_journey(each, call) for each in stations) else work(call)


def travels(call: SubsonicCall) -> bool:
    """Whether a call waits for a journey that is not made yet: longer work than a match."""
    asked = named_by(call.text("id"))
    return asked.startswith(STATION) and _awaits_journey(station_called(call, asked), call)


def _awaits_journey(station: Station, call: SubsonicCall) -> bool:
    question = asked_by(station)
    if question is None or question.mode != "journey":
        return False
    return not call.shared.stations.is_kept(station, call.felt, _heard(call))


def _heard(call: SubsonicCall) -> Heard:
    return partial(heard_by, call.listener.name, call.services)


def station_called(call: SubsonicCall, playlist_id: str) -> Station:
    """The station that a playlist's id names.

    Raises:
        SubsonicError: There is none.
    """
    try:
        return call.services.catalog.station(playlist_id.removeprefix(STATION))
    except StationNotFoundError as exc:
        raise SubsonicError(NOT_FOUND, str(exc)) from exc


def songs_of_playlist(call: SubsonicCall, playlist_id: str) -> Sequence[Song]:
    """The songs of a station or a saved playlist.

    Raises:
        SubsonicError: There is none, or it is another listener's.
    """
    if playlist_id.startswith(STATION):
        return _station(station_called(call, playlist_id), call)[1]
    return _saved(_visible(call, playlist_id), call)[1]


def _station(station: Station, call: SubsonicCall) -> tuple[dict[str, Any], Sequence[Song]]:
    ids = call.shared.stations.track_ids(station, call.model, call.felt, _heard(call))
    songs = call.library.songs_of(ids)
    changed, daily = _changed_at(station, call), station.rhythm == "daily"
    tree = {
        "id": f"{STATION}{station.id}",
        "name": station.name,
        "comment": "A station: music that answers its question, anew as the library changes"
        + (" and each day." if daily else "."),
        "owner": STATION_OWNER,
        "public": True,
        **_counted(songs),
        "created": moment(station.created_at),
        "changed": moment(changed),
        "coverArt": f"{STATION}{station.id}",
    }
    return tree, songs


def _changed_at(station: Station, call: SubsonicCall) -> datetime:
    """When a station's answer last may have become another one for the listener."""
    moments = [station.updated_at, call.live.created_at]
    felt = call.services.planes.changed_at(call.listener.profile)
    if felt is not None:
        moments.append(felt)
    if station.rhythm == "daily":
        now = datetime.now().astimezone()
        moments.append(datetime.combine(now.date(), time(), now.tzinfo))
    return max(moments)


def _saved(saved: SavedPlaylist, call: SubsonicCall) -> tuple[dict[str, Any], Sequence[Song]]:
    songs = call.library.songs_of(saved.track_ids)
    tree = {
        "id": f"{SAVED}{saved.id}",
        "name": saved.name,
        "comment": saved.comment,
        "owner": saved.owner,
        "public": saved.public,
        **_counted(songs),
        "created": moment(saved.created_at),
        "changed": moment(saved.updated_at),
        "coverArt": f"{SAVED}{saved.id}",
    }
    return present(tree), songs


def _counted(songs: Sequence[Song]) -> dict[str, int]:
    duration_s = sum(song.track.duration_s or 0.0 for song in songs)
    return {"songCount": len(songs), "duration": round(duration_s)}


def _with_songs(tree: dict[str, Any], songs: Sequence[Song], call: SubsonicCall) -> dict[str, Any]:
    return {"playlist": {**tree, "entry": [song_tree(song, call) for song in songs]}}


def _visible(call: SubsonicCall, playlist_id: str) -> SavedPlaylist:
    try:
        found = call.services.catalog.saved_playlist(playlist_id.removeprefix(SAVED))
    except PlaylistNotFoundError as exc:
        raise SubsonicError(NOT_FOUND, str(exc)) from exc
    if found.owner != call.listener.name and not found.public:
        raise SubsonicError(NOT_FOUND, f"no playlist {playlist_id[:64]!r}")
    return found


def _own(call: SubsonicCall, playlist_id: str) -> SavedPlaylist:
    if playlist_id.startswith(STATION):
        raise SubsonicError(FORBIDDEN, "a station is changed on the page or by /v1/stations")
    found = _visible(call, playlist_id)
    if found.owner != call.listener.name:
        raise SubsonicError(FORBIDDEN, f"the playlist belongs to {found.owner!r}")
    return found


def _index(text: str) -> int:
    if not text.isdecimal():
        raise SubsonicError(MISSING, f"songIndexToRemove={text[:40]!r} is no whole number")
    return int(text)


def _bounded(tracks: list[int]) -> list[int]:
    if len(tracks) > MOST_TRACKS:
        raise SubsonicError(MISSING, f"{len(tracks)} songs; a playlist holds {MOST_TRACKS}")
    return tracks
