"""Files of tracks and what lies beside them, opened beneath the music roots.

A file is opened once, without following links; whoever needs it gets the descriptor, so that what
was checked is what is read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from app.errors import AudioNotFoundError
from indexer.catalog.records import Track
from indexer.folders.beneath import folder_beneath, open_beneath
from indexer.folders.files import file_path
from indexer.folders.identifiers import album_folder
from indexer.folders.roots import MusicRoot, StoreRoot, is_in_store
from indexer.snapshot.tracks import TrackRecord

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class OpenFile:
    """A regular file, open for reading; whoever has it closes it.

    Attributes:
        descriptor: The open file.
        name: Its name.
        status: Its status when it was opened.
    """

    descriptor: int
    name: str
    status: os.stat_result

    @classmethod
    def of(cls, descriptor: int, name: str) -> OpenFile:
        """A file that was just opened.

        Raises:
            OSError: Its status cannot be read; then it is closed.
        """
        try:
            return cls(descriptor, name, os.fstat(descriptor))
        except OSError:
            os.close(descriptor)
            raise

    def taken(self) -> BinaryIO:
        """The file as an object that closes it."""
        return os.fdopen(self.descriptor, "rb")

    def close(self) -> None:
        """Close it."""
        os.close(self.descriptor)


def open_track(track: Track | TrackRecord, music_roots: Sequence[MusicRoot]) -> OpenFile:
    """The file of a track, if it lies beneath a music root.

    Args:
        track: A track of the catalogue or of a snapshot.
        music_roots: The configured roots; without any, the root the track was indexed in.

    Raises:
        AudioNotFoundError: The file is gone, is no regular file, lies outside, or a link is in the
            way.
    """
    root, relative = place_of(track, music_roots)
    try:
        return OpenFile.of(open_beneath(root, relative), relative.name)
    except (OSError, ValueError) as exc:
        raise AudioNotFoundError(
            f"the file of track {track.id} is not there any more, or a link is in its place"
        ) from exc


def open_beside(
    track: Track | TrackRecord,
    music_roots: Sequence[MusicRoot],
    rank: Callable[[str], object | None],
) -> OpenFile | None:
    """The best file of a track's folder, or else of the album's above a folder of a disc.

    Args:
        track: The track.
        music_roots: As for `open_track`.
        rank: What sorts the names, the best first; None for a name that is not wanted.

    Returns:
        None where none of them is wanted or can be opened.

    Raises:
        AudioNotFoundError: The track lies outside.
    """
    root, relative = place_of(track, music_roots)
    for parts in dict.fromkeys((relative.parts[:-1], Path(album_folder(str(relative))).parts)):
        found = _best(root, parts, rank)
        if found is not None:
            return found
    return None


def _best(
    root: Path, parts: tuple[str, ...], rank: Callable[[str], object | None]
) -> OpenFile | None:
    """The best file of one folder."""
    try:
        folder = folder_beneath(root, parts, to_list=True)
    except OSError:
        return None
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if rank(entry.name) is not None]
        for name in sorted(names, key=lambda name: (rank(name), name)):
            with suppress(OSError):
                found = OpenFile.of(os.open(name, _FILE, dir_fd=folder), name)
                if stat.S_ISREG(found.status.st_mode):
                    return found
                found.close()
    except OSError:
        return None
    finally:
        os.close(folder)
    return None


def place_of(track: Track | TrackRecord, music_roots: Sequence[MusicRoot]) -> tuple[Path, Path]:
    """The music root that a track lies in, and the way from there.

    Raises:
        AudioNotFoundError: It lies in none, or in an object store.
    """
    if is_in_store(track.root):
        raise AudioNotFoundError(
            f"track {track.id} lies in an object store, where no cover is looked for"
        )
    try:
        path = file_path(track.root, track.path)
        for root in music_roots or (file_path(track.root),):
            if isinstance(root, StoreRoot):
                continue
            resolved = root.expanduser().resolve()
            if path.is_relative_to(resolved):
                return resolved, path.relative_to(resolved)
    except (OSError, RuntimeError, ValueError) as exc:
        raise AudioNotFoundError(f"the file of track {track.id} is nowhere") from exc
    raise AudioNotFoundError(f"the file of track {track.id} is not inside the music roots")
