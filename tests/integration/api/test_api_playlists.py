"""`POST /v1/playlists` over HTTP, on a service with the fake model and real audio files."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from tests.running import Running, problem_of

CORNER = {"t": 0, "valence": 1.0, "arousal": 1.0}


def ask(running: Running, **body: Any) -> dict[str, Any]:
    """A playlist; anything but 200 fails the test."""
    response = running.client.post("/v1/playlists", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def titles(playlist: dict[str, Any]) -> list[str]:
    """The titles in order."""
    return [item["track"]["title"] for item in playlist["items"]]


def steady(valence: float, arousal: float) -> dict[str, Any]:
    """A curve of one emotion."""
    return {"curve": [{"t": 0, "valence": valence, "arousal": arousal}]}


def test_the_corner_of_the_plane_finds_the_music_there(service: Running) -> None:
    """Pleasant and aroused is bright and loud, unpleasant and sleepy is dull and quiet."""
    bright = ask(service, emotion=steady(1, 1))
    dull = ask(service, emotion=steady(-1, -1))

    assert titles(bright)[0] == "Loud bright"
    assert titles(dull)[0] == "Quiet dull"


def test_a_playlist_names_what_it_was_made_from(service: Running) -> None:
    """Snapshot, model, scale and proof of the ranking stand in every answer."""
    library = service.client.get("/v1/library").json()

    playlist = ask(service, emotion={"mood": "calm"})

    assert playlist["snapshot_id"] == library["snapshot_id"]
    assert playlist["model_id"] == service.model.model_id
    assert playlist["scale"] == "relative"
    assert playlist["exact"] is True


def test_items_are_ranked_finite_and_in_range(service: Running) -> None:
    """Scores fall, ranks count up, emotions stay in [-1, 1]."""
    items = ask(service, emotion={"mood": "happy"})["items"]

    scores = [item["score"] for item in items]
    assert [item["rank"] for item in items] == list(range(1, 10))
    assert scores == sorted(scores, reverse=True)
    assert all(math.isfinite(item["rho_sim"]) and item["neg_kl"] <= 0 for item in items)
    assert all(-1 <= item[axis] <= 1 for item in items for axis in ("valence", "arousal"))


def test_paths_are_relative_to_the_music_root(service: Running) -> None:
    """No absolute path leaves the service."""
    response = service.client.post("/v1/playlists", json={"emotion": {"mood": "calm"}})

    assert str(service.settings.music_roots[0]) not in response.text
    assert "quiet/dull.flac" in response.text


def test_limit_bounds_the_items(service: Running) -> None:
    """No more than `limit` items, and the best of them."""
    full = ask(service, emotion={"mood": "calm"}, limit=500)

    assert titles(ask(service, emotion={"mood": "calm"}, limit=3)) == titles(full)[:3]


def test_the_scales_differ(service: Running) -> None:
    """The same numbers ask for other music on the absolute scale, and come back on it."""
    relative = ask(service, emotion=steady(0, 0.9), scale="relative")
    absolute = ask(service, emotion=steady(0, 0.9), scale="absolute")

    assert relative["items"][0]["score"] != absolute["items"][0]["score"]
    assert (relative["scale"], absolute["scale"]) == ("relative", "absolute")


def test_filters_hold(service: Running) -> None:
    """Genre, artist, year, duration and excluded ids each narrow the answer."""
    everything = ask(service, emotion={"mood": "calm"})["items"]
    first = everything[0]["track"]["id"]

    def found(**filters: Any) -> list[dict[str, Any]]:
        answer = ask(service, emotion={"mood": "calm"}, filters=filters)
        return [item["track"] for item in answer["items"]]

    assert {track["genre"] for track in found(genre=["étude"])} == {"Étude"}
    assert {track["artist"] for track in found(artist=["ADA"])} == {"Ada"}
    assert {track["year"] for track in found(year={"min": 1991, "max": 1992})} == {1991, 1992}
    assert found(duration_s={"min": 60}) == []
    assert first not in {track["id"] for track in found(exclude_ids=[first])}


def test_max_per_artist_spreads_the_list(service: Running) -> None:
    """One each leaves three artists."""
    items = ask(service, emotion={"mood": "calm"}, max_per_artist=1)["items"]

    assert sorted(item["track"]["artist"] for item in items) == ["Ada", "Ben", "Cleo"]


def test_a_track_finds_others_like_it_but_not_itself(service: Running) -> None:
    """The loud bright tone is asked with; a neighbour comes first."""
    loud = ask(service, emotion=steady(1, 1))["items"][0]["track"]

    similar = ask(service, emotion={"track_id": loud["id"]})

    assert loud["title"] not in titles(similar)
    assert titles(similar)[0] in {"Loud plain", "Middling bright"}


def test_a_journey_follows_the_curve(service: Running) -> None:
    """From quiet and dull to loud and bright: arousal and valence rise along the list."""
    curve = [{"t": 0, "valence": -1, "arousal": -1}, {"t": 600, "valence": 1, "arousal": 1}]

    asked = {"mode": "journey", "limit": 3, "max_per_artist": None}
    items = ask(service, emotion={"curve": curve}, **asked)["items"]

    assert items[0]["track"]["title"] == "Quiet dull"
    assert items[-1]["track"]["title"] == "Loud bright"
    assert items[0]["arousal"] < items[1]["arousal"] < items[2]["arousal"]


def test_a_journey_repeats_no_track_and_respects_the_artist_cap(service: Running) -> None:
    """A steady journey still takes each track once, and one of each artist when capped."""
    whole = ask(service, emotion={"mood": "calm"}, mode="journey", limit=50)["items"]
    capped = ask(service, emotion={"mood": "calm"}, mode="journey", max_per_artist=1)["items"]

    assert len({item["track"]["id"] for item in whole}) == len(whole) == 9
    assert sorted(item["track"]["artist"] for item in capped) == ["Ada", "Ben", "Cleo"]


def test_explain_shows_the_parts_of_the_score(service: Running) -> None:
    """The contributions add up to the score; nobody's own plane adds anything."""
    playlist = ask(service, emotion={"mood": "calm"}, explain=True)

    assert playlist["scoring"]["lambda"] == 0.5
    for item in playlist["items"]:
        parts = item["explanation"]
        assert parts["cca_contribution"] + parts["kl_contribution"] == pytest.approx(item["score"])
        assert parts["personal_contribution"] == 0.0


