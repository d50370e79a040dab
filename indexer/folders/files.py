r"""The music library on disk: walks folders, reads tags, identifies content.

A path of the catalogue is text. File names are bytes that need not be UTF-8, so a name is
stored with undecodable bytes written as `\xNN` and each backslash doubled; `stored_name` and
`file_path` are inverse to each other. Ordinary names are stored as they are.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from indexer.folders.character_sets import reread
from indexer.folders.container_tags import KEYS, Tagged, tags_of
from indexer.folders.identifiers import NOTHING, Identifiers, placed, read_identifiers
from indexer.folders.naming import one_line, readable_name, year_of
from indexer.folders.roots import MusicRoot, StoreRoot, is_in_store, music_root
from model.folding import fold

VALUE_SEPARATOR = "; "  # between several artists or genres of one track
MAX_TAG_LENGTH = 500  # characters; longer values are cut

_TEXTS = ("title", "artist", "album", "genre")
_ONE = frozenset({"title", "date"})  # what a track has one of, whatever is written with NUL
_SEPARATOR = re.compile(r"\s*;\s*")
# What taggers write where they know no artist, or too many.
_NOBODY = frozenset(
    ("various artists", "various", "v.a.", "unknown artist", "unknown", "no artist")
)
_HASH_BYTES = 1 << 18
_ESCAPED = re.compile(rb"\\(\\|x([0-9a-f]{2}))")


@dataclass(frozen=True)
class FoundFile:
    """An audio file as the walk saw it.

    Attributes:
        root: Absolute path of the music root, or a store's `s3://…`, as stored text.
        path: Path below the root with `/` between the parts, as stored text.
        size_bytes: Size of the file.
        mtime_ns: Time of the last change, nanoseconds since 1970. That of an object is known to
            the second; the digits below it name its content (`indexer.folders.objects`).
        ctime_ns: Time of the last change of its status, which nobody can set: it tells content that
            was exchanged under the same size and time. 0 where it is not known.
    """

    root: str
    path: str
    size_bytes: int
    mtime_ns: int
    ctime_ns: int = 0

    @property
    def file(self) -> Path:
        """Where the file lies."""
        return file_path(self.root, self.path)

    @property
    def address(self) -> str:
        """The whole path as stored text: what identifies the file."""
        return f"{self.root.rstrip('/')}/{self.path}"


@dataclass(frozen=True)
class Tags:
    """What a file says about itself; values of several artists or genres are joined.

    Attributes:
        title: Title, or the file's name made readable.
        artist: Artist or artists.
        album: Album.
        genre: Genre or genres.
        year: Year of the recording.
        duration_s: Declared duration; files lie, so nothing relies on it.
        identifiers: What names the recording beyond that.
    """

    title: str
    artist: str | None = None
    album: str | None = None
    genre: str | None = None
    year: int | None = None
    duration_s: float | None = None
    identifiers: Identifiers = NOTHING


def stored_name(path: MusicRoot | str) -> str:
    """A path or root as text that any database keeps; see the module's docstring."""
    return escape_name(str(path))


def stored_root(root: str) -> MusicRoot:
    """The root of a stored text: inverse to `stored_name`."""
    return music_root(_unescaped(root)) if is_in_store(root) else file_path(root)


def object_key(root: str, path: str) -> tuple[str, str]:
    """Bucket and key of an object of the catalogue, of its stored root and path."""
    store = stored_root(root)
    assert isinstance(store, StoreRoot)
    return store.bucket, store.key(_unescaped(path))


def file_path(root: str, path: str = "") -> Path:
    """The path on disk of a stored root and a stored path below it."""
    return Path(_unescaped(f"{root.rstrip('/')}/{path}" if path else root))


def escape_name(name: str) -> str:
    """One name of a path as stored text."""
    if "\\" not in name and name.isprintable():
        return name
    doubled = os.fsencode(name).replace(b"\\", b"\\\\")
    return doubled.decode("utf-8", "backslashreplace")


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    return os.fsdecode(_ESCAPED.sub(_unescape, text.encode()))


def _unescape(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[2], 16)]) if match[2] else b"\\"


