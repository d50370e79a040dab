"""Not again so soon: what was heard steps back where a question asks for that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.listeners import CALM, Keyed
from tests.running import Running, fake_settings, index_now, running_service, write_library
from tests.subsonic_player import Player

HOUR_S = 3600.0
RISING = [{"t": 0, "valence": 0, "arousal": -0.8}, {"t": 60, "valence": 0, "arousal": 0.8}]


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Running]:
    """A service where nothing was heard yet."""
    write_library(tmp_path / "music")
    with running_service(fake_settings(tmp_path)) as running:
        index_now(running)
        yield running


def ask(running: Running, headers: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    """The answer to a calm question."""
    answer = running.client.post("/v1/playlists", json={**CALM, **changes}, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids_of(answer: dict[str, Any]) -> list[int]:
    """Ids of the tracks of a playlist."""
    return [item["track"]["id"] for item in answer["items"]]


def hear(
    running: Running, *tracks: int, headers: dict[str, str] | None = None, **more: Any
) -> None:
    """Note that tracks were heard, the last one last."""
    start = datetime.now(UTC) - timedelta(seconds=len(tracks))
    plays = [
        {"track_id": track, "played_at": (start + timedelta(seconds=n)).isoformat(), **more}
        for n, track in enumerate(tracks)
    ]
    answer = running.client.post("/v1/plays", json={"plays": plays}, headers=headers)
    assert answer.status_code == 204, answer.text


def test_what_was_heard_is_left_out_exactly(listening: Running) -> None:
    """The answer is that of the same question with those tracks excluded, proven as ever."""
    heard = ids_of(ask(listening))[:3]
    hear(listening, *heard)

    answer = ask(listening, not_again_s=HOUR_S)

    excluded = ask(listening, filters={"exclude_ids": heard})
    assert ids_of(answer) == ids_of(excluded)
    assert answer["exact"] is True
    assert answer["not_again"] == {"heard": 3, "left_out": 3}
    assert ids_of(ask(listening))[:3] == heard  # who does not ask for it gets the best


def test_what_was_heard_longest_ago_comes_back_where_little_is_left(listening: Running) -> None:
    """The list is as long as the best one, and what was heard last stays out."""
    everything = ids_of(ask(listening, limit=20))
    hear(listening, *everything)

    answer = ask(listening, limit=4, not_again_s=HOUR_S)

    told = answer["not_again"]
    assert len(answer["items"]) == 4
    assert (told["heard"], 0 < told["left_out"] < 9) == (9, True)
    assert set(ids_of(answer)).isdisjoint(everything[-told["left_out"] :])


def test_what_was_heard_long_ago_does_not_count(listening: Running) -> None:
    """Two days are more than the hour that was asked for."""
    first, second = ids_of(ask(listening))[:2]
    before = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    body = {"plays": [{"track_id": second, "played_at": before}]}
    assert listening.client.post("/v1/plays", json=body).status_code == 204
    hear(listening, first)

    answer = ask(listening, not_again_s=HOUR_S)

    assert answer["not_again"] == {"heard": 1, "left_out": 1}
    assert ids_of(answer)[0] == second


def test_a_journey_leaves_out_what_was_heard_too(listening: Running) -> None:
    """By the same filter."""
    journey = {"emotion": {"curve": RISING}, "mode": "journey", "limit": 4}
    heard = ids_of(ask(listening, **journey))[:2]
    hear(listening, *heard)

    answer = ask(listening, **journey, not_again_s=HOUR_S)

    assert set(ids_of(answer)).isdisjoint(heard)
    assert len(answer["items"]) == 4


def test_a_skipped_track_steps_back_but_was_not_played(listening: Running) -> None:
    """Subsonic's count of plays stays."""
    first, second = ids_of(ask(listening))[:2]
    hear(listening, first, skipped=True)
    hear(listening, second)
    player = Player(listening.url, {"u": "listener", "p": "x"})

    songs = [player.ask("getSong", id=str(each))["song"] for each in (first, second)]

    assert [song.get("playCount", 0) for song in songs] == [0, 1]
    assert {first, second}.isdisjoint(ids_of(ask(listening, not_again_s=HOUR_S)))


def test_a_station_steps_on_for_whoever_scrobbles(listening: Running) -> None:
    """In a Subsonic player, and at the station's own address."""
    body = {"name": "Calm", "question": {**CALM, "not_again_s": HOUR_S}}
    station = listening.client.post("/v1/stations", json=body).json()["id"]
    player = Player(listening.url, {"u": "ann", "p": "x"})

    def heard_there() -> list[int]:
        songs = player.ask("getPlaylist", id=f"st-{station}")["playlist"]["entry"]
        return [int(song["id"]) for song in songs]

    before = heard_there()
    player.ask("scrobble", id=str(before[0]))
    after = heard_there()

    assert before[0] not in after
    assert len(after) == len(before)
    playlist = listening.client.get(f"/v1/stations/{station}/playlist").json()
    assert ids_of(playlist) == after
    assert playlist["not_again"] == {"heard": 1, "left_out": 1}


def test_a_listener_is_the_name_of_a_key(keyed: Keyed) -> None:
    """What one has heard does not step back for another, where keys are asked for."""
    phone, reader = keyed.headers("phone"), keyed.headers("reader")
    first = ids_of(ask(keyed.running, headers=reader))[0]
    hear(keyed.running, first, headers=phone)

    own = ask(keyed.running, headers=phone, not_again_s=HOUR_S)
    other = ask(keyed.running, headers=reader, not_again_s=HOUR_S)

    assert first not in ids_of(own)
    assert ids_of(other)[0] == first
    assert other["not_again"] is None


@pytest.mark.parametrize(
    "played_at",
    ["2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"],
)
def test_a_time_that_names_no_moment_is_refused(listening: Running, played_at: str) -> None:
    """Without a zone, or on no day of the calendar in UTC."""
    body = {"plays": [{"track_id": 2, "played_at": played_at}]}

    assert listening.client.post("/v1/plays", json=body).status_code == 422
