"""Browsing: folders, artists, albums, songs and genres."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from app.subsonic.call import SubsonicCall
from app.subsonic.errors import NOT_FOUND, SubsonicError
from app.subsonic.library import ARTICLES, Artist, Song, artist_id
from app.subsonic.shapes import (
    album_directory,
    album_tree,
    artist_directory,
    artist_tree,
    song_tree,
)

FOLDER = {"id": 1, "name": "Music"}


def get_music_folders(_call: SubsonicCall) -> dict[str, Any]:
    """All music roots together are one folder."""
    return {"musicFolders": {"musicFolder": [FOLDER]}}


def get_indexes(call: SubsonicCall) -> dict[str, Any]:
    """Artists by letter, for players that browse folders; empty if nothing changed."""
    changed_ms = int(call.live.created_at.timestamp() * 1000)
    head: dict[str, Any] = {"lastModified": changed_ms, "ignoredArticles": ARTICLES}
    since = call.number("ifModifiedSince", -1, least=-1, most=2**53)
    if since >= changed_ms:
        return {"indexes": head}
    return {"indexes": {**head, "index": _by_letter(call, artist_directory)}}


def get_artists(call: SubsonicCall) -> dict[str, Any]:
    """Artists by letter."""
    return {"artists": {"ignoredArticles": ARTICLES, "index": _by_letter(call, artist_tree)}}


def get_music_directory(call: SubsonicCall) -> dict[str, Any]:
    """The albums of an artist, or the songs of an album."""
    asked, library = call.text("id"), call.library
    if (artist := library.artists.get(asked)) is not None:
        inner = [album_directory(album, call) for album in artist.albums]
        return {"directory": {"id": artist.id, "name": artist.name, "child": inner}}
    if (album := library.albums.get(asked)) is not None:
        inner = [song_tree(song, call) for song in album.songs]
        head = {"id": album.id, "parent": album.artists[0].id, "name": album.name}
        return {"directory": {**head, "child": inner}}
    if asked == str(FOLDER["id"]):
        artists = [
            {"id": each.id, "isDir": True, "title": each.name, "parent": asked}
            for each in library.artists.values()
        ]
        return {"directory": {"id": asked, "name": FOLDER["name"], "child": artists}}
    raise SubsonicError(NOT_FOUND, f"no directory {asked[:64]!r}")


def get_artist(call: SubsonicCall) -> dict[str, Any]:
    """An artist with the albums they are on."""
    artist = call.artist(call.text("id"))
    albums = [album_tree(album, call) for album in artist.albums]
    return {"artist": {**artist_tree(artist, call), "album": albums}}


def get_album(call: SubsonicCall) -> dict[str, Any]:
    """An album with its songs."""
    album = call.album(call.text("id"))
    songs = [song_tree(song, call) for song in album.songs]
    return {"album": {**album_tree(album, call), "song": songs}}


def get_song(call: SubsonicCall) -> dict[str, Any]:
    """A song."""
    return {"song": song_tree(call.song(call.text("id")), call)}


def get_genres(call: SubsonicCall) -> dict[str, Any]:
    """Each genre with its numbers of songs and albums."""
    listed = [
        {"songCount": len(songs), "albumCount": len(albums), "value": name}
        for name, songs, albums in call.library.genres.values()
    ]
    return {"genres": {"genre": listed}}


def get_top_songs(call: SubsonicCall) -> dict[str, Any]:
    """The songs of an artist, those that the listener played most first; none of an unknown one."""
    named = call.optional("id") or artist_id(call.text("artist"))
    artist, plays = call.library.artists.get(named), call.plays

    def times_played(song: Song) -> int:
        return plays[song.track.id].count if song.track.id in plays else 0

    songs = sorted(artist.songs if artist else (), key=times_played, reverse=True)
    return {"topSongs": {"song": [song_tree(s, call) for s in songs[: call.number("count", 50)]]}}


def get_artist_info(call: SubsonicCall) -> dict[str, Any]:
    """What is known of an artist here: their MusicBrainz id."""
    return {"artistInfo": _artist_info(call)}


def get_artist_info2(call: SubsonicCall) -> dict[str, Any]:
    """The same under its later name."""
    return {"artistInfo2": _artist_info(call)}


def get_album_info(call: SubsonicCall) -> dict[str, Any]:
    """What is known of an album here: its MusicBrainz id."""
    asked = call.text("id")
    song = call.library.songs.get(asked)
    album = call.album(song.album_id if song else asked)
    mbid = album.identifiers.release_mbid
    return {"albumInfo": {"musicBrainzId": mbid} if mbid else {}}


def _artist_info(call: SubsonicCall) -> dict[str, Any]:
    artist = call.artist(call.text("id"))
    return {"musicBrainzId": artist.mbid} if artist.mbid else {}


def _by_letter(
    call: SubsonicCall, shown: Callable[[Artist, SubsonicCall], dict[str, Any]]
) -> list[dict[str, Any]]:
    letters: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for artist in call.library.artists.values():
        letters[artist.letter].append(shown(artist, call))
    return [{"name": letter, "artist": letters[letter]} for letter in sorted(letters)]
