"""In which order the tracks that a text finds come, on both databases."""

from __future__ import annotations

import pytest

from indexer.catalog.catalog import Catalog
from indexer.catalog.records import TrackChange, TrackChanges, TrackQuery
from indexer.errors import CursorError
from indexer.folders.files import Tags
from tests.catalogue import file_result

SONGS = [
    ("1.mp3", "A Song of Ada", "Ben"),
    ("2.mp3", "Silence of the Night", "Cleo"),
    ("ada/3.mp3", "Other", "Cleo"),
    ("4.mp3", "Third", "Ben; Ada Moreno"),
    ("5.mp3", "Adagio", "Cleo"),
    ("6.mp3", "ÁDA", "Ben"),
    ("7.mp3", "First", "Ada Moreno"),
    ("8.mp3", "Silence", "Ben"),
    ("9.mp3", "Nothing", "Nobody"),
    ("10.mp3", "Adagio", "Ben"),
]


@pytest.fixture
def songs(catalog: Catalog) -> Catalog:
    """The catalogue with the songs, in order of their ids."""
    changes = [
        TrackChange(track_id, file_result(path, tags=Tags(title=title, artist=artist)))
        for track_id, (path, title, artist) in enumerate(SONGS, start=1)
    ]
    run = catalog.start_run(["/music"], "owner")
    catalog.publish(run.id, "owner", TrackChanges(new=tuple(changes)), None)
    return catalog


def found(catalog: Catalog, text: str, limit: int = 100) -> list[int]:
    """Ids of all pages, one after the other."""
    ids: list[int] = []
    cursor = None
    while True:
        page = catalog.list_tracks(TrackQuery(text=text), limit=limit, cursor=cursor)
        ids += [track.id for track in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return ids


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("ada", [6, 5, 10, 4, 7, 1, 3]),
        (" ADA  moreno ", [4, 7]),
        ("silence", [8, 2]),
        ("moreno", [4, 7]),
        ("song ada", [1]),
        ("%", []),
        ("polka", []),
    ],
)
def test_what_fits_best_comes_first(songs: Catalog, text: str, ids: list[int]) -> None:
    """Titles that begin so, the shortest before; then artists that do; then the rest, by id."""
    assert found(songs, text) == ids


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_of_a_text_show_each_track_once(songs: Catalog, limit: int) -> None:
    """In the same order, whatever the size of a page."""
    assert found(songs, "ada", limit) == found(songs, "ada")


def test_a_track_that_goes_between_two_pages_hides_no_other(songs: Catalog) -> None:
    """The next page begins behind the last that was shown, there or not."""
    first = songs.list_tracks(TrackQuery(text="ada"), limit=3)
    run = songs.start_run(["/music"], "owner")
    songs.publish(run.id, "owner", TrackChanges(missing_ids=(10, 6)), None)

    second = songs.list_tracks(TrackQuery(text="ada"), limit=3, cursor=first.next_cursor)

    assert [track.id for track in second.items] == [4, 7, 1]


def test_a_cursor_belongs_to_its_listing(songs: Catalog) -> None:
    """One of all tracks is none of a text's, and the other way round."""
    all_, texts = TrackQuery(), TrackQuery(text="ada")
    of_all = songs.list_tracks(all_, limit=1).next_cursor
    of_text = songs.list_tracks(texts, limit=1).next_cursor

    for query, cursor in ((all_, of_text), (texts, of_all), (texts, "Zm91bmQ6MS4y")):
        with pytest.raises(CursorError, match="next_cursor"):
            songs.list_tracks(query, cursor=cursor)
