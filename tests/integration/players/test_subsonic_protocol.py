"""The OpenSubsonic server: every answer by the protocol's schemas; what players really send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import httpx
import jsonschema_rs
import pytest

from app.subsonic import absent
from tests.subsonic_player import Player

SPACE = "{http://subsonic.org/restapi}"


class Schemas:
    """The protocol's OpenAPI documents, to validate answers against."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check(self, method: str, answer: Any) -> None:
        """Fail unless the answer is one of this method."""
        path = self._folder / "endpoints" / f"{method}.json"
        response = json.loads(path.read_text())["get"]["responses"]["200"]
        if "$ref" in response:
            path = (path.parent / response["$ref"]).resolve()
            response = json.loads(path.read_text())
        schema = response["content"]["application/json"]["schema"]
        reference = {"$ref": (path.parent / schema["$ref"]).resolve().as_uri()}
        jsonschema_rs.Draft202012Validator(reference, retriever=_read).validate(answer)


def _read(uri: str) -> Any:
    return json.loads(Path(httpx.URL(uri).path).read_text())


@pytest.fixture(scope="session")
def schemas(shared_data: Path) -> Schemas:
    """The protocol's documents; skips where they are missing."""
    folder = shared_data / "opensubsonic" / "openapi"
    if not folder.is_dir():
        pytest.skip(f"no OpenSubsonic documents at {folder}")
    return Schemas(folder)


CALLS: list[tuple[str, dict[str, str]]] = [
    ("ping", {}),
    ("getLicense", {}),
    ("getOpenSubsonicExtensions", {}),
    ("tokenInfo", {}),
    ("getUser", {"username": "writer"}),
    ("getScanStatus", {}),
    ("getMusicFolders", {}),
    ("getIndexes", {}),
    ("getMusicDirectory", {"id": "{artist}"}),
    ("getMusicDirectory", {"id": "{album}"}),
    ("getMusicDirectory", {"id": "1"}),
    ("getArtists", {}),
    ("getArtist", {"id": "{artist}"}),
    ("getAlbum", {"id": "{album}"}),
    ("getSong", {"id": "{song}"}),
    ("getGenres", {}),
    ("getArtistInfo", {"id": "{artist}"}),
    ("getArtistInfo2", {"id": "{artist}"}),
    ("getAlbumInfo2", {"id": "{album}"}),
    *(
        (method, {"type": kind, "fromYear": "2010", "toYear": "1980", "genre": "folk"})
        for method in ("getAlbumList", "getAlbumList2")
        for kind in (
            *("newest", "highest", "frequent", "recent", "alphabeticalByName"),
            *("alphabeticalByArtist", "starred", "byYear", "byGenre"),
        )
    ),
    ("getSongsByGenre", {"genre": "Folk"}),
    ("search2", {"query": "song 1"}),
    ("search3", {"query": '""'}),
    ("getStarred", {}),
    ("getStarred2", {}),
    ("getPlaylists", {}),
    ("getPlaylist", {"id": "{station}"}),
    ("getSimilarSongs", {"id": "{song}"}),
    ("getSimilarSongs2", {"id": "{artist}"}),
    ("getSonicSimilarTracks", {"id": "{song}"}),
    ("findSonicPath", {"startSongId": "{song}", "endSongId": "{other}", "count": "5"}),
    ("getTopSongs", {"artist": "{artist_name}"}),
    ("getTopSongs", {"artist": "Nobody At All"}),
    ("getLyricsBySongId", {"id": "{song}"}),
    ("startScan", {}),
    *((method, {}) for method in absent.NOTHING),
    ("getSong", {"id": "nothing"}),
    ("getAlbum", {}),
]


@pytest.mark.parametrize(("method", "params"), CALLS)
def test_every_answer_is_as_the_protocol_says(
    player: Player,
    schemas: Schemas,
    station: str,
    ids: dict[str, str],
    method: str,
    params: dict[str, str],
) -> None:
    """JSON validates, and XML says the same."""
    player.ask("star", id=ids["song"], albumId=ids["album"], artistId=ids["artist"])
    player.ask("setRating", id=ids["album"], rating="4")
    player.ask("scrobble", id=ids["song"])
    filled = {name: value.format(station=station, **ids) for name, value in params.items()}

    answer = player.get(method, f="json", **filled).json()
    xml = player.get(f"{method}.view", **filled)

    schemas.check(method, answer)
    root = ElementTree.fromstring(xml.content)
    assert root.tag == f"{SPACE}subsonic-response"
    assert said(root) == flat("", answer["subsonic-response"])


def flat(path: str, value: Any) -> set[tuple[str, str]]:
    """Every plain value with its path; the same for JSON and for XML."""
    if isinstance(value, dict):
        return {each for name, inner in value.items() for each in flat(f"{path}/{name}", inner)}
    if isinstance(value, list):
        return {each for inner in value for each in flat(path, inner)}
    path, is_text = path.removesuffix("/value"), path.endswith("/value")
    if is_text and not value:
        return set()
    return {(path, str(value).lower() if isinstance(value, bool) else str(value))}


