"""Lists of albums and songs, and searches."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from app.subsonic.call import SubsonicCall
from app.subsonic.errors import MISSING, SubsonicError
from app.subsonic.library import Album, Artist, Song
from app.subsonic.shapes import (
    album_directory,
    album_tree,
    artist_directory,
    artist_tree,
    song_tree,
)
from indexer.folders.files import genres_of
from model.folding import fold

NEVER = datetime.min.replace(tzinfo=UTC)
ANY_OFFSET = 2**31 - 1
MOST_WORDS = 32
Item = TypeVar("Item", Album, Artist, Song)


def get_album_list(call: SubsonicCall) -> dict[str, Any]:
    """Albums in one of the protocol's orders, as directories."""
    return {"albumList": {"album": [album_directory(each, call) for each in _albums(call)]}}


def get_album_list2(call: SubsonicCall) -> dict[str, Any]:
    """Albums in one of the protocol's orders."""
    return {"albumList2": {"album": [album_tree(each, call) for each in _albums(call)]}}


def get_random_songs(call: SubsonicCall) -> dict[str, Any]:
    """Songs by chance, within a genre and years."""
    genre = call.optional("genre")
    first, last = call.number("fromYear", 0, most=9999), call.number("toYear", 9999, most=9999)
    bounded = call.optional("fromYear") is not None or call.optional("toYear") is not None
    songs = [
        song
        for song in (_of_genre(call, genre) if genre else call.library.songs.values())
        if not bounded or (song.track.year is not None and first <= song.track.year <= last)
    ]
    chosen = random.sample(songs, min(call.number("size", 10), len(songs)))
    return {"randomSongs": {"song": [song_tree(song, call) for song in chosen]}}


def get_songs_by_genre(call: SubsonicCall) -> dict[str, Any]:
    """Songs of a genre, page by page."""
    songs = _of_genre(call, call.text("genre"))
    offset = call.number("offset", 0, most=ANY_OFFSET)
    page = songs[offset : offset + call.number("count", 10)]
    return {"songsByGenre": {"song": [song_tree(song, call) for song in page]}}


def get_starred(call: SubsonicCall) -> dict[str, Any]:
    """What has the listener's star, albums and artists as directories."""
    return {
        "starred": {
            "artist": [artist_directory(each, call) for each in _starred(call, _artists(call))],
            "album": [album_directory(each, call) for each in _starred(call, _all_albums(call))],
            "song": [song_tree(each, call) for each in _starred(call, _songs(call))],
        }
    }


def get_starred2(call: SubsonicCall) -> dict[str, Any]:
    """What has the listener's star."""
    return {
        "starred2": {
            "artist": [artist_tree(each, call) for each in _starred(call, _artists(call))],
            "album": [album_tree(each, call) for each in _starred(call, _all_albums(call))],
            "song": [song_tree(each, call) for each in _starred(call, _songs(call))],
        }
    }


def search2(call: SubsonicCall) -> dict[str, Any]:
    """Artists, albums and songs whose names hold all words, as directories."""
    return {"searchResult2": _found(call, artist_directory, album_directory)}


def search3(call: SubsonicCall) -> dict[str, Any]:
    """Artists, albums and songs whose names hold all words; no words give everything."""
    return {"searchResult3": _found(call, artist_tree, album_tree)}


# Albums -------------------------------------------------------------------------------------------


def _albums(call: SubsonicCall) -> list[Album]:
    kind = call.text("type")
    orders: dict[str, Callable[[SubsonicCall], Sequence[Album]]] = {
        "random": lambda c: random.sample(_all_albums(c), len(_all_albums(c))),
        "newest": lambda c: sorted(_all_albums(c), key=lambda a: a.added_at, reverse=True),
        "highest": _highest,
        "frequent": _frequent,
        "recent": _recent,
        "alphabeticalByName": _all_albums,
        "alphabeticalByArtist": lambda c: sorted(_all_albums(c), key=lambda a: fold(a.artist)),
        "starred": lambda c: _starred(c, _all_albums(c)),
        "byYear": _by_year,
        "byGenre": _by_genre,
    }
    if kind not in orders:
        raise SubsonicError(MISSING, f"type={kind[:40]!r} is none of {', '.join(orders)}")
    offset = call.number("offset", 0, most=ANY_OFFSET)
    return list(orders[kind](call))[offset : offset + call.number("size", 10)]


