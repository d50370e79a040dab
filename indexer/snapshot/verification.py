"""Hashing a snapshot in a process of its own, behind everything else that runs.

Hashing hundreds of megabytes inside the service takes a core and, again and again, the lock of the
interpreter; queries wait for both. A thread of low priority would be worse: while it holds the lock
and does not get a core, everybody waits for it. So the bytes are read by another process, of low
priority (ADR 0042): `python -m indexer.snapshot.verification FOLDER`.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

from indexer.errors import SnapshotDamagedError, SnapshotError
from indexer.snapshot.format import Manifest, check_files, read_manifest

logger = logging.getLogger(__name__)

NICENESS = 19  # requests go before it: a swap may take its time
LEAST_PROCESS_BYTES = 16 << 20  # less is hashed sooner than a process starts
DAMAGED = 3  # exit code; the reason is on standard output
Stamp = frozenset[tuple[str, int, int]]
_COMMAND = (sys.executable, "-m", "indexer.snapshot.verification")


def verified(folder: Path, *, in_process: bool) -> Manifest:
    """The manifest of a snapshot of which every byte has been compared with it.

    Args:
        folder: The snapshot.
        in_process: In another process, because this one is answering queries.

    Raises:
        SnapshotNotFoundError: There is none.
        SnapshotFormatError: Its format is unknown.
        SnapshotDamagedError: A file differs; names it and the remedy.
    """
    manifest = read_manifest(folder)
    if in_process:
        verify_in_process(folder)
    else:
        check_files(folder, manifest, every_byte=True)
    return manifest


def stamp(folder: Path) -> Stamp:
    """Changes when a file of a snapshot does; nothing where there is none."""
    try:
        found = [(path, path.stat()) for path in folder.rglob("*")]
    except OSError:
        return frozenset()
    return frozenset((str(path), status.st_size, status.st_mtime_ns) for path, status in found)


def verify_in_process(
    folder: Path, command: tuple[str, ...] = _COMMAND, *, least_bytes: int = LEAST_PROCESS_BYTES
) -> None:
    """Compare every byte of a snapshot with its manifest, in another process.

    A small snapshot is compared here, and so is any where no process can be started or it dies.

    Args:
        folder: The snapshot.
        command: How to start the process; the folder is added.
        least_bytes: Snapshots smaller than this are compared here.

    Raises:
        SnapshotDamagedError: A file differs; names it and the remedy.
    """
    manifest = read_manifest(folder)
    size_bytes = sum(entry.size_bytes for entry in manifest.files.values())
    if size_bytes >= least_bytes and _verified_by_process(folder, command):
        return
    check_files(folder, manifest, every_byte=True)


def _verified_by_process(folder: Path, command: tuple[str, ...]) -> bool:
    """True if another process found it whole; False if there was none to find out."""
    try:
        done = subprocess.run(
            [*command, str(folder)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as exc:
        logger.warning("no process to verify %s: %s", folder, exc)
        return False
    if done.returncode == DAMAGED:
        raise SnapshotDamagedError(done.stdout.strip())
    if done.returncode:
        logger.warning("the process that verified %s ended with %d", folder, done.returncode)
    return done.returncode == 0


def main(arguments: list[str]) -> int:
    """Verify the snapshot that the argument names."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    folder = Path(arguments[0])
    try:
        check_files(folder, read_manifest(folder), every_byte=True)
    except SnapshotError as exc:
        sys.stdout.write(f"{exc}\n")
        return DAMAGED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
