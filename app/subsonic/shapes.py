"""Songs, albums and artists as the protocol writes them."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from app.library.audio_files import MEDIA_TYPES
from app.subsonic.answers import moment, present
from app.subsonic.call import SubsonicCall
from app.subsonic.library import Album, Artist, Credit, Song
from indexer.folders.files import genres_of


def song_tree(song: Song, call: SubsonicCall) -> dict[str, Any]:
    """A song as a `Child`."""
    track, said = song.track, song.track.identifiers
    album = call.library.albums[song.album_id]
    mark, played = call.marks.get(song.id), call.plays.get(track.id)
    suffix = PurePosixPath(track.path).suffix.lower()
    tree = {
        "id": song.id,
        "parent": song.album_id,
        "isDir": False,
        "title": track.title,
        "album": album.name,
        "artist": "; ".join(credit.name for credit in song.artists),
        "track": said.track_number,
        "year": track.year,
        "genre": next(iter(genres_of(track.genre)), None),
        "coverArt": song.id,
        "size": track.size_bytes,
        "contentType": MEDIA_TYPES.get(suffix),
        "suffix": suffix.lstrip("."),
        "duration": _seconds(track.duration_s),
        "bitRate": bit_rate_kbps(song),
        "path": track.path,
        "isVideo": False,
        "discNumber": said.disc_number,
        "created": moment(track.added_at),
        "albumId": song.album_id,
        "artistId": song.artists[0].id,
        "type": "music",
        "mediaType": "song",
        "userRating": mark.rating if mark else None,
        "starred": moment(mark.starred_at) if mark and mark.starred_at else None,
        "playCount": played.count if played else None,
        "played": moment(played.last_at) if played else None,
        "sortName": track.title,
        "musicBrainzId": said.recording_mbid,
        "isrc": list(said.isrcs),
        "genres": [{"name": name} for name in genres_of(track.genre)],
        "artists": _credits(song.artists),
        "displayArtist": "; ".join(credit.name for credit in song.artists),
        "albumArtists": _credits(album.artists),
        "displayAlbumArtist": album.artist,
        "moods": [call.mood_of(song)],
    }
    return present(tree)


def album_tree(album: Album, call: SubsonicCall) -> dict[str, Any]:
    """An album as an `AlbumID3`, without its songs."""
    mark = call.marks.get(album.id)
    played = [p for song in album.songs if (p := call.plays.get(song.track.id)) is not None]
    tree = {
        "id": album.id,
        "name": album.name,
        "artist": album.artist,
        "artistId": album.artists[0].id,
        "coverArt": album.id,
        "songCount": len(album.songs),
        "duration": _seconds(album.duration_s) or 0,
        "playCount": sum(each.count for each in played) if played else None,
        "played": moment(max(each.last_at for each in played)) if played else None,
        "created": moment(album.added_at),
        "starred": moment(mark.starred_at) if mark and mark.starred_at else None,
        "userRating": mark.rating if mark else None,
        "year": album.year,
        "genre": next(iter(album.genres), None),
        "musicBrainzId": album.identifiers.release_mbid,
        "genres": [{"name": name} for name in album.genres],
        "artists": _credits(album.artists),
        "displayArtist": album.artist,
        "sortName": album.name,
        "isCompilation": album.identifiers.compilation,
    }
    return present(tree)


def album_directory(album: Album, call: SubsonicCall) -> dict[str, Any]:
    """An album as a directory, a `Child`."""
    tree = album_tree(album, call)
    kept = ("id", "artist", "artistId", "coverArt", "duration", "playCount", "created", "starred")
    named = {
        "parent": album.artists[0].id,
        "isDir": True,
        "title": album.name,
        "album": album.name,
        "mediaType": "album",
    }
    more = {name: tree[name] for name in (*kept, "userRating", "year", "genre") if name in tree}
    return more | named


def artist_tree(artist: Artist, call: SubsonicCall) -> dict[str, Any]:
    """An artist as an `ArtistID3`, without albums."""
    starred = call.starred_at(artist.id)
    tree = {
        "id": artist.id,
        "name": artist.name,
        "coverArt": artist.id,
        "albumCount": len(artist.albums),
        "starred": moment(starred) if starred else None,
        "musicBrainzId": artist.mbid,
        "sortName": artist.sort_name,
    }
    return present(tree)


def artist_directory(artist: Artist, call: SubsonicCall) -> dict[str, Any]:
    """An artist as an `Artist` of the folder view."""
    starred = call.starred_at(artist.id)
    return present(
        {"id": artist.id, "name": artist.name, "starred": moment(starred) if starred else None}
    )


def bit_rate_kbps(song: Song) -> int | None:
    """Of the whole file, kilobits a second."""
    track = song.track
    if not track.duration_s:
        return None
    return max(1, round(track.size_bytes * 8 / track.duration_s / 1000))


def _credits(artists: tuple[Credit, ...]) -> list[dict[str, Any]]:
    return [{"id": credit.id, "name": credit.name} for credit in artists]


def _seconds(duration_s: float | None) -> int | None:
    return None if duration_s is None else round(duration_s)
