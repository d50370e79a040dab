"""Our tags in each kind of file: read, written, and put back as they were.

| | ID3 | Vorbis | MP4 | APE | ASF |
|---|---|---|---|---|---|
| mood words | `TMOO` | `MOOD` | `----:com.apple.iTunes:MOOD` | `Mood` | `WM/Mood` |
| valence | `TXXX:CIRCUMPLEX_RELATIVE_VALENCE` | the same name | freeform | the same | the same |
| arousal | `TXXX:CIRCUMPLEX_RELATIVE_AROUSAL` | the same name | freeform | the same | the same |

The scale is in the name: `relative`, where -1 to 1 are quantiles of the library.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import mutagen
from mutagen.aac import AAC
from mutagen.ac3 import AC3
from mutagen.apev2 import APETextValue, APEv2
from mutagen.asf import ASFTags
from mutagen.id3 import ID3, TMOO, TXXX
from mutagen.mp4 import MP4FreeForm, MP4Tags

from app.errors import InvalidRequestError

MOOD = "MOOD"
VALENCE, AROUSAL = "CIRCUMPLEX_RELATIVE_VALENCE", "CIRCUMPLEX_RELATIVE_AROUSAL"
FIELDS = (MOOD, VALENCE, AROUSAL)
FREEFORM = "----:com.apple.iTunes:"

_WITHOUT_TAGS = (AAC, AC3)  # kinds that mutagen reads and cannot write

Values = Mapping[str, list[str] | None]  # by field; None: the tag is not there


def opened(path: Path) -> Any:
    """A file that tags can be written into.

    Raises:
        InvalidRequestError: It is of no kind that takes tags, or damaged.
    """
    try:
        file = mutagen.File(path)
    except Exception as exc:  # whatever damaged files make it raise
        raise InvalidRequestError(f"{path.name} cannot be tagged: {exc}") from exc
    if file is None or isinstance(file, _WITHOUT_TAGS):
        raise InvalidRequestError(f"{path.name} is of no kind that takes tags")
    if isinstance(file.tags, ID3):
        file.tags = _as_written(file.tags, path)
    return file


def _as_written(tags: ID3, path: Path) -> Any:
    """ID3 in the version it is written in: as mutagen translates it, frames change or are lost.

    ID3v2.2 cannot be written, and becomes ID3v2.3.

    Raises:
        InvalidRequestError: It is ID3v2.2 with frames that ID3v2.3 does not have.
    """
    own: Any = type(tags)()
    own.load(path, translate=False)
    if own.version[:2] == (2, 2):
        if own.unknown_frames:
            raise InvalidRequestError(f"{path.name} has frames that ID3v2.2 alone knows")
        own.update_to_v23()
    return own


def read(file: Any) -> dict[str, list[str] | None]:
    """Our tags as they are in a file."""
    return {field: _read(file.tags, field) for field in FIELDS}


def write(file: Any, values: Values) -> None:
    """Set our tags; None takes one away. Nothing is saved yet."""
    if file.tags is None:
        if all(value is None for value in values.values()):
            return
        file.add_tags()
    for field, value in values.items():
        if value is None:
            _remove(file.tags, field)
        else:
            _set(file.tags, field, value)


def save(file: Any, path: Path) -> None:
    """Save a file's tags, in the version of ID3 that they are in.

    Several values of one frame stay apart (by NUL, as ID3v2.4 has it) also in ID3v2.3, where a
    slash would make one of them.
    """
    tags = file.tags
    if isinstance(tags, ID3) and tags.version[:2] in ((2, 2), (2, 3)):
        file.save(path, v2_version=3, v23_sep=None)
    else:
        file.save(path)


def others(file: Any) -> dict[str, str]:
    """Every tag but ours, as text, to be compared."""
    if file.tags is None:
        return {}
    ours = {_key(file.tags, field).lower() for field in FIELDS}
    keys = [key for key in file.tags.keys() if str(key).lower() not in ours]  # noqa: SIM118
    unknown = {f"unknown {at}": repr(each) for at, each in enumerate(_unknown(file.tags))}
    return {str(key): repr(file.tags[key]) for key in keys} | unknown


def _unknown(tags: Any) -> list[bytes]:
    """Frames of ID3 that mutagen knows nothing of, and keeps."""
    return list(getattr(tags, "unknown_frames", ()))


def _key(tags: Any, field: str) -> str:
    if isinstance(tags, ID3):
        return "TMOO" if field == MOOD else f"TXXX:{field}"
    if isinstance(tags, MP4Tags):
        return f"{FREEFORM}{field}"
    if isinstance(tags, ASFTags):
        return "WM/Mood" if field == MOOD else field
    if isinstance(tags, APEv2):
        return "Mood" if field == MOOD else field
    return field


def _read(tags: Any, field: str) -> list[str] | None:
    if tags is None:
        return None
    try:
        value = tags[_key(tags, field)]
    except KeyError:
        return None
    value = getattr(value, "text", value)
    listed = list(value) if isinstance(value, list | tuple | APETextValue) else [value]
    return [
        each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in listed
    ]


def _set(tags: Any, field: str, values: list[str]) -> None:
    key = _key(tags, field)
    if isinstance(tags, ID3):
        _add_frame(tags, key, field, values)
    elif isinstance(tags, MP4Tags):
        freeform: Any = MP4FreeForm
        tags[key] = [freeform(value.encode()) for value in values]
    else:
        tags[key] = values


def _add_frame(tags: Any, key: str, field: str, values: list[str]) -> None:
    mood, named = cast("Any", TMOO), cast("Any", TXXX)
    if field == MOOD:
        tags.setall(key, [mood(encoding=3, text=values)])
    else:
        tags.setall(key, [named(encoding=3, desc=field, text=values)])


def _remove(tags: Any, field: str) -> None:
    key = _key(tags, field)
    frames: Any = tags
    if isinstance(tags, ID3):
        frames.delall(key)
    elif key in tags:
        del tags[key]
