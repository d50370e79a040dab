"""A data folder that cannot be written still answers: on the command line and as a service."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.opening import opened_catalog
from app.settings import Settings
from indexer.catalog.catalog import open_catalog
from indexer.catalog.database import is_read_only
from indexer.errors import CatalogUnavailableError, CatalogVersionError
from tests.indexed_library import Library
from tests.running import ADMIN, fake_settings, problem_of, running_service


@contextmanager
def as_nobody() -> Iterator[None]:
    """A user without rights, whoever runs the tests."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def set_writable(folder: Path, writable: bool) -> None:
    """Let everybody read, and the owner write or not."""
    more = 0o200 if writable else 0
    for path in (folder, *folder.rglob("*")):
        path.chmod((0o555 if path.is_dir() else 0o444) | more)


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    """A data folder with three indexed tracks that cannot be written."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        given = fake_settings(Path(name))
        with opened_catalog(given) as catalog:
            Library(Path(name), catalog).index()
        set_writable(given.data_dir, writable=False)
        yield given
        set_writable(given.data_dir, writable=True)


def test_a_catalogue_that_cannot_be_written_is_read(settings: Settings) -> None:
    """Tracks and the active snapshot; a change is refused with the reason."""
    with as_nobody(), opened_catalog(settings) as catalog:
        reading = is_read_only(catalog.engine)
        tracks = catalog.published_tracks()
        active = catalog.active_snapshot()
        with pytest.raises(CatalogUnavailableError, match="read-only"):
            catalog.create_run(["/music"])

    assert reading
    assert len(tracks) == 3
    assert active is not None


def test_a_service_answers_from_a_folder_that_cannot_be_written(settings: Settings) -> None:
    """Playlists, tracks and uploads; an index run is refused, and no run is begun at the start."""
    watching = settings.with_changes(watch_s=60.0)
    with as_nobody(), running_service(watching) as running:
        question = {"emotion": {"mood": "calm"}}
        playlist = running.client.post("/v1/playlists", json=question)
        tracks = running.client.get("/v1/tracks")
        ready = running.client.get("/readyz")
        refused = running.client.post("/v1/admin/index-runs", headers=ADMIN)

    assert len(playlist.json()["items"]) == 3
    assert len(tracks.json()["items"]) == 3
    assert ready.status_code == 200
    assert "read-only" in problem_of(refused, 503, "catalog-unavailable")["detail"]


def test_what_a_killed_writer_left_is_not_passed_over() -> None:
    """Changes that only a writer can bring in are named, not silently missing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'circumplex.db'}"
        open_catalog(url).close()
        (folder / "circumplex.db-wal").write_bytes(b"changes")
        set_writable(folder, writable=False)
        with as_nobody(), pytest.raises(CatalogUnavailableError, match="make the folder writable"):
            open_catalog(url)
        set_writable(folder, writable=True)


def test_an_older_schema_that_cannot_be_migrated_is_named() -> None:
    """With both schemas and the remedy."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'circumplex.db'}"
        catalog = open_catalog(url)
        with catalog.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
        catalog.close()
        set_writable(folder, writable=False)
        with as_nobody(), pytest.raises(CatalogVersionError, match=r"0001.*make the data folder"):
            open_catalog(url)
        set_writable(folder, writable=True)
