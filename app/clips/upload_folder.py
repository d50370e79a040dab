"""The private folder of uploads: gone when the service ends, swept up when it was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def private_folder(parent: Path) -> Iterator[Path]:
    """A new folder below `parent` that only this user may enter, removed at the end.

    A lock says that its process lives; folders whose process was killed are removed first.

    Args:
        parent: Made if it is missing.

    Yields:
        The folder.

    Raises:
        OSError: It cannot be made.
    """
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in parent.iterdir():
        _remove_abandoned(left)
    folder, handle = _held_folder(parent)
    try:
        yield folder
    finally:
        os.close(handle)
        shutil.rmtree(folder, ignore_errors=True)


def _held_folder(parent: Path) -> tuple[Path, int]:
    """A new folder and its lock.

    Another service that starts in the same moment may take it for abandoned before it is locked,
    and remove it; then there is a next one.
    """
    while True:
        folder = Path(tempfile.mkdtemp(dir=parent, prefix="service-"))
        with suppress(FileNotFoundError):
            handle = os.open(folder, os.O_RDONLY)
            fcntl.flock(handle, fcntl.LOCK_SH)
            if folder.exists():
                return folder, handle
            os.close(handle)


def is_held(parent: Path) -> bool:
    """Whether a living service has a private folder below `parent`."""
    return parent.is_dir() and any(_is_locked(folder) for folder in parent.iterdir())


def _is_locked(folder: Path) -> bool:
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _remove_abandoned(folder: Path) -> None:
    """Remove a folder that no living process holds."""
    with suppress(OSError):  # held, or removed by another process that is just starting
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(handle)
