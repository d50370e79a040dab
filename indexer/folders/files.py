r"""The music library on disk: walks folders, reads tags, identifies content.

A path of the catalogue is text. File names are bytes that need not be UTF-8, so a name is
stored with undecodable bytes written as `\xNN` and each backslash doubled; `stored_name` and
`file_path` are inverse to each other. Ordinary names are stored as they are.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mutagen

from indexer.errors import RootNotFoundError
from indexer.folders.identifiers import ARTISTS, NOTHING, Identifiers, placed, read_identifiers
from model.folding import fold

_AUDIO_TYPES = "mp3 flac wav ogg oga opus m4a m4b mp4 aac wma aiff aif aifc"
AUDIO_SUFFIXES = frozenset(f".{name}" for name in _AUDIO_TYPES.split())
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
_SEVERAL = frozenset({"artist", "genre"})  # what a track may have several of
_SEPARATOR = re.compile(r"\s*;\s*")
_YEAR = re.compile(r"(?<!\d)(1\d{3}|20\d{2})(?!\d)")
_TRACK_NUMBER = re.compile(r"^\d{1,3}\s*[-._)\s]\s*(?=\S)")
_ESCAPED = re.compile(rb"\\(\\|x([0-9a-f]{2}))")


@dataclass(frozen=True)
class FoundFile:
    """An audio file as the walk saw it.

    Attributes:
        root: Absolute path of the music root, as stored text.
        path: Path below the root with `/` between the parts, as stored text.
        size_bytes: Size of the file.
        mtime_ns: Time of the last change, nanoseconds since 1970.
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


def walk(
    roots: Sequence[Path], *, on_error: Callable[[Path, OSError], None] | None = None
) -> Iterator[FoundFile]:
    """Every audio file below the roots, in order of their names.

    Hidden files and folders are skipped. Symbolic links are not followed: what they point to
    inside a root is found at its own place, and what lies outside is not part of the library.

    Args:
        roots: Folders to walk; one inside another is walked once.
        on_error: Called with every folder that cannot be read.

    Yields:
        The files, root by root.

    Raises:
        RootNotFoundError: A root is no folder or may not be read.
    """
    for root in distinct_roots(roots):
        yield from _walk_folder(root, stored_name(root), "", on_error)


def distinct_roots(roots: Iterable[Path]) -> list[Path]:
    """The roots as absolute paths without links, sorted, none inside another.

    Raises:
        RootNotFoundError: A root is no folder or may not be read.
    """
    resolved = sorted({_existing(root) for root in roots})
    return [root for root in resolved if not any(other in root.parents for other in resolved)]


def _existing(root: Path) -> Path:
    try:
        folder = root.expanduser().resolve(strict=True)
        os.scandir(folder).close()
    except OSError as exc:
        raise RootNotFoundError(
            f"music root {root}: {exc.strerror or exc}; name an existing, readable folder"
        ) from exc
    return folder


def _walk_folder(
    folder: Path | str,
    root: str,
    prefix: str,
    on_error: Callable[[Path, OSError], None] | None,
) -> Iterator[FoundFile]:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as exc:
        if on_error is not None:
            on_error(Path(folder), exc)
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = prefix + _escape(entry.name)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk_folder(entry.path, root, path + "/", on_error)
        elif _is_audio(entry):
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:  # removed since the folder was listed
                continue
            yield FoundFile(root, path, status.st_size, status.st_mtime_ns)


def _is_audio(entry: os.DirEntry[str]) -> bool:
    suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - a hundred thousand times
    return suffix in AUDIO_SUFFIXES and entry.is_file(follow_symlinks=False)


def stored_name(path: Path | str) -> str:
    """A path as text that any database keeps; see the module's docstring."""
    return _escape(str(path))


def file_path(root: str, path: str = "") -> Path:
    """The path on disk of a stored root and a stored path below it."""
    whole = f"{root.rstrip('/')}/{path}" if path else root
    if "\\" not in whole:
        return Path(whole)
    return Path(os.fsdecode(_ESCAPED.sub(_unescape, whole.encode())))


def _escape(name: str) -> str:
    if "\\" not in name and name.isprintable():
        return name
    doubled = os.fsencode(name).replace(b"\\", b"\\\\")
    return doubled.decode("utf-8", "backslashreplace")


def _unescape(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[2], 16)]) if match[2] else b"\\"


def content_id(path: Path) -> str:
    """32 hexadecimal digits that name the file's bytes (BLAKE2b-128).

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def read_tags(path: Path, below: str = "") -> Tags:
    """The tags of an audio file; one without (or with damaged) tags gets a title from its name.

    Args:
        path: The file.
        below: Its path below the music root, which says artist, album and numbers where tags do
            not (`Artist/Album/NN - Title`).
    """
    try:
        file = mutagen.File(path, easy=True)
    except Exception:
        file = None
    tags = None if file is None else file.tags

    def values(keys: tuple[str, ...], *, several: bool = True) -> list[str]:
        return [] if tags is None else _values(tags, keys, several=several)

    found = {field: values(keys, several=field in _SEVERAL) for field, keys in _TAG_KEYS.items()}
    found["artist"] = values(ARTISTS) or found["artist"]
    found["genre"] = [value for text in found["genre"] for value in values_of(text)]
    place = placed(below)
    inferred = tuple(
        name for name in ("artist", "album") if not found[name] and getattr(place, name)
    )
    for name in inferred:
        found[name] = [_clean(getattr(place, name))]
    return Tags(
        title=_joined(found["title"]) or readable_name(path),
        artist=_joined(found["artist"]),
        album=_joined(found["album"]),
        genre=_joined(_distinct(found["genre"])),
        year=_year(found["date"]),
        duration_s=None if file is None else _declared_duration_s(file.info),
        identifiers=read_identifiers(values, place, inferred),
    )


def readable_name(path: Path) -> str:
    """A title from a file name: no suffix, no track number, spaces for underscores."""
    stem = os.fsencode(path.stem).decode("utf-8", "replace")
    if " " not in stem:
        stem = stem.replace("_", " ").replace("-", " ")
    title = _clean(_TRACK_NUMBER.sub("", stem)) or _clean(stem)
    return title[:1].upper() + title[1:]


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
        texts = [text for text in map(_clean, single) if text]
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


def _clean(text: str) -> str:
    """One line of characters that every database and every JSON reader takes."""
    plain = text.encode("utf-8", "replace").decode().replace("\0", " ").replace("\ufeff", "")
    return " ".join(plain.split())


def _year(dates: list[str]) -> int | None:
    match = _YEAR.search(" ".join(dates))
    return int(match[1]) if match else None


def _declared_duration_s(info: Any) -> float | None:
    length = getattr(info, "length", None)
    return float(length) if isinstance(length, int | float) and 0 < length < 1e7 else None
