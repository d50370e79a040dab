"""Large questions: answered apart from others, or refused before they cost anything."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from app.playlists.match import LARGE, is_large
from app.wire.schemas import PlaylistRequest
from tests.running import Running, problem_of

NAMES = [f"name {number}" for number in range(100)]
MANY = {f"member {number}": 1 for number in range(20_000)}


def steady(count: int) -> dict[str, Any]:
    """A curve that stays where it is for `LARGE` seconds."""
    times = [LARGE * number / (count - 1) for number in range(count)]
    return {"curve": [{"t": t, "valence": 0.4, "arousal": -0.2} for t in times]}


CALM = {"emotion": {"mood": "calm"}}
# A large question, and the small one that must have the same answer.
PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "many keyframes": ({"emotion": steady(LARGE + 1)}, {"emotion": steady(2)}),
    "many excluded tracks": (
        CALM | {"filters": {"exclude_ids": list(range(100, 101 + LARGE))}},
        CALM,
    ),
    "many excluded names": (
        CALM
        | {
            "filters": {
                "exclude": dict.fromkeys(("genre", "artist", "album", "folder", "title"), NAMES)
                | {"decade": [10]}
            }
        },
        CALM,
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_large_question_is_answered_apart(service: Running, name: str) -> None:
    """It is asked of no thread that small ones wait for, and answered as it would be there."""
    large, small = PAIRS[name]
    waited = together(service)
    answer = service.client.post("/v1/playlists", json=large).json()

    assert is_large(PlaylistRequest.model_validate(large))
    assert together(service) == waited
    expected = service.client.post("/v1/playlists", json=small).json()["items"]
    assert [item["track"]["id"] for item in answer["items"]] == [
        item["track"]["id"] for item in expected
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"emotion": {"mood": "calm"}},
        {"emotion": steady(LARGE)},
        {"emotion": {"tracks": [1, 2]}, "filters": {"artist": NAMES}},
    ],
)
def test_an_ordinary_question_is_answered_with_others(
    service: Running, body: dict[str, Any]
) -> None:
    """Those that wait share one search."""
    waited = together(service)
    service.client.post("/v1/playlists", json=body)

    assert together(service) == waited + 1


@pytest.mark.parametrize(
    "body",
    [
        MANY | {"emotion": {"mood": "calm"}},
        {"emotion": {"mood": "calm"} | MANY},
        {"emotion": {"mood": "calm"}, "filters": {"include": MANY}},
        {"emotion": {"mood": "calm"}, "way": MANY},
        {"emotion": {"curve": [{"t": 0, "valence": 0, "arousal": 0} | MANY]}},
        {"emotion": {"curve": [{"t": "x"}] * 9_000}},
        {"emotion": {"mood": "calm"}, "filters": {"exclude_ids": ["x"] * 9_000}},
    ],
)
def test_a_body_of_many_faults_costs_no_more_than_one_of_few(
    service: Running, body: dict[str, Any]
) -> None:
    """The first fault is named, and no list of thousands is made of the others."""
    content = json.dumps(body)
    with pytest.raises(ValidationError) as caught:
        PlaylistRequest.model_validate_json(content)
    answer = service.client.post("/v1/playlists", content=content)

    assert len(caught.value.errors()) <= 5
    assert len(problem_of(answer, 422, "invalid-request")["errors"]) <= 5


def together(running: Running) -> float:
    """How many playlists were answered by the thread that small questions share."""
    for line in running.client.get("/metrics").text.splitlines():
        if line.startswith("circumplex_playlist_batch_sum"):
            return float(line.split()[1])
    raise AssertionError("no such metric")
