"""Songs that feel alike: similar songs, and the extension `sonicSimilarity`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.playlists.likeness import Likeness, path_between
from app.playlists.match import similar_hits
from app.playlists.queries import music_query
from app.subsonic.call import SubsonicCall
from app.subsonic.errors import NOT_FOUND, SubsonicError
from app.subsonic.library import Song
from app.subsonic.shapes import song_tree
from indexer.snapshot.filters import TrackFilter

MOST_SEEDS = 20


def get_similar_songs(call: SubsonicCall) -> dict[str, Any]:
    """Songs that feel like a song, an album or an artist."""
    return {"similarSongs": {"song": _similar(call)}}


def get_similar_songs2(call: SubsonicCall) -> dict[str, Any]:
    """The same under its later name."""
    return {"similarSongs2": {"song": _similar(call)}}


def get_sonic_similar_tracks(call: SubsonicCall) -> dict[str, Any]:
    """Songs that feel like a song, most similar first; 1 is the same song, 0 the most different."""
    song = call.song(call.text("id"))
    found = _likeness(call, song).nearest(call.number("count", 10))
    return {"sonicMatch": _matches(call, found)}


def find_sonic_path(call: SubsonicCall) -> dict[str, Any]:
    """A way from one song to another: it begins and ends with them, and goes straight between."""
    start, end = call.song(call.text("startSongId")), call.song(call.text("endSongId"))
    count = call.number("count", 25, least=2)
    ids = path_between(call.felt, start.track.id, end.track.id, count)
    return {"sonicMatch": _matches(call, _likeness(call, start).of(ids))}


def _likeness(call: SubsonicCall, song: Song) -> Likeness:
    return Likeness(call.felt, call.model.scoring, song.track.id)


def _matches(call: SubsonicCall, found: Sequence[tuple[int, float]]) -> list[dict[str, Any]]:
    songs = call.library.songs
    return [
        {"entry": song_tree(songs[str(track)], call), "similarity": round(similarity, 6)}
        for track, similarity in found
        if str(track) in songs
    ]


def _similar(call: SubsonicCall) -> list[dict[str, Any]]:
    seeds = [song.track.id for song in _seeds(call)][:MOST_SEEDS]
    query = music_query(call.felt, seeds)
    others = TrackFilter(exclude_ids=frozenset(seeds))
    hits = similar_hits(call.felt, query, call.number("count", 50), others).hits
    return [song_tree(song, call) for song in call.library.songs_of(h.track_id for h in hits)]


def _seeds(call: SubsonicCall) -> Sequence[Song]:
    asked, library = call.text("id"), call.library
    if (song := library.songs.get(asked)) is not None:
        return [song]
    if (album := library.albums.get(asked)) is not None:
        return album.songs
    if (artist := library.artists.get(asked)) is not None:
        return artist.songs
    raise SubsonicError(NOT_FOUND, f"nothing has the id {asked[:64]!r}")
