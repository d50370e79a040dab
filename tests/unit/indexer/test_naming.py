"""Years of dates in every notation, and text that holds what nobody sees."""

from __future__ import annotations

from pathlib import Path

import pytest
from mutagen.id3 import TIT2, TPE1
from mutagen.wave import WAVE

from indexer.folders.files import read_tags
from indexer.folders.naming import one_line, year_of
from model.folding import fold
from tests.catalogue import write_tone


@pytest.mark.parametrize(
    ("date", "year"),
    [
        ("1987", 1987),
        ("20240229", 2024),
        ("19870501T10", 1987),
        ("198705011230", 1987),
        ("1987-05", 1987),
        ("1987/05/01", 1987),
        ("31121999", 1999),
        ("31/12/1999", 1999),
        ("Sommer 2001", 2001),
        ("\uff11\uff19\uff19\uff19", 1999),
        ("19870501, remastered 2003", 1987),
        ("12345678", None),
        ("198799", None),
        ("0000-00-00", None),
        ("", None),
    ],
)
def test_a_date_of_any_notation_has_its_year(date: str, year: int | None) -> None:
    """Digits that are no date have none."""
    assert year_of([date]) == year


def test_the_first_date_with_a_year_counts() -> None:
    """An empty date does not hide the next one."""
    assert year_of(["0000", "1999-05-01", "2003"]) == 1999


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Title\u200b", "Title"),
        ("\u200e Artist \u200f", "Artist"),
        ("\u200b\u2060", ""),
        ("\u202e\u202c \x01", ""),
        ("\u3164", ""),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
        ("\u2764\ufe0f", "\u2764\ufe0f"),
    ],
)
def test_what_nobody_sees_is_no_text(text: str, line: str) -> None:
    """Inside a word and behind a sign it is a part of how it is drawn."""
    assert one_line(text) == line


def test_a_title_that_nobody_sees_gives_way_to_the_name_of_the_file(tmp_path: Path) -> None:
    """As an empty one does."""
    path = write_tone(tmp_path / "04 - Song.wav")
    tags = WAVE(path)
    tags.add_tags()
    tags.tags.add(TIT2(encoding=3, text=["\u200b"]))
    tags.save()

    assert read_tags(path).title == "Song"


def test_many_artists_are_cut_between_two_of_them(tmp_path: Path) -> None:
    """No half name is left that a filter would offer."""
    path = write_tone(tmp_path / "a.wav")
    tags = WAVE(path)
    tags.add_tags()
    tags.tags.add(TPE1(encoding=3, text=[f"Artist {number}" for number in range(100)]))
    tags.save()

    last = str(read_tags(path).artist).rpartition("; ")[2]

    assert last == "Artist 45"


def test_words_are_the_same_with_and_without_what_nobody_sees() -> None:
    """Soft hyphens, joiners, marks of direction and variants of a sign."""
    unseen = "Zero\u200bWidth \u202bSo\u00adft\u202c \u2764\ufe0f"

    assert fold(unseen) == "zerowidth soft \u2764"
