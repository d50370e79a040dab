"""Foreign pictures made small. Runs in worker processes, never in the service.

Their format, size, number of pixels and number of scans are checked before anything is decoded.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

from PIL import Image, ImageOps

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")
MAX_PIXELS = 25_000_000  # 100 MB decoded
MAX_SCANS = 200  # of a progressive JPEG; each is decoded over all of the picture
MAX_PROFILE_BYTES = 16 * 1024  # of colours; those of cameras and screens have some 500 to 4,000
QUALITY = 85  # of JPEG
_SCAN = b"\xff\xda"


class PictureError(Exception):
    """The bytes are no picture that is shown."""


def small_jpeg(content: bytes, size: int) -> bytes:
    """An encoded picture as a JPEG that fits into a square of `size` pixels, never enlarged.

    Raises:
        PictureError: It is none of `FORMATS`, is damaged, or has more than `MAX_PIXELS` or
            `MAX_SCANS`.
    """
    if content[:2] == b"\xff\xd8" and content.count(_SCAN) > MAX_SCANS:
        raise PictureError(f"a picture of more than {MAX_SCANS} scans")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            width, height = picture.size
            if width * height <= MAX_PIXELS:
                return _shrunk(picture, size)
    except MemoryError:
        raise
    except Exception as exc:  # whatever damaged pictures make a decoder raise
        raise PictureError(f"a picture that cannot be read: {exc}") from exc
    raise PictureError(f"a picture of {width} x {height} pixels; at most {MAX_PIXELS} are decoded")


@lru_cache(maxsize=1)
def blank_png() -> bytes:
    """A transparent picture of one pixel, for pages that draw something of their own instead."""
    return _encoded(Image.new("LA", (1, 1)), "PNG")


def _shrunk(picture: Image.Image, size: int) -> bytes:
    picture.draft("RGB", (size, size))  # JPEG alone: decodes an eighth to a half of it
    upright: Image.Image = ImageOps.exif_transpose(picture)
    if upright.mode in ("I", "I;16", "I;16B", "I;16L", "I;16N"):  # 16 bits of grey
        upright = upright.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")
    if upright.mode not in ("RGB", "L") or "transparency" in upright.info:
        upright = upright.convert("RGBA")
    upright.thumbnail((size, size), Image.Resampling.LANCZOS, reducing_gap=2.0)
    profile = _profile(picture, upright.mode)
    if upright.mode == "RGBA":
        ground = Image.new("RGB", upright.size, "white")
        ground.paste(upright, mask=upright.getchannel("A"))
        upright = ground
    return _encoded(upright, "JPEG", quality=QUALITY, icc_profile=profile)


def _profile(picture: Image.Image, shown: str) -> bytes | None:
    """The colour profile of a picture, where what is shown of it has the colours it speaks of."""
    profile = picture.info.get("icc_profile")
    if not isinstance(profile, bytes) or not 0 < len(profile) <= MAX_PROFILE_BYTES:
        return None
    same = picture.mode == shown or (picture.mode in ("P", "RGB") and shown == "RGBA")
    return profile if same else None


def _encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()
