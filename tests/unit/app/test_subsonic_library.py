"""Which songs make an album for players."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from app.library.live import Live
from app.subsonic.library import MusicLibrary, build
from indexer.catalog.records import Track
from indexer.folders.identifiers import Identifiers

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RELEASE = "30000000-0000-4000-8000-000000000000"


def track(number: int, path: str, artist: str | None, album: str = "Blue", **said: Any) -> Track:
    """A song of an album."""
    return Track(
        number, "/music", path, 1, 1, f"{number:032}", "f", None, f"Song {number}", artist, album,
        None, None, 60.0, None, "ok", NOW, NOW, Identifiers(**said),
    )  # fmt: skip


def library(*tracks: Track) -> MusicLibrary:
    """What players browse of them."""
    ids = np.array([each.id for each in tracks])
    live = SimpleNamespace(id="s", snapshot=SimpleNamespace(tracks=SimpleNamespace(ids=ids)))
    return build(cast(Live, live), tracks)


def test_an_artist_who_is_spelt_in_two_ways_has_one_album() -> None:
    """Case and the hyphens that MusicBrainz writes do not part songs of one album."""
    names = ("Jay-Z", "JAY-Z", "Jay\N{HYPHEN}Z")
    songs = [track(i, f"{i}.mp3", "A", album_artist=name) for i, name in enumerate(names)]

    (album,) = library(*songs).albums.values()

    assert (album.artist, len(album.songs)) == ("Jay-Z", 3)


def test_discs_in_folders_of_their_own_are_one_album() -> None:
    """Also where each holds other artists and nobody says whose album it is."""
    songs = [track(1, "Blue/CD1/1.mp3", "Ann"), track(2, "Blue/CD1/2.mp3", "Bob")]
    songs += [track(3, "Blue/Disc 2/1.mp3", "Ann"), track(4, "Other/CD1/1.mp3", "Cy")]

    found = {album.artist: len(album.songs) for album in library(*songs).albums.values()}

    assert found == {"Various Artists": 3, "Cy": 1}


def test_songs_that_name_no_release_belong_to_that_of_their_folder() -> None:
    """Unless the folder holds several."""
    songs = [
        track(1, "Blue/1.mp3", "Ann", release_mbid=RELEASE),
        track(2, "Blue/2.mp3", "Ann"),
        track(3, "Old/1.mp3", "Ann", release_mbid=RELEASE.replace("3", "4", 1)),
    ]

    assert sorted(len(album.songs) for album in library(*songs).albums.values()) == [1, 2]
