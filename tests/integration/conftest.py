"""Both databases, for tests that must hold on either; and a running service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.catalog.catalog import Catalog, open_catalog
from tests.indexed_library import Library
from tests.listeners import CALM, Keyed, keyed_service
from tests.object_store import Store, running_store
from tests.postgres import PostgreSQL, running_postgresql
from tests.running import (
    Running,
    fake_settings,
    index_now,
    running_service,
    write_library,
)
from tests.subsonic_player import Player


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """A real PostgreSQL that lives as long as the tests; skips where none starts."""
    with running_postgresql(tmp_path_factory.mktemp("postgresql")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once for each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'circumplex.db'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.database()


@pytest.fixture
def catalog(database_url: str) -> Iterator[Catalog]:
    """An empty catalogue with the newest schema."""
    opened = open_catalog(database_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service with the fake model over nine indexed tones; shared, so tests leave it alone."""
    folder = tmp_path_factory.mktemp("service")
    write_library(folder / "music")
    with running_service(fake_settings(folder)) as running:
        run = index_now(running)
        assert run["state"] == "succeeded", run
        yield running


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """An S3-compatible store that lives as long as a module's tests."""
    with running_store() as running:
        yield running


@pytest.fixture
def empty_service(tmp_path: Path) -> Iterator[Running]:
    """A service over a library that is not indexed yet."""
    write_library(tmp_path / "music")
    with running_service(fake_settings(tmp_path)) as running:
        yield running


@pytest.fixture
def library(tmp_path: Path, catalog: Catalog) -> Library:
    """Three files and a way to index them, on both databases."""
    return Library(tmp_path, catalog)


@pytest.fixture(scope="session")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    """A service under required keys over a few albums; what a test makes there it takes away."""
    with keyed_service(tmp_path_factory.mktemp("keyed")) as made:
        yield made


@pytest.fixture(scope="module")
def player(keyed: Keyed) -> Player:
    """A player with the key that may write."""
    return Player(keyed.running.url, {"apiKey": keyed.keys["writer"]})


@pytest.fixture(scope="module")
def station(keyed: Keyed) -> Iterator[str]:
    """A station, as players name it."""
    client, headers = keyed.running.client, keyed.headers("writer")
    body = {"name": "Calm evening", "question": CALM, "rhythm": "daily"}
    made = client.post("/v1/stations", json=body, headers=headers).json()
    yield f"st-{made['id']}"
    client.delete(f"/v1/stations/{made['id']}", headers=headers)


@pytest.fixture(scope="module")
def ids(player: Player) -> dict[str, str]:
    """A song, its album and its artist, and another song."""
    songs = player.ask("search3", query="")["searchResult3"]["song"]
    first = songs[0]
    return {
        "song": first["id"],
        "album": first["albumId"],
        "artist": first["artistId"],
        "artist_name": first["artists"][0]["name"],
        "other": songs[-1]["id"],
    }
