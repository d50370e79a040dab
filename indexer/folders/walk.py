"""Walks music folders: what is there, what is passed over, and what could not be looked at.

Gone is only what a folder that could be listed to its end does not name. A folder that cannot be
listed and a file whose status cannot be read are reported, so that their tracks stay as they are.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from indexer.errors import RootNotFoundError
from indexer.folders.files import FoundFile, escape_name, stored_name

_AUDIO_TYPES = (
    "mp3 mp2 mp1 mpga m2a flac wav wave bwf rf64 ogg oga ogx opus spx m4a m4b m4r mp4 f4a aac "
    "adts ac3 eac3 ec3 dts dtshd wma xwma aiff aif aifc wv ape mpc mpp mp+ tta tak dsf caf mka "
    "webm weba 3gp 3g2 3ga amr au snd w64 voc"
)
AUDIO_SUFFIXES = frozenset(f".{name}" for name in _AUDIO_TYPES.split())
_OTHER_TYPES = (
    "mid midi kar rmi mod xm it s3m mptm mo3 umx 669 sid nsf nsfe spc gbs psf vgm vgz ra ram rm "
    "shn dff aax aa m4p cda mkv avi mov m4v wmv flv iso ofr ofs la mlp thd truehd wvc gsm qcp vqf "
    "aob awb"
)
OTHER_SUFFIXES = frozenset(f".{name}" for name in _OTHER_TYPES.split())

LINKS = "symbolic links, which are not followed"
HIDDEN = "hidden files and folders"
OF_THE_SYSTEM = "folders that a system keeps for itself: what was deleted, old states, thumbnails"
BLANK = "names that end in a blank after what names their format"
UNFINISHED = "downloads that are not complete"
SPECIAL = "entries that are no regular files"
CUE_SHEETS = "CUE sheets: an album in one file is one track"
EXAMPLES = 3  # names that a line about each reason gives
MOST_NAMED = 10_000  # names that a report keeps for each reason

# Of macOS, and of a process of this project that was killed while it wrote tags.
_LEFT_BEHIND = ("._", ".circumplex-")
_OF_DOWNLOADS = frozenset(
    (".part", ".partial", ".filepart", ".crdownload", ".download", ".ytdl", ".!qb", ".!ut")
)
# Of Windows, Synology, QNAP and macOS; their names are written in any case.
_SYSTEM_FOLDERS = frozenset(
    {
        *("system volume information", "$recycle.bin", "__macosx", "#recycle", "@recycle"),
        *("recycler", "network trash folder"),
        *("#snapshot", "@snapshot", "@recently-snapshot", "@eadir", "@__thumb", "@tmp"),
    }
)
_AT_THE_ROOT = frozenset({"lost+found"})  # below, albums are called so

Root = TypeVar("Root")
_TIME_LIMITS = (-(2**63), 2**63 - 1)  # nanoseconds that a database keeps


class DirectoryEntry(Protocol):
    """What the walk asks of a directory entry (`os.DirEntry`)."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def path(self) -> str:
        """The folder's path with the name."""

    def is_symlink(self) -> bool:
        """Whether it is a symbolic link."""

    def is_dir(self, *, follow_symlinks: bool = ...) -> bool:
        """Whether it is a folder."""

    def is_file(self, *, follow_symlinks: bool = ...) -> bool:
        """Whether it is a regular file."""

    def stat(self, *, follow_symlinks: bool = ...) -> os.stat_result:
        """Its status."""


ListFolder = Callable[[str], Sequence[DirectoryEntry]]


