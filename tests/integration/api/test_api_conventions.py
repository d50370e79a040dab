"""What holds for the whole API: HEAD, conditional requests, pages, pointers, ids, keys."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from app.main import create_app
from tests.running import ADMIN, Running, fake_settings, problem_of

LISTS = ("/v1/tracks", "/v1/artists", "/v1/stations", "/v1/admin/index-runs", "/v1/admin/snapshots")
START = {"t": 0, "valence": 0, "arousal": 0}
UNCHANGING = (
    "/v1/library",
    "/v1/tracks?limit=3",
    "/v1/tracks/map",
    "/v1/tracks/2",
    "/v1/tracks/2/emotion",
    "/v1/tracks/2/emotion?format=svg",
    "/v1/tracks/2/audio",
    "/v1/tracks/2/cover",
    "/v1/artists?q=a",
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The OpenAPI document; it needs no running service."""
    return create_app(fake_settings(Path("/nowhere"))).openapi()


def readable(document: dict[str, Any]) -> list[str]:
    """Every path that GET reads, with ids that the shared service has."""
    values = {"track_id": "2", "run_id": "1", "station_id": "none", "snapshot_id": "none"}
    return [
        re.sub(r"{(\w+)}", lambda found: values[found[1]], path)
        for path, item in document["paths"].items()
        if "get" in item
    ]


# HEAD ---------------------------------------------------------------------------------------------


def test_head_answers_wherever_get_does(service: Running, document: dict[str, Any]) -> None:
    """With the status and the type of GET and without its body, also for the page and its files."""
    for path in [*readable(document), "/", "/docs", "/web/main.js", "/favicon.ico"]:
        asked = service.client.get(path, headers=ADMIN)
        head = service.client.head(path, headers=ADMIN)

        assert head.status_code == asked.status_code, path
        assert head.content == b"", path
        assert head.headers["content-type"] == asked.headers["content-type"], path


def test_head_of_audio_says_its_length(service: Running) -> None:
    """Players ask so before they seek."""
    whole = service.client.get("/v1/tracks/2/audio")

    head = service.client.head("/v1/tracks/2/audio")

    assert int(head.headers["content-length"]) == len(whole.content)
    assert head.headers["accept-ranges"] == "bytes"


def test_a_refused_method_names_head_too(service: Running) -> None:
    """Where GET is possible."""
    refused = service.client.delete("/v1/library")

    problem_of(refused, 405, "method-not-allowed")
    assert refused.headers["allow"] == "GET, HEAD"


# Conditional requests -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", UNCHANGING)
def test_what_a_client_has_already_is_not_sent_again(service: Running, path: str) -> None:
    """304 without a body for the tag that the answer before carried; 200 for another tag."""
    first = service.client.get(path)
    tag = first.headers["etag"]

    again = service.client.get(path, headers={"If-None-Match": f'"other", {tag}'})
    other = service.client.get(path, headers={"If-None-Match": '"other"'})

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (other.status_code, other.content) == (200, first.content)


def test_another_question_has_another_tag(service: Running) -> None:
    """The query is a part of it."""
    tags = {
        service.client.get("/v1/tracks/map", params={"scale": scale}).headers["etag"]
        for scale in ("relative", "absolute")
    }

    assert len(tags) == 2


def test_another_snapshot_has_another_tag(tmp_path: Path) -> None:
    """What was answered from the index before is sent anew."""
    from tests.running import index_now, running_service, write_library

    write_library(tmp_path / "music")
    with running_service(fake_settings(tmp_path)) as running:
        index_now(running)
        before = running.client.get("/v1/tracks/map")
        index_now(running, full=True)
        known = {"If-None-Match": before.headers["etag"]}

        after = running.client.get("/v1/tracks/map", headers=known)

    assert after.status_code == 200
    assert after.json()["snapshot_id"] != before.json()["snapshot_id"]


# Pages --------------------------------------------------------------------------------------------