def said(root: ElementTree.Element, path: str = "") -> set[tuple[str, str]]:
    """Every attribute and text with its path."""
    found = {(f"{path}/{name}", value) for name, value in root.attrib.items()}
    if root.text and root.text.strip():
        found.add((path, root.text))
    for inner in root:
        found |= said(inner, f"{path}/{inner.tag.removeprefix(SPACE)}")
    return found


# As players ask ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("getUser", {}),
        ("getRandomSongs", {"size": "2.5", "fromYear": "", "toYear": ""}),
        ("getIndexes", {"musicFolderId": "0", "ifModifiedSince": "1.7e12"}),
        ("scrobble", {"id": ["{song}", "nothing"], "time": ["1700000000000.5", "1700000000000"]}),
        ("scrobble", {"id": "{song}", "time": "253402300799000"}),
        ("search3", {"query": '""', "songCount": "1e4", "songOffset": "-1"}),
    ],
)
def test_parameters_are_taken_as_players_send_them(
    player: Player, ids: dict[str, str], method: str, params: dict[str, str | list[str]]
) -> None:
    """Fractions, empty values, songs that have gone, clocks that are ahead."""
    filled = {
        name: [each.format(**ids) for each in ([value] if isinstance(value, str) else value)]
        for name, value in params.items()
    }

    assert player.ask(method, **filled)["status"] == "ok"


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("getRandomSongs", {"size": "nan"}),
        ("getRandomSongs", {"size": "inf"}),
        ("getRandomSongs", {"size": "many"}),
        ("scrobble", {"id": "{song}", "time": "-62135596800000"}),
        ("scrobble", {"id": "{song}", "time": "nan"}),
        ("getTopSongs", {}),
    ],
)
def test_parameters_that_say_nothing_are_refused(
    player: Player, ids: dict[str, str], method: str, params: dict[str, str]
) -> None:
    """By the code for a missing parameter."""
    filled = {name: value.format(**ids) for name, value in params.items()}

    assert player.code(method, **filled) == 10


def test_a_form_holds_a_long_playlist(player: Player, ids: dict[str, str]) -> None:
    """Of thousands of songs; one that is too long is refused in the protocol's own form."""
    form = [*player.login.items(), ("f", "json"), ("name", "Long")]
    songs = [("songId", ids["song"]), ("songId", ids["other"])] * 1500
    kind = {"Content-Type": "application/x-www-form-urlencoded"}

    made = player.send(
        "POST", "createPlaylist", content=urlencode([*form, *songs]), headers=kind
    ).json()["subsonic-response"]["playlist"]
    refused = player.send(
        "POST", "createPlaylist", content=urlencode([*form, *songs * 4]), headers=kind
    ).json()["subsonic-response"]
    player.ask("deletePlaylist", id=made["id"])

    assert made["songCount"] == 3000
    assert refused["status"] == "failed"


@pytest.mark.parametrize(
    "sent", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://else.example"}]
)
def test_the_page_of_another_site_changes_nothing(
    player: Player, ids: dict[str, str], sent: dict[str, str]
) -> None:
    """An address in a picture of it would be enough, where no key is asked for."""
    asked = {**player.login, "f": "json", "id": ids["other"]}

    answer = player.send("GET", "star", params=asked, headers=sent).json()
    read = player.send("GET", "getSong", params=asked, headers=sent).json()

    assert answer["subsonic-response"]["error"]["code"] == 50
    assert "starred" not in read["subsonic-response"]["song"]


def test_top_songs_are_those_played_most(player: Player, ids: dict[str, str]) -> None:
    """Of the artist of this name, in whatever letters; first the one that was played."""
    everything = player.ask("getTopSongs", artist=ids["artist_name"].upper())["topSongs"]["song"]
    player.ask("scrobble", id=[everything[-1]["id"]] * 200)
    now = player.ask("getTopSongs", artist=ids["artist_name"], count="2")["topSongs"]["song"]

    assert len(everything) > 1
    assert ids["artist"] in {artist["id"] for song in everything for artist in song["artists"]}
    assert [song["id"] for song in now] == [everything[-1]["id"], everything[0]["id"]]


@pytest.mark.parametrize(
    ("asked", "media_type"),
    [
        ({"format": "OPUS"}, "audio/ogg"),
        ({"format": "oga"}, "audio/ogg"),
        ({"format": "RAW", "maxBitRate": "32"}, None),
        ({"maxBitRate": "0"}, None),
        ({"maxBitRate": "32.0"}, "audio/mpeg"),
    ],
)
def test_a_format_is_asked_for_in_any_letters(
    player: Player, ids: dict[str, str], asked: dict[str, str], media_type: str | None
) -> None:
    """Opus also by its container; no limit is the file itself."""
    own = player.ask("getSong", id=ids["song"])["song"]["contentType"]

    head = player.send("HEAD", "stream", params={**player.login, "id": ids["song"], **asked})

    assert head.headers["content-type"] == (media_type or own)
