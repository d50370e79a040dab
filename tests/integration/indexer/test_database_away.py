"""The database goes away in the middle of the work and comes back: a clear state, no hands."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.indexing.jobs import IndexJobs, pause_s
from indexer.catalog import patience
from indexer.catalog.catalog import Catalog, open_catalog
from indexer.errors import CatalogUnavailableError, LeaseLostError
from indexer.folders.files import stored_name
from indexer.runs.options import RunOptions
from indexer.runs.worker import Job, ProcessExecutor
from indexer.snapshot.reader import Snapshot
from tests.catalogue import write_tone
from tests.indexed_library import Library
from tests.postgres import PostgreSQL, running_postgresql
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
from tests.waiting import wait_until

CHILD = [sys.executable, "-m", "tests.index_child"]
FILES = 60
CALM = {"emotion": {"mood": "calm"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    with running_postgresql(tmp_path_factory.mktemp("stoppable")) as running:
        yield running


class Place:
    """Sixty files, a catalogue in PostgreSQL, and processes that index them slowly."""

    def __init__(self, folder: Path, url: str) -> None:
        self.music, self.data_dir = folder / "music", folder / "data"
        self.catalog: Catalog = open_catalog(url)
        self.job = Job(url, str(self.data_dir), options=RunOptions(workers=2))
        for number in range(FILES):
            write_tone(self.music / f"{number:02}.wav", hz=200 + 40 * number, duration_s=0.6)

    def started(self) -> IndexJobs:
        """The queue's thread of a service, with one run in work."""
        jobs = IndexJobs(self.catalog, ProcessExecutor(self.job, CHILD), on_finished=lambda: None)
        jobs.start()
        jobs.submit([self.music], full=False)
        wait_until(lambda: self.catalog.run(1).progress.files_done > 5)
        return jobs

    def check_whole(self) -> None:
        """Catalogue and snapshot agree, and nothing half done lies about."""
        active = self.catalog.active_snapshot()
        assert active is not None
        folder = self.data_dir / "snapshots" / active.id
        Snapshot.open(folder).verify()
        assert active.track_count == self.catalog.counts().ok == FILES
        assert [path.name for path in folder.parent.iterdir()] == [active.id]


@pytest.fixture
def place(tmp_path: Path, server: PostgreSQL) -> Iterator[Place]:
    place = Place(tmp_path, server.database())
    yield place
    place.catalog.close()


def test_a_run_outlives_a_restart_of_its_database(place: Place, server: PostgreSQL) -> None:
    """PostgreSQL crashes in the middle and is back after three seconds: the same run ends well."""
    jobs = place.started()

    server.crash()
    time.sleep(3.0)
    server.start()
    wait_until(lambda: place.catalog.run(1).is_over)
    run = place.catalog.run(1)
    jobs.stop()

    assert (run.state, run.attempts, run.progress.files_done) == ("succeeded", 1, FILES)
    place.check_whole()


