"""Writes a backup of a catalogue: beside a running service, whole or not at all."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from indexer.backups.format import (
    FORMAT,
    MANIFEST,
    MEMBER,
    BackupManifest,
    HashingReader,
    Observer,
    sync,
    verify,
)
from indexer.catalog.catalog import Catalog
from indexer.catalog.transfer import DumpView, dumping
from indexer.errors import BackupError, StorageError, TargetInUseError
from indexer.snapshot.format import FileEntry
from indexer.snapshot.reader import Snapshot
from indexer.storage import refusal

_NO_FILES: dict[str, FileEntry] = {}


def write_backup(
    catalog: Catalog,
    data_dir: Path,
    target: Path,
    *,
    version: str,
    all_snapshots: bool = False,
    analyses: bool = False,
    beside: Sequence[str] = (),
    observe: Observer = lambda what, done, total: None,
) -> BackupManifest:
    """Write a backup; it appears at `target` whole and verified, or not at all.

    Args:
        catalog: What to back up; it may be in use.
        data_dir: Where its snapshots lie.
        target: The archive; must not exist.
        version: Of this build, for the manifest.
        all_snapshots: Take every complete snapshot, not the active one alone.
        analyses: Take the kept analyses too.
        beside: Files of the data folder to take where they exist.
        observe: Told of the progress.

    Returns:
        The manifest.

    Raises:
        TargetInUseError: `target` exists.
        BackupError: A snapshot vanished or changed while it was copied, or is damaged.
        StorageError: The disk of `target` refuses.
        CatalogUnavailableError: The database does not answer.
    """
    _refuse_existing(target)
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        handle = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)  # it holds key hashes
        with os.fdopen(handle, "wb") as file:
            with dumping(catalog, all_snapshots=all_snapshots) as view:
                sources = list(_files(data_dir, view.snapshots, analyses=analyses, beside=beside))
                manifest = _Writer(file, view, observe).write(version, sources)
            file.flush()
            os.fsync(file.fileno())
        verify(aside, observe)
        _refuse_existing(target)
        aside.rename(target)
        sync(target.parent)
    except OSError as exc:
        raise StorageError(refusal(target, exc)) from exc
    finally:
        aside.unlink(missing_ok=True)
    return manifest


def _refuse_existing(target: Path) -> None:
    if target.exists():
        raise TargetInUseError(f"{target} exists and is not overwritten: name another file")


def _files(
    data_dir: Path, snapshot_ids: Sequence[str], *, analyses: bool, beside: Sequence[str]
) -> Iterator[tuple[str, Path]]:
    """Names in the archive and places of everything but the database."""
    for snapshot_id in snapshot_ids:
        folder = data_dir / "snapshots" / snapshot_id
        Snapshot.open(folder)  # names what is wrong with it
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            yield path.relative_to(data_dir).as_posix(), path
    for name in beside:
        if (data_dir / name).is_file():
            yield name, data_dir / name
    kept = sorted((data_dir / "analyses").glob("*/??/*")) if analyses else ()
    for path in kept:
        name = path.relative_to(data_dir).as_posix()
        if MEMBER.fullmatch(name) and path.is_file():
            yield name, path


class _Writer:
    """Puts one member after the other into an archive, hashing as it goes."""

    def __init__(self, file: IO[bytes], view: DumpView, observe: Observer) -> None:
        self._archive = tarfile.open(fileobj=file, mode="w:", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self._view, self._observe = view, observe
        self._files: dict[str, FileEntry] = {}
        self._done = self._total = 0

    def write(self, version: str, sources: Sequence[tuple[str, Path]]) -> BackupManifest:
        """Write everything; the manifest comes last."""
        view = self._view
        self._total = sum(path.stat().st_size for _, path in sources)
        with self._archive:
            rows = {name: self._table(name) for name in view.tables()}
            for name, path in sources:
                self._file(name, path)
            manifest = BackupManifest(
                format=FORMAT,
                version=version,
                created_at=datetime.now(UTC).isoformat(timespec="seconds"),
                schema=view.schema,
                database=view.database,
                active=view.active,
                rows=rows,
                files=_NO_FILES,
            )
            manifest = replace(manifest, files=self._files)
            content = manifest.to_json()
            self._add(MANIFEST, io.BytesIO(content), len(content))
        return manifest

    def _table(self, name: str) -> int:
        with tempfile.TemporaryFile() as file:
            rows = self._view.write(name, file)
            size = file.tell()
            file.seek(0)
            self._total += size
            self._add(f"database/{name}.jsonl", file, size)
        return rows

    def _file(self, name: str, path: Path) -> None:
        try:
            with path.open("rb") as file:
                self._add(name, file, os.fstat(file.fileno()).st_size)
        except FileNotFoundError as exc:
            raise BackupError(f"{path} went away while it was copied: back up again") from exc

    def _add(self, name: str, file: IO[bytes], size_bytes: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size_bytes, 0o600
        info.mtime = int(datetime.now(UTC).timestamp())
        if name == MANIFEST:
            self._archive.addfile(info, file)
            return
        reader = HashingReader(file, self._tell)
        self._archive.addfile(info, reader)
        self._files[name] = FileEntry(size_bytes, reader.sha256)

    def _tell(self, size_bytes: int) -> None:
        self._done += size_bytes
        self._observe("writing", self._done, self._total)
