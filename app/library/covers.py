"""Cover art: looked for when it is asked for, made small, kept by whoever asked (ADR 0047).

The picture inside a track's file goes first, then one that lies beside it under a usual name.
Pictures are foreign bytes: their format, size and number of pixels are checked before anything is
decoded, and all of it happens in one thread, so that covers take one core at most from searches.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from PIL import Image, ImageOps

from app.errors import CoverNotFoundError, OverloadedError
from app.library.audio_files import audio_path, inside, roots_of
from indexer.catalog.records import Track
from indexer.snapshot.tracks import TrackRecord
from model.audio_pictures import MAX_PICTURE_BYTES, embedded_picture
from model.errors import AudioError

Outcome = TypeVar("Outcome")

NAMES = ("cover", "folder", "front", "album")  # of pictures beside a track, the first wins
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
MAX_PIXELS = 25_000_000  # 100 MB decoded
MAX_SIDE_PX = 1024
QUALITY = 85  # of JPEG
MEDIA_TYPE, BLANK_MEDIA_TYPE = "image/jpeg", "image/png"
RECIPE = 1  # raised when the same picture is made small otherwise
PLACES = 256
RETRY_AFTER_S = 1


@dataclass(frozen=True)
class CoverFiles:
    """Where the cover of a track may be.

    Attributes:
        audio: The track's file, links resolved.
        beside: A picture in its folder, links resolved; None without one.
    """

    audio: Path
    beside: Path | None

    def tag(self, size: int) -> str:
        """Entity tag of the cover at this size; another one as soon as a file changes.

        Raises:
            CoverNotFoundError: A file has just gone.
        """
        known: list[object] = [RECIPE, size]
        try:
            for path in filter(None, (self.audio, self.beside)):
                status = path.stat()
                known += [str(path), status.st_size, status.st_mtime_ns]
        except OSError as exc:
            raise CoverNotFoundError(f"{self.audio.name} has just gone") from exc
        return f'"{hashlib.blake2b(repr(known).encode(), digest_size=16).hexdigest()}"'


def cover_files(track: Track | TrackRecord, music_roots: Sequence[Path]) -> CoverFiles:
    """The files that may hold a track's cover, all of them inside the music roots.

    Raises:
        AudioNotFoundError: The track's file is gone, is no file, or lies outside.
    """
    audio = audio_path(track, music_roots)
    return CoverFiles(audio, _beside(audio.parent, roots_of(track, music_roots)))


def cover_jpeg(files: CoverFiles, size: int) -> bytes:
    """The cover as JPEG, no wider and no higher than `size` pixels, never enlarged.

    Raises:
        CoverNotFoundError: There is none, or none that can be read.
    """
    trouble = "neither inside the file nor beside it is a picture"
    for read in (_read_inside, _read_beside):
        try:
            content = read(files)
            if content is not None:
                return small_jpeg(content, size)
        except CoverNotFoundError as exc:
            trouble = str(exc)
    raise CoverNotFoundError(f"{files.audio.name} has no cover: {trouble}")


def small_jpeg(content: bytes, size: int) -> bytes:
    """An encoded picture as a JPEG that fits into a square of `size` pixels.

    Raises:
        CoverNotFoundError: It is no JPEG, PNG, WebP or GIF, is damaged, or has more than
            `MAX_PIXELS`.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            width, height = picture.size
            if width * height <= MAX_PIXELS:
                return _shrunk(picture, size)
    except Exception as exc:  # whatever damaged pictures make a decoder raise
        raise CoverNotFoundError(f"a picture that cannot be read: {exc}") from exc
    raise CoverNotFoundError(
        f"a picture of {width} x {height} pixels; at most {MAX_PIXELS} are decoded"
    )


@lru_cache(maxsize=1)
def blank_png() -> bytes:
    """A transparent picture of one pixel, for pages that draw something of their own instead."""
    return _encoded(Image.new("LA", (1, 1)), "PNG")


class CoverDesk:
    """The thread that covers are made in, and the bound on how many may wait for it."""

    def __init__(self, places: int = PLACES) -> None:
        self._places = places
        self._held = 0  # used from the event loop alone
        self._executor = ThreadPoolExecutor(1, "covers")

    async def do(self, work: Callable[[], Outcome]) -> Outcome:
        """What `work` returns, once it is its turn.

        Raises:
            OverloadedError: All places are taken.
            Exception: Whatever `work` raises.
        """
        if self._held >= self._places:
            raise OverloadedError(
                f"{self._held} covers are waited for already; try again in {RETRY_AFTER_S} s",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        self._held += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._held -= 1

    def close(self) -> None:
        """Begin no more; what is under way ends."""
        self._executor.shutdown(wait=True, cancel_futures=True)


def _beside(folder: Path, roots: Sequence[Path]) -> Path | None:
    ranks = {name: rank for rank, name in enumerate(f"{n}{s}" for n in NAMES for s in SUFFIXES)}
    try:
        with os.scandir(folder) as entries:
            named = [entry.name for entry in entries if entry.name.lower() in ranks]
    except OSError:
        return None
    for name in sorted(named, key=lambda name: (ranks[name.lower()], name)):
        with suppress(OSError, RuntimeError, ValueError):
            if (found := inside(folder / name, roots)) is not None:
                return found
    return None


def _read_inside(files: CoverFiles) -> bytes | None:
    try:
        return embedded_picture(files.audio)
    except AudioError as exc:
        raise CoverNotFoundError(str(exc)) from exc


def _read_beside(files: CoverFiles) -> bytes | None:
    if files.beside is None:
        return None
    try:
        with files.beside.open("rb") as file:
            content = file.read(MAX_PICTURE_BYTES + 1)
    except OSError as exc:
        raise CoverNotFoundError(f"{files.beside.name} cannot be read: {exc.strerror}") from exc
    if len(content) > MAX_PICTURE_BYTES:
        raise CoverNotFoundError(
            f"{files.beside.name} is larger than the {MAX_PICTURE_BYTES} bytes that are read"
        )
    return content


def _shrunk(picture: Image.Image, size: int) -> bytes:
    picture.draft("RGB", (size, size))  # JPEG alone: decodes an eighth to a half of it
    upright: Image.Image = ImageOps.exif_transpose(picture)
    if upright.mode not in ("RGB", "L"):
        upright = upright.convert("RGBA")
    upright.thumbnail((size, size), Image.Resampling.LANCZOS, reducing_gap=2.0)
    if upright.mode == "RGBA":
        ground = Image.new("RGB", upright.size, "white")
        ground.paste(upright, mask=upright.getchannel("A"))
        upright = ground
    return _encoded(upright, "JPEG", quality=QUALITY)


def _encoded(picture: Image.Image, kind: str, **options: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()
