"""Tags that mutagen's usual readers pass by: APEv2 after MP3, RIFF INFO, Matroska, ID3 before AAC.

APEv2 is looked for at the end of the file; everything else FFmpeg reads as it opens the container.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from mutagen.apev2 import APEv2

from model.audio.frames import audio_track, container_of
from model.errors import AudioError

# What containers call a field that mutagen's easy keys call otherwise.
_ALIASES = {
    "album_artist": "albumartist",
    "track": "tracknumber",
    "disc": "discnumber",
    "year": "date",
    "date_released": "date",
    "date_recorded": "date",
    "creation_time": "encoded",
    "lead_performer": "artist",
    "performer": "artist",
    "author": "artist",
}


def container_tags(source: Path | BinaryIO) -> Mapping[str, Any]:
    """The tags of a file by lower-case key; empty where there are none or they are damaged."""
    return _apev2(source) or _ffmpeg(source)


def _apev2(source: Path | BinaryIO) -> dict[str, Any]:
    try:
        _rewind(source)
        tags: Any = APEv2(source)  # type: ignore[no-untyped-call]
        found = {str(key).lower(): list(value) for key, value in tags.items() if value.kind == 0}
    except Exception:  # no APEv2, or whatever damaged tags make the reader raise
        return {}
    return {_ALIASES.get(key, key): value for key, value in found.items()}


def _ffmpeg(source: Path | BinaryIO) -> dict[str, Any]:
    try:
        _rewind(source)
        with container_of(source) as container:
            found = dict(container.metadata)
            found |= dict(audio_track(container, source).metadata)
    except (AudioError, ValueError):
        return {}
    lower = {str(key).lower(): str(value) for key, value in found.items()}
    aliased = {_ALIASES.get(key, key): value for key, value in lower.items()}
    return aliased | {key: value for key, value in lower.items() if key not in _ALIASES}


def _rewind(source: Path | BinaryIO) -> None:
    if not isinstance(source, Path):
        source.seek(0)
