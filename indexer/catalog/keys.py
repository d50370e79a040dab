"""What searches of the catalogue compare with: a track's tags and path, folded."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, column, select, table, update

from indexer.folders.files import genres_of, values_of
from model.folding import fold

MAX_TEXT_LENGTH = 10_000  # characters looked for or looked in
_AT_ONCE = 5000  # rows

_TRACKS = table(
    "tracks",
    *map(column, ("id", "title", "artist", "album", "genre", "path")),
    *map(column, ("artist_key", "genre_key", "search_text")),
)


def search_keys(
    title: str, artist: str | None, album: str | None, genre: str | None, path: str
) -> dict[str, str]:
    """The columns of `tracks` that searches look in, of these tags and this path."""
    words = (title, artist, album, path)
    return {
        "artist_key": key(_names(artist, values_of(artist))),
        "genre_key": key(_names(genre, genres_of(genre))),
        "search_text": searchable(" ".join(word for word in words if word)),
    }


def restate_search_keys(connection: Connection) -> int:
    """Make the search columns of all tracks anew from their tags; how many rows changed.

    A migration calls it after `fold` or the division of tags has changed; nothing is read from
    the music folders.
    """
    keys = ("artist_key", "genre_key", "search_text")
    rows = connection.execute(select(_TRACKS)).all()
    changed = []
    for row in rows:
        made = search_keys(row.title, row.artist, row.album, row.genre, row.path)
        if any(made[name] != getattr(row, name) for name in keys):
            changed.append({"key": row.id, **made})
    chosen = update(_TRACKS).where(_TRACKS.c.id == bindparam("key"))
    chosen = chosen.values({name: bindparam(name) for name in keys})
    for start in range(0, len(changed), _AT_ONCE):
        connection.execute(chosen, changed[start : start + _AT_ONCE])
    return len(changed)


def key(values: Sequence[str]) -> str:
    """Folded values, each between line breaks, so that a whole value can be looked for."""
    return "".join(f"\n{searchable(value)}\n" for value in values)


def searchable(words: str) -> str:
    """Folded, and free of what a database refuses in text (NUL, halves of surrogate pairs)."""
    return fold(words.encode("utf-8", "replace").decode().replace("\0", " "))[:MAX_TEXT_LENGTH]


def _names(joined: str | None, values: Sequence[str]) -> list[str]:
    """What a filter may say to find a tag: each of its values, and all of it."""
    return list(dict.fromkeys([*values, *filter(None, [joined])]))
