"""The snapshot's container: manifest, hashes, arrays.

A snapshot is a folder that is never changed once it has its name (`indexer.snapshot.writing`). The
manifest names the format; a reader refuses formats it does not know.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from indexer.errors import (
    SnapshotDamagedError,
    SnapshotFormatError,
    SnapshotNotFoundError,
)
from indexer.storage import create_private

FORMAT = 2
MANIFEST_NAME = "manifest.json"
REBUILD = "run `circumplex index --full` to write a new snapshot"

EngineName = Literal["exact", "ann", "gpu", "sharded"]
EngineChoice = Literal["auto", "exact", "ann", "gpu"]
Observer = Callable[[str], None]

_EAGER_BYTES = 1 << 20  # files up to this size are hashed whenever a snapshot is opened
COPIED_BYTES = 16 << 20  # files up to this size are read, not mapped
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True)
class FileEntry:
    """What a file of the snapshot must be."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Recall:
    """How the approximate engine measured when it was built.

    Attributes:
        at: Length of the compared lists.
        queries: How many queries were compared.
        source: Where the queries came from: `emotion` curves or the catalogue's own `music`.
        value: Share of the exhaustive list's tracks that were found, by kind of scoring.
        counts: Most rows that a query reads to reach it, by kind of scoring.
    """

    at: int
    queries: int
    source: str
    value: Mapping[str, float]
    counts: Mapping[str, int]


@dataclass(frozen=True)
class ShardEntry:
    """One shard of a sharded snapshot.

    Attributes:
        name: Its folder inside the snapshot.
        tracks: Number of its tracks.
        segments: Number of its segments.
    """

    name: str
    tracks: int
    segments: int


