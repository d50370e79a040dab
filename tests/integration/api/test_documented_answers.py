"""Every answer that the OpenAPI document promises is produced here, on the service it belongs to.

The document gives the list: each operation with each status is a test, and one without a way to
produce it fails.
"""

from __future__ import annotations

import io
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile
from sqlalchemy import update

from app.errors import HTTP_KINDS, TABLE
from app.http.keys import KeyRing
from app.main import create_app
from indexer.catalog import stations
from indexer.catalog.catalog import open_catalog
from indexer.catalog.tables import snapshots
from tests.running import (
    ADMIN,
    Running,
    fake_settings,
    index_now,
    problem_of,
    running_service,
    tone,
    write_library,
)

PICTURE = {"headers": {"accept": "image/png"}}
CALM = {"emotion": {"mood": "calm"}}
NOBODY = 2_000_000
MANY = b" " * 100_000
HALF = {"content": b"{", "headers": "json"}


@dataclass(frozen=True)
class Ask:
    """A request, and which service it goes to.

    Attributes:
        service: `whole`, or the name of one that lacks something.
        path: The path, parameters and query filled in.
        options: Of httpx.
    """

    path: str
    service: str = "whole"
    options: dict[str, Any] = field(default_factory=dict)


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document; it needs no running service."""
    return create_app(fake_settings(Path("/nowhere"))).openapi()


def promised() -> list[tuple[str, str, int]]:
    """Method, path and status of every documented answer."""
    return [
        (method.upper(), path, int(status))
        for path, item in document()["paths"].items()
        for method, operation in item.items()
        for status in operation["responses"]
    ]


def clip(seconds: float = 2.0) -> bytes:
    """A WAV file."""
    file = io.BytesIO()
    soundfile.write(file, tone(0.5, 440.0, seconds), 8000, format="WAV")
    return file.getvalue()


def late() -> Iterator[bytes]:
    """A body that is not there in time."""
    yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    time.sleep(1.5)
    yield b"too late"


FORM = {"content-type": "multipart/form-data; boundary=x"}
ITEM = {"track_id": 2, "start_s": 0, "end_s": 3, "score": 1, "rho_sim": 1, "neg_kl": -1}
FILE = {"items": [{**ITEM, "valence": 0, "arousal": 0}]}

STATION = {"name": "Evening", "question": CALM}
OF_STATION = "/v1/stations/{station_id}"
OF_FELT, FELT = "/v1/profile/tracks/{track_id}", "/v1/profile/tracks/2"

# How each operation is asked well; {run_id} and {snapshot_id} are filled in from the service.
GOOD: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {
    ("POST", "/v1/playlists"): ("/v1/playlists", {"json": CALM}),
    ("POST", "/v1/playlists/files"): ("/v1/playlists/files", {"json": FILE}),
    ("POST", "/v1/emotions"): ("/v1/emotions", {"files": {"file": clip()}}),
    ("POST", "/v1/stations"): ("/v1/stations", {"json": STATION}),
    ("PUT", OF_STATION): (OF_STATION, {"json": STATION}),
    ("GET", "/v1/feelings"): ("/v1/feelings?text=sad", {}),
    ("POST", "/v1/plays"): ("/v1/plays", {"json": {"plays": [{"track_id": 2}]}}),
    ("PUT", "/v1/profile"): ("/v1/profile", {"json": {"weight": 0.5}}),
    **dict.fromkeys([("GET", OF_FELT), ("DELETE", OF_FELT)], (FELT, {})),
    ("PUT", OF_FELT): (FELT, {"json": {"valence": 0.5, "arousal": 0.1}}),
    ("GET", "/v1/tracks/{track_id}"): ("/v1/tracks/2", {}),
    ("GET", "/v1/tracks/{track_id}/emotion"): ("/v1/tracks/2/emotion", {}),
    ("GET", "/v1/tracks/{track_id}/audio"): ("/v1/tracks/2/audio", {}),
    ("GET", "/v1/tracks/{track_id}/cover"): ("/v1/tracks/2/cover", {}),
}

# What is wrong for each status, where it takes more than another service or another id.
BAD: dict[tuple[str, str, int], tuple[str, dict[str, Any]]] = {
    ("POST", "/v1/playlists", 400): ("/v1/playlists", HALF),
    ("POST", "/v1/playlists", 404): ("/v1/playlists", {"json": {"emotion": {"track_id": NOBODY}}}),
    ("POST", "/v1/playlists", 406): ("/v1/playlists", {"json": CALM} | PICTURE),
    ("POST", "/v1/playlists", 422): ("/v1/playlists", {"json": {"emotion": {"mood": "clam"}}}),
    ("POST", "/v1/playlists/files", 400): ("/v1/playlists/files", HALF),
    ("POST", "/v1/playlists/files", 404): (
        "/v1/playlists/files",
        {"json": {"items": [{**FILE["items"][0], "track_id": NOBODY}]}},
    ),
    ("POST", "/v1/playlists/files", 422): ("/v1/playlists/files", {"json": {"items": 1}}),
    ("POST", "/v1/emotions", 415): ("/v1/emotions", {"content": b"x"}),
    ("POST", "/v1/emotions", 422): ("/v1/emotions", {"files": {"file": b"no music" * 500}}),
    ("POST", "/v1/plays", 400): ("/v1/plays", HALF),
    ("POST", "/v1/plays", 404): ("/v1/plays", {"json": {"plays": [{"track_id": NOBODY}]}}),
    ("POST", "/v1/plays", 422): ("/v1/plays", {"json": {"plays": []}}),
    ("POST", "/v1/stations", 400): ("/v1/stations", HALF),
    ("POST", "/v1/stations", 422): ("/v1/stations", {"json": {"name": ""}}),
    ("PUT", OF_STATION, 400): (OF_STATION, HALF),
    ("PUT", OF_STATION, 422): (OF_STATION, {"json": {"name": ""}}),
    ("GET", OF_STATION, 422): ("/v1/stations/a%20b", {}),
    ("DELETE", OF_STATION, 422): ("/v1/stations/a%20b", {}),
    ("GET", f"{OF_STATION}/playlist", 422): ("/v1/stations/a%20b/playlist", {}),
    ("GET", f"{OF_STATION}/playlist", 406): (f"{OF_STATION}/playlist", PICTURE),
    ("GET", f"{OF_STATION}.m3u", 422): ("/v1/stations/a%20b.m3u", {}),
    ("GET", f"{OF_STATION}.m3u8", 422): ("/v1/stations/a%20b.m3u8", {}),
    ("PUT", "/v1/profile", 400): ("/v1/profile", HALF),
    ("PUT", "/v1/profile", 422): ("/v1/profile", {"json": {"weight": 2}}),
    ("GET", "/v1/profile/next", 422): ("/v1/profile/next?limit=0", {}),
    ("PUT", OF_FELT, 400): (FELT, HALF),
    ("GET", "/v1/tracks", 422): ("/v1/tracks?limit=0", {}),
    ("GET", "/v1/artists", 422): ("/v1/artists?limit=0", {}),
    ("GET", "/v1/albums", 422): ("/v1/albums?limit=0", {}),
    ("GET", "/v1/genres", 422): ("/v1/genres?order=none", {}),
    ("GET", "/v1/folders", 422): ("/v1/folders?offset=-1", {}),
    ("GET", "/v1/listing", 422): ("/v1/listing?only=jazz", {}),
    ("GET", "/v1/feelings", 422): ("/v1/feelings", {}),
    ("GET", "/v1/stations", 422): ("/v1/stations?limit=0", {}),
    ("GET", "/v1/admin/snapshots", 422): ("/v1/admin/snapshots?limit=0", {}),
    ("GET", "/v1/tracks/map", 422): ("/v1/tracks/map?scale=none", {}),
    ("GET", "/v1/tracks/{track_id}/audio", 206): (
        "/v1/tracks/2/audio",
        {"headers": {"range": "bytes=0-9"}},
    ),
    ("GET", "/v1/tracks/{track_id}/audio", 416): (
        "/v1/tracks/2/audio",
        {"headers": {"range": "bytes=99999999-"}},
    ),
    ("POST", "/v1/admin/index-runs", 400): ("/v1/admin/index-runs", HALF),
    ("POST", "/v1/admin/index-runs", 422): ("/v1/admin/index-runs", {"json": {"roots": ["/"]}}),
    ("GET", "/v1/admin/index-runs", 422): ("/v1/admin/index-runs?limit=0", {}),
    ("GET", "/v1/admin/failures", 422): ("/v1/admin/failures?cursor=none", {}),
    ("GET", "/v1/admin/passed-over", 422): ("/v1/admin/passed-over?cursor=none", {}),
    ("POST", "/v1/admin/snapshots/{snapshot_id}/activate", 422): (
        "/v1/admin/snapshots/a%20b/activate",
        {},
    ),
}
NO_SQL = {
    "/v1/playlists",
    "/v1/playlists/files",
    "/v1/artists",
    "/v1/albums",
    "/v1/genres",
    "/v1/folders",
    "/v1/listing",
    "/v1/tracks/map",
    "/v1/tracks/{track_id}/cover",
    "/v1/tracks/{track_id}/emotion",
}
ELSEWHERE = {401: "guarded", 403: "guarded", 429: "limited", 413: "small", 408: "small"}


def asked(method: str, path: str, status: int) -> Ask:
    """How to get an answer of this status from this operation."""
    good_path, options = GOOD.get((method, path), (path, {}))
    if (method, path, status) in BAD:
        bad_path, options = BAD[method, path, status]
        if options.get("headers") == "json":
            options = options | {"headers": {"content-type": "application/json"}}
        return Ask(bad_path, "whole", options)
    if status == 404:
        return Ask(with_id(path, NOBODY), "whole", options)
    if status == 422:
        return Ask(with_id(path, "none"), "whole", options)
    if status == 409:
        return Ask(path, "two models", options)
    if status == 304:
        return Ask(good_path, "whole", options)
    if status == 413:
        body = (
            {"files": {"file": MANY}} if path == "/v1/emotions" else {"json": {"x": "y" * 90_000}}
        )
        return Ask(good_path, "small", body)
    if status == 408:
        return Ask(good_path, "small", {"content": late(), "headers": FORM})
    if status == 507:
        return Ask(good_path, "no folder", options)
    if status == 503:
        query = "?scale=relative" if path == "/v1/emotions" else ""
        lacking = "empty" if path in NO_SQL or query else "no database"
        return Ask(good_path + query, lacking, options)
    if status < 300:
        return Ask(good_path, "whole", options)
    return Ask(good_path, ELSEWHERE[status], options)


def with_id(path: str, value: object) -> str:
    """A path whose parameter has this value."""
    assert "{" in path, f"no way to make {path} answer so is known"
    return path[: path.index("{")] + str(value) + path[path.index("}") + 1 :]


class Services:
    """The services, each started when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, Running] = {}
        self.stations: dict[str, str] = {}
        self._contexts: list[Any] = []

    def get(self, name: str) -> Running:
        """The service that lacks what its name says."""
        if name not in self._running:
            folder = self._folder / name.replace(" ", "-")
            write_library(folder / "music")
            changes = CHANGES.get(name, {})
            context = running_service(fake_settings(folder, **changes))
            running = context.__enter__()
            self._contexts.append(context)
            if name != "empty":
                index_now(running)
            self.stations[name] = new_station(running)
            MAIM.get(name, lambda _running: None)(running)
            self._running[name] = running
        return self._running[name]

    def close(self) -> None:
        """End them all."""
        for context in self._contexts:
            context.__exit__(None, None, None)


