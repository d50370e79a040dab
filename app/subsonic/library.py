"""The indexed music as players browse it: artists, albums, songs and genres of one snapshot.

Songs keep the catalogue's ids, which stay when files move; artists and albums are named by what
tags say of them, so theirs stay too. A track without an album artist belongs to its artist, and
where an album's folder holds several artists, to "Various Artists". Folders of discs are parts of
the folder above.
"""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from app.library.live import Live
from indexer.catalog.catalog import Catalog
from indexer.catalog.records import Track
from indexer.folders.files import genres_of, values_of
from indexer.folders.identifiers import Identifiers, album_folder
from model.folding import fold

UNKNOWN_ARTIST, UNKNOWN_ALBUM, VARIOUS = "[Unknown Artist]", "[Unknown Album]", "Various Artists"
ARTICLES = "The El La Los Las Le Les"
AlbumKey = tuple[str, str, str]  # release, folded album, the album's artists
_SKIPPED = frozenset(word.casefold() for word in ARTICLES.split())


@dataclass(frozen=True)
class Credit:
    """An artist as tags name them."""

    id: str
    name: str


@dataclass(frozen=True)
class Song:
    """A track with its place among artists and albums.

    Attributes:
        track: The catalogue's row.
        artists: Each of its artists.
        album_id: Its album.
        words: What a search looks in, folded.
    """

    track: Track
    artists: tuple[Credit, ...]
    album_id: str
    words: str

    @property
    def id(self) -> str:
        """As players name it."""
        return str(self.track.id)


@dataclass(frozen=True)
class Album:
    """Songs of one release, in order."""

    id: str
    name: str
    artists: tuple[Credit, ...]
    songs: tuple[Song, ...]

    @property
    def artist(self) -> str:
        """All of its artists as one name."""
        return "; ".join(credit.name for credit in self.artists)

    @cached_property
    def added_at(self) -> datetime:
        """When its first song came."""
        return min(song.track.added_at for song in self.songs)

    @cached_property
    def year(self) -> int | None:
        """Its latest year: a compilation is as new as its newest song."""
        return max((s.track.year for s in self.songs if s.track.year), default=None)

    @cached_property
    def genres(self) -> tuple[str, ...]:
        """Every genre of its songs."""
        return tuple(dict.fromkeys(g for s in self.songs for g in genres_of(s.track.genre)))

    @cached_property
    def duration_s(self) -> float:
        """Of its songs together."""
        return sum(song.track.duration_s or 0.0 for song in self.songs)

    @property
    def identifiers(self) -> Identifiers:
        """Those of its first song: release, album artists, compilation."""
        return self.songs[0].track.identifiers


@dataclass(frozen=True)
class Artist:
    """An artist with the albums they are on."""

    id: str
    name: str
    mbid: str | None
    albums: tuple[Album, ...]

    @property
    def songs(self) -> list[Song]:
        """Their songs, and all songs of albums that are theirs."""
        return [
            song
            for album in self.albums
            for song in album.songs
            if self.id in {credit.id for credit in (*song.artists, *album.artists)}
        ]

    @property
    def sort_name(self) -> str:
        """The name without the article in front."""
        first, _, rest = self.name.partition(" ")
        return rest if rest and first.casefold() in _SKIPPED else self.name

    @property
    def letter(self) -> str:
        """Under which letter of an index it stands."""
        first = fold(self.sort_name[:1]).upper()
        return first if first.isalpha() else "#"


@dataclass(frozen=True)
class MusicLibrary:
    """Everything that players browse, of one snapshot.

    Attributes:
        snapshot_id: The snapshot.
        songs: By id, in order of artist, album and place.
        albums: By id, in order of their names.
        artists: By id, in order of their names.
    """

    snapshot_id: str
    songs: Mapping[str, Song]
    albums: Mapping[str, Album]
    artists: Mapping[str, Artist]

    @cached_property
    def genres(self) -> dict[str, tuple[str, list[Song], set[str]]]:
        """By folded name: the name, its songs, and the ids of its albums."""
        found: dict[str, tuple[str, list[Song], set[str]]] = {}
        for song in self.songs.values():
            for name in genres_of(song.track.genre):
                _, songs, albums = found.setdefault(fold(name), (name, [], set()))
                songs.append(song)
                albums.add(song.album_id)
        return dict(sorted(found.items()))

    def songs_of(self, track_ids: Iterable[int]) -> list[Song]:
        """The songs of these tracks, without those that have left the index."""
        return [song for each in track_ids if (song := self.songs.get(str(each))) is not None]


