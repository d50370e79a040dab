"""A listener's own plane: said, learned, asked, explained, undone; one for each key."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.http.keys import KeyRing
from indexer.backups.restore import prepared
from indexer.backups.write import write_backup
from indexer.catalog.catalog import open_catalog
from indexer.catalog.profiles import Placement
from tests.listeners import Keyed
from tests.running import index_now, problem_of

CORNER = {"valence": -0.9, "arousal": 0.85}
WAY = [{"t": 0, **CORNER}, {"t": 60, "valence": 0.8, "arousal": -0.5}]
NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
ASKED = {"emotion": {"curve": [{"t": 0, **CORNER}]}, "limit": 10}


@pytest.fixture
def listener(keyed: Keyed) -> Iterator[Keyed]:
    """The service, with every listener forgotten afterwards."""
    yield keyed
    for name in ("writer", "phone"):
        keyed.running.client.delete("/v1/profile", headers=keyed.headers(name))


def ids(keyed: Keyed) -> list[int]:
    """All tracks."""
    found = keyed.running.client.get("/v1/tracks/map", headers=keyed.headers()).json()["ids"]
    return [int(each) for each in found]


def put(keyed: Keyed, track: int, who: str = "writer", **body: Any) -> dict[str, Any]:
    """Say where a track is felt."""
    answer = keyed.running.client.put(
        f"/v1/profile/tracks/{track}", json=body or CORNER, headers=keyed.headers(who)
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def profile(keyed: Keyed, who: str = "writer") -> dict[str, Any]:
    found: dict[str, Any] = keyed.running.client.get(
        "/v1/profile", headers=keyed.headers(who)
    ).json()
    return found


def ask(keyed: Keyed, who: str = "writer", **changes: Any) -> dict[str, Any]:
    answer = keyed.running.client.post(
        "/v1/playlists", json={**ASKED, **changes}, headers=keyed.headers(who)
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def farthest(keyed: Keyed) -> int:
    """The track that comes last where nobody said anything."""
    return int(ask(keyed, "reader")["items"][-1]["track"]["id"])


def test_a_track_lies_where_it_was_put(listener: Keyed) -> None:
    """On the plane, in answers, and at the head of a list that asks for its place."""
    track = farthest(listener)
    shown = put(listener, track)
    assert (shown["felt"]["valence"], shown["felt"]["arousal"]) == (-0.9, 0.85)
    assert shown["said"]

    answer = ask(listener)
    first = answer["items"][0]
    assert first["track"]["id"] == track
    assert (first["valence"], first["arousal"]) == pytest.approx((-0.9, 0.85))
    assert answer["exact"]
    assert answer["personal"]["placed"] == 1

    points = listener.running.client.get(
        "/v1/tracks/map", headers=listener.headers("writer")
    ).json()
    at = points["ids"].index(track)
    assert (points["valence"][at], points["arousal"][at]) == (-0.9, 0.85)


def test_one_listener_changes_nothing_for_another(listener: Keyed) -> None:
    """Who shows another key is answered on their own plane, or on the model's."""
    before = ask(listener, "reader")
    put(listener, farthest(listener))
    assert ask(listener, "reader") == before
    assert ask(listener, "phone") == before
    assert before["personal"] is None


def test_forgetting_a_track_brings_the_old_answer_back(listener: Keyed) -> None:
    """And so does forgetting everything, or a weight of nothing."""
    before, track = ask(listener), farthest(listener)
    client, headers = listener.running.client, listener.headers("writer")
    put(listener, track)
    assert ask(listener) != before
    client.delete(f"/v1/profile/tracks/{track}", headers=headers)
    assert ask(listener) == before
    put(listener, track)
    client.put("/v1/profile", json={"weight": 0.0}, headers=headers)
    assert ask(listener) == before
    client.put("/v1/profile", json={"weight": 1.0}, headers=headers)
    assert ask(listener) != before
    assert client.delete("/v1/profile", headers=headers).status_code == 204
    assert ask(listener) == before
    assert profile(listener)["answers"] == []


def test_half_the_weight_goes_half_the_way(listener: Keyed) -> None:
    """A placed track then lies in the middle of where it is heard and where it is felt."""
    track = farthest(listener)
    heard = put(listener, track)["heard"]
    headers = listener.headers("writer")
    listener.running.client.put("/v1/profile", json={"weight": 0.5}, headers=headers)
    shown = listener.running.client.get(f"/v1/profile/tracks/{track}", headers=headers).json()
    assert shown["felt"]["valence"] == pytest.approx((heard["valence"] - 0.9) / 2, abs=1e-5)


@pytest.mark.parametrize(
    "question",
    [
        {"emotion": {"mood": "calm"}},
        {"emotion": {"text": "sad but hopeful"}},
        {"emotion": {"text": "calm then triumphant"}, "limit": 4},
        {
            "mode": "journey",
            "emotion": {"curve": WAY},
            "limit": 4,
        },
        {"level": "segment"},
        {"scale": "absolute"},
    ],
)
def test_every_question_is_asked_on_the_listeners_plane(
    listener: Keyed, question: dict[str, Any]
) -> None:
    """It is answered, proven, and says so."""
    for track, valence in zip(ids(listener)[:6], (0.8, 0.1, -0.9, 0.4, -0.2, 0.7), strict=True):
        put(listener, track, valence=valence, arousal=-valence)
    answer = ask(listener, **question)
    assert answer["exact"]
    assert answer["personal"]["placed"] == 6
    assert answer["items"]


