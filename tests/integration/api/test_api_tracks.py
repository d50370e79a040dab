"""`/v1/tracks` and `/v1/library` over HTTP."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import soundfile

from tests.running import (
    Running,
    fake_settings,
    index_now,
    problem_of,
    running_service,
    tone,
    write_library,
)


def track_named(running: Running, title: str) -> dict[str, Any]:
    """The track of that title."""
    items = running.client.get("/v1/tracks", params={"q": title}).json()["items"]
    return next(item for item in items if item["title"] == title)


def test_the_library_says_what_is_indexed(service: Running) -> None:
    """Nine tracks of three seconds, one failure, and the moods one may ask for."""
    library = service.client.get("/v1/library").json()

    assert (library["tracks"], library["segments"], library["failed"]) == (9, 9, 1)
    assert library["duration_s"] == pytest.approx(27.0)
    assert library["administered"] is True
    assert library["genres"] == [{"name": "Drone", "tracks": 5}, {"name": "Étude", "tracks": 4}]
    assert library["moods"]["calm"]["arousal"] < 0 < library["moods"]["calm"]["valence"]


def test_pages_cover_the_catalogue_once(service: Running) -> None:
    """Following `next_cursor` visits every track, in order of id."""
    seen: list[int] = []
    cursor: str | None = None
    for _ in range(10):
        query = {"limit": 4} | ({"cursor": cursor} if cursor else {})
        page = service.client.get("/v1/tracks", params=query).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert len(seen) == 9
    assert seen == sorted(set(seen))


def test_listing_filters_hold(service: Running) -> None:
    """Genre and artist without case and accents, years, words."""

    def listed(**query: Any) -> list[dict[str, Any]]:
        return service.client.get("/v1/tracks", params=query).json()["items"]

    assert {item["genre"] for item in listed(genre="etude")} == {"Étude"}
    assert {item["artist"] for item in listed(artist=["ben", "cleo"])} == {"Ben", "Cleo"}
    assert {item["year"] for item in listed(year_min=1997)} == {1997, 1998}
    assert [item["title"] for item in listed(q="loud bright")] == ["Loud bright"]
    assert listed(duration_min_s=60) == []


def test_tracks_stand_on_the_plane(service: Running) -> None:
    """Listing, single track and map agree on where a track is."""
    track = track_named(service, "Loud bright")

    single = service.client.get(f"/v1/tracks/{track['id']}").json()
    points = service.client.get("/v1/tracks/map").json()

    at = points["ids"].index(track["id"])
    assert single["valence"] == track["valence"] == pytest.approx(points["valence"][at], abs=1e-4)
    assert single["arousal"] == track["arousal"] == pytest.approx(points["arousal"][at], abs=1e-4)
    assert single["status"] == "ok"
    assert len(single["content_id"]) == 32


def test_the_emotion_of_a_track_is_that_of_its_file(service: Running) -> None:
    """From the index and by upload the same curve comes back, and nothing is decoded for it."""
    track = track_named(service, "Middling plain")
    audio = service.client.get(f"/v1/tracks/{track['id']}/audio").content
    scale = {"scale": "absolute"}
    uploaded = service.client.post("/v1/emotions", files={"file": audio}, params=scale).json()
    analysed = service.model.analysed

    stored = service.client.get(f"/v1/tracks/{track['id']}/emotion", params=scale).json()

    assert service.model.analysed == analysed
    assert len(stored["curve"]) == len(uploaded["curve"])
    assert stored["mean"]["valence"] == pytest.approx(uploaded["mean"]["valence"], abs=0.002)
    assert stored["mean"]["arousal"] == pytest.approx(uploaded["mean"]["arousal"], abs=0.002)
    assert track["id"] not in {item["track"]["id"] for item in stored["similar"]}


def test_the_emotion_of_a_track_comes_as_a_picture(service: Running) -> None:
    """SVG that an XML reader accepts."""
    track = track_named(service, "Loud dull")

    picture = service.client.get(f"/v1/tracks/{track['id']}/emotion", params={"format": "svg"})

    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert ElementTree.fromstring(picture.content).tag.endswith("svg")


# Audio -------------------------------------------------------------------------------------------


def test_audio_comes_whole_or_in_ranges(service: Running) -> None:
    """The bytes of the file, `Range` obeyed, `HEAD` answered."""
    url = f"/v1/tracks/{track_named(service, 'Loud bright')['id']}/audio"
    root = service.settings.music_roots[0]
    content = (root / "loud" / "bright.flac").read_bytes()

    whole = service.client.get(url)
    part = service.client.get(url, headers={"Range": "bytes=10-19"})
    tail = service.client.get(url, headers={"Range": "bytes=-5"})
    head = service.client.head(url)

    assert whole.content == content
    assert whole.headers["content-type"] == "audio/flac"
    assert (part.status_code, part.content) == (206, content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(content)}"
    assert tail.content == content[-5:]
    assert (head.content, head.headers["content-length"]) == (b"", str(len(content)))


@pytest.mark.parametrize(
    "header", ["bytes=abc", "lines=1-2", "bytes=", "bytes=9-3", "bytes=0-1,4-5"]
)
def test_a_range_that_is_none_is_ignored(service: Running, header: str) -> None:
    """The whole file comes instead, as RFC 9110 allows."""
    url = f"/v1/tracks/{track_named(service, 'Loud bright')['id']}/audio"

    response = service.client.get(url, headers={"Range": header})

    assert response.status_code == 200


def test_a_range_beyond_the_file_is_refused(service: Running) -> None:
    """416 as a problem, with the size."""
    url = f"/v1/tracks/{track_named(service, 'Loud bright')['id']}/audio"

    response = service.client.get(url, headers={"Range": "bytes=99999999-"})

    problem_of(response, 416, "range-not-satisfiable")
    assert response.headers["content-range"].startswith("bytes */")


def test_no_link_leads_out_of_the_music_roots(tmp_path: Path) -> None:
    """A track replaced by a link, or whose folder became one, is not readable any more.

    Nor is one whose link stays inside: it would be another track's file.
    """
    pieces = write_library(tmp_path / "music")
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "bright.flac").write_bytes(b"not for you")
    with running_service(fake_settings(tmp_path)) as running:
        index_now(running)
        by_link = track_named(running, "Loud bright")["id"]
        by_folder = track_named(running, "Quiet bright")["id"]
        inside = track_named(running, "Middling bright")["id"]
        pieces["loud bright"].unlink()
        pieces["loud bright"].symlink_to(secret / "bright.flac")
        (tmp_path / "music" / "quiet").rename(tmp_path / "elsewhere")
        (tmp_path / "music" / "quiet").symlink_to(secret)
        pieces["middling bright"].unlink()
        pieces["middling bright"].symlink_to(pieces["middling plain"])

        tracks = (by_link, by_folder, inside)
        responses = [running.client.get(f"/v1/tracks/{t}/audio") for t in tracks]

    for response in responses:
        problem_of(response, 404, "audio-not-found")


def test_a_file_that_is_gone_is_not_found(tmp_path: Path) -> None:
    """404, not 500; the rest of the service does not mind."""
    pieces = write_library(tmp_path / "music")
    with running_service(fake_settings(tmp_path)) as running:
        index_now(running)
        track = track_named(running, "Loud bright")["id"]
        pieces["loud bright"].unlink()

        response = running.client.get(f"/v1/tracks/{track}/audio")
        known = running.client.get(f"/v1/tracks/{track}")

    problem_of(response, 404, "audio-not-found")
    assert known.status_code == 200


def test_odd_file_names_survive(tmp_path: Path) -> None:
    """Names that are no UTF-8, hold line breaks or look like comments: indexed, listed, played."""
    folder = tmp_path / "music"
    folder.mkdir()
    soundfile.write(folder / "plain.flac", tone(0.5, 440.0), 8000)
    names = [b"latin-\xe9.flac", b"two\nlines.flac", b"#hash.flac", "ünï ©ode & <x>.flac".encode()]
    for name in names:
        os.link(folder / "plain.flac", os.fsencode(folder) + b"/" + name)
    (folder / "plain.flac").unlink()
    with running_service(fake_settings(tmp_path)) as running:
        run = index_now(running)
        ids = [item["id"] for item in running.client.get("/v1/tracks").json()["items"]]
        played = [running.client.get(f"/v1/tracks/{track}/audio").status_code for track in ids]
        body = {"emotion": {"mood": "calm"}}
        files = [
            running.client.post("/v1/playlists", json=body, params={"format": name})
            for name in ("m3u8", "xspf", "jspf", "csv")
        ]

    assert run["files_done"] == len(ids) == 4
    assert played == [200] * 4
    assert [file.status_code for file in files] == [200] * 4
    ElementTree.fromstring(files[1].content)


# What is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/emotion", "/audio"])
def test_an_unknown_track_is_not_found(service: Running, path: str) -> None:
    """404 on every view of it."""
    problem_of(service.client.get(f"/v1/tracks/999{path}"), 404, "track-not-found")


@pytest.mark.parametrize("track_id", ["0", "-1", "abc", "2147483648", "1.5"])
def test_an_id_that_is_none_is_refused(service: Running, track_id: str) -> None:
    """422 before any look-up."""
    problem_of(service.client.get(f"/v1/tracks/{track_id}"), 422, "invalid-request")


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 1001},
        {"limit": "many"},
        {"year_min": -1},
        {"duration_min_s": "nan"},
        {"duration_max_s": -1},
        {"scale": "log"},
        {"genre": ""},
    ],
    ids=str,
)
def test_bad_filters_are_refused(service: Running, query: dict[str, Any]) -> None:
    """Every bound holds."""
    problem_of(service.client.get("/v1/tracks", params=query), 422, "invalid-request")


@pytest.mark.parametrize("cursor", ["nonsense", "AAAA", "%00", "dHJhY2s6LTE"])
def test_a_foreign_cursor_is_refused(service: Running, cursor: str) -> None:
    """Only what the listing gave is a cursor."""
    response = service.client.get("/v1/tracks", params={"cursor": cursor})

    problem_of(response, 422, "invalid-cursor")
