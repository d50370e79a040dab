"""A listener's own plane wherever music is asked for: players, other wires, tracks and clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.http.keys import KeyRing
from tests.listeners import Keyed, keyed_service
from tests.subsonic_player import Player

Ranking = Callable[[Keyed, str, int], list[int]]


@pytest.fixture(scope="module")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    """A service under required keys with all wires; nothing is linked, so that ids are its own."""
    folder = tmp_path_factory.mktemp("own")
    with keyed_service(folder, compat=("audiomuse", "spotify")) as keyed:
        ring = KeyRing(keyed.running.settings.data_dir / "keys.json")
        for name in ("own", "another"):
            keyed.keys[name] = ring.create(name, ["read", "write", "upload"])[1]
        yield keyed


@pytest.fixture
def moved(wired: Keyed) -> Iterator[tuple[int, int]]:
    """A track, and the one least like it; the key "own" feels both at the same place."""
    headers = wired.headers("own")
    points = get(wired, "own", "/v1/tracks/map")
    seed = points["ids"][0]
    other = similar_to_track(wired, "own", seed)[-1]
    place = {"valence": points["valence"][0], "arousal": points["arousal"][0]}
    path = f"/v1/profile/tracks/{other}"
    assert wired.running.client.put(path, json=place, headers=headers).status_code == 200
    yield seed, other
    wired.running.client.delete("/v1/profile", headers=headers)


def get(wired: Keyed, who: str, path: str, **params: Any) -> Any:
    """The JSON of an answer."""
    answer = wired.running.client.get(path, params=params, headers=wired.headers(who))
    assert answer.status_code == 200, answer.text
    return answer.json()


def player(wired: Keyed, who: str) -> Player:
    return Player(wired.running.url, {"apiKey": wired.keys[who]})


def similar_to_track(wired: Keyed, who: str, seed: int) -> list[int]:
    found = get(wired, who, f"/v1/tracks/{seed}/emotion", similar=50)["similar"]
    return [item["track"]["id"] for item in found]


def similar_songs(wired: Keyed, who: str, seed: int) -> list[int]:
    found = player(wired, who).ask("getSimilarSongs2", id=str(seed), count="50")
    return [int(song["id"]) for song in found["similarSongs2"]["song"]]


def sonic_matches(wired: Keyed, who: str, seed: int) -> list[int]:
    found = player(wired, who).ask("getSonicSimilarTracks", id=str(seed), count="50")
    return [int(match["entry"]["id"]) for match in found["sonicMatch"]]


def audiomuse_tracks(wired: Keyed, who: str, seed: int) -> list[int]:
    found = get(wired, who, "/api/similar_tracks", item_id=str(seed), n=50)
    return [int(song["item_id"]) for song in found]


def recommendations(wired: Keyed, who: str, seed: int) -> list[int]:
    path = "/compat/spotify/v1/recommendations"
    found = get(wired, who, path, seed_tracks=str(seed), limit=50)
    return [int(track["id"]) for track in found["tracks"]]


def similar_to_clip(wired: Keyed, who: str, seed: int) -> list[int]:
    audio = wired.running.client.get(f"/v1/tracks/{seed}/audio", headers=wired.headers(who))
    answer = wired.running.client.post(
        "/v1/emotions",
        params={"similar": 50},
        files={"file": ("clip.flac", audio.content)},
        headers=wired.headers(who),
    )
    assert answer.status_code == 200, answer.text
    return [item["track"]["id"] for item in answer.json()["similar"]]


@pytest.mark.parametrize(
    "ranking",
    [
        similar_to_track,
        similar_songs,
        sonic_matches,
        audiomuse_tracks,
        recommendations,
        similar_to_clip,
    ],
)
def test_music_like_a_track_is_that_of_the_listeners_plane(
    wired: Keyed, moved: tuple[int, int], ranking: Ranking
) -> None:
    """A track that was put beside another is like it; for who shows another key it is not."""
    seed, other = moved
    own, others = (ranking(wired, who, seed) for who in ("own", "another"))

    assert others[-1] == other
    assert own.index(other) < others.index(other)
    assert sorted(own) == sorted(others)


def test_likeness_follows_the_plane(wired: Keyed, moved: tuple[int, int]) -> None:
    """Two tracks that are felt at the same place are more alike; a path between them knows."""
    seed, other = moved

    def likeness(who: str) -> float:
        ends = {"startSongId": str(seed), "endSongId": str(other), "count": "3"}
        path = player(wired, who).ask("findSonicPath", **ends)["sonicMatch"]
        assert [path[0]["entry"]["id"], path[-1]["entry"]["id"]] == [str(seed), str(other)]
        return float(path[-1]["similarity"])

    assert likeness("own") > likeness("another")


def test_features_and_curves_are_those_of_the_plane(wired: Keyed, moved: tuple[int, int]) -> None:
    """Audio features, and a track's mean emotion, are where the listener put it."""
    seed, other = moved
    path = "/compat/spotify/v1/audio-features/"
    own, there = (get(wired, "own", f"{path}{track}") for track in (other, seed))
    assert own["energy"] == pytest.approx(there["energy"], abs=0.01)
    assert own["valence"] == pytest.approx(there["valence"], abs=0.01)
    felt = get(wired, "own", f"/v1/profile/tracks/{other}")["felt"]
    mean = get(wired, "own", f"/v1/tracks/{other}/emotion", similar=0)["mean"]
    assert mean["arousal"] == pytest.approx(felt["arousal"], abs=0.05)
    assert mean["valence"] == pytest.approx(felt["valence"], abs=0.05)
    plain = get(wired, "another", f"/v1/tracks/{other}/emotion", similar=0)["mean"]
    assert plain != mean


