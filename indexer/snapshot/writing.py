"""Writing a snapshot's folder so that it survives a kill at any moment.

It is written under another name in the same parent, fsynced, sealed, read back against its hashes
and renamed, so a reader sees all of it or nothing.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from indexer.errors import SnapshotError
from indexer.snapshot.format import (
    MANIFEST_NAME,
    FileEntry,
    Manifest,
    Observer,
    check_files,
    read_manifest,
    sha256_of,
)
from indexer.storage import PRIVATE_FOLDER, SEALED_FILE, create_private

_PARTIAL_MARK = ".partial-"


@contextmanager
def written_aside(folder: Path) -> Iterator[Path]:
    """A partial folder beside `folder`, locked while it is written and removed if it fails.

    Partial folders that a killed writer left behind are removed first.

    Raises:
        SnapshotError: `folder` exists (snapshots are never changed), or the disk refuses.
    """
    if folder.exists():
        raise SnapshotError(f"{folder} exists; a snapshot is never changed: name a new one")
    folder.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    remove_leftovers(folder.parent)
    partial = folder.parent / f".{folder.name}{_PARTIAL_MARK}{os.getpid()}"
    partial.mkdir(mode=PRIVATE_FOLDER)
    lock = os.open(partial, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield partial
    except OSError as exc:
        raise SnapshotError(f"cannot write {folder}: {exc}; free space and run again") from exc
    finally:
        os.close(lock)
        shutil.rmtree(partial, ignore_errors=True)


def remove_leftovers(parent: Path) -> list[str]:
    """Remove what killed writers left in `parent`; folders still being written are kept.

    Returns:
        The names of the removed folders.
    """
    removed = []
    for partial in sorted(parent.glob(f".*{_PARTIAL_MARK}*")):
        if not _is_being_written(partial):
            shutil.rmtree(partial, ignore_errors=True)
            removed.append(partial.name)
    return removed


def _is_being_written(partial: Path) -> bool:
    lock = os.open(partial, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def publish(partial: Path, folder: Path, manifest: Manifest, observe: Observer) -> Manifest:
    """Give a written folder its manifest and its name.

    Args:
        partial: The folder that `written_aside` yields, with every array in it.
        folder: Its final name.
        manifest: Its manifest, still without files.
        observe: Called with the name of each step before it begins.

    Returns:
        The manifest with all files in it.
    """
    observe("sync")
    complete = write_manifest(partial, manifest, observe)
    seal(partial)
    observe("verify")
    check_files(partial, read_manifest(partial), every_byte=True)
    _sync(partial)
    observe("rename")
    partial.rename(folder)
    _sync(folder.parent)
    observe("published")
    return complete


def write_manifest(
    folder: Path, manifest: Manifest, observe: Observer = lambda _step: None
) -> Manifest:
    """Sync the files of a folder, and of the folders in it, and write the manifest over them.

    Returns:
        The manifest with all files in it.
    """
    inside = (path for path in folder.rglob("*") if path.is_file())
    names = sorted(path.relative_to(folder).as_posix() for path in inside)
    for name in names:
        _sync(folder / name)
    for parent in {(folder / name).parent for name in names}:
        _sync(parent)
    files = {n: FileEntry((folder / n).stat().st_size, sha256_of(folder / n)) for n in names}
    complete = replace(manifest, files=files)
    observe("manifest")
    with create_private(folder / MANIFEST_NAME) as file:
        file.write(complete.to_json().encode())
        _flush(file)
    return complete


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def seal(folder: Path) -> None:
    """Let nobody write into the files of a snapshot, not even their owner by mistake."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(SEALED_FILE)