@dataclass
class WalkReport:
    """What a walk could not look at, and what it passed over.

    Attributes:
        unreadable: Why, by stored address; that of a folder ends in `/`.
        passed: How many entries were passed over for each reason.
        named: The addresses of these for each reason, up to `MOST_NAMED`.
    """

    unreadable: dict[str, str] = field(default_factory=dict)
    passed: Counter[str] = field(default_factory=Counter)
    named: dict[str, list[str]] = field(default_factory=dict)

    def failed(self, address: str, error: OSError) -> None:
        """Note what could not be looked at."""
        self.unreadable[address] = error.strerror or str(error)

    def passed_over(self, reason: str, address: str) -> None:
        """Note an entry that is no part of the library."""
        self.passed[reason] += 1
        named = self.named.setdefault(reason, [])
        if len(named) < MOST_NAMED:
            named.append(address)

    def could_look_at(self, address: str) -> bool:
        """Whether neither this file nor a folder above it was unreadable."""
        if not self.unreadable:
            return True
        # A folder above, or an entry above of which not even its kind is known.
        ends = [end for end, letter in enumerate(address) if letter == "/"]
        above = [address, *(address[:end] for end in ends), *(address[: end + 1] for end in ends)]
        return not any(each in self.unreadable for each in above)

    def troubles(self) -> list[str]:
        """What could not be looked at, for a person, a line each."""
        lines = []
        for address, reason in list(self.unreadable.items())[:EXAMPLES]:
            lines.append(f"{address} cannot be looked at, its tracks stay as they are: {reason}")
        if len(self.unreadable) > EXAMPLES:
            lines.append(f"{len(self.unreadable) - EXAMPLES} more cannot be looked at")
        return lines

    def skipped(self) -> list[str]:
        """What was passed over, for a person, one line for each reason."""
        lines = []
        for reason, count in self.passed.most_common():
            names = ", ".join(self.named[reason][:EXAMPLES]) + (" …" if count > EXAMPLES else "")
            lines.append(f"{count} skipped, {reason}: {names}")
        return lines


def list_folder(folder: str) -> list[os.DirEntry[str]]:
    """The entries of a folder in order of their names.

    Raises:
        OSError: It cannot be listed to its end.
    """
    with os.scandir(folder) as listing:
        return sorted(listing, key=lambda entry: entry.name)


def walk(
    roots: Iterable[Path],
    report: WalkReport | None = None,
    *,
    list_entries: ListFolder = list_folder,
) -> Iterator[FoundFile]:
    """Every audio file below the roots, in order of their names.

    Symbolic links are not followed: what they point to inside a root is found at its own place, and
    what lies outside is not part of the library. Folders that begin with one dot are hidden, and so
    are the files `._name` that macOS leaves; `...And More` is an ordinary name.

    Args:
        roots: Folders to walk; one inside another is walked once.
        report: Told what is passed over and what cannot be looked at.
        list_entries: Lists a folder.

    Yields:
        The files, root by root.

    Raises:
        RootNotFoundError: A root is no folder or may not be read.
    """
    report = report if report is not None else WalkReport()
    for root in distinct_roots(roots):
        yield from walk_folder(root, report, list_entries)


def walk_folder(
    root: Path, report: WalkReport, list_entries: ListFolder = list_folder
) -> Iterator[FoundFile]:
    """Every audio file below one root, an absolute path without links; see `walk`."""
    return _Walk(stored_name(root), report, list_entries).files(str(root))


def distinct_roots(roots: Iterable[Path]) -> list[Path]:
    """The roots as absolute paths without links, sorted, none inside another.

    Raises:
        RootNotFoundError: A root is no folder or may not be read.
    """
    resolved = sorted({_existing(root) for root in roots})
    return [root for root in resolved if not any(other in root.parents for other in resolved)]


def present_roots(
    roots: Iterable[Root], check: Callable[[list[Root]], object]
) -> tuple[list[Root], dict[str, RootNotFoundError]]:
    """The roots that can be looked through, and why others cannot: disks that are away.

    Args:
        roots: Music roots.
        check: Raises where one of the roots that it is given cannot be looked through.

    Returns:
        The roots that are there, and the errors of the others by address: stored text that ends
        in `/`.

    Raises:
        RootNotFoundError: None is there.
    """
    there: list[Root] = []
    absent: dict[str, RootNotFoundError] = {}
    for root in roots:
        try:
            check([root])
            there.append(root)
        except RootNotFoundError as exc:
            name = os.path.realpath(root.expanduser()) if isinstance(root, Path) else str(root)
            absent[stored_name(name).rstrip("/") + "/"] = exc
    if absent and not there:
        raise next(iter(absent.values()))
    return there, absent


def found_file(root: str, path: str, status: os.stat_result) -> FoundFile:
    """A file of this root and path (stored text), with what its status says."""
    return FoundFile(root, path, status.st_size, mtime_ns(status), _kept(status.st_ctime_ns))


