"""A backup: one tar archive whose manifest names every file with its size and SHA-256.

    database/<table>.jsonl        rows of the catalogue, one a line
    snapshots/<id>/…              the folders of snapshots
    keys.json                     what lies beside them in the data folder
    analyses/<frontend>/xx/…      kept analyses, where they were asked for
    manifest.json                 last: an archive that was cut off has none

Reading trusts nothing: names are matched against these patterns, only plain files are taken, and
every byte is hashed before anything is written.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from indexer.errors import BackupDamagedError
from indexer.snapshot.format import FileEntry

FORMAT = 1
MANIFEST = "manifest.json"
BLOCK_BYTES = 1 << 20
_NAME = r"[\w+-][\w.+-]*"
MEMBER = re.compile(
    rf"database/{_NAME}\.jsonl|snapshots/{_NAME}/(?:{_NAME}/)?{_NAME}|analyses/{_NAME}/[0-9a-f]{{2}}/{_NAME}"
    r"|keys\.json",
    re.ASCII,
)
Observer = Callable[[str, int, int], None]  # what is done, bytes done, bytes in all


@dataclass(frozen=True)
class BackupManifest:
    """What a backup holds; the content of its `manifest.json`.

    Attributes:
        format: Version of the layout.
        version: Of the build that wrote it.
        created_at: ISO 8601, UTC.
        schema: Revision of the database's schema.
        database: What the rows came from: `sqlite` or `postgresql`.
        active: The active snapshot; None if there was none.
        rows: Number of rows by table.
        files: Every other member, by name.
    """

    format: int
    version: str
    created_at: str
    schema: str
    database: str
    active: str | None
    rows: Mapping[str, int]
    files: Mapping[str, FileEntry]

    @property
    def size_bytes(self) -> int:
        """Of all files together."""
        return sum(entry.size_bytes for entry in self.files.values())

    @property
    def snapshots(self) -> list[str]:
        """Ids of the snapshots in it."""
        parts = (name.split("/") for name in self.files)
        return sorted({part[1] for part in parts if part[0] == "snapshots"})

    def to_json(self) -> bytes:
        """As indented JSON."""
        return json.dumps(asdict(self), indent=2, sort_keys=True).encode() + b"\n"

    @classmethod
    def from_json(cls, content: bytes) -> BackupManifest:
        """Read a manifest.

        Raises:
            BackupDamagedError: It is none, or of a format that this build does not read.
        """
        try:
            fields: dict[str, Any] = json.loads(content)
            if fields["format"] != FORMAT:
                raise BackupDamagedError(
                    f"backup format {fields['format']}; this build reads {FORMAT}: "
                    f"restore it with the build that wrote it ({fields.get('version')})"
                )
            files = {name: FileEntry(**entry) for name, entry in fields["files"].items()}
            rows = {str(name): int(count) for name, count in fields["rows"].items()}
            return cls(**{**fields, "files": files, "rows": rows})
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise BackupDamagedError(f"its manifest is none: {exc}") from exc


class HashingReader:
    """A file whose bytes are hashed as they are read; a tar archive is fed from it."""

    def __init__(self, file: IO[bytes], told: Callable[[int], None] = lambda _size: None) -> None:
        self._file, self._told = file, told
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """As of any file."""
        block = self._file.read(size)
        self._digest.update(block)
        self._told(len(block))
        return block

    @property
    def sha256(self) -> str:
        """Of what was read so far."""
        return self._digest.hexdigest()


@contextmanager
def opened(path: Path) -> Iterator[tuple[tarfile.TarFile, BackupManifest]]:
    """A backup whose names and sizes have been checked, for reading.

    Raises:
        BackupDamagedError: It is no backup, or holds what its manifest does not name.
    """
    try:
        with tarfile.open(path, "r:") as archive:
            yield archive, _checked(archive, path)
    except FileNotFoundError as exc:
        raise BackupDamagedError(f"no backup at {path}") from exc
    except (tarfile.TarError, EOFError, OSError) as exc:
        if isinstance(exc, OSError) and exc.errno is not None:
            raise
        raise BackupDamagedError(f"{path} is no whole backup: {exc}") from exc


def _checked(archive: tarfile.TarFile, path: Path) -> BackupManifest:
    members = archive.getmembers()
    if not members or members[-1].name != MANIFEST or not members[-1].isreg():
        raise BackupDamagedError(f"{path} is no whole backup: it does not end with a manifest")
    content = archive.extractfile(members[-1])
    assert content is not None
    manifest = BackupManifest.from_json(content.read())
    found = {member.name: member.size for member in members[:-1] if member.isreg()}
    strange = [m.name for m in members[:-1] if not m.isreg() or not MEMBER.fullmatch(m.name)]
    if strange or len(found) != len(members) - 1:
        raise BackupDamagedError(
            f"{path} holds what no backup does: {strange[:3] or 'a name twice'}"
        )
    named = {name: entry.size_bytes for name, entry in manifest.files.items()}
    if found != named:
        differing = sorted(set(found.items()) ^ set(named.items()))[0][0]
        raise BackupDamagedError(f"{path} is not what its manifest says: {differing}")
    return manifest


def verify(path: Path, observe: Observer) -> BackupManifest:
    """Read every byte of a backup and compare it with its manifest.

    Raises:
        BackupDamagedError: Something differs; names it.
    """
    with opened(path) as (archive, manifest):
        done = 0
        for name, entry in manifest.files.items():
            reader = HashingReader(member(archive, name))
            while block := reader.read(BLOCK_BYTES):
                done += len(block)
                observe("verifying", done, manifest.size_bytes)
            if reader.sha256 != entry.sha256:
                raise BackupDamagedError(
                    f"{path}: {name} has SHA-256 {reader.sha256[:12]}..., its manifest says "
                    f"{entry.sha256[:12]}..."
                )
    return manifest


def member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    """A file of the archive, for reading."""
    file = archive.extractfile(name)
    assert file is not None  # `opened` lets only plain files pass
    return file


def sync(path: Path) -> None:
    """Have a file or a folder written to its disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
