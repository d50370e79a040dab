"""Stars, ratings and plays in both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from indexer.catalog import listening
from indexer.catalog.catalog import Catalog
from indexer.catalog.database import transaction
from indexer.catalog.tables import plays
from indexer.errors import TooManyError

DAY_S = 86_400.0


def test_stars_are_given_and_taken_together(catalog: Catalog) -> None:
    """A rating stays, and a star keeps its time."""
    catalog.rate("ann", "2", 4)
    catalog.star("ann", ["1", "2", "1"], starred=True)
    before = catalog.marks_of("ann")
    catalog.star("ann", ["1", "3"], starred=True)
    again = catalog.marks_of("ann")
    catalog.star("ann", ["1", "2", "3"], starred=False)

    assert again["1"] == before["1"]
    assert (before["2"].rating, set(again)) == (4, {"1", "2", "3"})
    assert {item: mark.rating for item, mark in catalog.marks_of("ann").items()} == {"2": 4}


def test_stars_have_a_bound(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is refused, one that is there may change, and nothing is lost."""
    monkeypatch.setattr(listening, "MOST_MARKS", 2)
    catalog.star("ann", ["1", "2"], starred=True)

    with pytest.raises(TooManyError, match="2 stars"):
        catalog.star("bob", ["1"], starred=True)
    catalog.rate("ann", "1", 5)

    assert (len(catalog.marks_of("ann")), len(catalog.marks_of("bob"))) == (2, 0)


def test_the_oldest_plays_are_forgotten(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many stay as may be kept."""
    monkeypatch.setattr(listening, "MOST_PLAYS", 3)
    now = datetime.now(UTC)
    for track in range(1, 6):
        catalog.note_plays("ann", [(track, now - timedelta(hours=9 - track))])

    assert set(catalog.plays_of("ann")) == {3, 4, 5}


def test_a_play_to_come_is_one_of_now(catalog: Catalog) -> None:
    """A player whose clock is years ahead does not put a song away for years."""
    catalog.note_plays("ann", [(1, datetime(9999, 1, 1, tzinfo=UTC))])

    assert catalog.plays_of("ann")[1].last_at <= datetime.now(UTC)
    assert catalog.heard_lately("ann", DAY_S) == [1]


def test_plays_noted_under_a_wrong_clock_put_nothing_away(catalog: Catalog) -> None:
    """They lie in the future once the clock of the service is right again."""
    ahead = datetime.now(UTC) + timedelta(days=365)
    row = {"id": "a", "owner": "ann", "track_id": 1, "played_at": ahead, "skipped": False}
    with transaction(catalog.engine, writes=True) as connection:
        connection.execute(insert(plays).values(row))

    assert catalog.heard_lately("ann", DAY_S) == []


def test_what_a_listener_marks_and_plays_shows_at_once(catalog: Catalog) -> None:
    """What was read a moment ago is remembered, until that listener changes something."""
    catalog.note_plays("ann", [(1, datetime.now(UTC))])
    catalog.star("ann", ["1"], starred=True)
    plays_before, marks_before = catalog.plays_of("ann"), catalog.marks_of("ann")

    assert catalog.plays_of("ann") is plays_before
    assert catalog.marks_of("ann") is marks_before
    catalog.note_plays("ann", [(1, datetime.now(UTC))])
    catalog.rate("ann", "2", 3)
    assert catalog.plays_of("ann")[1].count == 2
    assert set(catalog.marks_of("ann")) == {"1", "2"}
