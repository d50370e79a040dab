"""What names a recording, in answers and playlist files, and filled in by the migration."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import soundfile
from mutagen.flac import FLAC
from sqlalchemy import text

from indexer.catalog.catalog import open_catalog
from indexer.catalog.database import make_engine, migrate
from tests.catalogue import write_tone
from tests.indexed_library import Library
from tests.running import (
    RATE_HZ,
    Running,
    fake_settings,
    index_now,
    running_service,
    tone,
)

RECORDING, ANN, BOB, RELEASE = (f"{n}0000000-0000-4000-8000-000000000000" for n in "1234")
PLACE = {"curve": [{"t": 0, "valence": 0.0, "arousal": 0.0}]}


def write_piece(path: Path, tone_hz: float, **tags: Any) -> None:
    """A FLAC file with these tags."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(0.4, tone_hz), RATE_HZ)
    file = FLAC(path)
    file.update(tags)
    file.save()


@pytest.fixture(scope="module")
def credited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service over a duet with every identifier, a solo, and a file that only folders name."""
    folder = tmp_path_factory.mktemp("credited")
    music = folder / "music"
    write_piece(
        music / "duet.flac",
        300.0,
        title="Duet",
        artist="Ann feat. Bob",
        artists=["Ann", "Bob"],
        album="Two",
        tracknumber="3",
        isrc="GBAYE6800011",
        musicbrainz_trackid=RECORDING,
        musicbrainz_artistid=[ANN, BOB],
        musicbrainz_albumid=RELEASE,
    )
    write_piece(music / "solo.flac", 600.0, title="Solo", artist="Bob")
    write_piece(music / "Cleo" / "Blue" / "07 - Late.flac", 900.0)
    with running_service(fake_settings(folder)) as running:
        assert index_now(running)["state"] == "succeeded"
        yield running


def ask(running: Running, format: str, **changes: Any) -> str:
    """A playlist of everything, in a format."""
    body = {"emotion": PLACE, **changes}
    answer = running.client.post("/v1/playlists", params={"format": format}, json=body)
    assert answer.status_code == 200, answer.text
    return answer.text


def track_of(running: Running, title: str) -> dict[str, Any]:
    """The whole of what the API says of a track."""
    (found,) = running.client.get("/v1/tracks", params={"q": title}).json()["items"]
    answer: dict[str, Any] = running.client.get(f"/v1/tracks/{found['id']}").json()
    return answer


def test_a_track_tells_its_identifiers(credited: Running) -> None:
    """Ids as tags give them; each artist on its own."""
    duet = track_of(credited, "duet")

    assert duet["artists"] == ["Ann", "Bob"]
    assert duet["identifiers"] == {
        "recording_mbid": RECORDING,
        "track_mbid": None,
        "release_mbid": RELEASE,
        "artist_mbids": [ANN, BOB],
        "album_artist_mbids": [],
        "isrcs": ["GBAYE6800011"],
        "album_artist": None,
        "track_number": 3,
        "disc_number": None,
        "compilation": False,
        "inferred": [],
    }


def test_what_folders_say_is_marked(credited: Running) -> None:
    """Artist, album and number of an untagged file come from its place."""
    late = track_of(credited, "late")

    assert (late["title"], late["artist"], late["album"]) == ("Late", "Cleo", "Blue")
    assert late["identifiers"]["inferred"] == ["artist", "album", "track_number"]


def test_jspf_names_the_recording_as_listenbrainz_does(credited: Running) -> None:
    """The recording's page, and the extension that ListenBrainz defines."""
    tracks = json.loads(ask(credited, "jspf"))["playlist"]["track"]
    (duet,) = [each for each in tracks if each["title"] == "Duet"]

    assert duet["identifier"] == [f"https://musicbrainz.org/recording/{RECORDING}"]
    said = duet["extension"]["https://musicbrainz.org/doc/jspf#track"]
    assert said["artist_identifiers"] == [f"https://musicbrainz.org/artist/{a}" for a in (ANN, BOB)]
    assert said["release_identifier"] == f"https://musicbrainz.org/release/{RELEASE}"
    assert all("identifier" not in each for each in tracks if each["title"] == "Solo")


def test_xspf_and_csv_name_the_recording(credited: Running) -> None:
    """An `identifier` in XSPF, columns in CSV; nothing where nothing is known."""
    space = {"x": "http://xspf.org/ns/0/"}
    root = ElementTree.fromstring(ask(credited, "xspf"))
    named = {
        track.findtext("x:title", None, space): track.findtext("x:identifier", None, space)
        for track in root.iterfind(".//x:track", space)
    }
    rows = {row["title"]: row for row in csv.DictReader(io.StringIO(ask(credited, "csv")))}

    page = f"https://musicbrainz.org/recording/{RECORDING}"
    assert named == {"Duet": page, "Solo": None, "Late": None}
    assert rows["Duet"]["recording_mbid"] == RECORDING
    assert rows["Duet"]["artist_mbids"] == f"{ANN};{BOB}"
    assert rows["Late"]["track_number"] == "7"


@pytest.mark.parametrize("mode", ["match", "journey"])
def test_a_cap_counts_each_artist_of_a_track(credited: Running, mode: str) -> None:
    """A duet takes one place of each of its artists, so that the solo of one has none left."""
    items = json.loads(ask(credited, "json", mode=mode, max_per_artist=1))["items"]

    titles = {item["track"]["title"] for item in items}
    assert titles in ({"Duet", "Late"}, {"Solo", "Late"})


def test_the_migration_reads_the_tags_again(library: Library, database_url: str) -> None:
    """Down and up: identifiers are back, an artist of folders is found, nothing is analysed."""
    write_tone(library.music / "Ann" / "Blue" / "07 - Late.wav", hz=500)
    library.index()
    analysed = library.model.analysed
    (late,) = [t for t in library.catalog.published_tracks() if t.title == "Late"]
    engine = make_engine(database_url)
    migrate(engine, "0003")
    with engine.begin() as connection:  # as an older build left it
        connection.execute(
            text("UPDATE tracks SET artist = NULL, album = NULL, artist_key = '' WHERE id = :id"),
            {"id": late.id},
        )
    engine.dispose()

    catalog = open_catalog(database_url)
    filled = catalog.track(late.id)
    catalog.close()
    summary = library.index()

    assert (filled.artist, filled.album) == ("Ann", "Blue")
    assert filled.identifiers == late.identifiers
    assert summary.wrote_snapshot  # what it holds says the artist again
    assert library.model.analysed == analysed