def new_station(running: Running) -> str:
    """The id of a station that is saved now."""
    made = running.client.post("/v1/stations", json=STATION, headers=ADMIN)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def lose_database(running: Running) -> None:
    """Move the SQLite file away."""
    data = running.settings.data_dir
    (data / "aside").mkdir()
    for part in data.glob("circumplex.db*"):
        part.rename(data / "aside" / part.name)


def lose_folder(running: Running) -> None:
    """Put a file where the private folder of uploads was."""
    shutil.rmtree(running.settings.data_dir / "uploads")
    (running.settings.data_dir / "uploads").touch()


def add_foreign_snapshot(running: Running) -> None:
    """A second snapshot that says it is of another model."""
    index_now(running, full=True)
    catalog = open_catalog(running.settings.resolved_database_url)
    with catalog.engine.begin() as connection:
        old = update(snapshots).where(~snapshots.c.active)
        connection.execute(old.values(model_id="another-model"))
    catalog.close()


CHANGES: dict[str, dict[str, Any]] = {
    "guarded": {"require_key": True},
    "small": {"max_upload_bytes": 1024, "max_body_bytes": 1024, "upload_timeout_s": 1.0},
    "limited": {"requests_per_minute": 200},
}
MAIM: dict[str, Callable[[Running], None]] = {
    "no database": lose_database,
    "no folder": lose_folder,
    "two models": add_foreign_snapshot,
}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    running = Services(tmp_path_factory.mktemp("services"))
    yield running
    running.close()


