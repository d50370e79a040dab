"""`/v1/artists` over HTTP."""

from __future__ import annotations

from typing import Any

from tests.running import Running, problem_of


def artists(running: Running, **params: Any) -> dict[str, Any]:
    """The answer; anything but 200 fails the test."""
    answer = running.client.get("/v1/artists", params=params)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_artists_come_with_their_numbers_of_tracks(service: Running) -> None:
    """Those of most tracks first; each number is what the filter lets through."""
    found = artists(service)

    assert [item["name"] for item in found["items"]] == ["Ada", "Ben", "Cleo"]
    assert found["total"] == 3
    for item in found["items"]:
        listed = service.client.get("/v1/tracks", params={"artist": item["name"]}).json()
        assert len(listed["items"]) == item["tracks"]


def test_artists_are_found_by_name_and_page_by_page(service: Running) -> None:
    """Without case; what is left out is counted too."""
    assert [item["name"] for item in artists(service, q="BE")["items"]] == ["Ben"]
    assert artists(service, q="polka")["items"] == []
    first = artists(service, limit=1)
    second = artists(service, limit=1, cursor=first["next_cursor"])
    last = artists(service, limit=1, cursor=second["next_cursor"])

    assert ([item["name"] for item in second["items"]], second["total"]) == (["Ben"], 3)
    assert ([item["name"] for item in last["items"]], last["next_cursor"]) == (["Cleo"], None)
    problem_of(service.client.get("/v1/artists?limit=1001"), 422, "invalid-request")


def test_an_artist_narrows_a_playlist(service: Running) -> None:
    """The name goes into the filter as it was given."""
    name = artists(service, q="cleo")["items"][0]["name"]
    body = {"emotion": {"mood": "calm"}, "filters": {"artist": [name]}}

    items = service.client.post("/v1/playlists", json=body).json()["items"]

    assert {item["track"]["artist"] for item in items} == {"Cleo"}
