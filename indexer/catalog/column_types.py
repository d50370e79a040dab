"""Types of columns that read whatever a cell holds.

SQLite keeps text in a column of numbers and bytes in one of text, and people edit their databases.
A cell that makes no sense must cost its own value alone: no list, no search and no index run may
end because of it. Writing is as strict as before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Float, Integer, String, Text
from sqlalchemy.types import TypeDecorator

MOST_YEAR = 9999
LONGEST_S = 1e7
LONGEST_ID = 32
UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def plain_text(value: Any) -> str:
    """A value as text that can be written as UTF-8 and kept by any database."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.encode("utf-8", "replace").decode().replace("\0", "")


class PlainText(TypeDecorator[str]):
    """Text; anything else is read as text."""

    impl = Text
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """As text."""
        return value if value is None else plain_text(value)


class ContentId(TypeDecorator[str]):
    """The name of a content, which is also a file's name; what could be none is read as none."""

    impl = String(32)
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """As a name."""
        is_name = isinstance(value, str) and value.isprintable() and len(value) <= LONGEST_ID
        return value if is_name and ".." not in value else None


class Word(TypeDecorator[str]):
    """One of some words; anything else is read as the first of them."""

    impl = String
    cache_ok = True

    def __init__(self, length: int, *words: str) -> None:
        """Take the words, the one for anything else first."""
        super().__init__(length)
        self.words = words

    def process_result_value(self, value: Any, dialect: Dialect) -> str:
        """As one of the words."""
        return value if value in self.words else self.words[0]


class Year(TypeDecorator[int]):
    """A year; anything else is read as none."""

    impl = Integer
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        """As a year, 0 to 9999."""
        return value if isinstance(value, int) and 0 <= value <= MOST_YEAR else None


class WholeNumber(TypeDecorator[int]):
    """A whole number; anything else is read as -1, which no file's size or time is."""

    impl = BigInteger
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> int:
        """As a whole number."""
        return value if isinstance(value, int) else -1


class Seconds(TypeDecorator[float]):
    """A length in seconds; anything that is none is read as none."""

    impl = Float
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> float | None:
        """As seconds, 0 to `LONGEST_S`."""
        if not isinstance(value, int | float) or not math.isfinite(value):
            return None
        return float(value) if 0.0 <= value <= LONGEST_S else None


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, in UTC; SQLite keeps no time zone, so it is put back on reading.

    What is no moment is read as `UNKNOWN_TIME`.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; a time without a zone is a mistake of the caller."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; pass UTC")
        return value.astimezone(UTC)

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], datetime | None]:
        """Reads a moment, and puts its zone back."""
        read = self.impl_instance.result_processor(dialect, coltype)

        def moment(value: Any) -> datetime | None:
            try:
                known: datetime | None = value if read is None else read(value)
                if known is None:
                    return None
                return known.replace(tzinfo=UTC) if known.tzinfo is None else known.astimezone(UTC)
            except (AttributeError, OverflowError, TypeError, ValueError):
                return UNKNOWN_TIME

        return moment