@dataclass(frozen=True)
class Manifest:
    """What a snapshot holds; the content of `manifest.json`.

    Attributes:
        format: Version of the layout.
        model_id: The checkpoint that embedded it.
        scoring_id: Digest of the scoring parameters that its search arrays are built from.
        engine: How it is searched.
        tracks: Number of tracks.
        segments: Number of segments.
        curve_hop_s: Seconds between two points of a stored emotion curve.
        recall: Measured recall of an approximate engine, else None.
        files: Every other file of the folder, by its path in it.
        shards: Where its rows are searched, if not in its own folder; else empty.
    """

    format: int
    model_id: str
    scoring_id: str
    engine: EngineName
    tracks: int
    segments: int
    curve_hop_s: float
    recall: Recall | None = None
    files: Mapping[str, FileEntry] = field(default_factory=dict)
    shards: Sequence[ShardEntry] = ()

    def to_json(self) -> str:
        """The manifest as indented JSON with sorted keys; shards only where there are any."""
        fields = asdict(self)
        if not self.shards:
            del fields["shards"]
        return json.dumps(fields, indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str, origin: Path) -> Manifest:
        """Read a manifest.

        Raises:
            SnapshotDamagedError: It is no manifest.
            SnapshotFormatError: It is one of a format this build does not read.
        """
        try:
            fields: dict[str, Any] = json.loads(text)
            found = int(fields["format"])
        except (ValueError, KeyError, TypeError) as exc:
            raise SnapshotDamagedError(f"{origin} is no snapshot manifest: {REBUILD}") from exc
        if found != FORMAT:
            raise SnapshotFormatError(
                f"{origin}: snapshot format {found}; this build reads {FORMAT}: {REBUILD}"
            )
        try:
            fields["files"] = {name: FileEntry(**e) for name, e in fields["files"].items()}
            fields["recall"] = Recall(**fields["recall"]) if fields["recall"] else None
            fields["shards"] = tuple(ShardEntry(**e) for e in fields.get("shards", ()))
            return cls(**fields)
        except (KeyError, TypeError, AttributeError) as exc:
            raise SnapshotDamagedError(
                f"{origin} lacks or misspells a field ({exc}): {REBUILD}"
            ) from exc


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a snapshot folder.

    Raises:
        SnapshotNotFoundError: There is no such folder, or it holds no manifest.
        SnapshotDamagedError: The manifest is unreadable.
        SnapshotFormatError: The format is unknown.
    """
    path = folder / MANIFEST_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise SnapshotNotFoundError(
            f"no snapshot at {folder}: run `circumplex index` first"
        ) from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise SnapshotDamagedError(f"{path} cannot be read ({exc}): {REBUILD}") from exc
    return Manifest.from_json(text, path)


def check_files(folder: Path, manifest: Manifest, *, every_byte: bool) -> None:
    """Compare a snapshot's files with its manifest.

    Args:
        folder: The snapshot.
        manifest: Its manifest.
        every_byte: Hash all files; else only those up to 1 MiB, and compare sizes of the rest.

    Raises:
        SnapshotDamagedError: A file is missing, has another size or another hash; names it.
    """
    check_sizes(folder, manifest)
    to_hash = {
        name: entry
        for name, entry in manifest.files.items()
        if every_byte or entry.size_bytes <= _EAGER_BYTES
    }
    for name, found in _hashes(folder, to_hash).items():
        if found != to_hash[name].sha256:
            raise SnapshotDamagedError(
                f"{folder / name} has SHA-256 {found[:12]}..., its manifest says "
                f"{to_hash[name].sha256[:12]}...: {REBUILD}"
            )


def check_sizes(folder: Path, manifest: Manifest) -> None:
    """Compare the sizes of a snapshot's files with its manifest.

    Raises:
        SnapshotDamagedError: A file is missing or has another size; names it.
    """
    for name, entry in manifest.files.items():
        _check_size(folder / name, entry)


def _hashes(folder: Path, files: Mapping[str, FileEntry]) -> dict[str, str]:
    """SHA-256 of each file, on all cores where that is worth a thread."""
    if sum(entry.size_bytes for entry in files.values()) <= _EAGER_BYTES:
        return {name: sha256_of(folder / name) for name in files}
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        found = pool.map(lambda name: sha256_of(folder / name), files)
        return dict(zip(files, found, strict=True))


def _check_size(path: Path, entry: FileEntry) -> None:
    try:
        size = path.stat().st_size
    except OSError as exc:
        raise SnapshotDamagedError(f"{path} is missing from its snapshot: {REBUILD}") from exc
    if size != entry.size_bytes:
        raise SnapshotDamagedError(
            f"{path} has {size} bytes, its manifest says {entry.size_bytes}: {REBUILD}"
        )


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_array(folder: Path, name: str, values: NDArray[Any]) -> None:
    """Write `<name>.npy`, C-ordered."""
    with create_private(folder / f"{name}.npy") as file:
        np.save(file, np.ascontiguousarray(values), allow_pickle=False)


def load_array(folder: Path, name: str, *, rows: int | None = None) -> NDArray[Any]:
    """Map `<name>.npy` into memory, copy on write; a small one is read into memory.

    A mapped file that somebody cuts off kills the process which then reads behind its end.

    Args:
        folder: The snapshot.
        name: The array's name.
        rows: The length that the manifest implies, where it does.

    Raises:
        SnapshotDamagedError: It is no array, or of another length.
    """
    path = folder / f"{name}.npy"
    try:
        values = _mapped(path)
    except (OSError, ValueError, TypeError) as exc:
        raise SnapshotDamagedError(f"{path} is no array ({exc}): {REBUILD}") from exc
    if rows is not None and values.shape[:1] != (rows,):
        raise SnapshotDamagedError(
            f"{path} has shape {values.shape}, its manifest says {rows} rows: {REBUILD}"
        )
    return values


def _mapped(path: Path) -> NDArray[Any]:
    """What `np.load(path, mmap_mode="c")` gives, or a copy of a small array.

    In half the time: a swap opens sixty arrays.
    """
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"its header has version {version}")
        shape, fortran, dtype = _HEADERS[version](file)
        if dtype.hasobject:
            raise ValueError("it holds objects")
        if 0 in shape:  # an empty array cannot be mapped
            return np.empty(shape, dtype)
        order: Literal["F", "C"] = "F" if fortran else "C"
        if os.fstat(file.fileno()).st_size <= COPIED_BYTES:
            return np.fromfile(file, dtype, math.prod(shape)).reshape(shape, order=order)
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        return np.ndarray(shape, dtype, content, file.tell(), order=order)
