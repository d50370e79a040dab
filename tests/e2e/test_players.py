"""Saved playlists in a real player: the Music Player Daemon, where it is installed."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.listeners import CALM, keyed_service
from tests.running import fake_settings, index_now, running_service, write_library

CONFIGURATION = """\
music_directory "{music}"
playlist_directory "{folder}"
db_file "{folder}/database"
bind_to_address "{folder}/socket"
audio_output {{
  type "null"
  name "nothing"
}}
"""


class Mpd:
    """A client of the daemon's text protocol."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._lines = self._socket.makefile("r", encoding="utf-8")
        assert self._lines.readline().startswith("OK MPD")

    def ask(self, command: str) -> list[str]:
        """The lines of the answer."""
        self._socket.sendall(f"{command}\n".encode())
        found = []
        for line in self._lines:
            assert not line.startswith("ACK"), f"{command}: {line}"
            if line.startswith("OK"):
                break
            found.append(line.rstrip("\n"))
        return found

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()


@contextmanager
def playing(folder: Path, music: Path) -> Iterator[Mpd]:
    """The daemon over a music folder that it has read, until the block ends."""
    program = shutil.which("mpd")
    if program is None:
        pytest.skip("no mpd: apt-get install mpd")
    folder.mkdir()
    configuration = folder / "mpd.conf"
    configuration.write_text(CONFIGURATION.format(music=music, folder=folder))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "--no-daemon", str(configuration)], stdout=log, stderr=log
        )
        try:
            with closing(connected(folder / "socket", process)) as mpd:
                mpd.ask("update")
                while any(line.startswith("updating_db") for line in mpd.ask("status")):
                    time.sleep(0.05)
                yield mpd
        finally:
            process.terminate()
            process.wait(timeout=120.0)


def connected(at: Path, process: subprocess.Popen[bytes]) -> Mpd:
    """The daemon's client, once it listens."""
    for _ in range(2400):
        assert process.poll() is None, f"mpd ended: {(at.parent / 'log').read_text()}"
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(120.0)
        try:
            connection.connect(str(at))
        except OSError:
            connection.close()
            time.sleep(0.05)
        else:
            return Mpd(connection)
    raise AssertionError("mpd does not listen")


def test_a_player_finds_every_track_of_a_saved_playlist(tmp_path: Path) -> None:
    """M3U8 and XSPF files in the music root play the answer's tracks in its order."""
    asked = {"emotion": {"mood": "happy"}, "limit": 5}
    write_library(tmp_path / "music")
    with running_service(fake_settings(tmp_path)) as running:
        index_now(running)
        items = running.client.post("/v1/playlists", json=asked).json()["items"]
        wanted = [f"file: {item['track']['path']}" for item in items]
        for form in ("m3u8", "xspf"):
            file = running.client.post(f"/v1/playlists?format={form}", json=asked).content
            (tmp_path / "music" / f"happy.{form}").write_bytes(file)

    with playing(tmp_path / "mpd", tmp_path / "music") as mpd:
        for form in ("m3u8", "xspf"):
            mpd.ask("clear")
            mpd.ask(f'load "happy.{form}"')
            found = [line for line in mpd.ask("playlistinfo") if line.startswith("file: ")]

            assert len(wanted) == 5
            assert found == wanted, form


@pytest.mark.parametrize("form", ["m3u8", "m3u"])
def test_a_player_plays_a_station_by_its_address(tmp_path: Path, form: str) -> None:
    """Under required keys: the address and the audio it names need no header."""
    with keyed_service(tmp_path / "keyed") as keyed:
        client, headers = keyed.running.client, keyed.headers("writer")
        body = {"name": "Calm", "question": CALM}
        made = client.post("/v1/stations", json=body, headers=headers).json()
        shown = client.get(f"/v1/stations/{made['id']}", headers=keyed.headers()).json()

        with playing(tmp_path / "mpd", keyed.music) as mpd:
            mpd.ask(f'load "{shown["addresses"][form]}"')
            found = [line for line in mpd.ask("playlistinfo") if line.startswith("file: http")]
            mpd.ask("play 0")
            elapsed = _elapsed(mpd)

    assert len(found) == 4
    assert elapsed > 0.0


def test_a_written_station_loads_from_the_players_own_folder(tmp_path: Path) -> None:
    """`.m3u` in MPD's playlist folder, its tracks found in MPD's music."""
    with keyed_service(tmp_path / "keyed") as keyed:
        client, headers = keyed.running.client, keyed.headers("writer")
        body = {"name": "Calm", "question": CALM}
        made = client.post("/v1/stations", json=body, headers=headers).json()
        address = f"/v1/stations/{made['id']}/playlist"
        params = {"format": "m3u8", "locations": "path"}
        file = client.get(address, params=params, headers=keyed.headers())

        with playing(tmp_path / "mpd", keyed.music) as mpd:
            (tmp_path / "mpd" / "Calm.m3u").write_bytes(file.content)
            mpd.ask('load "Calm"')
            found = [line for line in mpd.ask("playlistinfo") if line.startswith("file: ")]

    songs = [line for line in file.text.splitlines() if not line.startswith("#")]
    assert found == [f"file: {song}" for song in songs]
    assert len(found) == 4


def _elapsed(mpd: Mpd) -> float:
    """How far the first song is, once it plays."""
    for _ in range(200):
        status = dict(line.split(": ", 1) for line in mpd.ask("status"))
        assert "error" not in status, status
        if status["state"] == "play" and float(status.get("elapsed", 0)) > 0:
            return float(status["elapsed"])
        if status["state"] == "stop":  # a short song may be over already
            return float(status.get("elapsed", 0))
        time.sleep(0.05)
    return 0.0