def test_without_explain_there_is_no_explanation(service: Running) -> None:
    """It is only there when asked for."""
    playlist = ask(service, emotion={"mood": "calm"})

    assert playlist["scoring"] is None
    assert playlist["items"][0]["explanation"] is None


# Formats ---------------------------------------------------------------------------------------


def as_file(running: Running, name: str, **query: Any) -> httpx.Response:
    """A playlist as a file."""
    body = {"emotion": {"mood": "calm"}, "limit": 4}
    return running.client.post("/v1/playlists", json=body, params={"format": name, **query})


def test_m3u8_lists_durations_titles_and_paths(service: Running) -> None:
    """Three lines of head and two a track, in the order of the JSON answer."""
    tracks = ask(service, emotion={"mood": "calm"}, limit=4)["items"]

    response = as_file(service, "m3u8")

    lines = response.text.splitlines()
    assert response.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert lines[:2] == ["#EXTM3U", "#PLAYLIST:Circumplex calm"]
    first = tracks[0]["track"]
    assert lines[2] == f"#EXTINF:3,{first['artist']} - {first['title']}"
    assert lines[3::2] == [item["track"]["path"] for item in tracks]


def test_m3u8_urls_play(service: Running) -> None:
    """With `locations=url` each location is the audio of the track on this service."""
    location = as_file(service, "m3u8", locations="url").text.splitlines()[3]

    audio = service.client.get(location)

    assert audio.status_code == 200
    assert audio.content[:4] == b"fLaC"