def headers_for(running: Running, path: str, status: int) -> dict[str, str]:
    """The administrator's token; none for 401, and a key of another scope for 403."""
    if status == 401:
        return {}
    if status == 403:
        scope = "read" if path.startswith(("/v1/admin", "/v1/emotions")) else "upload"
        _, token = KeyRing(running.settings.data_dir / "keys.json").create("test", [scope])
        return {"Authorization": f"Bearer {token}"}
    return ADMIN


def filled_in(path: str, running: Running, station: str) -> str:
    """A path with ids of the service instead of parameters."""
    path = path.replace("{station_id}", station)
    if "{snapshot_id}" in path:
        rows = running.client.get("/v1/admin/snapshots", headers=ADMIN).json().get("items", [])
        chosen = [row["id"] for row in rows if not row["usable"]] or [row["id"] for row in rows]
        path = path.replace("{snapshot_id}", chosen[0] if chosen else "some")
    return path.replace("{run_id}", "1")


@pytest.mark.parametrize(("method", "path", "status"), promised())
def test_what_is_documented_is_answered(
    services: Services, method: str, path: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The status, as the type the document names; an error as a problem of a kind it names."""
    ask = asked(method, path, status)
    running = services.get(ask.service)
    station = services.stations[ask.service]
    if method == "DELETE" and status < 300 and "{station_id}" in path:
        station = new_station(running)  # the others still need theirs
    if (path, status) == ("/v1/stations", 409):
        monkeypatch.setattr(stations, "MOST_STATIONS", 0)
    url = filled_in(ask.path, running, station)
    options = dict(ask.options)
    headers = headers_for(running, path, status) | options.pop("headers", {})
    if status == 304:
        headers = headers | {"if-none-match": running.client.get(url).headers["etag"]}
    for _ in range(300 if status == 429 else 1):
        answer = running.client.request(method, url, headers=headers, **options)
        if answer.status_code == status:
            break

    assert answer.status_code == status, answer.text
    check_kind(answer, document()["paths"][path][method.lower()]["responses"][str(status)])


def check_kind(answer: httpx.Response, promise: dict[str, Any]) -> None:
    """The body is of a documented type, an error of a documented kind."""
    if answer.status_code >= 400:
        body = problem_of(answer, answer.status_code, answer.json()["type"].rpartition(":")[2])
        assert body["title"] in promise["description"].split("; "), body
        return
    if answer.status_code in {204, 304}:
        assert not answer.content
        return
    kind = answer.headers["content-type"].partition(";")[0]
    known = list(promise.get("content", {}))
    assert kind in known or f"{kind.partition('/')[0]}/*" in known, (kind, known)


def test_every_kind_of_problem_has_a_status_that_is_documented() -> None:
    """No row of the table of errors is unknown to the document, but for the router's own."""
    documented = {status for _, _, status in promised()}
    kinds = [*TABLE.values(), *HTTP_KINDS.values()]

    assert {kind.status for kind in kinds} - documented == {405}


def test_the_introduction_says_nothing_twice() -> None:
    """The summary stands above the description, and not in it again."""
    info = document()["info"]

    assert info["summary"] not in info["description"]


def test_the_way_to_an_answer_must_be_known() -> None:
    """A status that is documented without a request that produces it is noticed."""
    with pytest.raises(KeyError):
        asked("GET", "/healthz", 418)
    with pytest.raises(AssertionError, match="no way"):
        asked("GET", "/v1/library", 404)
    assert len(json.dumps(document())) > 10_000
    assert len(promised()) > 100
