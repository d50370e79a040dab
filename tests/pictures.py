"""Small pictures, and audio files that hold them."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, ID3
from mutagen.mp4 import MP4, MP4Cover
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from PIL import Image

RED, GREEN, BLUE = (200, 30, 40), (30, 160, 60), (30, 60, 200)
FRONT, BACK = 3, 4


def picture(
    colour: tuple[int, ...] = RED, width: int = 300, height: int | None = None, kind: str = "JPEG"
) -> bytes:
    """An encoded picture of one colour; four numbers make it transparent."""
    file = io.BytesIO()
    mode = "RGBA" if len(colour) == 4 else "RGB"
    Image.new(mode, (width, height or width), colour).save(file, kind)
    return file.getvalue()


def embed(path: Path, *pictures: tuple[int, bytes]) -> None:
    """Put pictures, each with its ID3 type, into an audio file that exists."""
    blocks = []
    for kind, content in pictures:
        block = Picture()
        block.type, block.mime, block.data = kind, "image/jpeg", content
        blocks.append(block)
    if path.suffix == ".flac":
        tags = FLAC(path)
        for block in blocks:
            tags.add_picture(block)
    elif path.suffix == ".mp3":
        tags = ID3()
        for index, (kind, content) in enumerate(pictures):
            tags.add(APIC(mime="image/jpeg", type=kind, desc=str(index), data=content))
        tags.save(path)
        return
    elif path.suffix == ".m4a":
        tags = MP4(path)
        tags["covr"] = [MP4Cover(content) for _, content in pictures]
    else:
        tags = OggOpus(path) if path.suffix == ".opus" else OggVorbis(path)
        encoded = [base64.b64encode(block.write()).decode() for block in blocks]
        tags["metadata_block_picture"] = encoded
    tags.save()


def colour_of(content: bytes) -> tuple[int, int, int]:
    """The colour in the middle of an encoded picture."""
    with Image.open(io.BytesIO(content)) as opened:
        found = opened.convert("RGB").getpixel((opened.width // 2, opened.height // 2))
    assert isinstance(found, tuple)
    return found[0], found[1], found[2]


def is_near(content: bytes, colour: tuple[int, int, int]) -> bool:
    """Whether the picture has this colour, but for what JPEG loses."""
    return max(abs(a - b) for a, b in zip(colour_of(content), colour, strict=True)) < 12


def size_of(content: bytes) -> tuple[int, int]:
    """Width and height of an encoded picture, pixels."""
    with Image.open(io.BytesIO(content)) as opened:
        return opened.size
