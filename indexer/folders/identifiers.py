"""What names a recording beyond its title: ids of databases, credits, and its place on a release.

Tags say it (the keys are those that MusicBrainz Picard writes, in every format); where a tag is
missing, folders of the form `Artist/Album/NN - Title` do, and what comes from them is marked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from mutagen.easyid3 import EasyID3
from mutagen.easymp4 import EasyMP4Tags

# Keys by format: Vorbis comments, EasyID3 and EasyMP4; ID3 frames (WAV, AIFF); ASF (WMA).
KEYS: Mapping[str, tuple[str, ...]] = {
    "recording_mbid": (
        "musicbrainz_trackid",
        "UFID:http://musicbrainz.org",
        "MusicBrainz/Track Id",
    ),
    "track_mbid": (
        "musicbrainz_releasetrackid",
        "TXXX:MusicBrainz Release Track Id",
        "MusicBrainz/Release Track Id",
    ),
    "release_mbid": ("musicbrainz_albumid", "TXXX:MusicBrainz Album Id", "MusicBrainz/Album Id"),
    "artist_mbids": ("musicbrainz_artistid", "TXXX:MusicBrainz Artist Id", "MusicBrainz/Artist Id"),
    "album_artist_mbids": (
        "musicbrainz_albumartistid",
        "TXXX:MusicBrainz Album Artist Id",
        "MusicBrainz/Album Artist Id",
    ),
    "isrcs": ("isrc", "TSRC", "WM/ISRC"),
    "album_artist": ("albumartist", "album artist", "TPE2", "WM/AlbumArtist"),
    "track_number": ("tracknumber", "track", "TRCK", "WM/TrackNumber"),
    "disc_number": ("discnumber", "disc", "TPOS", "WM/PartOfSet"),
    "compilation": ("compilation", "TCMP", "WM/IsCompilation"),
}
ARTISTS = ("artists", "TXXX:ARTISTS", "TXXX:Artists", "WM/ARTISTS")  # each on its own
MAX_NUMBER = 99_999

_MBID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}\d{7}")
_NUMBER = re.compile(r"\d{1,5}")
_NUMBERED = re.compile(r"(?:(\d{1,2})-)?(\d{1,3})(?:\s+-\s+|\s*[._]\s*|\s+-|-\s+)(?=\S)")
_DISC = re.compile(r"(?:cd|disc|disk)\s*[-_ ]?\s*(\d{1,2})", re.IGNORECASE)

Values = Callable[[tuple[str, ...]], list[str]]  # the values of the first of these keys


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
    numbered = _NUMBERED.match(name)
    if numbered is None:
        return Placed()
    disc = _as_number(numbered[1])
    if folders and (of_disc := _DISC.fullmatch(folders[-1].strip())):
        disc = int(of_disc[1]) or disc
        folders = folders[:-1]
    if len(folders) < 2:
        return Placed(track_number=_as_number(numbered[2]), disc_number=disc)
    artist, album = (_readable(folder) for folder in folders[-2:])
    return Placed(artist, album, _as_number(numbered[2]), disc)


def read_identifiers(values: Values, place: Placed, inferred: tuple[str, ...]) -> Identifiers:
    """What tags say, and for numbers else the place of the file.

    Args:
        values: Gives the cleaned values of the first key that is there.
        place: What the path says.
        inferred: What has already been taken from `place`.
    """
    found = {name: values(keys) for name, keys in KEYS.items()}
    numbers = {}
    for name in ("track_number", "disc_number"):
        numbers[name] = _number(found[name])
        if numbers[name] is None and (by_place := getattr(place, name)) is not None:
            numbers[name] = by_place
            inferred = (*inferred, name)
    return Identifiers(
        recording_mbid=_first(_mbids(found["recording_mbid"])),
        track_mbid=_first(_mbids(found["track_mbid"])),
        release_mbid=_first(_mbids(found["release_mbid"])),
        artist_mbids=_mbids(found["artist_mbids"]),
        album_artist_mbids=_mbids(found["album_artist_mbids"]),
        isrcs=_isrcs(found["isrcs"]),
        album_artist="; ".join(found["album_artist"])[:500] or None,
        compilation=_first(tuple(found["compilation"])) in {"1", "True", "true"},
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


def _compilation(tags: Any, _key: str) -> list[str]:
    return [str(int(bool(tags["cpil"])))]


# mutagen's easy tags lack these; registering a key tells its readers, it changes no file.
_ID3: Any = EasyID3
_MP4: Any = EasyMP4Tags
_ID3.RegisterTXXXKey("artists", "ARTISTS")
_MP4.RegisterFreeformKey("artists", "ARTISTS")
_MP4.RegisterFreeformKey("isrc", "ISRC")
_MP4.RegisterFreeformKey("musicbrainz_releasetrackid", "MusicBrainz Release Track Id")
_MP4.RegisterKey("compilation", getter=_compilation)