def mtime_ns(status: os.stat_result) -> int:
    """When the file changed, in nanoseconds since 1970, as near as a database can keep it."""
    return _kept(status.st_mtime_ns)


def _kept(time_ns: int) -> int:
    low, high = _TIME_LIMITS
    return max(low, min(time_ns, high))


def _existing(root: Path) -> Path:
    try:
        folder = root.expanduser().resolve(strict=True)
        os.scandir(folder).close()
    except (OSError, RuntimeError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise RootNotFoundError(
            f"music root {root}: {reason}; name an existing, readable folder"
        ) from exc
    return folder


class _Walk:
    """The walk of one root. Folders wait on a list: their depth has no bound."""

    def __init__(self, root: str, report: WalkReport, list_entries: ListFolder) -> None:
        self._root = root
        self._prefix = root.rstrip("/") + "/"
        self._report = report
        self._list = list_entries

    def files(self, folder: str) -> Iterator[FoundFile]:
        """The files of the root, each folder at its place among its neighbours."""
        waiting = [iter(self._entries(folder, ""))]
        paths = [""]
        while waiting:
            entry = next(waiting[-1], None)
            if entry is None:
                waiting.pop()
                paths.pop()
                continue
            path = paths[-1] + escape_name(entry.name)
            try:
                if self._is_folder(entry, path):
                    waiting.append(iter(self._entries(entry.path, path + "/")))
                    paths.append(path + "/")
                elif (found := self._file(entry, path)) is not None:
                    yield found
            except OSError as exc:  # also ENOENT: the next listing says whether it is gone
                self._report.failed(self._prefix + path, exc)

    def _entries(self, folder: str, path: str) -> Sequence[DirectoryEntry]:
        try:
            return self._list(folder)
        except OSError as exc:
            self._report.failed(self._prefix + path, exc)
            return ()

    def _is_folder(self, entry: DirectoryEntry, path: str) -> bool:
        if not entry.is_dir(follow_symlinks=False):
            return False
        reason = folder_passed_over(path)
        if reason is not None:
            self._report.passed_over(reason, self._prefix + path)
        return reason is None

    def _file(self, entry: DirectoryEntry, path: str) -> FoundFile | None:
        suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - a hundred thousand times
        if suffix not in AUDIO_SUFFIXES:
            self._note_other(entry, suffix, path)
            return None
        reason = None
        if entry.is_symlink():
            reason = LINKS
        elif entry.name.startswith(_LEFT_BEHIND):
            reason = HIDDEN
        elif entry.is_dir(follow_symlinks=False):  # a folder that is passed over, and noted
            return None
        elif not entry.is_file(follow_symlinks=False):
            reason = SPECIAL
        if reason is not None:
            self._report.passed_over(reason, self._prefix + path)
            return None
        return found_file(self._root, path, entry.stat(follow_symlinks=False))

    def _note_other(self, entry: DirectoryEntry, suffix: str, path: str) -> None:
        """Note what a listener may take for music, and links that may be folders of it."""
        reason = None
        with suppress(OSError):
            if entry.is_symlink():
                reason = LINKS
        reason = reason or other_music(entry.name, suffix)
        if reason is not None:
            self._report.passed_over(reason, self._prefix + path)


def folder_passed_over(path: str) -> str | None:
    """Why a folder is no part of the library; None where it is.

    Args:
        path: Its path below the music root.
    """
    above, _, name = path.rpartition("/")
    if name.startswith(".") and not name.startswith(".."):
        return HIDDEN
    folded = name.lower()
    if folded in _SYSTEM_FOLDERS or (not above and folded in _AT_THE_ROOT):
        return OF_THE_SYSTEM
    return None


def other_music(name: str, suffix: str) -> str | None:
    """Why a file that a listener may take for music is passed over; None where none would.

    Args:
        name: The file's name.
        suffix: Its ending in lower case.
    """
    if suffix in _OF_DOWNLOADS:
        inner = os.path.splitext(name[: -len(suffix)])[1].lower()  # noqa: PTH122 - as above
        return UNFINISHED if inner in AUDIO_SUFFIXES else None
    if suffix.rstrip() in AUDIO_SUFFIXES:
        return BLANK
    if suffix in OTHER_SUFFIXES:
        return f"{suffix} files, a format that is not read"
    return CUE_SHEETS if suffix == ".cue" else None
