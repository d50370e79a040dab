"""Files that only their owner writes, and what a disk refuses, in words that say what to do."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from pathlib import Path
from typing import BinaryIO

PRIVATE_FILE, PRIVATE_FOLDER = 0o640, 0o750  # at most; the umask may take more away
SEALED_FILE = 0o440

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


def keep_private() -> None:
    """From now on this process makes no file or folder that others may read or write."""
    os.umask(os.umask(0o077) | 0o777 & ~PRIVATE_FOLDER)


def may_write(folder: Path) -> bool:
    """Whether this user may make files in a folder that is there."""
    return os.access(folder, os.W_OK | os.X_OK, effective_ids=True)


def create_private(path: Path) -> BinaryIO:
    """Open a file for writing, anew, that others may not read or write, whatever the umask.

    Raises:
        OSError: The disk refuses.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    return os.fdopen(handle, "wb")


def write_private(path: Path, content: bytes) -> None:
    """Write a whole file that others may not read or write, whatever the umask.

    Raises:
        OSError: The disk refuses.
    """
    with create_private(path) as file:
        file.write(content)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file of the listener's whole, or leave what was there: a full disk costs no list.

    A link is followed. What is no regular file, such as a pipe, is written into, and so is a file
    in a folder that takes no others.

    Raises:
        OSError: The disk refuses.
    """
    target = Path(os.path.realpath(path))
    there = target.exists()
    if there and not target.is_file():
        target.write_bytes(content)
        return
    aside = target.with_name(f".circumplex-{os.getpid()}-{threading.get_ident()}.part")
    try:
        aside.write_bytes(content)
        if there:
            shutil.copymode(target, aside)
        aside.replace(target)
    except PermissionError:
        if not there:
            raise
        target.write_bytes(content)
    finally:
        aside.unlink(missing_ok=True)


def is_full(exc: OSError) -> bool:
    """Whether the disk has no room; numpy tells a short write in words alone."""
    return exc.errno in _FULL or (exc.errno is None and "requested and" in str(exc))


def refusal(path: Path, exc: OSError) -> str:
    """One line: what cannot be written, why, and the remedy."""
    if is_full(exc):
        return f"cannot write {path}: no space left on device; free space and start again"
    reason = exc.strerror or str(exc)
    if exc.errno in _FORBIDDEN:
        return f"cannot write {path}: {reason}; make the data folder writable or name another"
    return f"cannot write {path}: {reason}; free space or name another data folder"
