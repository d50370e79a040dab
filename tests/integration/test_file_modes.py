"""Nobody but the owner writes what lies in the data folder, and others cannot read it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.http.keys import KeyRing
from app.opening import opened_catalog
from app.settings import Settings
from indexer.backups.restore import prepared
from indexer.backups.write import write_backup
from indexer.storage import keep_private
from tests.indexed_library import Library


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """The umask of the process while the test runs."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """Permissions of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mode & 0o777
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_files_of_the_data_folder_are_private(umask: int, tmp_path: Path) -> None:
    """Database, analyses, keys, snapshots and a backup, whatever the umask; folders too."""
    settings = Settings(data_dir=tmp_path / "data")
    with opened_catalog(settings) as catalog:
        library = Library(tmp_path, catalog)
        library.index()
        KeyRing(settings.data_dir / "keys.json").create("player", ["read"])
        write_backup(catalog, settings.data_dir, settings.data_dir / "b.tar", version="1")
        found = modes(settings.data_dir)

    kinds = {"circumplex.db", "circumplex.db-wal", "keys.json", "b.tar"}
    kinds |= {"snapshots", "analyses"}
    assert kinds <= {name.partition("/")[0] for name in found}
    assert [name for name, mode in found.items() if mode & 0o027] == []
    folders = [path for path in settings.data_dir.rglob("*") if path.is_dir()]
    assert [path for path in folders if path.stat().st_mode & 0o027] == []
    assert settings.data_dir.stat().st_mode & 0o077 == 0


def test_files_of_a_snapshot_are_read_only(tmp_path: Path) -> None:
    """Written by an index run, and restored from a backup."""
    settings = Settings(data_dir=tmp_path / "data")
    with opened_catalog(settings) as catalog:
        Library(tmp_path, catalog).index()
        write_backup(catalog, settings.data_dir, tmp_path / "b.tar", version="1")
    other = Settings(data_dir=tmp_path / "other")
    with opened_catalog(other) as catalog:
        prepared(tmp_path / "b.tar", catalog, other.data_dir).execute()

    written = modes(settings.data_dir / "snapshots")
    restored = modes(other.data_dir / "snapshots")
    assert written == restored
    assert len(written) > 10
    assert {mode & 0o222 for mode in written.values()} == {0}


def test_a_process_that_keeps_private_makes_nothing_for_others(umask: int, tmp_path: Path) -> None:
    """Neither files nor folders, also those that libraries write; never more than before."""
    keep_private()
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()

    allowed = 0o777 & ~umask & ~0o027
    assert (tmp_path / "folder").stat().st_mode & 0o777 == allowed
    assert (tmp_path / "file").stat().st_mode & 0o777 == allowed & 0o666
