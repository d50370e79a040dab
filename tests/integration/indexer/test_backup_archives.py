"""Archives that are no backup, damaged ones and hostile ones: refused, and nothing is touched."""

from __future__ import annotations

import io
import itertools
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.backups.format import MANIFEST
from indexer.catalog.catalog import open_catalog
from indexer.errors import BackupError, CatalogVersionError, IndexerError
from tests.backups import back_up, restore
from tests.indexed_library import Library

_numbers = itertools.count()


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A good backup."""
    catalog = open_catalog(f"sqlite:///{tmp_path / 'source.db'}")
    library = Library(tmp_path, catalog)
    library.index()
    back_up(library, tmp_path / "backup.tar")
    catalog.close()
    return tmp_path / "backup.tar"


def refused(path: Path, folder: Path, match: str = ".+") -> None:
    """A restore is refused and has touched nothing."""
    catalog = open_catalog(f"sqlite:///{folder.parent / f'{next(_numbers)}.db'}")
    with pytest.raises((BackupError, CatalogVersionError), match=match):
        restore(path, catalog, folder)
    assert catalog.counts().ok == 0
    assert catalog.list_runs() == []
    assert not folder.exists()
    catalog.close()


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.99, 0.99999])
def test_a_truncated_backup_is_refused(whole: Path, tmp_path: Path, part: float) -> None:
    """Wherever it was cut off; what follows the manifest is padding."""
    with tarfile.open(whole) as archive:
        last = archive.getmember(MANIFEST)
    end = last.offset_data + last.size
    whole.write_bytes(whole.read_bytes()[: int(end * part)])

    refused(whole, tmp_path / "there")


def test_a_backup_with_a_changed_byte_is_refused(whole: Path, tmp_path: Path) -> None:
    """In a row, in an array, in the manifest: each is noticed."""
    content = whole.read_bytes()
    with tarfile.open(whole) as archive:
        places = {m.name: m.offset_data + m.size // 2 for m in archive if m.size}
    for name, place in places.items():
        changed = bytearray(content)
        changed[place] ^= 1
        whole.write_bytes(changed)
        refused(whole, tmp_path / "there", ".+" if name == MANIFEST else name.split("/")[0])

    assert len(places) > 30


@pytest.mark.parametrize("content", [b"", b"text", b"PK\3\4" * 300, b"\0" * 10240])
def test_a_file_that_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    """Whatever it is."""
    (tmp_path / "backup.tar").write_bytes(content)

    refused(tmp_path / "backup.tar", tmp_path / "there", "backup")
    refused(tmp_path / "none.tar", tmp_path / "there", "no backup at")


def rewritten(path: Path, change: Callable[[dict[str, object]], None]) -> None:
    """Change the manifest of a backup, as whoever forges one would."""
    with tarfile.open(path) as archive:
        members = [(m, archive.extractfile(m).read()) for m in archive]  # type: ignore[union-attr]
    with tarfile.open(path, "w") as archive:
        for member, content in members:
            if member.name == MANIFEST:
                fields = json.loads(content)
                change(fields)
                content = json.dumps(fields).encode()  # noqa: PLW2901
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("format", 99, "format 99; this build reads 1"),
        ("format", "x", "format x"),
        ("schema", "9999", "newer build"),
        ("files", [], "none"),
        ("rows", None, "none|lacks"),
    ],
)
def test_a_backup_of_another_build_is_refused_by_name(
    whole: Path, tmp_path: Path, field: str, value: object, match: str
) -> None:
    """A newer format or schema, and a manifest of another shape."""
    rewritten(whole, lambda fields: fields.update({field: value}))
    folder, catalog = tmp_path / "there", open_catalog(f"sqlite:///{tmp_path / 'there.db'}")

    with pytest.raises(IndexerError, match=match):
        restore(whole, catalog, folder)

    assert catalog.counts().ok == 0
    catalog.close()


def link(name: str, kind: bytes) -> tarfile.TarInfo:
    """A member that is no plain file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


@pytest.mark.parametrize(
    "info",
    [
        tarfile.TarInfo("../outside"),
        tarfile.TarInfo("/tmp/outside"),
        tarfile.TarInfo("snapshots/../../outside"),
        tarfile.TarInfo("snapshots/x/../../../outside"),
        tarfile.TarInfo("snapshots/.hidden/a.npy"),
        tarfile.TarInfo("analyses/fake-1/zz/outside"),
        tarfile.TarInfo("circumplex.db"),
        tarfile.TarInfo("keys.json\n"),
        link("snapshots/x/link.npy", tarfile.SYMTYPE),
        link("snapshots/x/hard.npy", tarfile.LNKTYPE),
        link("snapshots/x/device.npy", tarfile.CHRTYPE),
        link("snapshots/x/pipe.npy", tarfile.FIFOTYPE),
        link("snapshots/folder", tarfile.DIRTYPE),
        tarfile.TarInfo("database/tracks.jsonl"),
    ],
    ids=lambda info: repr(info.name),
)
def test_a_hostile_backup_writes_nothing(
    whole: Path, tmp_path: Path, info: tarfile.TarInfo
) -> None:
    """No way out, no links, no devices, no name twice; also where the manifest agrees."""
    with tarfile.open(whole) as archive:
        members = [(m, archive.extractfile(m).read()) for m in archive]  # type: ignore[union-attr]
    fields = json.loads(members[-1][1])
    entry = {"size_bytes": 0, "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b"}
    fields["files"].setdefault(info.name, entry)
    content = json.dumps(fields).encode()
    members[-1][0].size = len(content)
    with tarfile.open(whole, "w") as archive:
        for member, held in members[:-1]:
            archive.addfile(member, io.BytesIO(held))
        archive.addfile(info, io.BytesIO())
        archive.addfile(members[-1][0], io.BytesIO(content))

    refused(whole, tmp_path / "there")

    assert not (tmp_path / "outside").exists()


def test_a_backup_of_an_older_schema_is_brought_up_to_date(whole: Path, tmp_path: Path) -> None:
    """Rows of the first schema know no recipe; restored they say that it is not known."""
    rewritten(whole, lambda fields: fields.update({"schema": "0001"}))
    catalog = open_catalog(f"sqlite:///{tmp_path / 'there.db'}")

    restore(whole, catalog, tmp_path / "there")

    assert [row.recipe for row in catalog.list_snapshots()] == [0]
    assert catalog.counts().ok == 3
    catalog.close()
