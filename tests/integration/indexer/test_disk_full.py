"""A disk that really is full: during an index run, an upload, and under the database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.catalog.catalog import Catalog, open_catalog
from indexer.errors import CatalogUnavailableError, StorageError
from indexer.snapshot.format import EngineChoice
from indexer.snapshot.reader import Snapshot
from tests.catalogue import write_tone
from tests.indexed_library import Library
from tests.running import (
    ADMIN,
    Running,
    fake_settings,
    index_now,
    problem_of,
    running_service,
    wait_for_run,
    write_library,
)
from tests.small_disk import SmallDisk, small_disk
from tests.waiting import wait_until

MIB = 1 << 20
PAGE = 4096


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "data", 4 * MIB) as mounted:
        yield mounted


@pytest.fixture
def library(tmp_path: Path, disk: SmallDisk) -> Iterator[Library]:
    """Three indexed files whose data folder is the small disk; the database lies elsewhere."""
    catalog = open_catalog(f"sqlite:///{tmp_path / 'circumplex.db'}")
    library = Library(tmp_path, catalog)
    library.index()
    yield library
    catalog.close()


def left_over(data_dir: Path, catalog: Catalog) -> list[str]:
    """What lies in the data folder that neither a snapshot nor a kept analysis is."""
    known = {row.id for row in catalog.all_snapshots()}
    strange = [path.name for path in (data_dir / "snapshots").iterdir() if path.name not in known]
    strange += [row.id for row in catalog.all_snapshots() if row.state != "ready"]
    hidden = (p.name for p in (data_dir / "analyses").rglob("*") if p.name.startswith("."))
    return [*strange, *hidden]


@pytest.mark.parametrize("engine", ["exact", "ann"])
def test_a_full_disk_fails_the_run_and_nothing_else(
    library: Library, disk: SmallDisk, engine: EngineChoice
) -> None:
    """With ever more room left it fails at every kind of file, and each time leaves no trace."""
    before = library.catalog.active_snapshot()
    assert before is not None
    for number in range(6):
        write_tone(library.music / f"more {number}.wav", hz=150 * (number + 1), duration_s=45)
    refused = []
    for pages in range(1000):
        disk.fill(leave_bytes=pages * PAGE)
        try:
            library.indexer(engine=engine).run([library.music])
            break
        except StorageError as exc:
            refused.append(str(exc))
        run = library.catalog.list_runs(limit=1)[0]
        active = library.catalog.active_snapshot()
        assert (run.state, run.error) == ("failed", refused[-1])
        assert active == before
        assert left_over(library.data_dir, library.catalog) == []
    library.snapshot().verify()

    assert all("no space left on device; free space and start" in reason for reason in refused)
    assert any("/analyses/" in reason for reason in refused)
    assert any("/snapshots/" in reason for reason in refused)
    assert len(library.ids()) == 9
    assert left_over(library.data_dir, library.catalog) == []


def test_what_was_analysed_before_the_disk_was_full_is_not_analysed_again(
    library: Library, disk: SmallDisk
) -> None:
    """The run that follows begins where the room ended."""
    for number in range(6):
        write_tone(library.music / f"more {number}.wav", hz=150 * (number + 1), duration_s=45)
    disk.fill(leave_bytes=3 * PAGE)
    library.model.analysed = 0
    with pytest.raises(StorageError):
        library.indexer(workers=1).run([library.music])
    kept = [path for path in library.data_dir.glob("analyses/*/??/*") if path.is_file()]
    disk.free()
    library.model.analysed = 0

    library.index()

    assert 3 < len(kept) < 9
    assert library.model.analysed == 9 - len(kept)
    assert len(library.ids()) == 9


# The database and the uploads on the full disk ---------------------------------------------------


def ask_until_refused(catalog: Catalog) -> None:
    """Fill the database with requests."""
    for number in range(1000):
        catalog.create_run([f"/music/{number}" * 50])


@pytest.fixture
def served(tmp_path: Path, disk: SmallDisk) -> Iterator[Running]:
    """A service with everything on the small disk."""
    write_library(tmp_path / "music")
    with running_service(fake_settings(tmp_path)) as running:
        assert index_now(running)["state"] == "succeeded"
        yield running


@pytest.mark.parametrize("pages", [2, 12, 24])
def test_a_service_on_a_full_disk_recovers_by_itself(
    served: Running, disk: SmallDisk, pages: int
) -> None:
    """Playlists go on; the run fails or waits, and with room again everything is indexed."""
    client, data = served.client, served.settings.data_dir
    for number in range(8):
        write_tone(served.settings.music_roots[0] / f"{number}.wav", hz=100 * (number + 1))
    disk.fill(leave_bytes=pages * PAGE)

    accepted = client.post("/v1/admin/index-runs", headers=ADMIN)
    answers = [
        client.post("/v1/playlists", json={"emotion": {"mood": "calm"}}).status_code
        for _ in range(50)
    ]
    disk.free()

    assert answers == [200] * 50
    if accepted.status_code == 202:  # it fails with its reason, or waits and then succeeds
        run = wait_for_run(served, accepted.json()["id"], 300.0)
        assert run["state"] == "succeeded" or "no space left on device" in run["error"], run
    else:
        problem_of(accepted, 503, "catalog-unavailable")
    assert index_now(served)["state"] == "succeeded"
    wait_until(lambda: client.get("/readyz").json().get("tracks") == 17, 300.0)
    with_rows = open_catalog(served.settings.resolved_database_url)
    assert left_over(data, with_rows) == []
    with_rows.close()


def test_a_full_database_is_named_and_usable_again(tmp_path: Path) -> None:
    """SQLite on a full disk refuses to write, says so, and takes the row once there is room."""
    with small_disk(tmp_path / "small", MIB) as disk:
        catalog = open_catalog(f"sqlite:///{disk.path / 'circumplex.db'}")
        run = catalog.create_run(["/music"])
        disk.fill()
        with pytest.raises(CatalogUnavailableError, match=r"free space|disk full"):
            ask_until_refused(catalog)
        assert catalog.run(run.id).state == "queued"
        disk.free()

        again = catalog.create_run(["/again"])

        assert catalog.run(again.id).roots == ("/again",)
        catalog.close()


def test_an_upload_that_finds_no_room_is_refused(served: Running, disk: SmallDisk) -> None:
    """507 with the reason, nothing stays, and the next upload is answered once there is room."""
    clip = served.settings.music_roots[0] / "loud" / "bright.flac"
    disk.fill()
    refused = served.client.post("/v1/emotions", files={"file": clip.read_bytes() * 40})
    left = list((served.settings.data_dir / "uploads").glob("*/*"))
    disk.free()
    heard = served.client.post("/v1/emotions", files={"file": clip.read_bytes()})

    body = problem_of(refused, 507, "storage-full")
    assert "No space left on device" in body["detail"]
    assert str(served.settings.data_dir) not in body["detail"]
    assert int(refused.headers["retry-after"]) > 0
    assert left == []
    assert heard.status_code == 200, heard.text


def test_a_snapshot_that_cannot_be_opened_for_writing_names_the_folder(
    library: Library, tmp_path: Path
) -> None:
    """Another refusal than a full disk keeps its own words."""
    active = library.catalog.active_snapshot()
    assert active is not None
    write_tone(library.music / "more.wav")
    folder = library.data_dir / "snapshots"
    folder.rename(library.data_dir / "aside")
    folder.write_text("a file where a folder should be")

    with pytest.raises(StorageError, match=r"snapshots/.*(exists|directory)"):
        library.index()

    folder.unlink()
    (library.data_dir / "aside").rename(folder)
    Snapshot.open(folder / active.id).verify()
