"""The OpenSubsonic server: every answer by the protocol's own schemas, in JSON and in XML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import jsonschema_rs
import pytest

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
    path = path.removesuffix("/value")
    return {(path, str(value).lower() if isinstance(value, bool) else str(value))}


def said(root: ElementTree.Element, path: str = "") -> set[tuple[str, str]]:
    """Every attribute and text with its path."""
    found = {(f"{path}/{name}", value) for name, value in root.attrib.items()}
    if root.text and root.text.strip():
        found.add((path, root.text))
    for inner in root:
        found |= said(inner, f"{path}/{inner.tag.removeprefix(SPACE)}")
    return found
