"""The picture inside an audio file, as it lies there: ID3's APIC, FLAC's and Ogg's picture, covr.

FFmpeg shows each as a video stream that is "attached" and has one packet. The file is read through
a window of bounded size, so that one that claims a picture of gigabytes costs no memory.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.stream import Disposition

from model.audio.frames import OPTIONS
from model.audio.source import opened
from model.errors import UndecodableAudioError

MAX_PICTURE_BYTES = 32 * 1024 * 1024
"""Largest picture that is taken out of a file."""

_READ_BYTES = 2 * MAX_PICTURE_BYTES  # of a file, while its picture is looked for
_FRONT, _OTHER, _ICON = "Cover (front)", "Other", "file icon"  # FFmpeg's names of ID3's types
_APE_FRONT = "cover art (front)"


def embedded_picture(source: Path | BinaryIO) -> bytes | None:
    """The encoded picture of an audio file: its front cover, or else the first picture it has.

    Args:
        source: The file, or it open; only what lies before its picture is read.

    Returns:
        The picture's bytes, of whatever format they are; None where there is none, or where it is
        larger than `MAX_PICTURE_BYTES`.

    Raises:
        UndecodableAudioError: FFmpeg makes no sense of the file or of the part that is read, or it
            cannot be read.
    """
    name = Path(str(getattr(source, "name", source))).name
    try:
        with opened(source) as (file, _), _open(_Window(file)) as container:
            pictures = [each for each in container.streams.video if _is_attached(each)]
            pictures.sort(key=_rank)
            packet = next(container.demux(pictures[0]), None) if pictures else None
            if packet is None or not 0 < packet.size <= MAX_PICTURE_BYTES:
                return None
            return bytes(packet)
    except (av.FFmpegError, OSError) as exc:
        reason = exc.strerror or type(exc).__name__
        raise UndecodableAudioError(f"cannot read the picture of {name}: {reason}") from exc


def rank_of_type(kind: int) -> int:
    """How a picture of a type of ID3 ranks as a cover, 0 first: front, other, any, small icons."""
    return {3: 0, 0: 1, 1: 3, 2: 3}.get(kind, 2)


def _rank(picture: Any) -> int:
    """As `rank_of_type`, of a picture as FFmpeg describes it."""
    said = {str(key).lower(): str(value) for key, value in picture.metadata.items()}
    kind = said.get("comment", _OTHER)
    if kind == _FRONT or _APE_FRONT in said or said.get("filename", "").lower().startswith("cover"):
        return rank_of_type(3)
    return rank_of_type(0 if kind == _OTHER else 1 if _ICON in kind else 4)


def _open(file: _Window) -> Any:
    return av.open(file, options=OPTIONS, metadata_errors="replace")


def _is_attached(stream: Any) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


class _Window(io.RawIOBase):
    """A file that ends, to whoever reads it, once `_READ_BYTES` were read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = _READ_BYTES

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