def test_stations_in_players_are_those_of_the_plane(wired: Keyed) -> None:
    """A station that asks for a corner begins with what was put there, for that listener."""
    corner = {"valence": 0.9, "arousal": -0.9}
    question = {"emotion": {"curve": [{"t": 0, **corner}]}, "limit": 5}
    headers = wired.headers("own")
    body = {"name": "Corner", "question": question}
    made = wired.running.client.post("/v1/stations", json=body, headers=headers).json()
    before = station_songs(wired, "own", made["id"])
    absent = next(each for each in get(wired, "own", "/v1/tracks/map")["ids"] if each not in before)
    path = f"/v1/profile/tracks/{absent}"
    wired.running.client.put(path, json=corner, headers=headers)

    assert station_songs(wired, "own", made["id"])[0] == absent
    assert station_songs(wired, "another", made["id"]) == before
    wired.running.client.delete("/v1/profile", headers=headers)
    assert station_songs(wired, "own", made["id"]) == before


def test_a_station_has_changed_when_the_plane_has(wired: Keyed) -> None:
    """Players fetch it anew by that: after an answer and after forgetting; for that listener."""
    headers = wired.headers("own")
    body = {"name": "Seen", "question": {"emotion": {"mood": "calm"}, "limit": 3}}
    made = wired.running.client.post("/v1/stations", json=body, headers=headers).json()["id"]
    track = get(wired, "own", "/v1/tracks/map")["ids"][0]
    before, others = (station(wired, who, made)["changed"] for who in ("own", "another"))
    place = {"valence": 0.1, "arousal": 0.1}
    wired.running.client.put(f"/v1/profile/tracks/{track}", json=place, headers=headers)
    said = station(wired, "own", made)["changed"]
    wired.running.client.delete("/v1/profile", headers=headers)
    forgotten = station(wired, "own", made)["changed"]

    assert before < said < forgotten
    assert station(wired, "another", made)["changed"] == others


def station(wired: Keyed, who: str, station_id: str) -> dict[str, Any]:
    lists = player(wired, who).ask("getPlaylists")["playlists"]["playlist"]
    (own,) = (each for each in lists if each["id"].endswith(station_id))
    found: dict[str, Any] = own
    return found