def _all_albums(call: SubsonicCall) -> list[Album]:
    return list(call.library.albums.values())


def _highest(call: SubsonicCall) -> list[Album]:
    rated = {item: mark.rating for item, mark in call.marks.items() if mark.rating}
    found = [album for album in _all_albums(call) if album.id in rated]
    return sorted(found, key=lambda album: -(rated[album.id] or 0))


def _frequent(call: SubsonicCall) -> list[Album]:
    def count(album: Album) -> int:
        return sum(p.count for s in album.songs if (p := call.plays.get(s.track.id)))

    return sorted(filter(count, _all_albums(call)), key=count, reverse=True)


def _recent(call: SubsonicCall) -> list[Album]:
    def last(album: Album) -> datetime:
        played = [p.last_at for s in album.songs if (p := call.plays.get(s.track.id))]
        return max(played, default=NEVER)

    heard = [album for album in _all_albums(call) if last(album) != NEVER]
    return sorted(heard, key=last, reverse=True)


def _by_year(call: SubsonicCall) -> list[Album]:
    call.text("fromYear"), call.text("toYear")
    first, last = call.number("fromYear", 0, most=9999), call.number("toYear", 0, most=9999)
    low, high = min(first, last), max(first, last)
    found = [a for a in _all_albums(call) if a.year is not None and low <= a.year <= high]
    return sorted(found, key=lambda album: album.year or 0, reverse=first > last)


def _by_genre(call: SubsonicCall) -> list[Album]:
    genre = fold(call.text("genre"))
    return [a for a in _all_albums(call) if genre in {fold(name) for name in a.genres}]


# Songs and searches -------------------------------------------------------------------------------


def _songs(call: SubsonicCall) -> list[Song]:
    return list(call.library.songs.values())


def _artists(call: SubsonicCall) -> list[Artist]:
    return list(call.library.artists.values())


def _of_genre(call: SubsonicCall, genre: str) -> list[Song]:
    known = call.library.genres.get(fold(genre))
    if known is not None:
        return known[1]
    return [s for s in _songs(call) if fold(genre) in {fold(g) for g in genres_of(s.track.genre)}]


def _starred(call: SubsonicCall, items: list[Item]) -> list[Item]:
    """Those with a star, the latest first."""
    found = [item for item in items if call.starred_at(item.id) is not None]
    return sorted(found, key=lambda item: call.starred_at(item.id) or NEVER, reverse=True)


def _found(
    call: SubsonicCall,
    artist_shown: Callable[[Artist, SubsonicCall], dict[str, Any]],
    album_shown: Callable[[Album, SubsonicCall], dict[str, Any]],
) -> dict[str, Any]:
    query = fold(call.text("query", "").strip().strip('"').replace("*", ""))
    words = list(dict.fromkeys(query.split()))
    if len(words) > MOST_WORDS:
        raise SubsonicError(MISSING, f"query has {len(words)} words; a search takes {MOST_WORDS}")
    artists = _matching(_artists(call), words, lambda artist: fold(artist.name))
    albums = _matching(_all_albums(call), words, lambda a: fold(f"{a.name} {a.artist}"))
    songs = _matching(_songs(call), words, lambda song: song.words)
    return {
        "artist": [artist_shown(each, call) for each in _page(call, "artist", artists)],
        "album": [album_shown(each, call) for each in _page(call, "album", albums)],
        "song": [song_tree(each, call) for each in _page(call, "song", songs)],
    }


def _matching(items: list[Item], words: list[str], text: Callable[[Item], str]) -> list[Item]:
    return [item for item in items if all(word in text(item) for word in words)]


def _page(call: SubsonicCall, kind: str, items: list[Item]) -> list[Item]:
    offset = call.number(f"{kind}Offset", 0, most=ANY_OFFSET)
    return items[offset : offset + call.number(f"{kind}Count", 20)]
