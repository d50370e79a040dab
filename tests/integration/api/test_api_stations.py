"""Stations: saved questions, their addresses and their other answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.http.keys import KeyRing
from app.stations.variation import seed_of
from indexer.backups.restore import prepared
from indexer.backups.write import write_backup
from indexer.catalog import stations
from indexer.catalog.catalog import open_catalog
from indexer.errors import StationNotFoundError
from tests.listeners import CALM, Keyed
from tests.running import ADMIN, problem_of


@pytest.fixture
def station(keyed: Keyed) -> Iterator[dict[str, Any]]:
    """A station that its test may use."""
    made = create(keyed)
    yield made
    address = f"/v1/stations/{made['id']}"
    keyed.running.client.delete(address, headers=keyed.headers("writer"))


def create(keyed: Keyed, **changes: Any) -> dict[str, Any]:
    """Save a question with the key that may write."""
    body = {"name": "Calm evening", "question": CALM, **changes}
    answer = keyed.running.client.post("/v1/stations", json=body, headers=keyed.headers("writer"))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def playlist(keyed: Keyed, station: dict[str, Any], **params: str) -> dict[str, Any]:
    """The music of a station."""
    answer = keyed.running.client.get(
        f"/v1/stations/{station['id']}/playlist", params=params, headers=keyed.headers()
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_stations_have_a_number(keyed: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past it a station is refused: lists of them are made anew for every player."""
    monkeypatch.setattr(stations, "MOST_STATIONS", 0)
    body = {"name": "One more", "question": CALM}

    answer = keyed.running.client.post("/v1/stations", json=body, headers=keyed.headers("writer"))

    assert "delete one" in problem_of(answer, 409, "too-many")["detail"]


def test_a_station_keeps_no_endless_question(keyed: Keyed) -> None:
    """Lists of stations read all their questions."""
    ids = list(range(100_000, 110_000))
    body = {"name": "Without these", "question": {**CALM, "filters": {"exclude_ids": ids}}}

    answer = keyed.running.client.post("/v1/stations", json=body, headers=keyed.headers("writer"))

    problem_of(answer, 422, "invalid-request")


def test_a_station_keeps_its_question(keyed: Keyed, station: dict[str, Any]) -> None:
    """What was asked comes back, and answers as the question itself does."""
    client, address = keyed.running.client, f"/v1/stations/{station['id']}"

    shown = client.get(address, headers=keyed.headers()).json()
    listed = client.get("/v1/stations", headers=keyed.headers()).json()["items"]
    asked = client.post("/v1/playlists", json=CALM, headers=keyed.headers()).json()

    assert shown == listed[0]
    assert (shown["name"], shown["question"], shown["rhythm"]) == ("Calm evening", CALM, "none")
    assert playlist(keyed, station)["items"] == asked["items"]


def test_a_changed_station_keeps_its_id_and_addresses(
    keyed: Keyed, station: dict[str, Any]
) -> None:
    """Players that subscribed get what it asks now."""
    changed = keyed.running.client.put(
        f"/v1/stations/{station['id']}",
        json={"name": "Two", "question": {**CALM, "limit": 2}, "rhythm": "daily"},
        headers=keyed.headers("writer"),
    ).json()

    assert (changed["id"], changed["name"], changed["rhythm"]) == (station["id"], "Two", "daily")
    assert changed["addresses"] == station["addresses"]
    assert len(playlist(keyed, station)["items"]) == 2


def test_a_deleted_station_answers_no_more(keyed: Keyed) -> None:
    """404 with its kind, also at the address that was subscribed to."""
    made = create(keyed)
    client = keyed.running.client

    gone = client.delete(f"/v1/stations/{made['id']}", headers=keyed.headers("writer"))

    assert gone.status_code == 204
    problem_of(httpx.get(made["addresses"]["m3u8"]), 404, "station-not-found")


def test_a_reader_may_not_change_stations(keyed: Keyed, station: dict[str, Any]) -> None:
    """Saving and deleting need the scope `write`."""
    client, body = keyed.running.client, {"name": "x", "question": CALM}

    answers = [
        client.post("/v1/stations", json=body, headers=keyed.headers()),
        client.delete(f"/v1/stations/{station['id']}", headers=keyed.headers()),
    ]

    assert [answer.status_code for answer in answers] == [403, 403]


def test_a_seed_gives_other_music_and_says_how_far_below(
    keyed: Keyed, station: dict[str, Any]
) -> None:
    """The same seed gives the same; the shortfall is the difference of the mean scores."""
    best = playlist(keyed, station)
    others = [playlist(keyed, station, seed=str(seed)) for seed in range(6)]

    ids = [[item["track"]["id"] for item in each["items"]] for each in others]
    assert best["below_best"] == 0.0
    assert all(len(each) == 4 for each in ids)
    assert any(each != ids[0] for each in ids)
    assert playlist(keyed, station, seed="3") == others[3]
    for each in others:
        means = [sum(item["score"] for item in p["items"]) / 4 for p in (best, each)]
        assert each["below_best"] == pytest.approx(means[0] - means[1], abs=1e-9)
        assert each["below_best"] >= 0.0


def test_a_journey_with_a_seed_gives_other_music(keyed: Keyed) -> None:
    """It still follows its curve, as long as the best one."""
    curve = [{"t": 0, "valence": 0, "arousal": -0.8}, {"t": 60, "valence": 0, "arousal": 0.8}]
    journey = {"emotion": {"curve": curve}, "mode": "journey", "limit": 4}
    made = create(keyed, question=journey)

    best = playlist(keyed, made)
    others = [playlist(keyed, made, seed=str(seed)) for seed in range(6)]
    again = playlist(keyed, made, seed="3")
    address = f"/v1/stations/{made['id']}"
    keyed.running.client.delete(address, headers=keyed.headers("writer"))

    ids = [[item["track"]["id"] for item in each["items"]] for each in (best, *others)]
    assert all(len(set(each)) == 4 for each in ids)
    assert any(each != ids[0] for each in ids)
    assert again == others[3]
    assert others[0]["variety"]["amount"] == 1.0