def test_xspf_is_xml_with_quoted_locations(service: Running) -> None:
    """Parsed by an XML reader; durations in milliseconds."""
    root = ElementTree.fromstring(as_file(service, "xspf").content)

    name = "{http://xspf.org/ns/0/}"
    tracks = root.findall(f"{name}trackList/{name}track")
    assert len(tracks) == 4
    assert tracks[0].findtext(f"{name}duration") == "3000"
    assert tracks[0].findtext(f"{name}location", "").endswith(".flac")


def test_jspf_and_csv_hold_the_same_tracks(service: Running) -> None:
    """All formats agree."""
    expected = titles(ask(service, emotion={"mood": "calm"}, limit=4))

    jspf = json.loads(as_file(service, "jspf").text)["playlist"]["track"]
    rows = list(csv.DictReader(io.StringIO(as_file(service, "csv").text)))

    assert [track["title"] for track in jspf] == expected
    assert [row["title"] for row in rows] == expected


def test_accept_chooses_the_format(service: Running) -> None:
    """The most wanted type wins; an unknown one is refused with the list of those there are."""
    body = {"emotion": {"mood": "calm"}}
    wanted = {"Accept": "text/csv;q=0.4, application/xspf+xml;q=0.9"}

    xspf = service.client.post("/v1/playlists", json=body, headers=wanted)
    refused = service.client.post("/v1/playlists", json=body, headers={"Accept": "image/png"})

    assert xspf.headers["content-type"] == "application/xspf+xml"
    assert "text/csv" in problem_of(refused, 406, "not-acceptable")["detail"]


# What is refused ---------------------------------------------------------------------------------

BAD_EMOTIONS: dict[str, Any] = {
    "empty curve": {"curve": []},
    "t not increasing": {"curve": [CORNER, {**CORNER, "t": 0}]},
    "t going back": {"curve": [{**CORNER, "t": 5}, {**CORNER, "t": 4.9}]},
    "negative t": {"curve": [{**CORNER, "t": -1}]},
    "valence above 1": {"curve": [{**CORNER, "valence": 1.01}]},
    "arousal below -1": {"curve": [{**CORNER, "arousal": -1.5}]},
    "text for a number": {"curve": [{**CORNER, "t": "0"}]},
    "a missing axis": {"curve": [{"t": 0, "valence": 0}]},
    "an unknown member": {"curve": [{**CORNER, "dominance": 0}]},
    "too many keyframes": {"curve": [{**CORNER, "t": t} for t in range(10_001)]},
    "nothing": {},
    "two at once": {"mood": "calm", "curve": [CORNER]},
    "null": None,
    "a number": 3,
    "empty mood": {"mood": ""},
    "mood of another type": {"mood": 5},
    "track id zero": {"track_id": 0},
    "track id as text": {"track_id": "1"},
}


@pytest.mark.parametrize("emotion", BAD_EMOTIONS.values(), ids=BAD_EMOTIONS.keys())
def test_a_bad_emotion_is_a_clear_problem(service: Running, emotion: Any) -> None:
    """Each is a 422 that names the place, and the service still answers."""
    response = service.client.post("/v1/playlists", json={"emotion": emotion})

    problem = problem_of(response, 422, "invalid-request")
    assert problem["errors"][0]["pointer"].startswith("/emotion")
    assert ask(service, emotion={"mood": "calm"})["items"]


def test_the_refusal_says_which_keyframe(service: Running) -> None:
    """Times that do not increase are named."""
    emotion = {"curve": [CORNER, {**CORNER, "t": 2}, {**CORNER, "t": 2}]}

    response = service.client.post("/v1/playlists", json={"emotion": emotion})

    assert "keyframe 2 has t=2 after t=2" in response.json()["detail"]


