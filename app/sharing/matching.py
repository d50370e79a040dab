"""Which song of another server a track is.

In this order: the MusicBrainz recording, an ISRC, the tail of the path, then title, artist and
length. What several songs share names none of them, except that of several with the recording
sought the one on the same album is taken.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from app.sharing.subsonic_server import RemoteSong
from indexer.catalog.records import Track
from indexer.folders.files import values_of
from model.folding import fold

LENGTH_TOLERANCE_S = 3.0
TAIL_PARTS = (3, 2, 1)  # of a path: `Artist/Album/file`, then less
NEAR_ENOUGH = 0.5  # of 1, to be named as the nearest


@dataclass(frozen=True)
class SongMatch:
    """A track and the song it is.

    Attributes:
        track: The track.
        song: The song; None where there is none.
        by: What told it: `recording`, `isrc`, `path`, `tags`; None without a song.
        nearest: Without a song: the one whose title and artist are most alike, if any is.
    """

    track: Track
    song: RemoteSong | None
    by: str | None
    nearest: RemoteSong | None = None


class Matcher:
    """Finds tracks among the songs of a server."""

    def __init__(self, songs: Sequence[RemoteSong]) -> None:
        """Sort the songs by everything that names them."""
        self._songs = songs
        self._by_recording = _grouped(
            songs, lambda s: [s.recording_mbid] if s.recording_mbid else []
        )
        self._by_isrc = _grouped(songs, lambda s: s.isrcs)
        self._by_tail = {n: _grouped(songs, _tails(n)) for n in TAIL_PARTS}
        self._by_title = _grouped(songs, lambda s: [fold(s.title)])

    def match(self, track: Track, *, nearest: bool = True) -> SongMatch:
        """The song that a track is; `nearest` looks for one alike where there is none."""
        for by, find in (
            ("recording", self._recording),
            ("isrc", self._isrc),
            ("path", self._path),
            ("tags", self._tags),
        ):
            song = find(track)
            if song is not None:
                return SongMatch(track, song, by)
        return SongMatch(track, None, None, self._nearest(track) if nearest else None)

    def _recording(self, track: Track) -> RemoteSong | None:
        return _one(track, self._by_recording.get(track.identifiers.recording_mbid or "", []))

    def _isrc(self, track: Track) -> RemoteSong | None:
        found = [s for isrc in track.identifiers.isrcs for s in self._by_isrc.get(isrc, [])]
        return _one(track, list({song.id: song for song in found}.values()))

    def _path(self, track: Track) -> RemoteSong | None:
        for parts in TAIL_PARTS:
            tail = _tail(track.path, parts)
            found = self._by_tail[parts].get(tail, []) if tail else []
            if parts == 1:  # a bare file name, such as `01.mp3`, is shared by strangers
                found = [s for s in found if _same_length(track, s) and _same_title(track, s)]
            if len(found) == 1:
                return found[0]
        return None

    def _tags(self, track: Track) -> RemoteSong | None:
        alike = self._by_title.get(fold(track.title), [])
        found = [s for s in alike if _same_artist(track, s) and _same_length(track, s)]
        return _one(track, found)

    def _nearest(self, track: Track) -> RemoteSong | None:
        wanted = fold(f"{track.artist or ''} {track.title}")
        names = {fold(f"{song.artist} {song.title}"): song for song in self._songs}
        close = difflib.get_close_matches(wanted, names, n=1, cutoff=NEAR_ENOUGH)
        return names[close[0]] if close else None


def _one(track: Track, songs: Sequence[RemoteSong]) -> RemoteSong | None:
    if len(songs) == 1:
        return songs[0]
    same = [song for song in songs if fold(song.album) == fold(track.album or "")]
    return same[0] if len(same) == 1 else None


def _same_title(track: Track, song: RemoteSong) -> bool:
    return fold(track.title) == fold(song.title)


def _same_artist(track: Track, song: RemoteSong) -> bool:
    mine = {fold(name) for name in values_of(track.artist)} | {fold(track.artist or "")}
    theirs = fold(song.artist)
    return theirs in mine or any(name and name in theirs for name in mine)


def _same_length(track: Track, song: RemoteSong) -> bool:
    if track.duration_s is None or song.duration_s is None:
        return True
    return abs(track.duration_s - song.duration_s) <= LENGTH_TOLERANCE_S


def _tails(parts: int) -> Callable[[RemoteSong], list[str]]:
    def tails(song: RemoteSong) -> list[str]:
        tail = _tail(song.path, parts)
        return [tail] if tail else []

    return tails


def _tail(path: str, parts: int) -> str | None:
    pieces = [piece for piece in path.replace("\\", "/").split("/") if piece]
    return fold("/".join(pieces[-parts:])) if len(pieces) >= parts else None


def _grouped(
    songs: Sequence[RemoteSong], names: Callable[[RemoteSong], Iterable[str]]
) -> dict[str, list[RemoteSong]]:
    found: defaultdict[str, list[RemoteSong]] = defaultdict(list)
    for song in songs:
        for name in names(song):
            found[name].append(song)
    return dict(found)
