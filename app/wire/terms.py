"""Terms of filters as they are written in addresses and on the command line: `genre:rock`."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from app.wire.schemas import DurationRange, FilterTerms

TERMS = ("genre", "artist", "album", "folder", "title", "decade", "length")


def parsed_terms(texts: Sequence[str]) -> FilterTerms:
    """Terms such as `title:live`, `decade:1990` and `length:120-300` (seconds), together.

    Raises:
        ValueError: A text is no term; the message says what would be one.
    """
    terms: dict[str, object] = {}
    lists: dict[str, list[object]] = {}
    for text in texts:
        name, _, value = (part.strip() for part in text.partition(":"))
        if name not in TERMS or not value:
            raise ValueError(f"{text}: say {', '.join(f'{each}:' for each in TERMS)} and a value")
        if name == "length":
            terms["duration_s"] = _range(text, value)
        else:
            lists.setdefault(name, []).append(_decade(text, value) if name == "decade" else value)
    try:
        return FilterTerms.model_validate(terms | lists)
    except ValidationError as exc:
        raise ValueError(f"{', '.join(texts)}: {exc.errors()[0]['msg']}") from exc


def _decade(text: str, value: str) -> int:
    year = value.rstrip("s")
    if not (year.isascii() and year.isdigit() and len(year) <= 4):
        raise ValueError(f"{text}: a decade is a year, such as 1990")
    return int(year)


def _range(text: str, value: str) -> DurationRange:
    ends = [end.strip() for end in value.split("-")]
    if len(ends) != 2 or not any(ends):
        raise ValueError(f"{text}: a length is two numbers of seconds, such as 120-300")
    try:
        shortest, longest = (float(end) if end else None for end in ends)
        return DurationRange(min=shortest, max=longest)
    except ValueError as exc:  # pydantic's too
        raise ValueError(f"{text}: a length is two numbers of seconds, such as 120-300") from exc
