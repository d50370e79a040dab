"""Pictures in tags that FFmpeg passes by: of unknown media types, in APEv2, in `COVERART`."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import mutagen
from mutagen.apev2 import APEv2
from mutagen.flac import Picture

from model.audio.pictures import MAX_PICTURE_BYTES, rank_of_type

_FRONT, _OTHER = 3, 0  # of the types of ID3, which FLAC has too
_APE_PREFIX, _APE_FRONT = "cover art", "cover art (front)"

Found = Iterator[tuple[int, bytes]]  # types of ID3 with the encoded pictures


def tagged_picture(source: Path | BinaryIO) -> bytes | None:
    """The encoded picture of an audio file's tags: its front cover, or else the first one.

    Args:
        source: The file, or it open.

    Returns:
        None where there is none, it is larger than `MAX_PICTURE_BYTES`, or the tags are damaged.
    """
    for read in (_own, _apev2):
        try:
            if not isinstance(source, Path):
                source.seek(0)
            found = [each for each in read(source) if 0 < len(each[1]) <= MAX_PICTURE_BYTES]
        except MemoryError:
            raise
        except Exception:  # whatever damaged tags make a reader raise
            continue
        if found:
            return min(found, key=lambda each: rank_of_type(each[0]))[1]
    return None


def _own(source: Path | BinaryIO) -> Found:
    """ID3, FLAC and Vorbis comments."""
    file: Any = mutagen.File(source)
    tags = getattr(file, "tags", None)
    for frame in getattr(tags, "getall", lambda _: ())("APIC"):
        yield frame.type, frame.data
    block: Any
    for block in getattr(file, "pictures", ()):
        yield block.type, block.data
    comments: dict[str, list[str]] = getattr(tags, "as_dict", dict)()
    for text in comments.get("metadata_block_picture", ()):
        block = Picture(base64.b64decode(text))  # type: ignore[no-untyped-call]
        yield block.type, block.data
    for text in comments.get("coverart", ()):
        yield _OTHER, base64.b64decode(text)


def _apev2(source: Path | BinaryIO) -> Found:
    """A file name, NUL, and the picture."""
    for key, value in dict(APEv2(source)).items():  # type: ignore[no-untyped-call]
        if key.lower().startswith(_APE_PREFIX) and value.kind == 1:
            yield _FRONT if key.lower() == _APE_FRONT else _OTHER, value.value.partition(b"\0")[2]
