"""MP3 and AAC with tags that unpack, repeat or declare too much, and frames that change."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from benchmarks.withstand.hostile.named import NamedFile
from benchmarks.withstand.hostile.pictures import png, scanned_jpeg

SILENT_FRAME = b"\xff\xfb\x10\xc4" + bytes(100)  # MPEG 1, layer 3, 32 kbit/s, 44.1 kHz, mono
SHORT_FRAME = b"\xff\xe3\x18\xc4" + bytes(68)  # MPEG 2.5, layer 3, 8 kbit/s, 8 kHz, mono: 72 ms


def syncsafe(size: int) -> bytes:
    """A size of four times seven bits."""
    return bytes(size >> shift & 127 for shift in (21, 14, 7, 0))


def id3(frames: bytes, *, version: int = 4, flags: int = 0, size: int | None = None) -> bytes:
    """A tag; `size` is what it declares."""
    length = len(frames) if size is None else size
    return b"ID3" + bytes([version, 0, flags]) + syncsafe(length) + frames


def frame(name: bytes, content: bytes, *, version: int = 4, flags: int = 0) -> bytes:
    """A frame of a tag."""
    size = syncsafe(len(content)) if version == 4 else struct.pack(">I", len(content))
    return name + size + struct.pack(">H", flags) + content


def packed(name: bytes, size: int, version: int) -> bytes:
    """A frame that unpacks to `size` letters."""
    content = zlib.compress(b"\x03" + b"a" * size, 9)
    if version == 4:
        return frame(name, syncsafe(min(size, 2**28 - 1)) + content, flags=0x0009)
    return frame(name, struct.pack(">I", size) + content, version=3, flags=0x0080)


def mp3(tag: bytes = b"", *, frames: int = 60, end: bytes = b"") -> bytes:
    """Silence between two tags."""
    return tag + SILENT_FRAME * frames + end


def ape(items: int, size: int, content: bytes) -> bytes:
    """An APEv2 tag that declares `items` and `size`."""
    return content + b"APETAGEX" + struct.pack("<IIII", 2000, size, items, 0) + bytes(8)


def _id3() -> Iterator[tuple[str, bytes]]:
    for version in (3, 4):
        title = packed(b"TIT2", 200 << 20, version)
        yield f"title of 200 MB, 2.{version}", mp3(id3(title, version=version))
        many = packed(b"TXXX", 20 << 20, version) * 30
        yield f"30 texts of 20 MB, 2.{version}", mp3(id3(many, version=version))
    yield "tag of 256 MB", mp3(id3(b"", size=2**28 - 1))
    yield "60000 texts", mp3(id3(frame(b"TXXX", b"\3a\0b") * 60_000))
    yield "60000 titles", mp3(id3(frame(b"TIT2", b"\3a") * 60_000))
    yield "2000 tags", mp3(id3(frame(b"TIT2", b"\3a")) * 2000)
    yield "20000 chapters", mp3(id3(frame(b"CHAP", b"a\0" + bytes(16)) * 20_000))
    inner = frame(b"TIT2", b"\3a")
    for _ in range(300):
        inner = frame(b"CHAP", b"a\0" + bytes(16) + inner)
    yield "300 chapters deep", mp3(id3(inner))
    yield "all of it escaped", mp3(id3(b"\xff\0" * 200_000, flags=0x80))
    yield "a frame of 256 MB", mp3(id3(b"TIT2" + syncsafe(2**28 - 1) + bytes(2)))
    yield "extended head of 256 MB", mp3(id3(syncsafe(2**28 - 1) + bytes(20), flags=0x40))
    for name, picture in (
        ("24M pixels", png(6000, 4000)),
        ("3000 scans", scanned_jpeg(2000, 3000)),
    ):
        attached = frame(b"APIC", b"\0image/png\0\3\0" + picture)
        yield f"picture of {name}", mp3(id3(attached))
    pictures = frame(b"APIC", b"\0image/png\0\3\0" + png(10, 10)) * 3000
    yield "3000 pictures", mp3(id3(pictures))


def _ends() -> Iterator[tuple[str, bytes]]:
    yield "APE of 2^32 items", mp3(end=ape(2**32 - 1, 100, bytes(68)))
    yield "APE of 4 GB", mp3(end=ape(1, 2**32 - 1, bytes(68)))
    item = struct.pack("<II", 1, 0) + b"Comment\0a"
    yield "APE of 30000 items", mp3(end=ape(30_000, 32 + len(item) * 30_000, item * 30_000))
    yield "a lyrics tag", mp3(end=b"LYRICSBEGIN" + bytes(2000) + b"999999LYRICS200")
    yield "3000 ID3v1", mp3(end=(b"TAG" + bytes(125)) * 3000)


def _frames() -> Iterator[tuple[str, bytes]]:
    xing = b"\xff\xfb\x10\xc4" + bytes(17) + b"Xing" + struct.pack(">III", 7, 2**32 - 1, 2**32 - 1)
    yield "2^32 frames", xing.ljust(104, b"\0") + mp3()
    vbri = b"\xff\xfb\x10\xc4" + bytes(32) + b"VBRI" + b"\xff" * 26
    yield "VBRI of 2^32 frames", vbri.ljust(104, b"\0") + mp3()
    yield "silence of 100 minutes", SHORT_FRAME * 83_000
    yield "a clip in 100 rates", (SILENT_FRAME * 3 + SHORT_FRAME * 3) * 100
    yield "free bit rate", (b"\xff\xfb\x00\xc4" + bytes(400)) * 500
    yield "sync after sync", b"\xff\xfb" * 200_000
    yield "noise between frames", (SILENT_FRAME + bytes(3000)) * 200


def _aac() -> Iterator[tuple[str, bytes]]:
    adts = b"\xff\xf1\x50\x40\x01\x7f\xfc" + bytes(4)
    yield "frames of nothing", adts * 20_000
    yield "frames of 8 KB that end", (b"\xff\xf1\x50\x43\xff\xff\xfc" + bytes(20)) * 3000
    yield "a tag before", id3(packed(b"TIT2", 100 << 20, 4)) + adts * 100


def _packets() -> Iterator[tuple[str, bytes]]:
    yield "ac-3 of heads.ac3", (b"\x0b\x77" + b"\xff" * 6) * 20_000
    yield "ac-3 of silence.ac3", (b"\x0b\x77\0\0\x00\x40\x2f\x84" + bytes(120)) * 2000
    yield "e-ac-3.eac3", (b"\x0b\x77\xff\xff\xff\x80" + bytes(58)) * 4000
    yield "dts of heads.dts", (b"\x7f\xfe\x80\x01" + b"\xff" * 12) * 8000
    yield "dts in hd.dts", b"DTSHDHDR" + struct.pack(">Q", 2**63 - 1) + bytes(4000)


def files() -> Iterator[NamedFile]:
    """All of this family."""
    for name, content in (*_id3(), *_ends(), *_frames()):
        yield NamedFile(f"mp3 {name}.mp3", content)
    for name, content in _aac():
        yield NamedFile(f"aac {name}.aac", content)
    for name, content in _packets():
        yield NamedFile(name, content)
