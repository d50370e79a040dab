"""Years of dates in every notation."""

from __future__ import annotations

import pytest

from indexer.folders.naming import year_of


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