def test_music_like_a_track_is_like_what_the_listener_hears_in_it(listener: Keyed) -> None:
    """Another order comes where the track was moved to the other end of the plane."""
    track = farthest(listener)
    like = {"emotion": {"track_id": track}}
    before = [item["track"]["id"] for item in ask(listener, **like)["items"]]
    put(listener, track)
    after = [item["track"]["id"] for item in ask(listener, **like)["items"]]
    assert sorted(after) == sorted(before)
    assert after != before


def test_the_next_track_to_ask_about_was_not_answered(listener: Keyed) -> None:
    """Neither placed nor skipped ones come again, and a skip teaches nothing."""
    client, headers = listener.running.client, listener.headers("writer")
    known = set()
    while found := client.get("/v1/profile/next", headers=headers).json()["items"]:
        track = found[0]["track"]["id"]
        assert track not in known
        known.add(track)
        put(listener, track, skipped=True)
    assert known == set(ids(listener))
    assert ask(listener)["personal"] is None


def test_what_was_learned_is_told_in_sentences(listener: Keyed) -> None:
    """Nothing at first; then what the answers amount to."""
    assert "Nothing is learned yet" in profile(listener)["sentences"][0]
    for track in ids(listener):
        heard = put(listener, track)["heard"]
        put(listener, track, valence=max(-1.0, heard["valence"] - 0.5), arousal=heard["arousal"])
    shown = profile(listener)
    assert any("less pleasant than most" in sentence for sentence in shown["sentences"])
    assert shown["trust"] > 0.3
    assert shown["owner"] != "machine"


def test_half_a_place_is_refused(listener: Keyed) -> None:
    """Both axes or a skip."""
    answer = listener.running.client.put(
        f"/v1/profile/tracks/{ids(listener)[0]}",
        json={"valence": 0.5},
        headers=listener.headers("writer"),
    )
    problem_of(answer, 422, "invalid-request")


def test_who_may_only_read_may_not_say(listener: Keyed) -> None:
    """Saying needs the scope `write`."""
    answer = listener.running.client.put(
        f"/v1/profile/tracks/{ids(listener)[0]}", json=CORNER, headers=listener.headers()
    )
    assert answer.status_code == 403


def test_what_was_said_survives_a_move_and_another_encoding(listener: Keyed) -> None:
    """A file that moves, or is encoded anew under another name, is the same recording."""
    music = listener.music
    path = music / "Ben" / "Rain" / "01 - Song 5.flac"
    assert path.is_file()
    listed = listener.running.client.get(
        "/v1/tracks", params={"q": "Song 5"}, headers=listener.headers()
    ).json()["items"]
    put(listener, listed[0]["id"])
    moved = music / "Ben" / "moved.flac"
    content = path.read_bytes()
    path.rename(moved)
    try:
        index_now(listener.running)
        assert profile(listener)["answers"][0]["track"]["path"] == "Ben/moved.flac"
    finally:
        moved.unlink()
        path.write_bytes(content)
        index_now(listener.running)
    assert profile(listener)["answers"][0]["track"] is not None


def test_two_listeners_never_mix_under_load(listener: Keyed) -> None:
    """While both change their planes and ask, each is answered on their own alone."""
    track = farthest(listener)
    places = {"writer": (-0.9, 0.85), "phone": (0.9, -0.85)}
    wrong: list[str] = []

    def live(who: str) -> None:
        valence, arousal = places[who]
        question = {"emotion": {"curve": [{"t": 0, "valence": valence, "arousal": arousal}]}}
        for number in range(25):
            if number % 5 == 0:
                put(listener, track, who, valence=valence, arousal=arousal)
            for item in ask(listener, who, **question)["items"]:
                shown = item["valence"], item["arousal"]
                if item["track"]["id"] == track and shown != pytest.approx((valence, arousal)):
                    wrong.append(f"{who} {shown}")

    threads = [threading.Thread(target=live, args=(who,)) for who in places for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_deleting_a_key_deletes_its_profile_if_asked(listener: Keyed) -> None:
    """`circumplex key revoke --forget`; without it the answers stay."""
    settings = listener.running.settings
    ring = KeyRing(settings.data_dir / "keys.json")
    for forget in (True, False):
        made, token = ring.create("guest", ["read", "write"])
        answer = listener.running.client.put(
            f"/v1/profile/tracks/{ids(listener)[0]}",
            json=CORNER,
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.status_code == 200, answer.text
        command = ["key", "revoke", made.id, "--data-dir", str(settings.data_dir)]
        done = CliRunner().invoke(app, [*command, *(["--forget"] if forget else [])])
        assert done.exit_code == 0, done.output
        catalog = open_catalog(settings.resolved_database_url)
        assert len(catalog.placements_of(made.id)) == (0 if forget else 1)
        catalog.close()


def test_a_backup_holds_what_was_said(database_url: str, tmp_path: Path) -> None:
    """And brings it back, on both databases."""
    catalog = open_catalog(database_url)
    said = Placement("c" * 32, 7, None, "Song", "Ada", 200.0, -0.9, 0.85, "relative", NOW)
    catalog.place("someone", said)
    catalog.weigh_profile("someone", 0.5)
    archive = tmp_path / "backup.tar"
    write_backup(catalog, tmp_path / "data", archive, version="1")
    catalog.delete_profile("someone")
    assert catalog.placements_of("someone") == []

    prepared(archive, catalog, tmp_path / "data").execute()

    assert catalog.placements_of("someone") == [said]
    restored = catalog.profile("someone")
    assert restored is not None
    assert restored.weight == 0.5
    catalog.close()
