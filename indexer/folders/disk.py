"""The disk as index runs see it: folders to list, files to open."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import BinaryIO, Protocol

from indexer.folders.beneath import open_beneath
from indexer.folders.files import FoundFile, file_path
from indexer.folders.walk import DirectoryEntry, list_folder, mtime_ns


class Disk(Protocol):
    """What an index run asks of the file system."""

    def entries(self, folder: str) -> Sequence[DirectoryEntry]:
        """The entries of a folder, in order of their names.

        Raises:
            OSError: It cannot be listed to its end.
        """

    def open(self, found: FoundFile) -> BinaryIO:
        """A found file, to be read.

        Raises:
            OSError: It cannot be opened, or a link is in the way.
        """


class LocalDisk:
    """The file system itself."""

    def entries(self, folder: str) -> Sequence[DirectoryEntry]:
        """The entries of a folder, in order of their names."""
        return list_folder(folder)

    def open(self, found: FoundFile) -> BinaryIO:
        """A found file, opened beneath its root without following links."""
        return os.fdopen(open_beneath(file_path(found.root), file_path(found.path)), "rb")


def is_as_found(file: BinaryIO, found: FoundFile) -> bool:
    """Whether an open file has the size and the time that the walk saw.

    Raises:
        OSError: Its status cannot be read.
    """
    status = os.fstat(file.fileno())
    return (status.st_size, mtime_ns(status)) == (found.size_bytes, found.mtime_ns)
