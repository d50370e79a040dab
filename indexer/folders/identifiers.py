"""What names a recording beyond its title: ids of databases, credits, and its place on a release.

Tags say it (MusicBrainz Picard writes all of them, in every format); where a tag is missing,
folders of the form `Artist/Album/NN - Title` do, and what comes from them is marked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

from indexer.folders.naming import DASHES

MAX_NUMBER = 99_999

_YES = frozenset({"1", "True", "true", "TRUE", "Yes", "yes", "YES"})
_MBID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}\d{7}")
_NUMBER = re.compile(r"\d{1,5}(?!\d)")
_NUMBERED = re.compile(
    r"""(?!\d{1,2}[-.]\d{1,2}[-.]\d{2,4}(?!\d))  # a day
    (?:(?P<disc>[12]?\d|0\d(?=-0|-\d\d[.-]))-(?=\d\d))?
    (?=(?P<zero>0)?)(?P<track>\d{1,3})
    (?:(?:\s+-\s+ | \s*_\s* | \s*\.\s+ | \s*\.(?!\d) | \s+- | -\s+)(?=\S)
      | $
      | (?(disc)\s+(?=\S) | (?(zero)(?:\s+|-)(?=\S) | (?!)))  # less is enough for 07 and 2-12
    )""",
    re.VERBOSE,
)
_DISC = re.compile(  # CD 2, Disc 2 - Live, disk2 (bonus)
    r"(?:cd|disc|disk)\s*[-_ ]?\s*(\d{1,2})(?:\s*[-:(\[].*)?", re.IGNORECASE
)

Values = Callable[[str], list[str]]  # the cleaned values of a field


@dataclass(frozen=True)
class Identifiers:
    """What names a recording beyond its title.

    Attributes:
        recording_mbid: MusicBrainz id of the recording.
        track_mbid: MusicBrainz id of the track of that release.
        release_mbid: MusicBrainz id of the release.
        artist_mbids: MusicBrainz ids of the artists, in the order of their names.
        album_artist_mbids: MusicBrainz ids of the artists of the release.
        isrcs: International Standard Recording Codes.
        album_artist: Artists of the release, joined by `; `.
        track_number: Place on its disc, from 1.
        disc_number: Disc of the release, from 1.
        compilation: Whether the release is by various artists.
        inferred: Which of `artist`, `album`, `track_number`, `disc_number` folders and the name of
            the file say, because no tag does.
    """

    recording_mbid: str | None = None
    track_mbid: str | None = None
    release_mbid: str | None = None
    artist_mbids: tuple[str, ...] = ()
    album_artist_mbids: tuple[str, ...] = ()
    isrcs: tuple[str, ...] = ()
    album_artist: str | None = None
    track_number: int | None = None
    disc_number: int | None = None
    compilation: bool = False
    inferred: tuple[str, ...] = ()

    def to_json(self) -> str | None:
        """What is known as compact JSON; None where nothing is."""
        known = {name: value for name, value in asdict(self).items() if value}
        return json.dumps(known, ensure_ascii=False, separators=(",", ":")) if known else None

    @classmethod
    def from_json(cls, text: str | None) -> Identifiers:
        """Read what `to_json` wrote; what is of another kind is left out."""
        try:
            known = json.loads(text) if text else {}
        except (TypeError, ValueError):  # a number may stand in the cell
            return NOTHING
        if not isinstance(known, dict):
            return NOTHING
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in known.items()
            if name in _KINDS and _is_of_kind(name, value)
        }
        return cls(**values)


NOTHING = Identifiers()
_KINDS = {field.name: type(field.default) for field in fields(Identifiers)}
_NUMBERS = frozenset({"track_number", "disc_number"})


def _is_of_kind(name: str, value: object) -> bool:
    """Whether a value of the JSON is what its field holds."""
    kind = _KINDS[name]
    if kind is tuple:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if kind is bool:
        return isinstance(value, bool)
    if name in _NUMBERS:
        return type(value) is int and 0 < value <= MAX_NUMBER
    return isinstance(value, str)


@dataclass(frozen=True)
class Placed:
    """What the folders above a file and its name say.

    Attributes:
        artist: The folder above the album's.
        album: The folder of the file, or the one above a folder of a disc.
        track_number: What the file's name begins with.
        disc_number: From the folder of a disc, or before the track's number (`1-07`).
    """

    artist: str | None = None
    album: str | None = None
    track_number: int | None = None
    disc_number: int | None = None


def placed(path: str) -> Placed:
    """Read a path of the form `Artist/Album/NN - Title` below its music root.

    A name without a number in front, or with fewer folders above it, says nothing: any collection
    of files lies in folders, and those of a genre or a year are no artists.
    """
    *folders, name = path.split("/")
    numbered = _NUMBERED.match((name.rpartition(".")[0] or name).translate(DASHES))
    if numbered is None:
        return Placed()
    disc, track = _as_number(numbered["disc"]), _as_number(numbered["track"])
    if folders and (of_disc := _DISC.fullmatch(folders[-1].strip().translate(DASHES))):
        disc = int(of_disc[1]) or disc
        folders = folders[:-1]
    if len(folders) < 2:
        return Placed(track_number=track, disc_number=disc)
    artist, album = (_readable(folder) for folder in folders[-2:])
    return Placed(artist, album, track, disc)


def album_folder(path: str) -> str:
    """The folder of a file's album: the file's own, or the one above a folder of a disc."""
    folder = path.rpartition("/")[0]
    above, _, last = folder.rpartition("/")
    return above if above and _DISC.fullmatch(last.strip().translate(DASHES)) else folder


def read_identifiers(values: Values, place: Placed, inferred: tuple[str, ...]) -> Identifiers:
    """What tags say, and for numbers else the place of the file.

    Args:
        values: Gives the cleaned values of a field of `container_tags.KEYS`.
        place: What the path says.
        inferred: What has already been taken from `place`.
    """
    numbers = {}
    for name in ("track_number", "disc_number"):
        numbers[name] = _number(values(name))
        if numbers[name] is None and (by_place := getattr(place, name)) is not None:
            numbers[name] = by_place
            inferred = (*inferred, name)
    return Identifiers(
        recording_mbid=_first(_mbids(values("recording_mbid"))),
        track_mbid=_first(_mbids(values("track_mbid"))),
        release_mbid=_first(_mbids(values("release_mbid"))),
        artist_mbids=_mbids(values("artist_mbids")),
        album_artist_mbids=_mbids(values("album_artist_mbids")),
        isrcs=_isrcs(values("isrcs")),
        album_artist="; ".join(values("album_artist"))[:500] or None,
        compilation=_first(tuple(values("compilation"))) in _YES,
        inferred=inferred,
        **numbers,
    )


def _mbids(values: list[str]) -> tuple[str, ...]:
    found = (match for value in values for match in _MBID.findall(value.lower()))
    return tuple(dict.fromkeys(found))[:100]


def _isrcs(values: list[str]) -> tuple[str, ...]:
    plain = (re.sub(r"[\s-]", "", value).upper() for value in values)
    return tuple(dict.fromkeys(m for value in plain for m in _ISRC.findall(value)))[:100]


def _number(values: list[str]) -> int | None:
    """`7`, `07/12` -> 7; 0 is none."""
    match = _NUMBER.match(values[0]) if values else None
    return _as_number(match[0]) if match else None


def _as_number(digits: str | None) -> int | None:
    return min(int(digits), MAX_NUMBER) or None if digits else None


def _first(values: tuple[str, ...]) -> str | None:
    return values[0] if values else None


def _readable(folder: str) -> str | None:
    name = folder.replace("_", " ") if " " not in folder else folder
    return " ".join(name.split()) or None
