"""Where in a request a value lies, as a JSON pointer (RFC 6901)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Part = str | int


def json_pointer(parts: Sequence[Part]) -> str:
    """The pointer of these keys and indexes: each behind a slash, `~` and `/` in them written out.

    The empty pointer is the whole document.
    """
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def in_document(parts: Sequence[Part], document: Any) -> list[Part]:
    """Keys and indexes that lead to a value, out of where a validator says that it lies.

    The validator also names the kind of a union that it tried, which is no key. So a part may be
    left out where the document has no such key; of several ways the one that leaves out the fewest
    counts, then the one that has the last part, which may be a key that is missing.

    Args:
        parts: Of the validator.
        document: What was validated, as plain JSON values.
    """
    return _best(tuple(parts), document)[1]


def _best(parts: tuple[Part, ...], value: Any) -> tuple[tuple[int, int], list[Part]]:
    """How good the best way is, smaller being better, and the way."""
    if not parts:
        return (0, 0), []
    first, rest = parts[0], parts[1:]
    ways = []
    if _holds(value, first):
        cost, way = _best(rest, value[first])
        ways.append((cost, [first, *way]))
    elif not rest and isinstance(value, dict):
        ways.append(((0, 0), [first]))  # a key that is missing
    (left_out, last), way = _best(rest, value)
    ways.append(((left_out + 1, last if rest else 1), way))
    return min(ways, key=lambda each: each[0])


def _holds(value: Any, part: Part) -> bool:
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value)