def test_a_daily_station_is_anew_each_day(keyed: Keyed) -> None:
    """The seed is the date, unless one is asked for."""
    from datetime import datetime

    made = create(keyed, rhythm="daily")
    catalog = open_catalog(keyed.running.settings.resolved_database_url)
    kept = catalog.station(made["id"])
    catalog.close()

    today = playlist(keyed, made)
    keyed.running.client.delete(f"/v1/stations/{made['id']}", headers=keyed.headers("writer"))

    assert today["seed"] == datetime.now().astimezone().date().isoformat()
    assert seed_of(kept, None, datetime(2026, 3, 1)) == "2026-03-01"
    assert seed_of(kept, "mine", datetime(2026, 3, 1)) == "mine"


# Addresses ----------------------------------------------------------------------------------------


def test_the_addresses_in_a_playlist_play_without_a_header(
    keyed: Keyed, station: dict[str, Any]
) -> None:
    """The station's own address and each song's carry a signature that reads them."""
    address = signed(keyed, station)["m3u8"]

    file = httpx.get(address)
    songs = [line for line in file.text.splitlines() if line.startswith("http")]
    parts = [httpx.get(song, headers={"Range": "bytes=0-3"}) for song in songs]

    assert file.status_code == 200
    assert len(songs) == 4
    assert [part.content for part in parts] == [b"fLaC"] * 4


def test_a_signature_opens_its_own_path_alone(keyed: Keyed, station: dict[str, Any]) -> None:
    """Neither another path nor another method nor another time."""
    address = httpx.URL(signed(keyed, station)["m3u8"])
    other = address.copy_with(path="/v1/stations")
    later = address.copy_set_param("until", "99999999999")

    answers = [
        httpx.get(other),
        httpx.get(later),
        httpx.delete(address.copy_with(path=f"/v1/stations/{station['id']}")),
        httpx.get(address.copy_remove_param("sig")),
    ]

    assert [answer.status_code for answer in answers] == [401] * 4


def test_a_signature_dies_with_its_key(keyed: Keyed, station: dict[str, Any]) -> None:
    """Revoking the key takes back every address it signed."""
    ring = KeyRing(keyed.running.settings.data_dir / "keys.json")
    key, token = ring.create("guest", ["read"])
    shown = keyed.running.client.get(
        f"/v1/stations/{station['id']}", headers={"Authorization": f"Bearer {token}"}
    ).json()
    before = httpx.get(shown["addresses"]["m3u"]).status_code

    ring.revoke(key.id)

    assert before == 200
    problem_of(httpx.get(shown["addresses"]["m3u"]), 401, "unauthenticated")


def test_an_audio_address_expires(keyed: Keyed, station: dict[str, Any]) -> None:
    """A time that is over is named as the reason."""
    from app.routes import signing

    key = KeyRing(keyed.running.settings.data_dir / "keys.json").find(keyed.keys["reader"])
    assert key is not None
    sig = signing.signature(key.digest.encode(), "/v1/tracks/1/audio", 1_000_000)
    params = {"key": key.id, "until": "1000000", "sig": sig}

    answer = keyed.running.client.get("/v1/tracks/1/audio", params=params)

    assert "expired" in problem_of(answer, 401, "unauthenticated")["detail"]


def signed(keyed: Keyed, station: dict[str, Any]) -> dict[str, str]:
    """The addresses of a station for the key that reads."""
    shown = keyed.running.client.get(f"/v1/stations/{station['id']}", headers=keyed.headers())
    found: dict[str, str] = shown.json()["addresses"]
    return found


# Command line and backups -------------------------------------------------------------------------


def test_the_command_line_keeps_stations(tmp_path: Path) -> None:
    """Added, listed, removed by name."""

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, ["station", *words, "--data-dir", str(tmp_path)])
        assert result.exit_code == 0, result.output
        return result.stdout

    made = run("add", "Morning", "--mood", "happy", "--limit", "3", "--daily").strip()
    listed = json.loads(run("list"))
    run("remove", "morning")

    assert [(each["id"], each["name"], each["rhythm"]) for each in listed] == [
        (made, "Morning", "daily")
    ]
    assert listed[0]["question"] == {"emotion": {"mood": "happy"}, "mode": "match", "limit": 3}
    assert json.loads(run("list")) == []


def test_stations_are_in_backups(database_url: str, tmp_path: Path) -> None:
    """And come back from them, on both databases."""
    catalog = open_catalog(database_url)
    made = catalog.create_station("Calm", CALM, "daily")
    archive = tmp_path / "backup.tar"
    write_backup(catalog, tmp_path / "data", archive, version="1")
    catalog.delete_station(made.id)

    prepared(archive, catalog, tmp_path / "data").execute()

    assert catalog.station(made.id) == made
    with pytest.raises(StationNotFoundError, match="no station"):
        catalog.station("none")
    catalog.close()


def test_the_admin_token_signs_too(keyed: Keyed, station: dict[str, Any]) -> None:
    """What it signs may be read, and no more."""
    address = f"/v1/stations/{station['id']}"

    shown = keyed.running.client.get(address, headers=ADMIN).json()

    assert httpx.get(shown["addresses"]["m3u8"]).status_code == 200
