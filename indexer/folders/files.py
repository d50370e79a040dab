r"""The music library on disk: walks folders, reads tags, identifies content.

A path of the catalogue is text. File names are bytes that need not be UTF-8, so a name is
stored with undecodable bytes written as `\xNN` and each backslash doubled; `stored_name` and
`file_path` are inverse to each other. Ordinary names are stored as they are.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import mutagen

from indexer.folders.container_tags import container_tags
from indexer.folders.identifiers import ARTISTS, NOTHING, Identifiers, placed, read_identifiers
from indexer.folders.naming import one_line, readable_name, year_of
from indexer.folders.roots import MusicRoot, StoreRoot, is_in_store, music_root
from model.folding import fold

VALUE_SEPARATOR = "; "  # between several artists or genres of one track
MAX_TAG_LENGTH = 500  # characters; longer values are cut

# Keys by format: Vorbis comments, EasyID3 and EasyMP4; ID3 frames (WAV, AIFF); ASF (WMA).
_TAG_KEYS: Mapping[str, tuple[str, ...]] = {
    "title": ("title", "TIT2", "Title"),
    "artist": ("artist", "TPE1", "Author", "albumartist", "TPE2", "WM/AlbumArtist"),
    "album": ("album", "TALB", "WM/AlbumTitle"),
    "genre": ("genre", "TCON", "WM/Genre"),
    "date": ("date", "TDRC", "WM/Year", "year", "TYER", "originaldate", "TDOR"),
}
_NAMES = ("title", "artist")  # where both are missing, tags of another kind are looked for
_SEVERAL = frozenset({"artist", "genre"})  # what a track may have several of
_SEPARATOR = re.compile(r"\s*;\s*")
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
    """

    root: str
    path: str
    size_bytes: int
    mtime_ns: int

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
    file = _opened(source)
    places = [None if file is None else file.tags]
    if not any(_values(places[0], _TAG_KEYS[field], several=False) for field in _NAMES):
        places.append(container_tags(source))

    def values(keys: tuple[str, ...], *, several: bool = True) -> list[str]:
        found = (_values(tags, keys, several=several) for tags in places)
        return next(filter(None, found), [])

    found = {field: values(keys, several=field in _SEVERAL) for field, keys in _TAG_KEYS.items()}
    found["artist"] = values(ARTISTS) or found["artist"]
    found["genre"] = [value for text in found["genre"] for value in values_of(text)]
    place = placed(below)
    inferred = tuple(
        name for name in ("artist", "album") if not found[name] and getattr(place, name)
    )
    for name in inferred:
        found[name] = [one_line(getattr(place, name))]
    return Tags(
        title=_joined(found["title"]) or readable_name(path),
        artist=_joined(found["artist"]),
        album=_joined(found["album"]),
        genre=_joined(_distinct(found["genre"])),
        year=_year(values),
        duration_s=None if file is None else _declared_duration_s(file.info),
        identifiers=read_identifiers(values, place, inferred),
    )


def _opened(source: Path | BinaryIO) -> Any:
    """What mutagen makes of a file; None where it makes nothing of it."""
    try:
        return mutagen.File(source, easy=True)
    except Exception:  # whatever damaged tags make a reader raise
        return None


def _year(values: Callable[..., list[str]]) -> int | None:
    """The year of the first date that has one."""
    for key in _TAG_KEYS["date"]:
        year = year_of(values((key,), several=False))
        if year is not None:
            return year
    return None


def values_of(joined: str | None) -> tuple[str, ...]:
    """The single artists or genres of a joined tag."""
    return tuple(value for value in _SEPARATOR.split(joined or "") if value)


def genres_of(joined: str | None) -> tuple[str, ...]:
    """What a genre filter may say to find a track: each genre, however they are written together.

    `Rock, Pop` is two genres; `R&B/Soul` is found as itself, as `R&B` and as `Soul` (ADR 0052).
    """
    values = [part for value in values_of(joined) for part in _parts(value, ",")]
    sides = [side for value in values if "/" in value for side in _parts(value, "/")]
    return tuple(dict.fromkeys([*values, *sides]))


def _parts(value: str, separator: str) -> list[str]:
    return [part.strip() for part in value.split(separator) if part.strip()]


def _values(tags: Any, keys: tuple[str, ...], *, several: bool) -> list[str]:
    for key in keys:
        try:
            value = tags[key]
        except (KeyError, TypeError, ValueError):  # ValueError: an invalid Vorbis comment key
            continue
        # ID3's genre frame translates the numbers of ID3v1; UFID holds `data`, others `text`.
        value = getattr(value, "genres", None) or getattr(value, "text", value)
        value = data.decode("ascii", "replace") if (data := getattr(value, "data", b"")) else value
        listed = value if isinstance(value, list) else [value]
        single = [str(item) for item in listed]
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
    return VALUE_SEPARATOR.join(values)[:MAX_TAG_LENGTH] or None


def _declared_duration_s(info: Any) -> float | None:
    length = getattr(info, "length", None)
    return float(length) if isinstance(length, int | float) and 0 < length < 1e7 else None
