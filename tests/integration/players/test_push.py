"""Stations pushed to a real Supysonic, and written into folders."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.commands.naming import seen_from
from app.errors import InvalidRequestError
from app.library.live import Live
from app.sharing.pushing import answer_of, file_stem, file_stems, push, smart_playlist, write_file
from app.sharing.subsonic_server import ServerAwayError, ServerRefusedError, SubsonicServer
from indexer.catalog.catalog import Catalog, open_catalog
from indexer.catalog.stations import Station
from indexer.runs.indexer import Indexer
from tests.fakes import FakeModel
from tests.integration.players.live import live_of
from tests.listeners import CALM, write_albums
from tests.subsonic_player import Player

PASSWORD = "a-password-for-tests"
CONFIGURATION = """
[base]
database_uri = sqlite:///{folder}/supysonic.db
[webapp]
cache_dir = {folder}/cache
log_file = {folder}/web.log
mount_webui = off
[daemon]
run_watcher = off
"""
SERVE = """
import sys
from supysonic.web import create_application
create_application().run(host="127.0.0.1", port=int(sys.argv[1]), threaded=True)
"""


@dataclass(frozen=True)
class Supysonic:
    """A server that knows the same music, one song less."""

    url: str
    missing: str


@dataclass(frozen=True)
class Indexed:
    """A catalogue of a few albums with two stations, open."""

    music: Path
    catalog: Catalog
    model: Any
    live: Live

    def push(self, url: str, password: str = PASSWORD, **which: str) -> list[dict[str, Any]]:
        """Push the stations (of a name) as the command does."""
        stations = self.catalog.list_stations()
        chosen = [each for each in stations if each.name == which.get("name", each.name)]
        with SubsonicServer(url, "ann", password) as server:
            pushed = push(chosen, server, self.catalog, self.model, self.live)
        return [each.told() for each in pushed]

    def titles(self, name: str) -> list[str]:
        """Titles of a station's own answer, in order."""
        (station,) = [each for each in self.catalog.list_stations() if each.name == name]
        return [
            str(i.track.title)
            for i in answer_of(station, self.catalog, self.model, self.live).items
        ]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Indexed]:
    """A catalogue of a few albums with two stations."""
    folder = tmp_path_factory.mktemp("pushing")
    write_albums(folder / "music")
    catalog = open_catalog(f"sqlite:///{folder / 'circumplex.db'}")
    model = FakeModel()
    Indexer(catalog, model, folder).run([folder / "music"])
    catalog.create_station("All of it", {**CALM, "limit": 50}, "none")
    catalog.create_station("Calm: 1/2", {"emotion": {"mood": "calm"}, "limit": 3}, "none")
    yield Indexed(folder / "music", catalog, model, live_of(catalog, folder, model))
    catalog.close()


@pytest.fixture(scope="module")
def supysonic(indexed: Indexed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supysonic]:
    """A real Supysonic over a copy of the music in which one song is missing."""
    pytest.importorskip("supysonic", reason="no supysonic: pip install supysonic")
    folder = tmp_path_factory.mktemp("supysonic")
    shutil.copytree(indexed.music, folder / "copy")
    missing = next((folder / "copy" / "Ben").rglob("*.flac"))
    missing.unlink()
    (folder / "supysonic.conf").write_text(CONFIGURATION.format(folder=folder))
    environment = {**os.environ, "SUPYSONIC_CONFIG": str(folder / "supysonic.conf")}
    environment |= {"XDG_CONFIG_HOME": str(folder), "HOME": str(folder)}
    (folder / "supysonic").mkdir()
    shutil.copy(folder / "supysonic.conf", folder / "supysonic" / "supysonic.conf")

    def manage(*words: str) -> None:
        command = [sys.executable, "-m", "supysonic.cli", *words]
        subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True)

    manage("user", "add", "-p", PASSWORD, "ann")
    manage("folder", "add", "Music", str(folder / "copy"))
    manage("folder", "scan", "--foreground", "Music")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "serve.py").write_text(SERVE)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "serve.py", str(port)],
            env=environment, cwd=folder, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait_for(port, process, folder / "log")
        yield Supysonic(f"http://127.0.0.1:{port}", missing.stem.partition(" - ")[2])
    finally:
        process.terminate()
        process.wait(timeout=20.0)


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the server listens."""
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("supysonic does not listen")


def songs_there(server: SubsonicServer, name: str) -> list[list[str]]:
    """Ids of the songs of each playlist of that name."""
    player = Player(server.url, {"u": server.user, "p": PASSWORD})
    lists = [player.ask("getPlaylist", id=p.id) for p in server.playlists() if p.name == name]
    return [[song["id"] for song in each["playlist"].get("entry", [])] for each in lists]


def test_a_station_is_pushed_and_replaced(supysonic: Supysonic, indexed: Indexed) -> None:
    """The songs come in order; what is missing is listed; twice makes one playlist."""
    (first,) = indexed.push(supysonic.url, name="All of it")
    (again,) = indexed.push(supysonic.url, name="All of it")

    with SubsonicServer(supysonic.url, "ann", PASSWORD) as server:
        there = songs_there(server, "All of it")
        titles = {song.id: song.title for song in server.songs()}
    wanted = [title for title in indexed.titles("All of it") if title != supysonic.missing]
    assert (first["replaced"], again["replaced"]) == (False, True)
    assert [lost["title"] for lost in first["unmatched"]] == [supysonic.missing]
    assert first["unmatched"][0]["nearest"]["artist"] == "Ben"
    assert first["songs"] == 9
    assert [[titles[song] for song in each] for each in there] == [wanted]


def test_all_stations_are_pushed_and_nothing_else_changes(
    supysonic: Supysonic, indexed: Indexed
) -> None:
    """A playlist of the user's own stays as it was."""
    with SubsonicServer(supysonic.url, "ann", PASSWORD) as server:
        some = [song.id for song in server.songs()[:2]]
        server.write_playlist("Mine", some)
        indexed.push(supysonic.url)

        assert sorted(p.name for p in server.playlists()) == ["All of it", "Calm: 1/2", "Mine"]
        assert songs_there(server, "Mine") == [some]


