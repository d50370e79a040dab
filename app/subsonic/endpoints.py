"""`/rest/{method}`: one route; the protocol's methods by name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app.errors import INTERNAL, AppError, kind_of
from app.http.clients import address_of
from app.http.problems import told
from app.services import Services
from app.subsonic import absent, browsing, lists, marks, media, playlists, sonic, system
from app.subsonic.answers import checked_form, failed, ok
from app.subsonic.call import Params, Shared, SubsonicCall
from app.subsonic.errors import GENERIC, NOT_FOUND, SubsonicError
from app.subsonic.library import Libraries
from app.subsonic.login import listener_of
from app.subsonic.station_answers import StationAnswers
from app.subsonic.transcode import Transcodes
from indexer.errors import IndexerError

logger = logging.getLogger("circumplex.subsonic")

Result = TypeVar("Result")
FORM = "application/x-www-form-urlencoded"
METHODS: Mapping[str, Callable[[SubsonicCall], dict[str, Any]]] = {
    "ping": system.ping,
    "getLicense": system.get_license,
    "tokenInfo": system.token_info,
    "getUser": system.get_user,
    "getScanStatus": system.get_scan_status,
    "startScan": system.start_scan,
    "getMusicFolders": browsing.get_music_folders,
    "getIndexes": browsing.get_indexes,
    "getMusicDirectory": browsing.get_music_directory,
    "getArtists": browsing.get_artists,
    "getArtist": browsing.get_artist,
    "getAlbum": browsing.get_album,
    "getSong": browsing.get_song,
    "getGenres": browsing.get_genres,
    "getTopSongs": browsing.get_top_songs,
    "getArtistInfo": browsing.get_artist_info,
    "getArtistInfo2": browsing.get_artist_info2,
    "getAlbumInfo": browsing.get_album_info,
    "getAlbumInfo2": browsing.get_album_info,
    "getAlbumList": lists.get_album_list,
    "getAlbumList2": lists.get_album_list2,
    "getRandomSongs": lists.get_random_songs,
    "getSongsByGenre": lists.get_songs_by_genre,
    "getStarred": lists.get_starred,
    "getStarred2": lists.get_starred2,
    "search2": lists.search2,
    "search3": lists.search3,
    "star": marks.star,
    "unstar": marks.unstar,
    "setRating": marks.set_rating,
    "scrobble": marks.scrobble,
    "getPlaylists": playlists.get_playlists,
    "getPlaylist": playlists.get_playlist,
    "createPlaylist": playlists.create_playlist,
    "updatePlaylist": playlists.update_playlist,
    "deletePlaylist": playlists.delete_playlist,
    "getSimilarSongs": sonic.get_similar_songs,
    "getSimilarSongs2": sonic.get_similar_songs2,
    "getSonicSimilarTracks": sonic.get_sonic_similar_tracks,
    "findSonicPath": sonic.find_sonic_path,
    "getLyricsBySongId": absent.get_lyrics_by_song_id,
    **{name: absent.answering(nothing) for name, nothing in absent.NOTHING.items()},
}
LISTS = frozenset({"getPlaylist", "createPlaylist"})  # made one after the other
BROWSING = frozenset(
    {
        *("getIndexes", "getMusicDirectory", "getArtists", "getArtist", "getAlbum", "getGenres"),
        *("getAlbumList", "getAlbumList2", "getRandomSongs", "getSongsByGenre", "getTopSongs"),
        *("getStarred", "getStarred2", "search2", "search3"),
        *("getSimilarSongs", "getSimilarSongs2", "getSonicSimilarTracks"),
    }
)
MOST_FIELDS = 2 * playlists.MOST_TRACKS + 1000  # of a form: all songs out, others in
MEDIA: Mapping[str, Callable[[SubsonicCall], Response]] = {
    "stream": media.stream,
    "download": media.download,
}


def make_router() -> APIRouter:
    """The routes of the server, with what its calls share."""
    router = APIRouter(include_in_schema=False)
    shared = Shared(Libraries(), StationAnswers(), Transcodes())

    @router.api_route("/rest/{method}", methods=["GET", "POST"])
    async def call_method(method: str, request: Request) -> Response:
        """One call of the protocol."""
        return await _answered(method.removesuffix(".view"), request, shared)

    return router


async def _answered(method: str, request: Request, shared: Shared) -> Response:
    form, callback = "xml", None
    try:
        params = await _params(request)
        form, callback = checked_form(_form(params), next(iter(params.get("callback", ())), None))
        services: Services = request.state.services
        if method == "getOpenSubsonicExtensions":  # told before a login
            return ok(system.get_extensions(), form, callback)
        listener = listener_of(request, params, services)
        call = SubsonicCall(request, params, listener, services, shared)
        if method == "getCoverArt":
            return await services.covers.do(await _done(media.cover, method, call))
        if method in MEDIA:
            return await run_in_threadpool(MEDIA[method], call)
        if method in METHODS:
            return await _done(partial(_told, METHODS[method], form, callback), method, call)
        raise SubsonicError(GENERIC, f"this server does not offer {method[:40]!r}")
    except ClientDisconnect:
        raise
    except (AppError, IndexerError) as exc:
        return failed(_refusal(request, exc), form, callback)
    except HTTPException as exc:  # a form that cannot be read
        return failed(SubsonicError(GENERIC, str(exc.detail)), form, callback)


async def _done(work: Callable[[SubsonicCall], Result], method: str, call: SubsonicCall) -> Result:
    """The result of a call, carried out where it keeps no other one waiting."""
    if method == "getPlaylists":
        at_hand = partial(playlists.unless_travelling, work, call)
        made = await call.services.lists.run(call.request, at_hand)
        if made is not None:
            return made
        return await call.services.journeys.run(call.request, partial(work, call))
    if await is_long(method, call):
        return await call.services.journeys.run(call.request, partial(work, call))
    if method in LISTS:
        return await call.services.lists.run(call.request, partial(work, call))
    if method in BROWSING:
        return await in_turn(work, call)
    return await run_in_threadpool(work, call)


async def in_turn(work: Callable[[SubsonicCall], Result], call: SubsonicCall) -> Result:
    """The result of a call that may list thousands of things."""
    client = address_of(call.request)
    call.shared.waiting.take(client)
    try:
        async with call.shared.turns:
            if await call.request.is_disconnected():
                raise ClientDisconnect
            return await run_in_threadpool(work, call)
    finally:
        call.shared.waiting.leave(client)


def _told(
    method: Callable[[SubsonicCall], dict[str, Any]],
    form: str,
    callback: str | None,
    call: SubsonicCall,
) -> Response:
    """The answer of a method; long ones take long to write, so that too is done in a thread."""
    return call.shared.large.shared(ok(method(call), form, callback))


async def is_long(method: str, call: SubsonicCall) -> bool:
    """Whether a call belongs to the journeys: it must not keep the others waiting."""
    of_station = playlists.named_by(call.optional("id") or "").startswith(playlists.STATION)
    if method in {"getPlaylist", "getCoverArt"} and of_station:
        return await run_in_threadpool(playlists.travels, call)
    return method == "findSonicPath"


def _refusal(request: Request, error: Exception) -> SubsonicError:
    """An error of the service as one of the protocol.

    Raises:
        Exception: It is none that the service foresaw; the middleware tells of it.
    """
    if isinstance(error, SubsonicError):
        return error
    kind = kind_of(error)
    if kind is INTERNAL:
        raise error
    code = NOT_FOUND if kind.status == 404 else GENERIC
    return SubsonicError(code, told(request, error))


async def _params(request: Request) -> Params:
    """The parameters of the query and of a form."""
    pairs = list(request.query_params.multi_items())
    if request.method == "POST":
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == FORM:
            form = await request.form(max_fields=MOST_FIELDS)
            pairs += [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    params: Params = {}
    for name, value in pairs:
        params.setdefault(name, []).append(value.replace("\0", ""))
    return params


def _form(params: Params) -> str:
    return (params.get("f") or ["xml"])[0]
