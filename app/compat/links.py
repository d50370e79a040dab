"""Ids of a media server for tracks of the catalogue, learned by matching and kept in a file."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.errors import InvalidRequestError
from app.sharing.matching import Matcher
from app.sharing.subsonic_server import SubsonicServer
from indexer.catalog.catalog import Catalog
from indexer.storage import write_private

FILE = "links.json"


@dataclass(frozen=True)
class SongLinks:
    """Which track is which song there.

    Attributes:
        server: Address of the server; empty before any was linked.
        song_of: Song id by track id.
        track_of: Track id by song id.
    """

    server: str
    song_of: Mapping[int, str]
    track_of: Mapping[str, int]


NONE = SongLinks("", {}, {})


class LinkStore:
    """The links of a data folder; another process's changes are seen at once."""

    def __init__(self, data_dir: Path) -> None:
        """Read `links.json` of the folder when it is asked for."""
        self._path = data_dir / FILE
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._links = NONE

    def current(self) -> SongLinks:
        """The links as they are now; none where nothing was linked.

        Raises:
            InvalidRequestError: The file is damaged.
        """
        with self._lock:
            try:
                status = self._path.stat()
            except FileNotFoundError:
                return NONE
            stamp = (status.st_mtime_ns, status.st_ino)
            if stamp != self._stamp:
                self._links, self._stamp = _read(self._path), stamp
            return self._links

    def write(self, server: str, song_of: Mapping[int, str]) -> None:
        """Replace the links, whole or not at all."""
        content = {"server": server, "songs": {str(t): s for t, s in sorted(song_of.items())}}
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = self._path.with_suffix(f".{os.getpid()}.part")
        write_private(aside, json.dumps(content).encode())
        aside.replace(self._path)


def learn(server: SubsonicServer, catalog: Catalog, store: LinkStore) -> tuple[int, int]:
    """Match every track of the index with the songs of a server, and keep the pairs.

    Returns:
        Tracks that were found there, and tracks in all.

    Raises:
        SharingError: The server is away, or refuses.
    """
    server.ping()
    matcher = Matcher(server.songs())
    tracks = catalog.published_tracks()
    found = {
        track.id: match.song.id
        for track in tracks
        if (match := matcher.match(track, nearest=False)).song is not None
    }
    store.write(server.url, found)
    return len(found), len(tracks)


def _read(path: Path) -> SongLinks:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        song_of = {int(track): str(song) for track, song in document["songs"].items()}
        return SongLinks(str(document["server"]), song_of, {s: t for t, s in song_of.items()})
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as exc:
        raise InvalidRequestError(
            f"{path.name} cannot be read ({exc}): run `circumplex link` again"
        ) from exc