@pytest.mark.parametrize("t", [5e-324, 2.2250738585e-313, 1e-300, 1e-15])
def test_keyframes_that_all_but_coincide_are_refused(service: Running, t: float) -> None:
    """The slope between them would not be finite."""
    curve = [{"t": 0, "valence": 0, "arousal": 0}, {"t": t, "valence": -1, "arousal": 0.2}]
    answer = service.client.post("/v1/playlists", json={"emotion": {"curve": curve}})

    assert "keyframe 1" in problem_of(answer, 422, "invalid-curve")["detail"]


def test_keyframes_a_microsecond_apart_are_a_step(service: Running) -> None:
    """As near as they may be."""
    curve = [{"t": 0, "valence": 1, "arousal": 1}, {"t": 1e-6, "valence": -1, "arousal": -1}]
    answer = service.client.post("/v1/playlists", json={"emotion": {"curve": curve}})

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_values_that_are_not_finite_are_refused(service: Running, value: str) -> None:
    """JSON readers let NaN through; this service does not."""
    body = f'{{"emotion": {{"curve": [{{"t": 0, "valence": {value}, "arousal": 0}}]}}}}'
    headers = {"content-type": "application/json"}

    response = service.client.post("/v1/playlists", content=body, headers=headers)

    problem_of(response, 422, "invalid-request")


def test_an_unknown_mood_gets_suggestions(service: Running) -> None:
    """A typing error is answered with the word that was meant."""
    response = service.client.post("/v1/playlists", json={"emotion": {"mood": "clam"}})

    assert "calm" in problem_of(response, 422, "unknown-mood")["suggestions"]


def test_an_unknown_track_is_not_found(service: Running) -> None:
    """404, with the id."""
    response = service.client.post("/v1/playlists", json={"emotion": {"track_id": 999}})

    assert "999" in problem_of(response, 404, "track-not-found")["detail"]


@pytest.mark.parametrize(
    "change",
    [
        {"limit": 0},
        {"limit": 501},
        {"limit": 2.5},
        {"limit": True},
        {"duration_s": 0},
        {"duration_s": "60"},
        {"mode": "shuffle"},
        {"scale": "log"},
        {"max_per_artist": 0},
        {"filters": {"genre": "jazz"}},
        {"filters": {"year": {"min": -5}}},
        {"filters": {"duration_s": {"max": "NaN"}}},
        {"filters": {"exclude_ids": [0]}},
        {"filters": {"artist": ["a\0b"]}},
        {"filters": {"mood": "calm"}},
        {"unknown": 1},
    ],
    ids=str,
)
def test_bad_options_are_refused(service: Running, change: dict[str, Any]) -> None:
    """Every bound of the request holds."""
    response = service.client.post("/v1/playlists", json={"emotion": {"mood": "calm"}, **change})

    problem_of(response, 422, "invalid-request")


def test_broken_json_and_half_characters_are_refused(service: Running) -> None:
    """Neither reaches the model, and neither breaks the answer."""
    headers = {"content-type": "application/json"}

    broken = service.client.post("/v1/playlists", content=b'{"emotion": ', headers=headers)
    half = service.client.post(
        "/v1/playlists", content=b'{"emotion": {"mood": "\\ud800"}}', headers=headers
    )

    problem_of(broken, 400, "bad-request")
    assert half.status_code == 422


def test_a_body_above_the_limit_is_refused(service: Running) -> None:
    """2 MiB of JSON are enough for any curve."""
    body = b'{"emotion": "' + b"x" * service.settings.max_body_bytes + b'"}'
    headers = {"content-type": "application/json"}

    response = service.client.post("/v1/playlists", content=body, headers=headers)

    problem_of(response, 413, "too-large")


def test_before_the_first_index_there_is_nothing_to_search(empty_service: Running) -> None:
    """503 that says what to do."""
    response = empty_service.client.post("/v1/playlists", json={"emotion": {"mood": "calm"}})

    problem = problem_of(response, 503, "not-ready")
    assert "circumplex index" in problem["detail"]
    assert response.headers["retry-after"]