def test_every_list_is_paged_in_one_way(document: dict[str, Any]) -> None:
    """Whatever answers `items` of things that have addresses takes `limit` and `cursor`."""
    for path in (*LISTS, "/v1/admin/failures", "/v1/admin/passed-over"):
        operation = document["paths"][path]["get"]
        answer = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        fields = document["components"]["schemas"][answer.rpartition("/")[2]]["properties"]

        assert {"limit", "cursor"} <= {each["name"] for each in operation["parameters"]}, path
        assert {"items", "next_cursor"} <= set(fields), path


@pytest.mark.parametrize("path", LISTS)
def test_pages_together_are_the_list(service: Running, path: str) -> None:
    """Nothing twice, nothing left out; a cursor of another list is refused."""
    whole = service.client.get(path, headers=ADMIN).json()

    items, cursor = [], None
    for _ in range(100):
        query = {"limit": 1} | ({} if cursor is None else {"cursor": cursor})
        page = service.client.get(path, params=query, headers=ADMIN).json()
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert items == whole["items"]
    refused = service.client.get(path, params={"cursor": "elsewhere"}, headers=ADMIN)
    problem_of(refused, 422, "invalid-cursor")


# Pointers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"emotion": {"curve": [{**START, "valence": 3}]}}, "/emotion/curve/0/valence"),
        ({"emotion": {"curve": [{"t": 0, "valence": 0}]}}, "/emotion/curve/0/arousal"),
        ({"emotion": {"mood": 5}}, "/emotion/mood"),
        ({"emotion": {"mood": "calm", "a/b~c": 1}}, "/emotion/a~1b~0c"),
        ({"emotion": {}}, "/emotion"),
        ({}, "/emotion"),
        ({"emotion": {"mood": "calm"}, "limit": 0}, "/limit"),
    ],
)
def test_a_problem_points_to_the_value_in_the_body(
    service: Running, body: dict[str, Any], pointer: str
) -> None:
    """Without the names of kinds that the validator tried."""
    problem = problem_of(service.client.post("/v1/playlists", json=body), 422, "invalid-request")

    assert [(each["in"], each["pointer"]) for each in problem["errors"]] == [("body", pointer)]


def test_a_problem_points_to_a_parameter(service: Running) -> None:
    """As a member of the query or of the path."""
    found = [
        service.client.get(path).json()["errors"][0]
        for path in ("/v1/tracks?limit=0", "/v1/tracks/x")
    ]

    assert [(each["in"], each["pointer"]) for each in found] == [
        ("query", "/limit"),
        ("path", "/track_id"),
    ]


def test_broken_json_points_to_the_whole_body(service: Running) -> None:
    """The place of a letter is no place in a document."""
    headers = {"content-type": "application/json"}
    answer = service.client.post("/v1/playlists", content=b'{"emotion": ', headers=headers)

    problem = problem_of(answer, 400, "bad-request")

    assert [(each["in"], each["pointer"]) for each in problem["errors"]] == [("body", "")]


# The document -------------------------------------------------------------------------------------


def test_operation_ids_are_the_names_of_functions(document: dict[str, Any]) -> None:
    """Short, as generated clients call them."""
    ids = [
        operation["operationId"]
        for item in document["paths"].values()
        for operation in item.values()
    ]

    assert {"create_playlist", "create_emotion", "create_index_run", "list_tracks"} <= set(ids)
    assert [each for each in ids if not re.fullmatch(r"[a-z]+(_[a-z0-9]+){1,3}", each)] == []


def test_a_mood_is_any_text(document: dict[str, Any]) -> None:
    """With a few examples: a typed client can send every word that the service understands."""
    mood = document["components"]["schemas"]["MoodEmotion"]["properties"]["mood"]

    assert mood["type"] == "string"
    assert "enum" not in mood
    assert 1 <= len(mood["examples"]) <= 5


def test_what_may_need_a_key_says_so(document: dict[str, Any]) -> None:
    """Always for `/v1/admin`, and elsewhere where the service asks for keys; not for monitors."""
    for path, item in document["paths"].items():
        for operation in item.values():
            schemes = [list(each) for each in operation.get("security", [])]
            if path in {"/healthz", "/readyz"}:
                assert schemes == []
            elif path.startswith("/v1/admin"):
                assert schemes == [["HTTPBearer"]], path
            else:
                assert schemes == [["HTTPBearer"], []], path
