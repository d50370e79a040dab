"""Covers: which picture is taken, and what is refused."""

from __future__ import annotations

import asyncio
import io
import os
import struct
import threading
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageCms

from app.errors import CoverNotFoundError, OverloadedError
from app.library import cover_worker
from app.library.covers import WORKERS, CoverDesk, CoverMaker, cover_files
from app.library.pictures import (
    MAX_PIXELS,
    MAX_SCANS,
    PictureError,
    blank_png,
    small_jpeg,
)
from indexer.errors import WorkerLimitError
from indexer.snapshot.tracks import TrackRecord
from model.audio.pictures import MAX_PICTURE_BYTES
from tests.pictures import BLUE, FRONT, GREEN, RED, embed, is_near, picture, size_of
from tests.running import RATE_HZ, tone


class Direct:
    """A worker in this process."""

    alive = True
    asked = 0

    def ask(
        self, request: Mapping[str, Any], file: int | None = None
    ) -> tuple[dict[str, Any], bytes]:
        """As the worker would."""
        self.asked += 1
        assert file is not None
        with os.fdopen(os.dup(file), "rb") as opened:
            opened.seek(0)
            reply, content = cover_worker.handle(request, opened)
        return dict(reply), content

    def close(self) -> None:
        """Nothing to end."""


class Costly(Direct):
    """A worker that is lost over every picture inside a file."""

    def ask(
        self, request: Mapping[str, Any], file: int | None = None
    ) -> tuple[dict[str, Any], bytes]:
        """Be lost, or answer."""
        self.asked += 1
        if request["do"] == "inside":
            raise WorkerLimitError("it took longer than 5 s")
        return super().ask(request, file)


def cover_of(track: TrackRecord, root: Path, size: int = 64) -> bytes:
    """The cover of a track, made in this process."""
    with cover_files(track, (root,)) as files:
        return CoverMaker(Direct).jpeg(files, size)


def track_in(folder: Path) -> TrackRecord:
    """A track without a picture."""
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / "tone.flac", tone(0.5, 440.0), RATE_HZ)
    return TrackRecord(1, "0" * 32, str(folder), "tone.flac", None, None, None, None, None, 3.0)


