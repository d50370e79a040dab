"""What is no text: audio and covers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import BinaryIO

from fastapi import Response
from fastapi.responses import StreamingResponse

from app.errors import AudioNotFoundError, CoverNotFoundError, RangeError
from app.http.clients import address_of
from app.http.entity_tags import is_known
from app.http.streams import EndedResponse
from app.library.audio_files import audio_response
from app.library.covers import MAX_SIDE_PX, MEDIA_TYPE, cover_files
from app.library.open_files import open_track
from app.subsonic.call import SubsonicCall
from app.subsonic.errors import NOT_FOUND, SubsonicError
from app.subsonic.library import Song
from app.subsonic.playlists import SAVED, STATION, named_by, songs_of_playlist
from app.subsonic.shapes import bit_rate_kbps
from app.subsonic.transcode import DEFAULT_KBPS, HEADERS, TARGETS, target_called
from indexer.folders.roots import is_in_store

MOST_TRIED = 8  # songs of an album whose cover is looked for
UNLIMITED_KBPS = 10_000
LEAST_SIDE_PX = 16


def stream(call: SubsonicCall) -> Response:
    """The audio of a song: the file itself, or transcoded where a format or bit rate asks for it.

    Raises:
        SubsonicError: There is no such song or file, or no such format.
        OverloadedError: As many files are transcoded as there are places, or as the system lets.
    """
    song = call.song(call.text("id"))
    most = call.number("maxBitRate", 0, most=UNLIMITED_KBPS)
    asked = (call.optional("format") or "").lower()
    own = Path(song.track.path).suffix.lower().lstrip(".")
    has = bit_rate_kbps(song) or 0
    fits = not most or has <= most
    if asked == "raw" or (fits and asked in {"", own}):
        return _original(call, song)
    return _transcoded(call, song, asked, most)


def _transcoded(call: SubsonicCall, song: Song, asked: str, most: int) -> Response:
    """The file in another format; it is closed at the end of the answer."""
    with ExitStack() as stack:
        file = stack.enter_context(_readable(song, call))
        target = target_called(asked) if asked else TARGETS["mp3"]
        kbps = most or DEFAULT_KBPS[target.name]
        start_s = float(call.number("timeOffset", 0, most=10**6))
        if call.request.scope.get("only_headers"):
            # Nothing says how long it will be: a length of 0 would be taken for the audio's.
            return StreamingResponse(iter(()), media_type=target.media_type, headers=HEADERS)
        begun = call.shared.transcodes.begin(
            file,
            Path(song.track.path).name,
            target,
            kbps,
            start_s,
            address_of(call.request),
        )
        stack.pop_all()  # from here the transcode closes it
    call.shared.transcodes.start(begun)
    end = partial(call.shared.transcodes.end, begun)
    return EndedResponse(begun.pieces(), end, media_type=target.media_type, headers=HEADERS)


def download(call: SubsonicCall) -> Response:
    """The file of a song as it is."""
    return _original(call, call.song(call.text("id")))


def cover(call: SubsonicCall) -> Callable[[], Response]:
    """What makes the cover of a song, album, artist or playlist; it belongs to the covers' thread.

    Raises:
        SubsonicError: There is nothing of this id.
    """
    songs = _pictured(call, call.text("id"))[:MOST_TRIED]
    wanted = call.number("size", 0)  # 0 and less: as it is, as far as covers go
    size = max(LEAST_SIDE_PX, min(wanted or MAX_SIDE_PX, MAX_SIDE_PX))
    roots = call.services.settings.music_roots

    def made() -> Response:
        for song in songs:
            try:
                with cover_files(song.track, roots) as files:
                    tag = files.tag(size)
                    headers = {"cache-control": "private, max-age=3600", "etag": tag}
                    if is_known(call.request, tag):
                        return Response(status_code=304, headers=headers)
                    content = call.services.covers.maker.jpeg(files, size)
                return Response(content, media_type=MEDIA_TYPE, headers=headers)
            except (CoverNotFoundError, AudioNotFoundError):
                continue
        raise SubsonicError(NOT_FOUND, "there is no cover of it")

    return made


def _pictured(call: SubsonicCall, item: str) -> list[Song]:
    """The songs whose cover an item shows."""
    library = call.library
    if item in library.songs:
        return [library.songs[item]]
    if item in library.albums:
        return list(library.albums[item].songs)
    if item in library.artists:
        return [album.songs[0] for album in library.artists[item].albums]
    playlist = named_by(item)
    if playlist.startswith((STATION, SAVED)):
        return list(songs_of_playlist(call, playlist))
    raise SubsonicError(NOT_FOUND, f"nothing has the id {item[:64]!r}")


def _readable(song: Song, call: SubsonicCall) -> BinaryIO:
    """The open file of a song, or a copy of its object."""
    services = call.services
    try:
        if is_in_store(song.track.root):
            return services.stored.copy(song.track)
        return open_track(song.track, services.settings.music_roots).taken()
    except AudioNotFoundError as exc:
        raise SubsonicError(NOT_FOUND, str(exc)) from exc


def _original(call: SubsonicCall, song: Song) -> Response:
    if call.request.method == "POST":  # a form asks like a query: players seek with it too
        call.request.scope["method"] = "GET"
    services, track = call.services, song.track
    try:
        if is_in_store(track.root):
            return services.stored.response(call.request, track)
        return audio_response(call.request, open_track(track, services.settings.music_roots))
    except AudioNotFoundError as exc:
        raise SubsonicError(NOT_FOUND, str(exc)) from exc
    except RangeError as exc:  # players look at the status here, as browsers do
        return Response(status_code=416, headers=exc.headers)
