"""Filters of tracks: what must be, and what must not be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from indexer.snapshot.filters import TrackFilter, TrackTerms, Unmatched
from indexer.snapshot.tracks import TrackRecord, TrackTable, write_tracks


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> TrackTable:
    """Five tracks with all their tags."""
    folder = tmp_path_factory.mktemp("filters")
    rows = [
        ("Live and Łet Die", "Røyk", "One", "Rock, Pop", 1991, 100.0, "rock/røyk/a.mp3"),
        ("Olive", "Røyk; Ada", "Two", "Jazz", 1999, 200.0, "jazz/live/b.mp3"),
        ("Song (live)", "Ada", "One", "Rock/Soul", 2005, 300.0, "rock/ada/c.mp3"),
        ("Song", "Ben", None, None, None, 400.0, "d.mp3"),
        (None, None, "Ößt", "pop", 2010, 500.0, "pop rock/e.mp3"),
    ]
    records = [
        TrackRecord(number, f"{number}", "/m", path, title, artist, album, genre, year, length)
        for number, (title, artist, album, genre, year, length, path) in enumerate(rows, 1)
    ]
    write_tracks(folder, records)
    return TrackTable(folder, len(records))


TERMS: list[tuple[dict[str, Any], set[int]]] = [
    ({"title": ("live",)}, {1, 3}),
    ({"title": ("let die",)}, {1}),
    ({"title": ("olive", "song")}, {2, 3, 4}),
    ({"genre": ("pop",)}, {1, 5}),
    ({"genre": ("soul",)}, {3}),
    ({"artist": ("royk",)}, {1, 2}),
    ({"album": ("osst",)}, {5}),
    ({"folder": ("rock",)}, {1, 3}),
    ({"folder": ("rock/ada",)}, {3}),
    ({"folder": ("LIVE/",)}, {2}),
    ({"decade": (1990,)}, {1, 2}),
    ({"decade": (1990, 2010)}, {1, 2, 5}),
    ({"duration_min_s": 300.0}, {3, 4, 5}),
    ({"duration_min_s": 150.0, "duration_max_s": 350.0}, {2, 3}),
]


@pytest.mark.parametrize(("terms", "having"), TERMS)
def test_terms_let_in_or_out(table: TrackTable, terms: dict[str, Any], having: set[int]) -> None:
    """One and the same property lets in what has it, or keeps it out."""
    asked = TrackTerms(**terms)
    included = table.ids[table.passing(TrackFilter(include=asked))]
    left = table.ids[table.passing(TrackFilter(exclude=asked))]
    assert set(included.tolist()) == having
    assert set(left.tolist()) == {1, 2, 3, 4, 5} - having


def test_all_that_is_included_must_hold_and_any_exclusion_counts(table: TrackTable) -> None:
    """Properties of an include are joined by and, those of an exclude by or."""
    wanted = TrackFilter(
        include=TrackTerms(artist=("ada",), title=("song",)),
    )
    assert table.ids[table.passing(wanted)].tolist() == [3]
    unwanted = TrackFilter(exclude=TrackTerms(artist=("ada",), genre=("pop",)))
    assert table.ids[table.passing(unwanted)].tolist() == [4]


def test_what_no_track_has_is_named_with_what_is_near(table: TrackTable) -> None:
    """Each value on its own; values that some track has are not named."""
    terms = TrackTerms(
        genre=("jaz", "pop"), folder=("rok",), title=("sing",), decade=(1970,), album=("zzzz",)
    )
    found = {each.name: each for each in table.unmatched(terms)}
    assert found["genre"] == Unmatched("genre", "jaz", ("Jazz",))
    assert "rock" in found["folder"].near
    assert "Song" in found["title"].near
    assert found["decade"].near[0] == "1990"
    assert found["album"].near == ()


def test_patterns_of_filters_are_no_expressions(table: TrackTable) -> None:
    """Signs of regular expressions mean themselves."""
    assert not table.passing(TrackFilter(include=TrackTerms(title=(".*",)))).any()


def test_names_that_name_nobody_are_no_artist(tmp_path: Path) -> None:
    """Songs of a sampler are not by one artist, who would have two places in twenty."""
    names = ("Various Artists", "[unknown]; Ada", "Unknown Artist", "<Unknown>", "Ada", None)
    records = [
        TrackRecord(number, f"{number}", "/m", f"{number}.mp3", "A", name, None, None, None, 9.0)
        for number, name in enumerate(names, 1)
    ]
    write_tracks(tmp_path, records)
    groups = TrackTable(tmp_path, len(records)).artist_groups

    assert [len(groups.of(row)) for row in range(len(names))] == [0, 1, 0, 0, 1, 0]
