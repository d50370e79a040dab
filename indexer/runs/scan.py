"""Compares the library on disk with the catalogue, without opening a file."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from indexer.catalog.records import FileResult, KnownFile, TrackChanges
from indexer.errors import EmptyRootError, RootNotFoundError, ShrunkRootError
from indexer.folders.disk import Disk
from indexer.folders.files import FoundFile, file_path, stored_name
from indexer.folders.roots import MusicRoot, is_in_store
from indexer.folders.walk import WalkReport, present_roots
from indexer.runs.identity import by_address

logger = logging.getLogger(__name__)

SHRINK_SHARE = 0.2  # of a root's tracks; more missing at once looks like a mount that is away
SHRINK_TRACKS = 2  # so few may go from a root of any size


@dataclass(frozen=True)
class Scan:
    """What a walk over the roots says about each file.

    Attributes:
        known: The track of each address.
        to_read: New and changed files.
        unchanged: Tracks whose files are as they were, in the index or failed.
        gone: Tracks whose files are not there, missing for long or as of now.
        outside: Tracks in the index whose files this run does not look for, or cannot look at.
        prefixes: The roots, each with a `/` at its end.
        report: What could not be looked at, and what was passed over.
    """

    known: Mapping[str, KnownFile]
    to_read: tuple[FoundFile, ...]
    unchanged: tuple[KnownFile, ...]
    gone: tuple[KnownFile, ...]
    outside: tuple[KnownFile, ...]
    prefixes: tuple[str, ...]
    report: WalkReport

    @property
    def files_total(self) -> int:
        """Audio files found."""
        return len(self.to_read) + len(self.unchanged)


def scan(
    roots: Sequence[MusicRoot],
    tracks: Sequence[KnownFile],
    *,
    disk: Disk,
    frontend_id: str,
    full: bool,
    only: bool = False,
    allow_shrink: bool = False,
) -> Scan:
    """Look through the roots and sort files and tracks by what has to be done.

    What cannot be looked at stays as it is: a file whose status cannot be read, and all files below
    a folder that cannot be listed. So does a root that is not there, or empty, beside others.

    Args:
        roots: Music roots.
        tracks: Everything the catalogue knows.
        disk: Looks through a root.
        frontend_id: A failure under another frontend is tried again.
        full: Take every file for changed.
        only: Take tracks outside the roots for gone.
        allow_shrink: Accept that many tracks of a root, or all, are gone.

    Raises:
        RootNotFoundError: No root is there, or one of which no track is known is not, or it may not
            be read.
        EmptyRootError: No root holds audio, though tracks are known in one.
        ShrunkRootError: More than a fifth of a root's tracks are gone.
    """
    report = WalkReport()
    prefixes, found = _look(roots, tracks, disk, report)
    if not allow_shrink:
        _note_emptied(prefixes, found, tracks, report)
    known = by_address(tracks)
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
    inside = [""] if only else prefixes
    looked_for = {
        track.id
        for track in away
        if track.misplaced or (_is_below(track, inside) and report.could_look_at(track.address))
    }
    seen = Scan(
        known=known,
        to_read=tuple(file for address, file in found.items() if address not in kept),
        unchanged=tuple(unchanged),
        gone=tuple(t for t in away if t.status == "missing" or t.id in looked_for),
        outside=tuple(t for t in away if t.status == "ok" and t.id not in looked_for),
        prefixes=tuple(prefixes),
        report=report,
    )
    for line in (*report.troubles(), *report.skipped()):
        logger.warning("%s", line)
    if not allow_shrink:
        fresh = sum(file.address not in known for file in seen.to_read)
        refuse_shrunk(seen, [t.id for t in seen.gone if t.status == "ok"], may_return=fresh)
    return seen


def _look(
    roots: Sequence[MusicRoot], tracks: Sequence[KnownFile], disk: Disk, report: WalkReport
) -> tuple[list[str], dict[str, FoundFile]]:
    """The prefixes of the roots, and the files below those that are there, by address."""
    there, absent = present_roots(roots, disk.distinct)
    note_absent(absent, tracks, report)
    distinct = disk.distinct(there)
    prefixes = [*(_prefix(stored_name(root)) for root in distinct), *absent]
    return prefixes, {file.address: file for root in distinct for file in disk.find(root, report)}


def refuse_shrunk(
    seen: Scan, missing_ids: Iterable[int], failed_ids: Iterable[int] = (), *, may_return: int = 0
) -> None:
    """Refuse to take many tracks of a root out of the index at once.

    Args:
        seen: The scan.
        missing_ids: Tracks whose files are gone.
        failed_ids: Tracks whose files are there and fail, such as those of a disk that is not
            unlocked, or of a store that put marks in their place.
        may_return: How many of them may be found under another name.

    Raises:
        ShrunkRootError: A root would lose more than a fifth of its tracks, and more than two.
    """
    missing, failed = set(missing_ids), set(failed_ids)
    tracks = [*seen.known.values()]
    for prefix in seen.prefixes:
        inside = [t for t in tracks if t.status == "ok" and t.address.startswith(prefix)]
        broken = sum(track.id in failed for track in inside)
        lost = sum(track.id in missing for track in inside) - may_return + broken
        if lost > max(SHRINK_TRACKS, SHRINK_SHARE * len(inside)):
            why = f", or cannot be used any more ({broken})" if broken else ""
            raise ShrunkRootError(
                f"{lost} of the {len(inside)} tracks in {prefix} are not there any more{why}: is a "
                f"disk not mounted{' or damaged' if broken else ''}? A run with --allow-shrink "
                "(allow_shrink in the API) takes them out of the index"
            )


def left_elsewhere(seen: Scan, results: Iterable[FileResult]) -> list[KnownFile]:
    """Tracks a run does not look for, whose content it has found, and whose files are not there."""
    contents = {result.content_id for result in results if result.content_id is not None}
    away = [track for track in seen.outside if track.content_id in contents]
    return [track for track in away if not _is_there(track.root, track.path)]


def absent_roots(seen: Scan, changes: TrackChanges) -> list[str]:
    """Roots that a run does not look through and that are not there, for a person, a line each."""
    moved = {change.id for change in changes.changed}
    outside = [track for track in seen.outside if not _is_below(track, seen.prefixes)]
    staying = Counter(track.root for track in outside if track.id not in moved)
    return [
        f"{count} tracks stay in the index though their folder {root} is not there; a run with "
        "--only (only in the API) lets the tracks of all other folders leave it"
        for root, count in sorted(staying.items())
        if not _is_there(root)
    ]


def _is_there(root: str, path: str = "") -> bool:
    """Whether something lies there, or whether that cannot be told."""
    if is_in_store(root):
        return True
    try:
        file_path(root, path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):  # also what somebody wrote into the row
        return True
    return True


def _is_unchanged(track: KnownFile, file: FoundFile, frontend_id: str) -> bool:
    if (track.size_bytes, track.mtime_ns) != (file.size_bytes, file.mtime_ns):
        return False
    if file.ctime_ns and file.ctime_ns != track.ctime_ns:
        return False
    if track.content_id is None or track.misplaced:  # it could not be read: try again
        return False
    return track.status == "ok" or (track.status == "failed" and track.frontend_id == frontend_id)


def _is_below(track: KnownFile, prefixes: Iterable[str]) -> bool:
    return any(map(track.address.startswith, prefixes))


def _prefix(folder: str) -> str:
    return folder.rstrip("/") + "/"


def note_absent(
    absent: Mapping[str, RootNotFoundError], tracks: Sequence[KnownFile], report: WalkReport
) -> None:
    """Note roots that are away.

    Raises:
        RootNotFoundError: Nothing is known in one of them: it was misspelt.
    """
    for prefix, error in absent.items():
        if not any(_is_below(track, [prefix]) for track in tracks):
            raise error
        report.unreadable[prefix] = getattr(error.__cause__, "strerror", None) or str(error)


def _note_emptied(
    prefixes: Sequence[str],
    found: Mapping[str, FoundFile],
    tracks: Sequence[KnownFile],
    report: WalkReport,
) -> None:
    """Note roots that hold nothing though tracks are known in them; refuse where none holds any."""
    for prefix in prefixes:
        before = sum(track.status == "ok" and _is_below(track, [prefix]) for track in tracks)
        if not before or not report.could_look_at(prefix):
            continue
        if any(address.startswith(prefix) for address in found):
            continue
        reason = (
            f"it holds no audio, but the catalogue knows {before} tracks in it: is its disk "
            "mounted? A run with --allow-shrink (allow_shrink in the API) takes them out of the "
            "index"
        )
        if not found:
            raise EmptyRootError(f"music root {prefix}: {reason}")
        report.unreadable[prefix] = reason
