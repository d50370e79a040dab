"""Groups of tracks by name."""

from __future__ import annotations

import numpy as np
import pytest

from app.library.groups import GroupIndex
from indexer.snapshot.text_column import Groups

ARTISTS = {
    "Cleo & Ada": 9,
    "Ben": 7,
    "Björk": 5,
    "Ada Moreno": 4,
    "Benjamin Ada": 3,
    "Granada Duo": 2,
    "ÁDA": 1,
}


def index() -> GroupIndex:
    """As many tracks of each artist as stand there, each of a second, and one that is left out."""
    codes = np.repeat(np.arange(len(ARTISTS)), list(ARTISTS.values()))
    codes = np.append(codes, 0).astype(np.int32)
    mask = np.append(np.ones(len(codes) - 1, dtype=bool), np.array([False]))
    places = np.stack([codes / 10.0, -codes / 10.0], axis=1)
    of_rows = Groups(np.arange(len(codes) + 1), codes)
    return GroupIndex(tuple(ARTISTS), of_rows, mask, np.ones(len(codes)), places)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("", [*ARTISTS]),
        ("ada", ["Ada Moreno", "ÁDA", "Cleo & Ada", "Benjamin Ada", "Granada Duo"]),
        (" MORENO  ada", ["Ada Moreno"]),
        ("ada mo", ["Ada Moreno"]),
        ("bjork", ["Björk"]),
        ("ben", ["Ben", "Benjamin Ada"]),
        ("polka", []),
    ],
)
def test_names_that_begin_with_the_words_come_first(words: str, names: list[str]) -> None:
    """Then those in which a word does, then the rest; the larger before the smaller."""
    groups = index()

    found = [groups[number] for number in groups.find(words)]

    assert [group.name for group in found] == names
    assert all(group.tracks == ARTISTS[group.name] for group in found)


def test_a_group_lies_where_its_tracks_do() -> None:
    """Mean place, length and rows are those of the tracks that count."""
    groups = index()
    (number,) = groups.find("bjork")

    assert groups[number].arousal == pytest.approx(0.2)
    assert groups[number].valence == pytest.approx(-0.2)
    assert groups[number].duration_s == 5.0
    assert groups.rows_of(number).tolist() == [16, 17, 18, 19, 20]


def test_the_alphabet_knows_no_case_and_no_accents() -> None:
    """An accent does not send a name to the end."""
    groups = index()

    names = [groups[number].name for number in groups.find(by_name=True)]

    assert names == ["ÁDA", "Ada Moreno", "Ben", "Benjamin Ada", "Björk", "Cleo & Ada", *names[6:]]
