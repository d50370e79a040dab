"""How the command line names tracks: which one is meant, and where it lies."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from app.errors import InvalidRequestError
from indexer.folders.roots import is_in_store
from model.folding import fold

if TYPE_CHECKING:
    from app.wire.responses import TrackOut
    from indexer.catalog.catalog import Catalog
    from indexer.catalog.records import Track
    from indexer.snapshot.tracks import TrackTable

MOST_LOOKED_AT = 1000
MOST_NAMED = 8


class Named(Protocol):
    """A track as listeners know it."""

    @property
    def id(self) -> int:
        """Of the catalogue."""

    @property
    def title(self) -> str | None:
        """If it has one."""

    @property
    def artist(self) -> str | None:
        """If it has one."""

    @property
    def path(self) -> str:
        """Below its music root."""


Found = TypeVar("Found", bound=Named)


def track_called(words: str, catalog: Catalog) -> Track:
    """The track that is meant: by its file, its title, or words of title, artist, album and path.

    Raises:
        InvalidRequestError: There is none, or more than one; names some with their ids.
    """
    from indexer.catalog.records import TrackQuery
    from indexer.folders.files import stored_name

    file = _file_called(words)
    if file is None:
        near = catalog.list_tracks(TrackQuery(text=words), limit=MOST_LOOKED_AT).items
        return the_one_called(words, near)
    track = catalog.track_at(stored_name(file))
    if track is None:
        raise InvalidRequestError(f"nothing in the index is called {words!r}")
    return track


def the_one_called(words: str, near: Sequence[Found]) -> Found:
    """The track that words mean: the one of this title, else the only one near.

    Raises:
        InvalidRequestError: There is none, or more than one; names some with their ids.
    """
    found = [track for track in near if fold(track.title or "") == fold(words)] or list(near)
    if not found:
        raise InvalidRequestError(f"nothing in the index is called {words!r}")
    if len(found) > 1:
        named = "; ".join(f"--track {track.id}: {described(track)}" for track in found[:MOST_NAMED])
        more = "; …" if len(found) > MOST_NAMED else ""
        raise InvalidRequestError(f"{len(found)} tracks are called {words!r}: {named}{more}")
    return found[0]


def _file_called(words: str) -> Path | None:
    """The file of this name, links resolved; None if there is none."""
    try:
        file = Path(words).expanduser()
        return file.resolve() if file.is_file() else None
    except (OSError, RuntimeError, ValueError):  # too long for a name, a NUL in it, no such user
        return None


def described(track: Named) -> str:
    """Title and artist, as far as they are known."""
    title = track.title or track.path
    return f"{title} ({track.artist})" if track.artist else title


def below_root(tracks: TrackTable) -> Callable[[TrackOut], str]:
    """The path of a track below its music root; the whole path where two roots have the same."""
    from indexer.folders.files import file_path

    def locate(track: TrackOut) -> str:
        row = tracks.row_of(track.id)
        root = tracks[row].root if tracks.has_namesake(row) else ""
        if is_in_store(root):
            return f"{root}/{file_path(track.path)}"
        return str(file_path(root, track.path) if root else file_path(track.path))

    return locate


def seen_from(playlist: Path, tracks: TrackTable) -> Callable[[TrackOut], str]:
    """The way from a playlist's folder to a track, whichever music root the track lies in."""
    from indexer.folders.files import file_path

    folder = playlist.expanduser().resolve().parent

    def locate(track: TrackOut) -> str:
        root = tracks[tracks.row_of(track.id)].root
        if is_in_store(root):
            return f"{root}/{file_path(track.path)}"
        return os.path.relpath(file_path(root).resolve() / file_path(track.path), folder)

    return locate
