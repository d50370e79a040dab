"""One way of paging for every list: `limit`, `cursor`, and `next_cursor` in the answer.

A cursor names the last item that was shown, not a number of items to skip: what comes and goes
between two pages neither repeats nor hides another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Query

from indexer.errors import CursorError

Limit = Annotated[int, Query(ge=1, le=1000, description="Most items of the page.")]
Cursor = Annotated[
    str | None, Query(max_length=200, description="`next_cursor` of the page before.")
]
Item = TypeVar("Item")


def page_of(
    items: Sequence[Item], key: Callable[[Item], str], limit: int, cursor: str | None
) -> tuple[Sequence[Item], str | None]:
    """A page of a list that is whole in memory, and the cursor of the next one.

    Args:
        items: All of them, in order.
        key: What an item is told from the others by.
        limit: Most items of the page.
        cursor: Of the page before; None for the first.

    Raises:
        CursorError: The cursor is none of this list, or its item has gone.
    """
    begin = 0 if cursor is None else _behind(items, key, cursor)
    page = items[begin : begin + limit]
    more = begin + limit < len(items)
    return page, _cursor(key(page[-1])) if more else None


def _behind(items: Sequence[Item], key: Callable[[Item], str], cursor: str) -> int:
    for at, item in enumerate(items):
        if _cursor(key(item)) == cursor:
            return at + 1
    raise CursorError(
        f"cursor {cursor[:40]!r} is none of this list, or what it named has gone: begin with the "
        "first page"
    )


def _cursor(key: str) -> str:
    """Short for any key."""
    return hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=12).hexdigest()
