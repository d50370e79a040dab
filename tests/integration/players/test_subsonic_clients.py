"""Real clients of the registries walk the whole server, each in its own manner."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import libopensonic
import libsonic
import libsonic.errors
import pytest
from knuckles import Subsonic
from knuckles._api import RequestMethod
from knuckles.exceptions import ErrorCode40

from tests.listeners import Keyed

REPOSITORY = Path(__file__).resolve().parents[3]
NPM_PACKAGE = "subsonic-api@3.3.1"


def port_of(keyed: Keyed) -> int:
    """Where the service listens."""
    port = httpx.URL(keyed.running.url).port
    assert port is not None
    return port


@pytest.mark.parametrize("login", ["key", "password", "token"])
def test_py_opensonic_walks_the_server(keyed: Keyed, station: str, login: str) -> None:
    """Every way to log in; browse, search, stream a range, playlists, the sonic extension."""
    logins: dict[str, dict[str, Any]] = {
        "key": {"api_key": keyed.keys["phone"]},
        "password": {"username": "x", "password": keyed.keys["phone"], "legacy_auth": True},
        "token": {"username": "phone", "password": keyed.keys["phone"]},
    }
    asyncio.run(_walked_by_opensonic(port_of(keyed), logins[login], station))


async def _walked_by_opensonic(port: int, login: dict[str, Any], station: str) -> None:
    player = libopensonic.AsyncConnection("http://127.0.0.1", port=port, **login)
    try:
        assert await player.ping()
        names = {extension.name for extension in await player.get_open_subsonic_extensions()}
        assert names == {"apiKeyAuthentication", "formPost", "sonicSimilarity"}
        artists = [a for index in (await player.get_artists()).index for a in index.artist]
        assert {artist.name for artist in artists} == {"Ada", "Ben", "Cleo & The Cats"}
        artist = await player.get_artist(artists[0].id)
        album = await player.get_album(artist.album[0].id)
        song = await player.get_song(album.song[0].id)
        assert song.music_brainz_id
        assert (await player.search3("song 3")).song[0].title == "Song 3"
        audio = await player.stream(song.id, byte_range="bytes=0-3")
        assert await audio.read() == b"fLaC"
        first = (await player.get_playlists())[0]
        assert (first.id, first.name) == (station, "Calm evening")
        assert len((await player.get_playlist(station)).entry) == 4
        assert await player.create_playlist(name="Mine", song_ids=[song.id])
        (made,) = [each for each in await player.get_playlists() if each.name == "Mine"]
        assert [each.id for each in (await player.get_playlist(made.id)).entry] == [song.id]
        assert await player.delete_playlist(made.id)
        similar = await player.get_sonic_similar_tracks(song.id, count=3)
        assert len(similar) == 3
        assert similar[0].similarity >= similar[-1].similarity
        end = similar[-1].entry.id
        path = await player.find_sonic_path(song.id, end, count=4)
        assert [path[0].entry.id, path[-1].entry.id] == [song.id, end]
    finally:
        await player.cleanup()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("legacy", [False, True])
def test_py_sonic_walks_the_server(keyed: Keyed, station: str, legacy: bool) -> None:
    """By token, and by password in hexadecimal digits; folders, lists, marks, audio."""
    player = libsonic.Connection(
        "http://127.0.0.1", "phone", keyed.keys["phone"], port=port_of(keyed), legacyAuth=legacy
    )
    assert player.ping()
    assert player.getLicense()["license"]["valid"]
    indexes = player.getIndexes()["indexes"]["index"]
    artist = indexes[0]["artist"][0]
    album = player.getMusicDirectory(artist["id"])["directory"]["child"][0]
    song = player.getMusicDirectory(album["id"])["directory"]["child"][0]
    assert player.getAlbumList2("alphabeticalByName")["albumList2"]["album"]
    assert player.getSongsByGenre("Folk")["songsByGenre"]["song"]
    player.star([song["id"]])
    assert player.getStarred2()["starred2"]["song"][0]["id"] == song["id"]
    player.unstar([song["id"]])
    player.scrobble(song["id"])
    assert player.getSong(song["id"])["song"]["playCount"] >= 1
    assert player.stream(song["id"]).read(4) == b"fLaC"
    assert player.getPlaylists()["playlists"]["playlist"][0]["id"] == station
    made = player.createPlaylist(name="Mine", songIds=[song["id"]])
    listed = player.getPlaylists()["playlists"]["playlist"]
    (own,) = [each for each in listed if each["name"] == "Mine"]
    player.deletePlaylist(own["id"])
    assert made["status"] == "ok"
    assert player.getSimilarSongs(song["id"], 3)["similarSongs"]["song"]


def test_py_sonic_is_told_of_a_wrong_password(keyed: Keyed) -> None:
    """By the error that it has for it."""
    player = libsonic.Connection("http://127.0.0.1", "phone", "wrong", port=port_of(keyed))

    with pytest.raises(libsonic.errors.CredentialError):
        player.getLicense()


@pytest.mark.parametrize("method", [RequestMethod.GET, RequestMethod.POST])
def test_knuckles_walks_the_server(
    keyed: Keyed, station: str, method: RequestMethod, tmp_path: Path
) -> None:
    """By GET and by a form; every answer becomes its typed models."""
    address = keyed.running.url.removeprefix("http://")
    player = Subsonic(
        f"http://{address}",
        *("phone", keyed.keys["phone"], "tests"),
        use_https=False,
        request_method=method,
    )
    assert player.system.ping().status == "ok"
    artists = player.browsing.get_artists()
    artist = player.browsing.get_artist(artists[0].id)
    assert artist.albums
    album = player.browsing.get_album(artist.albums[0].id)
    assert album.songs
    song = player.browsing.get_song(album.songs[0].id)
    assert song.title.startswith("Song")
    assert player.searching.search("song").songs
    assert player.lists.get_album_list_newest(10)
    listed = player.playlists.get_playlists()
    assert (listed[0].id, listed[0].name) == (station, "Calm evening")
    assert len(player.playlists.get_playlist(station).songs or []) == 4
    made = player.playlists.create_playlist("Mine", comment="Own", song_ids=[song.id])
    assert player.playlists.get_playlist(made.id).comment == "Own"
    player.playlists.delete_playlist(made.id)
    part = httpx.get(player.media_retrieval.stream(song.id), headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"fLaC")
    assert player.media_retrieval.download(song.id, tmp_path).stat().st_size > 1000
    assert player.browsing.get_similar_songs(artists[0].id, song_count=3)


def test_knuckles_is_told_of_a_wrong_password(keyed: Keyed) -> None:
    """By the error that it has for it."""
    address = keyed.running.url.removeprefix("http://")
    player = Subsonic(f"http://{address}", "phone", "wrong", "tests", use_https=False)

    with pytest.raises(ErrorCode40):
        player.system.ping()


WALK = """
import { SubsonicAPI } from "subsonic-api";

