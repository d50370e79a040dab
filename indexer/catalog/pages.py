"""Pages of a listing of tracks: in which order tracks come, and where the next page begins.

A cursor holds the keys of the last track that was shown, not a number of tracks to skip: what comes
and goes between two pages neither repeats nor hides another track.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, func, literal, tuple_

from indexer.catalog.tables import tracks
from indexer.errors import CursorError

MAX_KEY = 2**31 - 1


@dataclass(frozen=True)
class PageOrder:
    """The order of a listing.

    Attributes:
        kind: What its cursors begin with, so that those of another listing are refused.
        keys: What it is sorted by, smallest first; together they are different for each track.
    """

    kind: str
    keys: tuple[ColumnElement[int], ...]

    def after(self, cursor: str) -> ColumnElement[bool]:
        """What holds for the tracks behind the one that a cursor names.

        Raises:
            CursorError: The cursor is none of this listing.
        """
        position = numbers_of(self.kind, cursor, len(self.keys))
        return tuple_(*self.keys) > tuple_(*map(literal, position))

    def cursor(self, values: Sequence[int]) -> str:
        """The cursor of a track with these keys."""
        return cursor_of(self.kind, values)


def cursor_of(kind: str, numbers: Sequence[int]) -> str:
    """The cursor of a kind of listing that holds these numbers, each in [0, MAX_KEY]."""
    text = f"{kind}:{'.'.join(map(str, numbers))}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def numbers_of(kind: str, cursor: str, count: int = 1) -> list[int]:
    """The numbers that a cursor of a kind of listing holds.

    Raises:
        CursorError: The cursor is none of this listing.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found, _, text = base64.urlsafe_b64decode(padded.encode()).decode().partition(":")
        numbers = [int(number) for number in text.split(".")]
    except ValueError as exc:  # also what base64 and UTF-8 raise
        raise CursorError(_bad_cursor(cursor)) from exc
    sound = all(0 <= number <= MAX_KEY for number in numbers)
    if found != kind or len(numbers) != count or not sound:
        raise CursorError(_bad_cursor(cursor))
    return numbers


def by_id() -> PageOrder:
    """In order of their ids."""
    return PageOrder("track", (tracks.c.id,))


def by_fit(phrase: str) -> PageOrder:
    """Titles that begin with a folded phrase first, the shortest before; then artists; then all.

    What is looked in begins with the title, and each artist stands between line breaks.
    """
    begins = tracks.c.search_text.startswith(phrase, autoescape=True)
    by_artist = tracks.c.artist_key.contains(f"\n{phrase}", autoescape=True)
    rank = case((begins, 0), (by_artist, 1), else_=2)
    return PageOrder(
        "found", (rank, case((begins, func.length(tracks.c.title)), else_=0), tracks.c.id)
    )


def _bad_cursor(cursor: str) -> str:
    return f"cursor {cursor[:40]!r} is none of this listing: pass next_cursor as it was given"
