"""Restores a backup: everything is verified before anything is touched.

Files come first, each folder of a snapshot whole or not at all; the database follows in one
transaction. A restore that dies in between leaves the old catalogue in service, and is repeated.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.backups.format import (
    BLOCK_BYTES,
    BackupManifest,
    Observer,
    member,
    opened,
    sync,
    verify,
)
from indexer.catalog.catalog import Catalog
from indexer.catalog.transfer import is_empty, load
from indexer.errors import StorageError, TargetInUseError
from indexer.snapshot.format import FileEntry, sha256_of
from indexer.snapshot.reader import Snapshot
from indexer.snapshot.writing import seal
from indexer.storage import PRIVATE_FOLDER, refusal


@dataclass(frozen=True)
class Restore:
    """A verified backup on its way into a data folder and a database.

    Attributes:
        source: The archive.
        manifest: What it holds, verified.
        catalog: The database, its schema up to date.
        data_dir: The folder.
        observe: Told of the progress.
    """

    source: Path
    manifest: BackupManifest
    catalog: Catalog
    data_dir: Path
    observe: Observer = lambda what, done, total: None

    def refuse_loss(self) -> None:
        """Make sure that nothing is overwritten.

        Raises:
            TargetInUseError: The catalogue holds rows, or the folder files that the backup lacks.
        """
        if not is_empty(self.catalog):
            raise TargetInUseError(
                "the database holds a catalogue already: restore into an empty one, or replace it "
                "with --force"
            )
        for name in self._differing():
            raise TargetInUseError(
                f"{self.data_dir / name} is there and not what the backup holds: restore into an "
                "empty folder, or replace it with --force"
            )

    def execute(self) -> None:
        """Put everything in its place.

        Raises:
            StorageError: The disk refuses; the old catalogue is still in service.
            CatalogUnavailableError: The database does not answer; likewise.
            CatalogVersionError: A newer build wrote the backup.
        """
        try:
            with opened(self.source) as (archive, _):
                self._files(archive)
                tables = {name: _lines(archive, name) for name in self.manifest.rows}
                size = sum(entry.size_bytes for entry in self._names("database/").values())
                self.observe("writing the database", 0, size)
                load(self.catalog.engine, self.manifest.schema, tables)
                self.observe("writing the database", size, size)
        except OSError as exc:
            raise StorageError(refusal(self.data_dir, exc)) from exc
        self._forget_others()

    # Files ---------------------------------------------------------------------------------------

    def _files(self, archive: tarfile.TarFile) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        for snapshot_id in self.manifest.snapshots:
            self._snapshot(archive, snapshot_id)
        done = 0
        for name, entry in self.manifest.files.items():
            done += entry.size_bytes
            if not name.startswith(("database/", "snapshots/")):
                _write(archive, name, self.data_dir / name, aside=True)
            self.observe("writing", done, self.manifest.size_bytes)

    def _snapshot(self, archive: tarfile.TarFile, snapshot_id: str) -> None:
        """A folder that is written aside, verified and renamed; the same one may stay."""
        folder = self.data_dir / "snapshots" / snapshot_id
        names = self._names(f"snapshots/{snapshot_id}/")
        if all(_is(self.data_dir / name, entry) for name, entry in names.items()):
            return
        aside = folder.with_name(f".{snapshot_id}.partial-{os.getpid()}")
        try:
            for name in names:
                _write(archive, name, aside / name.removeprefix(f"snapshots/{snapshot_id}/"))
            Snapshot.open(aside).verify()
            seal(aside)
            sync(aside)
            shutil.rmtree(folder, ignore_errors=True)
            aside.rename(folder)
            sync(folder.parent)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _names(self, prefix: str) -> dict[str, FileEntry]:
        files = self.manifest.files
        return {name: entry for name, entry in files.items() if name.startswith(prefix)}

    def _differing(self) -> Iterator[str]:
        """Files and snapshots of the folder that a restore would replace or leave unknown."""
        for name, entry in self.manifest.files.items():
            path = self.data_dir / name
            if not name.startswith("database/") and path.exists() and not _is(path, entry):
                yield name
        yield from (f"snapshots/{folder.name}" for folder in self._others())

    def _others(self) -> list[Path]:
        folder = self.data_dir / "snapshots"
        known = set(self.manifest.snapshots)
        found = folder.iterdir() if folder.is_dir() else iter(())
        return sorted(path for path in found if path.name not in known)

    def _forget_others(self) -> None:
        """Remove snapshots that the restored catalogue does not know."""
        for folder in self._others():
            shutil.rmtree(folder, ignore_errors=True)


def prepared(
    source: Path,
    catalog: Catalog,
    data_dir: Path,
    observe: Observer = lambda what, done, total: None,
) -> Restore:
    """A restore whose backup has been read and compared with its manifest, byte for byte.

    Raises:
        BackupDamagedError: It is no backup, or not what its manifest says.
    """
    return Restore(source, verify(source, observe), catalog, data_dir, observe)


def _is(path: Path, entry: FileEntry) -> bool:
    try:
        return path.stat().st_size == entry.size_bytes and sha256_of(path) == entry.sha256
    except OSError:
        return False


def _write(archive: tarfile.TarFile, name: str, path: Path, *, aside: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    written = path.with_name(f".{path.name}.{os.getpid()}.part") if aside else path
    try:
        handle = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with member(archive, name) as source, os.fdopen(handle, "wb") as target:
            shutil.copyfileobj(source, target, BLOCK_BYTES)
            target.flush()
            os.fsync(target.fileno())
        if aside:
            written.replace(path)
    except BaseException:
        written.unlink(missing_ok=True)
        raise


def _lines(archive: tarfile.TarFile, table: str) -> Iterator[bytes]:
    with member(archive, f"database/{table}.jsonl") as file:
        yield from file
