"""Opens files beneath a folder without following links, so that none can lead out of it.

Between a look at a path and its opening anybody who may write there can put a link in its place. So
each part of the path is opened from the descriptor of the part above, and whoever needs the file is
given its descriptor, never the path again.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path, PurePosixPath

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PASS = getattr(os, "O_PATH", 0) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO must not be waited for


def open_beneath(root: Path, relative: Path | PurePosixPath) -> int:
    """The descriptor of a regular file beneath `root`, open for reading; the caller closes it.

    Args:
        root: A folder; links in its own path are followed.
        relative: The way from there: no link, no `..`.

    Raises:
        OSError: A part is not there, is a link (ELOOP, ENOTDIR) or leads out; the file is no
            regular one (EINVAL); or it cannot be opened.
    """
    parts = relative.parts
    if not parts or relative.is_absolute() or ".." in parts:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(relative))
    folder = folder_beneath(root, parts[:-1])
    try:
        descriptor = os.open(parts[-1], _FILE, dir_fd=folder)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file", str(relative))
    return descriptor


def folder_beneath(root: Path, parts: tuple[str, ...], *, to_list: bool = False) -> int:
    """The descriptor of a folder beneath `root`; the caller closes it.

    Args:
        root: A folder; links in its own path are followed.
        parts: The names on the way from there.
        to_list: Whether the folder will be listed, which needs the right to read it.

    Raises:
        OSError: A part is not there, is a link or no folder, or may not be entered.
    """
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for count, part in enumerate(parts, 1):
        flags = _FOLDER if to_list and count == len(parts) else _PASS
        try:
            deeper = os.open(part, flags, dir_fd=folder)
        finally:
            os.close(folder)
        folder = deeper
    return folder