def test_a_wrong_password_is_told(supysonic: Supysonic) -> None:
    """With the server's address and what is wrong."""
    with (
        SubsonicServer(supysonic.url, "ann", "wrong") as server,
        pytest.raises(ServerRefusedError, match="wrong user name or password"),
    ):
        server.ping()


def test_a_server_that_is_away_is_told() -> None:
    """By its address; nothing is half done."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with (
        SubsonicServer(f"http://127.0.0.1:{port}", "ann", "x") as server,
        pytest.raises(ServerAwayError, match="cannot be reached"),
    ):
        server.ping()


def test_what_is_no_subsonic_is_told() -> None:
    """A web page is named as what it is."""
    page = httpx.MockTransport(lambda _request: httpx.Response(200, text="<html>hello"))

    with (
        SubsonicServer("http://some.where", "ann", "x", transport=page) as server,
        pytest.raises(ServerAwayError, match="no Subsonic server"),
    ):
        server.ping()


@pytest.mark.parametrize("kind", ["m3u8", "m3u"])
def test_stations_are_written_into_a_folder(indexed: Indexed, tmp_path: Path, kind: Any) -> None:
    """Each under its name, with ways to the files that lead there."""
    folder = tmp_path / "playlists"
    for station in indexed.catalog.list_stations():
        write_file(
            station,
            folder,
            kind,
            lambda station=station: answer_of(
                station, indexed.catalog, indexed.model, indexed.live
            ),
            lambda path: seen_from(path, indexed.live.snapshot.tracks),
        )

    assert {path.name for path in folder.iterdir()} == {f"All of it.{kind}", f"Calm 1 2.{kind}"}
    lines = (folder / f"All of it.{kind}").read_text().splitlines()
    songs = [line for line in lines if not line.startswith("#")]
    assert len(songs) == 10
    assert all((folder / song).resolve().is_file() for song in songs)


def test_a_mood_becomes_a_smart_playlist(indexed: Indexed) -> None:
    """Navidrome's rules over the mood tag; a station that asks otherwise is refused."""
    other, calm = indexed.catalog.list_stations()

    rules = smart_playlist(calm)

    assert rules["all"] == [{"contains": {"mood": "calm"}}]
    assert rules["limit"] == 3
    with pytest.raises(InvalidRequestError, match="mood word"):
        smart_playlist(other)


def test_the_command_names_what_is_missing(tmp_path: Path) -> None:
    """Neither a server nor a folder is wrong usage."""
    result = CliRunner().invoke(app, ["push", "--all", "--data-dir", str(tmp_path)])

    assert result.exit_code == 2
    assert "--server" in result.output


def test_a_file_name_stays_in_its_folder() -> None:
    """Whatever the station is called."""
    assert file_stem("../../etc/passwd") == "etc passwd"
    assert file_stem(".hidden") == "hidden"
    assert file_stem(" / ") == "station"
    assert len(file_stem("夜" * 100).encode()) <= 180
    assert file_stem("Rock...") == "Rock"


def test_stations_whose_names_make_one_file_name_have_a_file_each() -> None:
    """The oldest has it; case parts no names on some disks."""
    names = ["Rock/Pop", "Rock:Pop", "rock pop", "Other"]
    made_at = [datetime(2026, 1, 9 - at, tzinfo=UTC) for at in range(len(names))]
    made = [
        Station(f"s{at}", name, {}, "none", made_at[at], made_at[at])
        for at, name in enumerate(names)
    ]

    assert file_stems(made) == {
        "s0": "Rock Pop (s0)",
        "s1": "Rock Pop (s1)",
        "s2": "rock pop",
        "s3": "Other",
    }