def content_id(file: BinaryIO) -> str:
    """32 hexadecimal digits that name the bytes of an open file (BLAKE2b-128).

    Raises:
        OSError: The file cannot be read.
    """
    file.seek(0)
    digest = hashlib.blake2b(digest_size=16)
    while block := file.read(_HASH_BYTES):
        digest.update(block)
    return digest.hexdigest()


def read_tags(source: Path | BinaryIO, below: str = "") -> Tags:
    """The tags of an audio file; one without (or with damaged) tags gets a title from its name.

    Args:
        source: The file, or it open with its name.
        below: Its path below the music root, as stored text, which says artist, album and numbers
            where tags do not (`Artist/Album/NN - Title`).
    """
    path = file_path(below) if below else Path(str(getattr(source, "name", source)))
    kinds, info = tags_of(source)

    def values(name: str) -> list[str]:
        return _values(kinds, KEYS[name], several=name not in _ONE)

    found = {name: values(name) for name in _TEXTS}
    found["artist"] = values("artists") or found["artist"]
    found["genre"] = [value for text in found["genre"] for value in values_of(text)]
    place = placed(below)
    inferred = tuple(
        name for name in ("artist", "album") if not found[name] and getattr(place, name)
    )
    for name in inferred:
        found[name] = [one_line(getattr(place, name))]
    return Tags(
        title=_joined(found["title"][:1]) or readable_name(path),
        artist=_joined(found["artist"]),
        album=_joined(found["album"][:1]),
        genre=_joined(_distinct(found["genre"])),
        year=_year(kinds),
        duration_s=_declared_duration_s(info),
        identifiers=read_identifiers(values, place, inferred),
    )


def _year(kinds: Sequence[Tagged]) -> int | None:
    """The year of the first date that has one."""
    for key in KEYS["date"]:
        year = year_of(_values(kinds, (key,), several=False))
        if year is not None:
            return year
    return None


def values_of(joined: str | None) -> tuple[str, ...]:
    """The single artists or genres of a joined tag."""
    return tuple(value for value in _SEPARATOR.split(joined or "") if value)


def known_artists_of(joined: str | None) -> tuple[str, ...]:
    """The single artists of a joined tag, without names that say that nobody is named."""
    return tuple(name for name in values_of(joined) if fold(name).strip("[]<>()") not in _NOBODY)


def genres_of(joined: str | None) -> tuple[str, ...]:
    """What a genre filter may say to find a track: each genre, however they are written together.

    `Rock, Pop` is two genres; `R&B/Soul` is found as itself, as `R&B` and as `Soul` (ADR 0052).
    """
    values = [part for value in values_of(joined) for part in _parts(value, ",")]
    sides = [side for value in values if "/" in value for side in _parts(value, "/")]
    return tuple(dict.fromkeys([*values, *sides]))


def _parts(value: str, separator: str) -> list[str]:
    return [part.strip() for part in value.split(separator) if part.strip()]


def _values(kinds: Sequence[Tagged], keys: Sequence[str], *, several: bool) -> list[str]:
    """The values of the first of these names that has one, in the first kind of tags with any."""
    for tagged in kinds:
        for key in keys:
            single = [reread(value) for value in tagged.get(key, ())]
            if several:  # NUL separates the values of one frame in ID3v2.4
                single = [value for text in single for value in text.split("\0")]
            texts = [text for text in map(one_line, single) if text]
            if texts:
                return list(dict.fromkeys(texts))
    return []


def _distinct(values: list[str]) -> list[str]:
    """The values in their order, those that differ in case alone once."""
    first: dict[str, str] = {}
    for value in values:
        first.setdefault(fold(value), value)
    return list(first.values())


def _joined(values: list[str]) -> str | None:
    """The values in one text that is cut between two of them, where the first is not too long."""
    joined = VALUE_SEPARATOR.join(values)
    if len(joined) <= MAX_TAG_LENGTH:
        return joined or None
    last = joined.rfind(VALUE_SEPARATOR, 0, MAX_TAG_LENGTH + 1)
    return joined[: last if last > 0 else MAX_TAG_LENGTH]


def _declared_duration_s(info: Any) -> float | None:
    length = getattr(info, "length", None)
    return float(length) if isinstance(length, int | float) and 0 < length < 1e7 else None