def station_songs(wired: Keyed, who: str, station_id: str) -> list[int]:
    own = station(wired, who, station_id)["id"]
    found = player(wired, who).ask("getPlaylist", id=own)["playlist"]["entry"]
    return [int(song["id"]) for song in found]


@pytest.mark.parametrize("scale", ["relative", "absolute"])
def test_a_track_lies_at_one_place_wherever_it_is_shown(
    wired: Keyed, moved: tuple[int, int], scale: str
) -> None:
    """Lists, the map, one track and answers say the same; another key is shown the model's."""
    _, other = moved
    for who in ("own", "another"):
        points = get(wired, who, "/v1/tracks/map", scale=scale)
        at = points["ids"].index(other)
        place = (points["valence"][at], points["arousal"][at])
        asked = {"emotion": {"mood": "calm"}, "limit": 50, "scale": scale}
        answer = wired.running.client.post(
            "/v1/playlists", json=asked, headers=wired.headers(who)
        ).json()
        shown = [
            get(wired, who, f"/v1/tracks/{other}", scale=scale),
            *get(wired, who, "/v1/tracks", scale=scale)["items"],
            *get(wired, who, "/v1/listing", scale=scale)["items"],
            *({**each["track"], **each} for each in answer["items"]),
        ]
        of_track = [each for each in shown if each.get("track", each)["id"] == other]
        assert len(of_track) == 4
        for each in of_track:
            assert (each["valence"], each["arousal"]) == pytest.approx(place, abs=1e-4)
    felt = get(wired, "own", f"/v1/profile/tracks/{other}")
    plain = get(wired, "another", f"/v1/tracks/{other}")
    assert plain["valence"] == pytest.approx(felt["heard"]["valence"], abs=1e-4)


def test_groups_and_orders_are_those_of_the_plane(wired: Keyed, moved: tuple[int, int]) -> None:
    """The mean of an artist, the order by feeling, and what a cache may keep of them."""
    _, other = moved
    artist = get(wired, "own", f"/v1/tracks/{other}")["artist"]

    def mean(who: str) -> float:
        found = get(wired, who, "/v1/artists", q=artist)["items"]
        return float(next(each["valence"] for each in found if each["name"] == artist))

    listed = get(wired, "own", "/v1/listing", order="pleasant")["items"]
    assert mean("own") != mean("another")
    assert [each["valence"] for each in listed] == sorted(
        (each["valence"] for each in listed), reverse=True
    )
    tags = [
        wired.running.client.get("/v1/artists", headers=wired.headers(who)).headers["ETag"]
        for who in ("own", "another")
    ]
    assert tags[0] != tags[1]


def test_moods_of_songs_are_those_of_the_plane(wired: Keyed) -> None:
    """A player is told the word at the place where the listener feels a song."""
    track = get(wired, "own", "/v1/tracks/map")["ids"][0]
    words = get(wired, "own", "/v1/library")["moods"]
    headers, path = wired.headers("own"), f"/v1/profile/tracks/{track}"
    for word in ("sad", "happy"):
        wired.running.client.put(path, json=words[word], headers=headers)
        song = player(wired, "own").ask("getSong", id=str(track))["song"]
        assert song["moods"] == [word]
    wired.running.client.delete("/v1/profile", headers=headers)


def test_a_score_says_what_the_plane_adds(wired: Keyed, moved: tuple[int, int]) -> None:
    """The three contributions add up to it."""
    question = {"emotion": {"mood": "calm"}, "limit": 50, "explain": True}
    answer = wired.running.client.post(
        "/v1/playlists", json=question, headers=wired.headers("own")
    ).json()
    parts = {each["track"]["id"]: each for each in answer["items"]}
    for each in parts.values():
        told = each["explanation"]
        added = sum(told[f"{part}_contribution"] for part in ("cca", "kl", "personal"))
        assert added == pytest.approx(each["score"])
    assert parts[moved[1]]["explanation"]["personal_contribution"] != 0.0
