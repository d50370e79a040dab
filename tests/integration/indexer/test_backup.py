"""Backups: written whole, verified before anything is touched, the same on both databases."""

from __future__ import annotations

import io
import itertools
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from indexer.backups.restore import prepared
from indexer.catalog import lease
from indexer.catalog.catalog import Catalog, open_catalog
from indexer.catalog.transfer import dumping
from indexer.errors import (
    BackupDamagedError,
    SnapshotError,
    StorageError,
    TargetInUseError,
)
from tests.backups import answers, back_up, restore, rows_of
from tests.catalogue import file_result, write_tone
from tests.indexed_library import Library
from tests.postgres import PostgreSQL
from tests.small_disk import small_disk

_numbers = itertools.count()


@dataclass(frozen=True)
class Databases:
    """Makes empty catalogues of either kind."""

    folder: Path
    server: Callable[[], PostgreSQL]

    def new(self, kind: str) -> Catalog:
        """An empty catalogue."""
        if kind == "postgresql":
            return open_catalog(self.server().database())
        return open_catalog(f"sqlite:///{self.folder / f'{next(_numbers)}.db'}")


@pytest.fixture
def databases(tmp_path: Path, request: pytest.FixtureRequest) -> Databases:
    return Databases(tmp_path, lambda: request.getfixturevalue("postgresql"))


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Catalog]:
    """An empty SQLite catalogue to restore into."""
    catalog = open_catalog(f"sqlite:///{tmp_path / 'target.db'}")
    yield catalog
    catalog.close()


def filled(library: Library) -> Library:
    """The library indexed twice, with a failure, a queued run, staged files and a key file."""
    library.index()
    (library.music / "text.mp3").write_text("this is no music\n" * 100)
    write_tone(library.music / "ünïcode \udcff.wav", hz=1200)
    library.index()
    library.catalog.create_run(["/somewhere/else"], full=True)
    library.catalog.stage([file_result("half done.mp3")])
    (library.data_dir / "keys.json").write_text("[]")
    return library


@pytest.mark.parametrize("there", ["sqlite", "postgresql"])
@pytest.mark.parametrize("here", ["sqlite", "postgresql"])
def test_a_restored_catalogue_is_the_same_on_any_database(
    databases: Databases, tmp_path: Path, here: str, there: str
) -> None:
    """Every row, the snapshot byte for byte, the answers; and new runs get new numbers."""
    library = filled(Library(tmp_path, databases.new(here)))
    before = rows_of(library.catalog)
    manifest = back_up(library, tmp_path / "backup.tar", all_snapshots=True, analyses=True)
    target, folder = databases.new(there), tmp_path / "elsewhere"

    restore(tmp_path / "backup.tar", target, folder)

    assert rows_of(target) == before
    assert manifest.database == here
    assert manifest.rows["tracks"] == 5
    assert len(manifest.snapshots) == 2
    assert answers(target, folder, library) == answers(library.catalog, library.data_dir, library)
    assert (folder / "keys.json").read_text() == "[]"
    numbers = {run.id for run in target.list_runs()}
    assert target.create_run(["/new"]).id not in numbers
    moved = Library.__new__(Library)
    moved.__dict__.update(library.__dict__, catalog=target, data_dir=folder)
    library.model.analysed = 0
    moved.index()
    assert library.model.analysed == 0
    target.close()
    library.catalog.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_shows_one_moment(databases: Databases, tmp_path: Path, kind: str) -> None:
    """What a run publishes while it is written is in the next one."""
    library = Library(tmp_path, databases.new(kind))
    library.index()
    write_tone(library.music / "later.wav")
    tables: dict[str, int] = {}
    with dumping(library.catalog, all_snapshots=True) as view:
        tables["snapshots"] = view.write("snapshots", io.BytesIO())
        other = threading.Thread(target=library.index)
        other.start()
        other.join()
        for name in ("tracks", "index_runs"):
            tables[name] = view.write(name, io.BytesIO())

    assert tables == {"snapshots": 1, "tracks": 3, "index_runs": 1}
    assert library.catalog.counts().ok == 4
    library.catalog.close()


def test_a_run_at_work_is_over_in_the_restored_catalogue(library: Library, tmp_path: Path) -> None:
    """Its process does not exist there; everything else can begin at once."""
    library.index()
    run = library.catalog.start_run(["/music"], lease.new_owner())
    back_up(library, tmp_path / "backup.tar")

    restore(tmp_path / "backup.tar", library.catalog, library.data_dir, force=True)

    restored = library.catalog.run(run.id)
    assert (restored.state, restored.lease_owner) == ("failed", None)
    assert "start it again" in str(restored.error)
    library.index()


def test_by_default_the_active_snapshot_alone_is_taken(library: Library, tmp_path: Path) -> None:
    """Runs that made others stay in the list, without them."""
    filled(library)
    active = library.catalog.active_snapshot()
    assert active is not None

    manifest = back_up(library, tmp_path / "backup.tar")
    restore(tmp_path / "backup.tar", library.catalog, library.data_dir, force=True)

    assert manifest.snapshots == [active.id]
    assert not any(name.startswith("analyses/") for name in manifest.files)
    assert library.folders() == [active.id]
    assert [row.id for row in library.catalog.all_snapshots()] == [active.id]
    assert [run.snapshot_id for run in library.catalog.list_runs()] == [None, active.id, None]
    assert len(library.ids()) == 4


