"""`POST /v1/playlists/files` and the drawn curve over HTTP."""

from __future__ import annotations

import csv
from typing import Any
from xml.etree import ElementTree

import pytest

from app.figures.figure import emotion_svg
from app.wire.responses import EmotionResponse
from tests.running import Running, problem_of


def arranged(service: Running, **changes: Any) -> dict[str, Any]:
    """A playlist turned upside down, as the page sends it back."""
    answer = service.client.post("/v1/playlists", json={"emotion": {"mood": "happy"}}).json()
    items = [
        {
            "track_id": item["track"]["id"],
            **item["segment"],
            **{name: item[name] for name in ("score", "rho_sim", "neg_kl", "valence", "arousal")},
        }
        for item in reversed(answer["items"])
    ]
    return {"title": "Upside down", "items": items} | changes


def test_a_file_keeps_the_order_it_is_given(service: Running) -> None:
    """Ranks count from the top of the list as it was sent."""
    body = arranged(service)

    response = service.client.post("/v1/playlists/files?format=csv", json=body)

    assert response.status_code == 200, response.text
    assert response.headers["content-disposition"] == 'attachment; filename="upside-down.csv"'
    rows = list(csv.DictReader(response.text.splitlines()))
    assert [int(row["track_id"]) for row in rows] == [item["track_id"] for item in body["items"]]
    assert [int(row["rank"]) for row in rows] == list(range(1, len(rows) + 1))
    assert float(rows[0]["score"]) == body["items"][0]["score"]


def test_a_list_that_was_not_ranked_is_written_without_scores(service: Running) -> None:
    """An artist's tracks as they come: the columns stay and are empty, nothing is made up."""
    body = arranged(service)
    for item in body["items"]:
        for name in ("score", "rho_sim", "neg_kl"):
            del item[name]

    table = service.client.post("/v1/playlists/files?format=csv", json=body)
    jspf = service.client.post("/v1/playlists/files?format=jspf", json=body).json()

    rows = list(csv.DictReader(table.text.splitlines()))
    assert {row[name] for row in rows for name in ("score", "rho_sim", "neg_kl")} == {""}
    assert all(float(row["valence"]) <= 1 for row in rows)
    notes = [track["annotation"] for track in jspf["playlist"]["track"]]
    assert all(note.startswith("valence ") for note in notes)


@pytest.mark.parametrize("name", ["m3u8", "xspf", "jspf"])
def test_every_format_names_the_indexed_paths(service: Running, name: str) -> None:
    """Paths come from the index; the request cannot put others in."""
    response = service.client.post(f"/v1/playlists/files?format={name}", json=arranged(service))

    assert response.status_code == 200, response.text
    assert "quiet/dull.flac" in response.text


def test_a_track_that_is_not_indexed_is_refused(service: Running) -> None:
    """By name, as everywhere."""
    body = arranged(service)
    body["items"][0]["track_id"] = 2_000_000

    problem_of(service.client.post("/v1/playlists/files", json=body), 404, "track-not-found")


@pytest.mark.parametrize("change", [{"path": "/etc/passwd"}, {"score": "high"}, {"valence": 2}])
def test_an_item_of_another_shape_is_refused(service: Running, change: dict[str, Any]) -> None:
    """Unknown members, other types and values out of range: 422."""
    body = arranged(service)
    body["items"][0] |= change

    problem_of(service.client.post("/v1/playlists/files", json=body), 422, "invalid-request")


def test_an_empty_list_is_an_empty_file(service: Running) -> None:
    """A listener may have removed everything."""
    response = service.client.post("/v1/playlists/files", json=arranged(service, items=[]))

    assert response.status_code == 200
    assert response.text.splitlines() == ["#EXTM3U", "#PLAYLIST:Upside down"]


def test_a_tracks_curve_is_drawn(service: Running) -> None:
    """As an SVG picture with the track's title and as many points as the JSON has."""
    track = service.client.get("/v1/tracks").json()["items"][0]
    path = f"/v1/tracks/{track['id']}/emotion"

    response = service.client.get(path, params={"format": "svg"})

    assert response.headers["content-type"].startswith("image/svg+xml")
    answer = EmotionResponse.model_validate(service.client.get(path).json())
    lines = list(ElementTree.fromstring(response.text).iter("{http://www.w3.org/2000/svg}polyline"))
    points = len(answer.curve)
    assert [len(line.attrib["points"].split()) for line in lines[-2:]] == [points, points]
    assert response.text == emotion_svg(answer, track["title"])


def test_the_library_says_whether_an_index_run_goes_on(service: Running) -> None:
    """No run is under way here."""
    assert service.client.get("/v1/library").json()["indexing"] is False
