"""Music roots as index runs see them: roots to look through, files to open."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from indexer.folders.beneath import open_beneath
from indexer.folders.files import FoundFile, file_path
from indexer.folders.objects import ObjectStore
from indexer.folders.roots import MusicRoot, StoreRoot, is_in_store
from indexer.folders.walk import (
    DirectoryEntry,
    WalkReport,
    distinct_roots,
    list_folder,
    mtime_ns,
    walk_folder,
)


class Disk(Protocol):
    """What an index run asks of the places where music lies."""

    def distinct(self, roots: Iterable[MusicRoot]) -> list[MusicRoot]:
        """The roots, none inside another; folders as absolute paths without links.

        Raises:
            RootNotFoundError: One is not there, or may not be read.
        """

    def find(self, root: MusicRoot, report: WalkReport) -> Iterator[FoundFile]:
        """The audio files below one of these; what cannot be looked at goes into the report."""

    def open(self, found: FoundFile) -> BinaryIO:
        """A found file, to be read.

        Raises:
            OSError: It cannot be opened, or a link is in the way.
        """

    def is_as_found(self, file: BinaryIO, found: FoundFile) -> bool:
        """Whether an open file is still what was found.

        Raises:
            OSError: Its status cannot be read.
        """


class FoldersAndStores:
    """Folders of the file system, and object stores where a root names one."""

    def __init__(self) -> None:
        self._store = ObjectStore()

    def distinct(self, roots: Iterable[MusicRoot]) -> list[MusicRoot]:
        """The roots, none inside another."""
        named = list(roots)
        stores = sorted({root for root in named if isinstance(root, StoreRoot)})
        for root in stores:
            self._store.require(root)
        return [
            *distinct_roots(root for root in named if isinstance(root, Path)),
            *(a for a in stores if not any(a != b and a.is_inside(b) for b in stores)),
        ]

    def find(self, root: MusicRoot, report: WalkReport) -> Iterator[FoundFile]:
        """The audio files below a root."""
        if isinstance(root, StoreRoot):
            return self._store.find(root, report)
        return walk_folder(root, report, self.entries)

    def entries(self, folder: str) -> Sequence[DirectoryEntry]:
        """The entries of a folder, in order of their names.

        Raises:
            OSError: It cannot be listed to its end.
        """
        return list_folder(folder)

    def open(self, found: FoundFile) -> BinaryIO:
        """A found file, opened beneath its root without following links, or a copy of an object."""
        if is_in_store(found.root):
            return self._store.fetch(found)
        return os.fdopen(open_beneath(file_path(found.root), file_path(found.path)), "rb")

    def is_as_found(self, file: BinaryIO, found: FoundFile) -> bool:
        """Whether an open file has the size and the time that the walk saw.

        A copy of an object was compared as it was made, and is one version of it.
        """
        if is_in_store(found.root):
            return True
        status = os.fstat(file.fileno())
        return (status.st_size, mtime_ns(status)) == (found.size_bytes, found.mtime_ns)