def test_an_empty_catalogue_can_be_backed_up(library: Library, target: Catalog) -> None:
    """Before the first index there is just nothing in it."""
    path = library.music / "backup.tar"
    assert back_up(library, path).active is None
    restore(path, target, library.data_dir / "elsewhere")

    assert target.active_snapshot() is None
    assert target.counts().ok == 0


def test_nothing_is_overwritten_unasked(library: Library, tmp_path: Path, target: Catalog) -> None:
    """Neither an archive, nor a catalogue, nor other files of a data folder."""
    library.index()
    path = tmp_path / "backup.tar"
    back_up(library, path)
    before = path.read_bytes()

    with pytest.raises(TargetInUseError, match="not overwritten"):
        back_up(library, path)
    with pytest.raises(TargetInUseError, match="--force"):
        restore(path, library.catalog, library.data_dir)
    (tmp_path / "used/snapshots/strange").mkdir(parents=True)
    with pytest.raises(TargetInUseError, match="strange"):
        restore(path, target, tmp_path / "used")

    assert path.read_bytes() == before
    assert target.counts().ok == 0
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_force_replaces_what_is_there(library: Library, tmp_path: Path) -> None:
    """Tracks, snapshots and runs are those of the backup again."""
    library.index()
    before = rows_of(library.catalog)
    back_up(library, tmp_path / "backup.tar")
    write_tone(library.music / "later.wav")
    library.index()

    restore(tmp_path / "backup.tar", library.catalog, library.data_dir, force=True)

    assert rows_of(library.catalog) == before
    assert "later.wav" not in library.ids()
    assert len(library.folders()) == 1
    library.index()
    assert "later.wav" in library.ids()


def test_a_damaged_snapshot_is_replaced_by_the_one_of_the_backup(
    library: Library, tmp_path: Path
) -> None:
    """What a failing disk did is undone."""
    library.index()
    back_up(library, tmp_path / "backup.tar")
    array = next((library.data_dir / "snapshots").glob("*/mu.npy"))
    array.write_bytes(array.read_bytes()[:-8] + b"ruined!!")

    restore(tmp_path / "backup.tar", library.catalog, library.data_dir, force=True)

    library.snapshot().verify()


def test_a_damaged_snapshot_is_not_backed_up(library: Library, tmp_path: Path) -> None:
    """It would be of no use, and whoever makes backups wants to know."""
    library.index()
    next((library.data_dir / "snapshots").glob("*/mu.npy")).unlink()

    with pytest.raises(SnapshotError, match=r"mu\.npy"):
        back_up(library, tmp_path / "backup.tar")

    assert [p.name for p in tmp_path.iterdir() if "backup" in p.name] == []


def test_a_row_that_is_none_leaves_the_old_catalogue(library: Library, tmp_path: Path) -> None:
    """The database is replaced in one transaction or not at all."""
    library.index()
    before = rows_of(library.catalog)
    back_up(library, tmp_path / "backup.tar")
    ready = prepared(tmp_path / "backup.tar", library.catalog, library.data_dir)
    with tarfile.open(tmp_path / "backup.tar") as archive:
        place = archive.getmember("database/index_runs.jsonl").offset_data
    content = bytearray((tmp_path / "backup.tar").read_bytes())
    content[place] = ord("x")
    (tmp_path / "backup.tar").write_bytes(content)

    with pytest.raises(BackupDamagedError, match="index_runs"):
        ready.execute()

    assert rows_of(library.catalog) == before
    library.index()


# Disks that are full -----------------------------------------------------------------------------


def test_a_backup_onto_a_full_disk_leaves_nothing(library: Library, tmp_path: Path) -> None:
    """A clear error, no half archive, and the next one succeeds."""
    library.index()
    with small_disk(tmp_path / "small", 1 << 20) as disk:
        disk.fill(leave_bytes=8192)
        with pytest.raises(StorageError, match="no space left on device"):
            back_up(library, disk.path / "backup.tar")
        left = [path.name for path in disk.path.iterdir()]
        disk.free()
        back_up(library, disk.path / "backup.tar")

        assert left == ["ballast"]
        prepared(disk.path / "backup.tar", library.catalog, library.data_dir)


def test_a_restore_onto_a_full_disk_is_repeated(
    library: Library, tmp_path: Path, target: Catalog
) -> None:
    """It fails before the database is touched; with room again it goes through."""
    library.index()
    back_up(library, tmp_path / "backup.tar")
    with small_disk(tmp_path / "small", 1 << 20) as disk:
        disk.fill(leave_bytes=16384)
        with pytest.raises(StorageError, match="no space left on device"):
            restore(tmp_path / "backup.tar", target, disk.path / "data")
        counts = target.counts()
        disk.free()
        restore(tmp_path / "backup.tar", target, disk.path / "data")

        assert counts.ok == 0
        assert target.counts().ok == 3
        assert answers(target, disk.path / "data", library)
