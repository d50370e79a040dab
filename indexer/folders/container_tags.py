"""The tags of a file of any kind, by plain names that do not depend on the container.

A plain name is the container's own in lower case without blanks and signs, so that `ALBUM ARTIST`,
`album_artist` and `AlbumArtist` are one; `KEYS` says which plain names hold a field. mutagen reads
most files; APEv2 after MP3 and ID3 before anything else are looked for, and what mutagen passes by
(RIFF INFO, Matroska, CAF) FFmpeg reads as it opens the container.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import mutagen
from mutagen.apev2 import APEv2
from mutagen.id3 import ID3
from mutagen.mp4 import MP4Tags

from model.audio.frames import audio_track, container_of
from model.errors import AudioError

# Plain names by field, the preferred first: Vorbis comments and APEv2, ID3, MP4, ASF, Matroska.
KEYS: Mapping[str, tuple[str, ...]] = {
    "title": ("tit2", "©nam", "title", "tracktitle"),
    "artists": ("artists", "wmartists"),  # each on its own
    "artist": (
        *("tpe1", "©art", "artist", "author", "trackartist"),
        *("tpe2", "aart", "albumartist", "wmalbumartist", "performer", "leadperformer"),
    ),
    "album": ("talb", "©alb", "album", "wmalbumtitle", "albumtitle"),
    "genre": ("tcon", "©gen", "genre", "wmgenre"),
    "date": (
        *("tdrc", "©day", "date", "wmyear", "year", "tyer", "trackdatereleased", "datereleased"),
        *("albumdatereleased", "daterecorded", "tdrl", "releasedate", "tdor", "originaldate"),
        *("originalyear", "wmoriginalreleaseyear", "wmoriginalreleasetime"),
    ),
    "recording_mbid": ("ufidhttpmusicbrainzorg", "musicbrainztrackid"),
    "track_mbid": ("musicbrainzreleasetrackid",),
    "release_mbid": ("musicbrainzalbumid",),
    "artist_mbids": ("musicbrainzartistid",),
    "album_artist_mbids": ("musicbrainzalbumartistid",),
    "isrcs": ("tsrc", "isrc", "wmisrc"),
    "album_artist": ("tpe2", "aart", "albumartist", "wmalbumartist"),
    "track_number": ("trck", "trkn", "tracknumber", "wmtracknumber", "track", "trackpartnumber"),
    "disc_number": ("tpos", "disk", "discnumber", "wmpartofset", "disc"),
    "compilation": ("tcmp", "cpil", "compilation", "wmiscompilation"),
}
# Where one of these is missing, tags of another kind are looked for. mutagen drops dates that are
# not written as ID3 has them; FFmpeg gives them as they are.
_NAMES = ("title", "artist", "date")
_SIGNS = re.compile(r"[\s_/.:-]+")
_ID3V1 = 30  # characters that ID3v1 has room for
_LOST = "\N{REPLACEMENT CHARACTER}"  # what mutagen writes for bytes that are no UTF-8

Tagged = Mapping[str, list[str]]  # values by plain name


def tags_of(source: Path | BinaryIO) -> tuple[list[Tagged], Any]:
    """The tags of a file, the kind that goes before others first, and what mutagen says of it.

    Returns:
        Values by plain name of each kind of tags, as they are written; and mutagen's information,
        None where it makes nothing of the file.
    """
    file = _opened(source)
    tags, info = getattr(file, "tags", None), getattr(file, "info", None)
    first = _named(tags)
    named = [[value for key in KEYS[name] for value in first.get(key, ())] for name in _NAMES]
    if isinstance(tags, ID3) and any(len(value) == _ID3V1 for values in named for value in values):
        return [_apev2(source), first, *([] if all(named) else [_ffmpeg(source)])], info
    if any(_LOST in value for values in named for value in values):
        return [_ffmpeg(source), first], info
    return [first, *([] if all(named) else _others(source))], info


def _opened(source: Path | BinaryIO) -> Any:
    """What mutagen makes of a file; None where it makes nothing of it."""
    try:
        return mutagen.File(source)
    except Exception:  # whatever damaged tags make a reader raise
        return None


def _others(source: Path | BinaryIO) -> Iterator[Tagged]:
    """Tags of other kinds than the file's own."""
    return (read(source) for read in (_apev2, _id3, _ffmpeg))


def _named(tags: Any) -> Tagged:
    """The tags that mutagen found, by plain name."""
    if tags is None:
        return {}
    if isinstance(tags, ID3):
        return _gathered(_id3_values(tags))
    items = dict(tags).items() if isinstance(tags, MP4Tags | APEv2) else ()
    if isinstance(tags, MP4Tags):
        return _gathered((_mp4_name(key), _listed(value)) for key, value in items)
    if isinstance(tags, APEv2):
        return _gathered((key, list(value)) for key, value in items if value.kind == 0)
    return _gathered((key, _listed(value)) for key, value in tags.as_dict().items())


def _gathered(pairs: Iterable[tuple[str, list[Any]]]) -> Tagged:
    """Values by plain name; of two of one name the first."""
    found: dict[str, list[str]] = {}
    for key, values in pairs:
        texts = [text for value in values if (text := _text(value)).strip(" \0")]
        if texts:
            found.setdefault(_SIGNS.sub("", key.lower()), texts)
    return found


def _id3_values(tags: Any) -> Iterator[tuple[str, list[Any]]]:
    """Frames by their ids, then the described ones by what describes them."""
    frames = list(tags.values())
    for frame in frames:
        if frame.FrameID == "TCON":  # translates the numbers of ID3v1
            yield "tcon", frame.genres
        elif frame.FrameID == "UFID":
            yield f"ufid{frame.owner}", [frame.data]
        elif frame.FrameID[0] == "T" and frame.FrameID != "TXXX":
            yield frame.FrameID, list(getattr(frame, "text", ()))
    for frame in frames:
        if frame.FrameID == "TXXX":
            yield frame.desc, list(frame.text)


def _mp4_name(key: str) -> str:
    """`----:com.apple.iTunes:ISRC` is `ISRC`, whoever wrote it."""
    return key.split(":", 2)[2] if key.startswith("----:") and key.count(":") > 1 else key


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    """A value as text: bytes are UTF-8, and of `(3, 12)` the first counts."""
    if isinstance(value, tuple):
        value = value[0] if value else ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return str(value)


def _apev2(source: Path | BinaryIO) -> Tagged:
    try:
        _rewind(source)
        return _named(APEv2(source))  # type: ignore[no-untyped-call]
    except Exception:  # no APEv2, or whatever damaged tags make the reader raise
        return {}


def _id3(source: Path | BinaryIO) -> Tagged:
    """ID3 in front of a file that has tags of its own kind, such as FLAC."""
    try:
        _rewind(source)
        return _named(ID3(source))  # type: ignore[no-untyped-call]
    except Exception:  # as above
        return {}


def _ffmpeg(source: Path | BinaryIO) -> Tagged:
    try:
        _rewind(source)
        with container_of(source) as container:
            found = dict(container.metadata)
            found |= dict(audio_track(container, source).metadata)
    except (AudioError, ValueError):
        return {}
    return _gathered((str(key), [str(value)]) for key, value in found.items())


def _rewind(source: Path | BinaryIO) -> None:
    if not isinstance(source, Path):
        source.seek(0)