def test_a_run_whose_database_stays_away_is_taken_up_again(
    place: Place, server: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process gives up, the service does not; nothing that was finished is done twice."""
    monkeypatch.setenv("CIRCUMPLEX_TEST_PATIENCE_S", "0.5")
    jobs = place.started()

    server.crash()
    kept = place.data_dir / "analyses"
    settled = [-1, 0]
    while settled[-1] != settled[-2]:  # the process has given up
        time.sleep(3.0)
        settled.append(sum(path.is_file() for path in kept.rglob("??/*")))
    stamps = {path: path.stat().st_mtime_ns for path in kept.rglob("??/*") if path.is_file()}
    server.start()
    wait_until(lambda: place.catalog.run(1).is_over)
    run = place.catalog.run(1)
    jobs.stop()

    assert (run.state, run.attempts) == ("succeeded", 2)
    assert len(stamps) > 5
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    place.check_whole()


@pytest.fixture
def served(tmp_path: Path, server: PostgreSQL) -> Iterator[Running]:
    """A service over an indexed library in PostgreSQL."""
    write_library(tmp_path / "music")
    settings = fake_settings(tmp_path, database_url=server.database())
    with running_service(settings) as running:
        assert index_now(running)["state"] == "succeeded"
        yield running


def check_without_database(running: Running, complaint: str) -> None:
    """What needs no SQL answers, what does is refused with the time to wait."""
    assert running.client.get("/healthz").status_code == 200
    playlist = running.client.post("/v1/playlists", json=CALM)
    assert playlist.status_code == 200, playlist.text
    assert len(playlist.json()["items"]) == 9
    assert running.client.get("/v1/tracks/2/emotion").status_code == 200
    for method, path in (
        ("GET", "/readyz"),
        ("GET", "/v1/tracks"),
        ("GET", "/v1/tracks/2"),
        ("POST", "/v1/admin/index-runs"),
    ):
        answer = running.client.request(method, path, headers=ADMIN)
        body = problem_of(answer, 503, "catalog-unavailable")
        told = complaint if "/admin/" in path else "the database"  # anybody reads less
        assert told in body["detail"], body
        assert int(answer.headers["retry-after"]) > 0


def check_with_database(running: Running) -> None:
    """It is ready again by itself, and indexes."""
    wait_until(lambda: running.client.get("/readyz").status_code == 200, 120.0)
    assert index_now(running)["state"] == "succeeded"
    assert len(running.client.get("/v1/tracks").json()["items"]) == 9


def test_a_service_answers_from_its_snapshot_without_postgresql(
    served: Running, server: PostgreSQL
) -> None:
    """Playlists go on, readiness says why not, and all is well again with the database."""
    server.crash()
    try:
        check_without_database(served, "does not answer")
    finally:
        server.start()

    check_with_database(served)


@pytest.fixture
def beside_sqlite(tmp_path: Path) -> Iterator[Running]:
    """A service over an indexed library in SQLite."""
    write_library(tmp_path / "music")
    with running_service(fake_settings(tmp_path)) as running:
        assert index_now(running)["state"] == "succeeded"
        yield running


def test_a_service_answers_from_its_snapshot_without_its_sqlite_file(
    beside_sqlite: Running,
) -> None:
    """A file that is moved away is no file to write into; moved back it is used again."""
    data = beside_sqlite.settings.data_dir
    aside = data / "aside"
    aside.mkdir()
    for path in data.glob("circumplex.db*"):
        path.rename(aside / path.name)
    check_without_database(beside_sqlite, "is gone")
    assert not (data / "circumplex.db").exists()

    for path in aside.iterdir():
        path.rename(data / path.name)

    check_with_database(beside_sqlite)


def test_a_damaged_sqlite_file_is_named(beside_sqlite: Running) -> None:
    """With the remedy, not as an unforeseen error."""
    path = beside_sqlite.settings.data_dir / "circumplex.db"
    path.rename(path.with_suffix(".kept"))
    for beside in path.parent.glob("circumplex.db-*"):
        beside.unlink()
    path.write_bytes(b"this is no database\n" * 1000)

    check_without_database(beside_sqlite, "circumplex restore")


def test_a_locked_sqlite_file_is_waited_for(
    beside_sqlite: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that begins while another process writes ends well once that one is done."""
    write_tone(beside_sqlite.settings.music_roots[0] / "more.wav")
    accepted = beside_sqlite.client.post("/v1/admin/index-runs", headers=ADMIN).json()
    other = sqlite3.connect(beside_sqlite.settings.data_dir / "circumplex.db", timeout=10.0)
    other.isolation_level = None
    other.execute("BEGIN IMMEDIATE")
    time.sleep(1.0)
    answer = beside_sqlite.client.post("/v1/playlists", json=CALM)
    other.execute("ROLLBACK")
    other.close()

    assert answer.status_code == 200
    assert wait_for_run(beside_sqlite, accepted["id"])["state"] == "succeeded"


def test_writers_that_wait_hold_back_no_playlist(beside_sqlite: Running) -> None:
    """However many there are: they wait for their turn without a connection."""
    station = {"name": "Calm", "question": CALM}
    other = sqlite3.connect(beside_sqlite.settings.data_dir / "circumplex.db", timeout=10.0)
    other.isolation_level = None
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(50) as pool:
        post = partial(beside_sqlite.client.post, "/v1/stations", json=station)
        writing = [pool.submit(post) for _ in range(50)]
        time.sleep(1.5)  # what was read of the listener is read again
        answer = beside_sqlite.client.post("/v1/playlists", json=CALM)
        waiting = sum(not future.done() for future in writing)
        other.execute("ROLLBACK")
        other.close()

    assert answer.status_code == 200
    assert waiting == 50
    assert {future.result().status_code for future in writing} == {201}


# Answers that are lost on their way --------------------------------------------------------------


def losing(catalog: Catalog, name: str) -> Catalog:
    """The catalogue, but the first answer of one method is lost though the work was done."""

    class Losing(Catalog):
        lost = False

    def act(self: Any, *args: Any, **options: Any) -> Any:
        outcome = getattr(catalog, name)(*args, **options)
        if not self.lost:
            self.lost = True
            raise CatalogUnavailableError("the connection broke")
        return outcome

    setattr(Losing, name, act)
    return Losing(catalog.engine)


@pytest.mark.parametrize("name", ["publish", "begin_snapshot", "stage", "describe_run"])
def test_work_whose_answer_was_lost_is_not_taken_for_undone(library: Library, name: str) -> None:
    """Asking again neither fails nor does it twice."""
    library.catalog = losing(library.catalog, name)

    summary = library.index()

    assert library.catalog.run(summary.run_id).state == "succeeded"
    assert len(library.ids()) == 3
    assert [row.state for row in library.catalog.all_snapshots()] == ["ready"]


def test_a_run_that_was_taken_over_meanwhile_is_lost(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database comes back, and another process has the run: this one publishes nothing."""
    healthy = library.catalog

    class Taken(Catalog):
        def publish(self, run_id: int, owner: str, *args: Any, **options: Any) -> None:
            healthy.end_run(run_id, owner, "failed", "taken over")
            healthy.publish(run_id, owner, *args, **options)

    library.catalog = Taken(healthy.engine)

    with pytest.raises(LeaseLostError):
        library.index()

    assert healthy.counts().ok == 0
    assert healthy.active_snapshot() is None


def test_a_run_that_gives_up_goes_back_into_the_queue(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database was away too long for one question, but is there to take the run back."""
    monkeypatch.setattr(patience, "PATIENCE_S", 0.1)

    class Away(Catalog):
        def publish(self, *args: Any, **options: Any) -> None:
            raise CatalogUnavailableError("gone")

    healthy = library.catalog
    library.catalog = Away(healthy.engine)
    with pytest.raises(CatalogUnavailableError):
        library.index()
    queued = healthy.claimable_run()
    library.catalog = healthy
    assert queued is not None
    library.indexer().run(run_id=queued.id)

    assert (queued.state, queued.attempts) == ("queued", 0)
    assert healthy.run(queued.id).state == "succeeded"


def test_the_queue_rests_longer_and_longer_but_never_long() -> None:
    """A database that is usable again is noticed within a quarter of a minute, however long ago."""
    pauses = [pause_s(refused) for refused in (0, 1, 2, 3, 4, 100, 10_000)]

    assert pauses == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]


def test_the_queue_does_not_hammer_a_run_that_cannot_end(tmp_path: Path) -> None:
    """Between attempts that come to nothing the pauses grow; a new request ends the pause."""
    catalog = open_catalog(f"sqlite:///{tmp_path / 'circumplex.db'}")
    tried: list[float] = []

    class Futile:
        def __call__(self, run_id: int) -> None:
            tried.append(time.monotonic())

        def stop(self) -> None:
            """Nothing is in work."""

    jobs = IndexJobs(catalog, Futile(), on_finished=lambda: None)
    catalog.create_run([stored_name(tmp_path)], full=False)  # waits there when they start
    jobs.start()
    wait_until(lambda: len(tried) >= 3)
    asked_s = time.monotonic()
    jobs.submit([tmp_path], full=False)
    wait_until(lambda: len(tried) >= 4)
    jobs.stop()
    catalog.close()

    assert tried[1] - tried[0] >= 1.9
    assert tried[2] - tried[1] >= 3.9
    assert tried[3] - asked_s < 7.0  # and not after 8 s
