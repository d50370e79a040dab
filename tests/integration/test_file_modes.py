"""Files of the data folder are for their owner alone; files for a listener are written whole."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.http.keys import KeyRing
from app.opening import opened_catalog
from app.settings import Settings
from indexer.backups.restore import prepared
from indexer.backups.write import write_backup
from indexer.storage import keep_private, replace_file
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


def test_a_disk_that_is_full_leaves_what_was_there(tmp_path: Path) -> None:
    """A list of before, and nothing beside it."""
    path = tmp_path / "calm.m3u8"
    replace_file(path, b"before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="large"):
            replace_file(path, bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link_and_a_file_keeps_its_rights(tmp_path: Path) -> None:
    """Lists lie behind links where players look for them."""
    target, link = tmp_path / "lists/calm.m3u8", tmp_path / "calm.m3u8"
    target.parent.mkdir()
    target.write_bytes(b"before")
    target.chmod(0o664)
    link.symlink_to(target)

    replace_file(link, b"now")

    assert link.is_symlink()
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"now", 0o664)


def test_what_is_no_regular_file_is_written_into() -> None:
    """As `-o /dev/null` asks."""
    replace_file(Path("/dev/null"), b"now")

    assert Path("/dev/null").is_char_device()