const [url, key, station] = process.argv.slice(2);
const found = [];
for (const [auth, post] of [
  [{ apiKey: key }, false],
  [{ username: "phone", password: key }, false],
  [{ username: "phone", password: key }, true],
]) {
  const api = new SubsonicAPI({ url, auth, post });
  await api.ping();
  const { artists } = await api.getArtists();
  const { artist } = await api.getArtist({ id: artists.index[0].artist[0].id });
  const { album } = await api.getAlbum({ id: artist.album[0].id });
  const song = album.song[0];
  const { searchResult3 } = await api.search3({ query: "song 4" });
  const { playlists } = await api.getPlaylists();
  const { playlist } = await api.getPlaylist({ id: station });
  const made = await api.createPlaylist({ name: "Mine", songId: [song.id] });
  await api.deletePlaylist({ id: made.playlist.id });
  const audio = await api.stream({ id: song.id });
  const { similarSongs } = await api.getSimilarSongs({ id: song.id, count: 3 });
  found.push({
    found: searchResult3.song.map((each) => each.title),
    first: playlists.playlist[0].id,
    songs: playlist.entry.length,
    made: made.playlist.entry.map((each) => each.id === song.id),
    bytes: (await audio.arrayBuffer()).byteLength === song.size,
    similar: similarSongs.song.length,
  });
}
console.log(JSON.stringify(found));
"""


@pytest.fixture(scope="session")
def npm_folder() -> Path:
    """A folder with the npm client, kept in the virtual environment; skips where none is had."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("no Node.js: apt-get install nodejs npm")
    folder = REPOSITORY / ".venv" / "npm"
    if not (folder / "node_modules" / "subsonic-api").is_dir():
        done = subprocess.run(
            [npm, "install", "--silent", "--prefix", str(folder), NPM_PACKAGE],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode:
            pytest.skip(f"{NPM_PACKAGE} cannot be installed: {done.stderr[-300:]}")
    return folder


def test_the_npm_client_walks_the_server(keyed: Keyed, station: str, npm_folder: Path) -> None:
    """By API key, and by token with GET and POST."""
    script = npm_folder / "walk.mjs"
    script.write_text(WALK)
    done = subprocess.run(
        ["node", str(script), keyed.running.url, keyed.keys["phone"], station],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    walks = json.loads(done.stdout)
    assert len(walks) == 3
    assert (
        walks
        == [
            {
                "found": ["Song 4"],
                "first": station,
                "songs": 4,
                "made": [True],
                "bytes": True,
                "similar": 3,
            }
        ]
        * 3
    )