def beside(folder: Path) -> str | None:
    """Name of the picture that is taken from the folder."""
    with cover_files(track_in(folder), (folder,)) as files:
        return files.beside.name if files.beside else None


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it is so large and holds no pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [struct.pack(">I", 13), body, struct.pack(">I", zlib.crc32(body))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_the_picture_inside_goes_before_the_one_beside(tmp_path: Path) -> None:
    """Beside it is taken where there is none inside, or a broken one."""
    track = track_in(tmp_path)
    (tmp_path / "cover.jpg").write_bytes(picture(BLUE))
    assert is_near(cover_of(track, tmp_path), BLUE)
    embed(tmp_path / "tone.flac", (FRONT, b"\xff\xd8\xff\xe0 no picture"))
    assert is_near(cover_of(track, tmp_path), BLUE)

    track_in(tmp_path)
    embed(tmp_path / "tone.flac", (FRONT, picture(RED)))

    assert is_near(cover_of(track, tmp_path), RED)


def test_usual_names_are_looked_for_in_order(tmp_path: Path) -> None:
    """Whatever their case; other pictures are none."""
    names = [
        "scan.jpg",
        "AlbumArt_{B5020207-474E-4720}_Large.jpg",
        "AlbumArt.bmp",
        "Album.webp",
        "FRONT.PNG",
        "folder.JPG",
        "Cover.jpeg",
        "cover.jpg",
    ]
    seen = []
    for name in names:
        (tmp_path / name).write_bytes(picture())
        seen.append(beside(tmp_path))

    assert seen == [None, *names[1:]]


def test_a_disc_shows_the_cover_of_its_album(tmp_path: Path) -> None:
    """That above the disc's folder, where the disc has none; other folders ask nowhere else."""
    track_in(tmp_path / "Blue/CD 2")
    (tmp_path / "Blue/cover.jpg").write_bytes(picture())

    def found(folder: str) -> str | None:
        path = f"Blue/{folder}/tone.flac"
        track = TrackRecord(1, "0" * 32, str(tmp_path), path, None, None, None, None, None, 3.0)
        with cover_files(track, (tmp_path,)) as files:
            return files.beside.name if files.beside else None

    assert found("CD 2") == "cover.jpg"
    (tmp_path / "Blue/CD 2/front.png").write_bytes(picture())
    assert found("CD 2") == "front.png"
    track_in(tmp_path / "Blue/Live")
    assert found("Live") is None


def test_a_picture_beside_follows_the_rule_of_the_audio(tmp_path: Path) -> None:
    """No link is followed, nor is a folder or a pipe a picture."""
    outside, folder = tmp_path / "outside", tmp_path / "music"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(picture())
    track_in(folder)
    (folder / "cover.jpg").symlink_to(outside / "secret.jpg")
    (folder / "cover.png").mkdir()
    (folder / "folder.jpg").symlink_to(folder / "nothing.jpg")
    os.mkfifo(folder / "folder.png")
    assert beside(folder) is None

    (folder / "scan.jpg").write_bytes(picture())
    (folder / "album.jpg").symlink_to(folder / "scan.jpg")
    assert beside(folder) is None

    (folder / "album.png").write_bytes(picture())

    assert beside(folder) == "album.png"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF"])
def test_a_picture_fits_the_square_and_keeps_its_shape(kind: str) -> None:
    """Twice as wide as high stays so; a small one is not enlarged."""
    wide = picture(GREEN, 400, 200, kind)

    assert size_of(small_jpeg(wide, 100)) == (100, 50)
    assert size_of(small_jpeg(wide, 1024)) == (400, 200)
    assert is_near(small_jpeg(wide, 100), GREEN)


def test_what_is_transparent_becomes_white() -> None:
    """JPEG knows no transparency."""
    assert is_near(small_jpeg(picture((0, 0, 0, 0), kind="PNG"), 64), (255, 255, 255))


@pytest.mark.parametrize(("mode", "colour"), [("RGB", RED), ("L", 10), ("P", 0)])
def test_a_colour_that_stands_for_transparency_becomes_white(mode: str, colour: Any) -> None:
    """Old PNG files name one instead of an alpha channel."""
    file = io.BytesIO()
    Image.new(mode, (64, 64), colour).save(file, "PNG", transparency=colour)

    assert is_near(small_jpeg(file.getvalue(), 32), (255, 255, 255))


@pytest.mark.parametrize(("mode", "kept"), [("RGB", True), ("RGBA", True), ("CMYK", False)])
def test_a_profile_of_colours_goes_with_them(mode: str, kept: bool) -> None:
    """Without it a wide space looks pale; that of printing inks says nothing of a screen."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    file = io.BytesIO()
    kind = "PNG" if mode == "RGBA" else "JPEG"
    Image.new(mode, (64, 64)).save(file, kind, icc_profile=profile)

    with Image.open(io.BytesIO(small_jpeg(file.getvalue(), 32))) as small:
        assert small.info.get("icc_profile") == (profile if kept else None)


def test_a_turned_photograph_stands_upright() -> None:
    """As its orientation says."""
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (400, 200), RED).save(file, "JPEG", exif=exif)

    assert size_of(small_jpeg(file.getvalue(), 100)) == (50, 100)


def test_a_decompression_bomb_is_not_decoded() -> None:
    """More pixels than are decoded, also so many that Pillow itself warns or refuses."""
    side = int(MAX_PIXELS**0.5)
    assert size_of(small_jpeg(picture(RED, side, side), 32)) == (32, 32)

    with pytest.raises(PictureError, match=f"{side + 1} x {side} pixels"):
        small_jpeg(picture(RED, side + 1, side), 32)
    for huge in (11_000, 30_000):
        with pytest.raises(PictureError, match="picture"):
            small_jpeg(png_of(huge, huge), 32)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_broken_picture_is_refused(kind: str) -> None:
    """Cut off anywhere, or with a part overwritten: refused, or still a small picture."""
    whole = picture(GREEN, 300, 300, kind)
    refused = 0
    for end in range(0, len(whole), max(1, len(whole) // 30)):
        for content in (whole[:end], whole[:end] + b"\0\xff" * 8 + whole[end + 16 :]):
            try:
                assert size_of(small_jpeg(content, 32)) <= (32, 32)
            except PictureError:
                refused += 1
    assert refused >= 20
    for other in (b"", b"no picture", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%!PS-Adobe"):
        with pytest.raises(PictureError, match="cannot be read"):
            small_jpeg(other, 32)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """A picture beside the track that has more bytes than are read is none."""
    track = track_in(tmp_path)
    (tmp_path / "cover.jpg").write_bytes(picture())
    assert cover_of(track, tmp_path)

    with (tmp_path / "cover.jpg").open("r+b") as file:
        file.truncate(MAX_PICTURE_BYTES + 1)

    with pytest.raises(CoverNotFoundError, match="larger than"):
        cover_of(track, tmp_path)


def test_the_tag_follows_the_files(tmp_path: Path) -> None:
    """Another size, another picture or other audio: another tag; else the same."""
    track = track_in(tmp_path)

    def tag(size: int = 64) -> str:
        with cover_files(track, (tmp_path,)) as files:
            return files.tag(size)

    tags = [tag(), tag(65)]
    (tmp_path / "cover.jpg").write_bytes(picture(RED))
    tags.append(tag())
    (tmp_path / "cover.jpg").write_bytes(picture(RED, 301))
    tags.append(tag())
    embed(tmp_path / "tone.flac", (FRONT, picture()))
    tags.append(tag())

    assert len(set(tags)) == len(tags)
    assert tag() == tags[-1]


def test_the_blank_picture_is_one_clear_pixel() -> None:
    """It lets through what lies under it."""
    with Image.open(io.BytesIO(blank_png())) as blank:
        assert (blank.size, blank.convert("RGBA").getpixel((0, 0))) == ((1, 1), (0, 0, 0, 0))


def test_few_covers_are_made_at_once_and_not_without_end() -> None:
    """A few threads wait for them; who comes when all places are taken is sent away."""
    going = threading.Event()
    threads = set()

    def work() -> None:
        going.wait(120.0)
        threads.add(threading.current_thread())

    async def ask() -> list[object]:
        desk = CoverDesk(places=3)
        waiting = [asyncio.ensure_future(desk.do(work)) for _ in range(4)]
        await asyncio.sleep(0)
        going.set()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        desk.close()
        return answers

    answers = asyncio.run(ask())

    assert answers[:3] == [None] * 3
    assert isinstance(answers[3], OverloadedError)
    assert len(threads) <= WORKERS


def test_a_picture_that_takes_too_much_is_tried_once(tmp_path: Path) -> None:
    """The one beside is taken instead, and without one nobody is kept waiting again."""
    track = track_in(tmp_path)
    workers = [Costly(), Costly()]
    maker = CoverMaker(lambda: workers[0], workers=1)
    with cover_files(track, (tmp_path,)) as files:
        for _ in range(3):
            with pytest.raises(CoverNotFoundError, match="takes too much"):
                maker.jpeg(files, 64)
    assert workers[0].asked == 1

    (tmp_path / "cover.jpg").write_bytes(picture(RED))
    with cover_files(track, (tmp_path,)) as files:
        assert is_near(maker.jpeg(files, 64), RED)


def test_a_jpeg_of_endless_scans_is_refused_unread() -> None:
    """Each scan is decoded over all of the picture."""
    content = picture(RED)
    scan = content[content.index(b"\xff\xda") : -2]

    with pytest.raises(PictureError, match="scans"):
        small_jpeg(content[:-2] + scan * MAX_SCANS + content[-2:], 32)


@pytest.mark.parametrize("grey", [0x0000, 0x6000, 0x8000, 0xFFFF])
def test_grey_of_16_bits_keeps_its_shade(grey: int) -> None:
    """A scan of a sleeve."""
    file = io.BytesIO()
    Image.fromarray(np.full((64, 64), grey, np.uint16)).save(file, "PNG")

    with Image.open(io.BytesIO(small_jpeg(file.getvalue(), 32))) as small:
        assert np.asarray(small.convert("L")).mean() == pytest.approx(grey / 257, abs=1)
