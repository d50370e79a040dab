"""Compares the library on disk with the catalogue, without opening a file."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.catalog.records import KnownFile
from indexer.errors import EmptyRootError
from indexer.folders.files import FoundFile, distinct_roots, stored_name, walk
from indexer.runs.identity import by_address

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scan:
    """What a walk over the roots says about each file.

    Attributes:
        known: The track of each address.
        to_read: New and changed files.
        unchanged: Tracks whose files are as they were, in the index or failed.
        gone: Tracks whose files are not there, missing for long or as of now.
        outside: Tracks in the index whose files this run does not look for.
    """

    known: Mapping[str, KnownFile]
    to_read: tuple[FoundFile, ...]
    unchanged: tuple[KnownFile, ...]
    gone: tuple[KnownFile, ...]
    outside: tuple[KnownFile, ...]

    @property
    def files_total(self) -> int:
        """Audio files found."""
        return len(self.to_read) + len(self.unchanged)


def scan(
    roots: Sequence[Path],
    tracks: Sequence[KnownFile],
    *,
    frontend_id: str,
    full: bool,
    only: bool = False,
) -> Scan:
    """Walk the roots and sort files and tracks by what has to be done.

    Files below a folder that cannot be read are left as they are.

    Args:
        roots: Music roots.
        tracks: Everything the catalogue knows.
        frontend_id: A failure under another frontend is tried again.
        full: Take every file for changed.
        only: Take tracks outside the roots for gone.

    Raises:
        RootNotFoundError: A root is no folder or may not be read.
        EmptyRootError: A root holds nothing, though tracks are known in it; `full` accepts that.
    """
    unreadable: list[str] = []

    def note(folder: Path, error: OSError) -> None:
        logger.warning("folder %s cannot be read, its tracks stay as they are: %s", folder, error)
        unreadable.append(_prefix(stored_name(folder)))

    prefixes = [_prefix(stored_name(root)) for root in distinct_roots(roots)]
    found = {file.address: file for file in walk(roots, on_error=note)}
    known = by_address(tracks)
    if not full:
        _refuse_emptied(prefixes, found, tracks)
    unchanged = [
        track
        for address, file in found.items()
        if (track := known.get(address)) is not None
        and not full
        and _is_unchanged(track, file, frontend_id)
    ]
    kept = {track.address for track in unchanged}
    away = [
        track for track in tracks if known[track.address] is not track or track.address not in found
    ]
    inside = ["/"] if only else prefixes
    looked_for = {track.id for track in away if _looked_for(track, inside, unreadable)}
    return Scan(
        known=known,
        to_read=tuple(file for address, file in found.items() if address not in kept),
        unchanged=tuple(unchanged),
        gone=tuple(t for t in away if t.status == "missing" or t.id in looked_for),
        outside=tuple(t for t in away if t.status == "ok" and t.id not in looked_for),
    )


def _is_unchanged(track: KnownFile, file: FoundFile, frontend_id: str) -> bool:
    if (track.size_bytes, track.mtime_ns) != (file.size_bytes, file.mtime_ns):
        return False
    if track.content_id is None:  # it could not be read: try again
        return False
    return track.status == "ok" or (track.status == "failed" and track.frontend_id == frontend_id)


def _looked_for(track: KnownFile, prefixes: Iterable[str], unreadable: Iterable[str]) -> bool:
    address = track.address
    return any(map(address.startswith, prefixes)) and not any(map(address.startswith, unreadable))


def _prefix(folder: str) -> str:
    return folder.rstrip("/") + "/"


def _refuse_emptied(
    prefixes: Sequence[str], found: Mapping[str, FoundFile], tracks: Sequence[KnownFile]
) -> None:
    for prefix in prefixes:
        before = sum(track.status == "ok" and track.address.startswith(prefix) for track in tracks)
        if before and not any(address.startswith(prefix) for address in found):
            raise EmptyRootError(
                f"music root {prefix} holds no audio, but the catalogue knows {before} tracks in "
                "it: is its disk mounted? A full run (--full) takes them out of the index"
            )