@dataclass
class Libraries:
    """Builds the library of the live snapshot when it is first asked for, and keeps it."""

    _built: MusicLibrary | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, live: Live, catalog: Catalog) -> MusicLibrary:
        """The library of a snapshot.

        Raises:
            CatalogUnavailableError: The database does not answer.
        """
        built = self._built
        if built is not None and built.snapshot_id == live.id:
            return built
        with self._lock:
            if self._built is None or self._built.snapshot_id != live.id:
                self._built = build(live, catalog.published_tracks())
            return self._built


def build(live: Live, tracks: Sequence[Track]) -> MusicLibrary:
    """Sort the tracks of a snapshot into albums and artists."""
    live_ids = frozenset(live.snapshot.tracks.ids.tolist())
    tracks = [track for track in tracks if track.id in live_ids]
    keys = _album_keys(tracks)
    by_album: defaultdict[AlbumKey, list[Song]] = defaultdict(list)
    for track in tracks:
        by_album[keys[track.id]].append(_song(track, _album_id(keys[track.id])))
    albums = sorted(
        (_album(key, songs) for key, songs in by_album.items()),
        key=lambda album: (fold(album.name), album.artist, album.id),
    )
    by_artist = sorted(albums, key=lambda album: (fold(album.artist), album.year or 0, album.name))
    return MusicLibrary(
        live.id,
        {song.id: song for album in by_artist for song in album.songs},
        {album.id: album for album in albums},
        _artists(albums),
    )


def artist_id(name: str) -> str:
    """How players name an artist."""
    return _id("ar", fold(name))


def _song(track: Track, album_id: str) -> Song:
    names = values_of(track.artist) or (UNKNOWN_ARTIST,)
    words = " ".join(filter(None, (track.title, track.artist, track.album)))
    return Song(track, _credits(names), album_id, fold(words))


def _credits(names: Iterable[str]) -> tuple[Credit, ...]:
    return tuple(Credit(artist_id(name), name) for name in names)


def _album_keys(tracks: Sequence[Track]) -> dict[int, AlbumKey]:
    """Release, folded album and the album's artists of each track.

    Of one folder's album, tracks that name no release are of the one that the others name.
    """
    artists: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    releases: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for track in tracks:
        place = _folder_album(track)
        artists[place].add(fold(track.artist or ""))
        releases[place].update(filter(None, [track.identifiers.release_mbid]))
    keys, spelt = {}, dict[str, str]()
    for track in tracks:
        said, place = track.identifiers, _folder_album(track)
        several = track.album is not None and len(artists[place]) > 1
        artist = said.album_artist
        if artist is None:
            artist = VARIOUS if said.compilation or several else track.artist or UNKNOWN_ARTIST
        artist = spelt.setdefault(fold(artist), artist)
        one = next(iter(releases[place])) if len(releases[place]) == 1 else ""
        keys[track.id] = (said.release_mbid or one, fold(track.album or UNKNOWN_ALBUM), artist)
    return keys


def _folder_album(track: Track) -> tuple[str, str]:
    return f"{track.root}/{album_folder(track.path)}", fold(track.album or "")


def _album_id(key: AlbumKey) -> str:
    release, name, artist = key
    return _id("al", release, name, fold(artist))


def _album(key: AlbumKey, songs: list[Song]) -> Album:
    _, _, artist = key
    ordered = sorted(songs, key=_place)
    name = ordered[0].track.album or UNKNOWN_ALBUM
    return Album(_album_id(key), name, _credits(values_of(artist) or (artist,)), tuple(ordered))


def _place(song: Song) -> tuple[int, int, str]:
    said = song.track.identifiers
    return said.disc_number or 1, said.track_number or 10**6, song.track.path


def _artists(albums: Sequence[Album]) -> dict[str, Artist]:
    names: dict[str, str] = {}
    mbids: dict[str, str] = {}
    of_artist: defaultdict[str, dict[str, Album]] = defaultdict(dict)
    for album in albums:
        for song in album.songs:
            said = song.track.identifiers
            if len(said.artist_mbids) == len(song.artists):
                pairs = zip(song.artists, said.artist_mbids, strict=True)
                mbids |= {credit.id: mbid for credit, mbid in pairs}
        for credit in (*album.artists, *(c for song in album.songs for c in song.artists)):
            names.setdefault(credit.id, credit.name)
            of_artist[credit.id][album.id] = album
    found = [
        Artist(each, name, mbids.get(each), tuple(of_artist[each].values()))
        for each, name in names.items()
    ]
    found.sort(key=lambda artist: (fold(artist.sort_name), artist.id))
    return {artist.id: artist for artist in found}


def _id(kind: str, *parts: str) -> str:
    text = "\n".join(parts).encode("utf-8", "surrogatepass")
    return f"{kind}-{hashlib.blake2b(text, digest_size=10).hexdigest()}"
