"""Artists by name."""

from __future__ import annotations

import pytest

from app.library.artists import ArtistIndex

ARTISTS = [
    ("Cleo & Ada", 9),
    ("Ben", 7),
    ("Björk", 5),
    ("Ada Moreno", 4),
    ("Benjamin Ada", 3),
    ("Granada Duo", 2),
    ("ÁDA", 1),
]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("", [name for name, _ in ARTISTS]),
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
    found = ArtistIndex(ARTISTS).find(words)

    assert [name for name, _ in found] == names
    assert set(found) <= set(ARTISTS)
