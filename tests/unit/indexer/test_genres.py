"""Tracks with several genres and artists are found by each of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from mutagen import flac
from mutagen.id3 import TCON, TPE1

from indexer.folders.files import genres_of, read_tags, values_of
from indexer.snapshot.filters import TrackFilter
from indexer.snapshot.tracks import TrackRecord, TrackTable, write_tracks
from tests.unit.indexer.test_files import encode


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["Rock", "Pop"], "Rock; Pop"),
        (["Rock; Pop"], "Rock; Pop"),
        (["Rock;Pop ;  Jazz"], "Rock; Pop; Jazz"),
        (["Rock\0Pop"], "Rock; Pop"),
        (["Rock", "rock; ROCK"], "Rock"),
        ([";", " ; "], None),
        (["R&B/Soul"], "R&B/Soul"),
        (["Soul, Funk & Disco"], "Soul, Funk & Disco"),
    ],
)
def test_genres_are_joined_in_one_way(
    tmp_path: Path, tags: list[str], expected: str | None
) -> None:
    """However the file holds them."""
    path = encode(tmp_path / "a.flac", "flac")
    file = flac.FLAC(path)
    file["genre"] = tags
    file.save()

    assert read_tags(path).genre == expected


def test_id3_frames_with_several_values_are_split(tmp_path: Path) -> None:
    """ID3v2.4 separates them by NUL; numbers of ID3v1 are names."""
    from mutagen.mp3 import MP3

    path = encode(tmp_path / "a.mp3", "mp3")
    file = MP3(path)
    if file.tags is None:
        file.add_tags()
    file.tags.add(TCON(encoding=3, text=["17", "Folk; Ambient"]))
    file.tags.add(TPE1(encoding=3, text=["Ada", "Ben"]))
    file.save(v2_version=4)

    tags = read_tags(path)

    assert tags.genre == "Rock; Folk; Ambient"
    assert tags.artist == "Ada; Ben"


def test_the_names_of_a_genre_are_its_values_and_the_sides_of_a_slash() -> None:
    """Each once, in order."""
    assert genres_of("R&B/Soul; Pop;Soul") == ("R&B/Soul", "Pop", "Soul", "R&B")
    assert genres_of("/") == ("/",)
    assert genres_of(None) == ()
    assert values_of("AC/DC; Ada") == ("AC/DC", "Ada")


def record(track_id: int, genre: str | None, artist: str | None) -> TrackRecord:
    """A track with tags."""
    return TrackRecord(track_id, f"{track_id}", "/m", "p", "t", artist, None, genre, None, 1.0)


@pytest.fixture
def table(tmp_path: Path) -> TrackTable:
    """Five tracks as a snapshot holds them."""
    records = [
        record(1, "Rock; Pop", "Ada; Ben"),
        record(2, "Folk/Rock", "AC/DC"),
        record(3, "Étude", "Ada"),
        record(4, None, None),
        record(5, "Poprock", "Benedict"),
    ]
    write_tracks(tmp_path, records)
    return TrackTable(tmp_path, len(records))


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({"genre": ("pop",)}, [1]),
        ({"genre": ("ROCK",)}, [1, 2]),
        ({"genre": ("folk/rock",)}, [2]),
        ({"genre": ("rock; pop",)}, [1]),
        ({"genre": ("etude",)}, [3]),
        ({"genre": ("pop", "étude")}, [1, 3]),
        ({"genre": ("",)}, []),
        ({"artist": ("ada",)}, [1, 3]),
        ({"artist": ("ac",)}, []),
        ({"artist": ("ac/dc",)}, [2]),
        ({"artist": ("ben",), "genre": ("pop",)}, [1]),
    ],
)
def test_a_filter_matches_each_value(
    table: TrackTable, wanted: dict[str, tuple[str, ...]], ids: list[int]
) -> None:
    """Without case and accents, whole names alone."""
    mask = table.passing(TrackFilter(**wanted))  # type: ignore[arg-type]

    assert table.ids[mask].tolist() == ids


def test_the_genres_of_a_library_are_counted_as_the_filter_finds_them(tmp_path: Path) -> None:
    """Under their most usual spelling, the largest first; each count is what a filter gives."""
    names = ["Rock; Pop", *["rock"] * 3, "Folk/Rock", "Étude", None, "Pop", "POP; pop"]
    records = [record(index, name, None) for index, name in enumerate(names, start=1)]
    write_tracks(tmp_path, records)
    table = TrackTable(tmp_path, len(records))

    genres = table.genres()

    assert genres[:2] == [("rock", 5), ("Pop", 3)]
    assert {name for name, _ in genres} == {"rock", "Pop", "Folk/Rock", "Folk", "Étude"}
    assert all(table.passing(TrackFilter(genre=(n,))).sum() == count for n, count in genres)
