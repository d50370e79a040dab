"""Music like several tracks, over HTTP."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.integration.api.test_api_covers import id_of
from tests.integration.api.test_api_playlists import ask, titles
from tests.running import Running, problem_of

CORNERS = ("Quiet dull", "Loud bright")


@pytest.fixture(scope="module")
def corners(service: Running) -> list[int]:
    """Two tracks at opposite ends of the plane."""
    return [id_of(service, title) for title in CORNERS]


def test_music_like_several_lies_between_them(service: Running, corners: list[int]) -> None:
    """The middle of the plane comes first, neither of the two comes at all."""
    playlist = ask(service, emotion={"tracks": corners}, explain=True)

    assert titles(playlist)[0] == "Middling plain"
    assert not set(titles(playlist)) & set(CORNERS)
    assert len(playlist["items"]) == 7
    assert playlist["exact"] is True
    assert playlist["scoring"]["direction"] == "m2m"
    assert [item["rank"] for item in playlist["items"]] == [*range(1, 8)]


def test_the_order_of_the_tracks_means_nothing_and_one_is_track_id(
    service: Running, corners: list[int]
) -> None:
    """As a question; twice the same track is the track."""
    both, turned = (ask(service, emotion={"tracks": each}) for each in (corners, corners[::-1]))
    alone = ask(service, emotion={"tracks": [corners[0], corners[0]]})

    assert titles(both) == titles(turned)
    assert alone == ask(service, emotion={"track_id": corners[0]})


def test_a_journey_leads_from_track_to_track(service: Running, corners: list[int]) -> None:
    """From what is next to the quiet dull one to what is next to the loud bright one."""
    there = ask(service, emotion={"tracks": corners}, mode="journey", limit=3)["items"]
    back = ask(service, emotion={"tracks": corners[::-1]}, mode="journey", limit=3)["items"]

    for items, sign in ((there, 1), (back, -1)):
        moved = [items[-1][axis] - items[0][axis] for axis in ("arousal", "valence")]
        assert min(sign * each for each in moved) > 0
        assert not {item["track"]["id"] for item in items} & set(corners)


def test_filters_hold_beside_the_tracks(service: Running, corners: list[int]) -> None:
    """Genre, and tracks that are left out beside those asked with."""
    drones = ask(service, emotion={"tracks": corners}, filters={"genre": ["drone"]})
    first = drones["items"][0]["track"]["id"]
    others = ask(
        service,
        emotion={"tracks": corners},
        filters={"genre": ["drone"], "exclude_ids": [first]},
    )

    assert {item["track"]["genre"] for item in drones["items"]} == {"Drone"}
    assert titles(others) == titles(drones)[1:]


def test_a_file_says_which_tracks_it_is_like(service: Running, corners: list[int]) -> None:
    """As its title; the rows are those of the answer."""
    body = {"emotion": {"tracks": corners}}
    m3u8 = service.client.post("/v1/playlists?format=m3u8", json=body)
    table = service.client.post("/v1/playlists?format=csv", json=body)

    assert f"#PLAYLIST:Circumplex like tracks {corners[0]}, {corners[1]}" in m3u8.text
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["title"] for row in rows] == titles(ask(service, **body))


@pytest.mark.parametrize(
    "emotion",
    [
        {"tracks": []},
        {"tracks": [*range(1, 22)]},
        {"tracks": [0]},
        {"tracks": ["1"]},
        {"tracks": 1},
        {"tracks": [1], "track_id": 1},
        {"tracks": [1], "weights": [1]},
    ],
    ids=str,
)
def test_bad_tracks_are_a_clear_problem(service: Running, emotion: Any) -> None:
    """None, too many, no ids, two ways at once."""
    answer = service.client.post("/v1/playlists", json={"emotion": emotion})

    problem = problem_of(answer, 422, "invalid-request")
    assert problem["errors"][0]["pointer"].startswith("/emotion")


def test_a_track_that_is_not_there_is_named(service: Running, corners: list[int]) -> None:
    """In either mode."""
    for mode in ("match", "journey"):
        body = {"emotion": {"tracks": [corners[0], 999]}, "mode": mode}
        answer = service.client.post("/v1/playlists", json=body)

        assert "999" in problem_of(answer, 404, "track-not-found")["detail"]
