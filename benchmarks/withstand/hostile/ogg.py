"""Ogg: chains of thousands of links, pages without content, heads that declare too much."""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import soundfile

from benchmarks.withstand.hostile.named import NamedFile
from benchmarks.withstand.hostile.pictures import png

BEGINS, ENDS = 2, 4


def _table() -> list[int]:
    values = []
    for number in range(256):
        value = number << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7) & 0xFFFFFFFF if value >> 31 else value << 1
        values.append(value)
    return values


_CRC = _table()


def page(packet: bytes, *, serial: int, flags: int = 0, granule: int = 0, number: int = 0) -> bytes:
    """One packet on as many pages as it needs."""
    laces = [255] * (len(packet) // 255) + [len(packet) % 255]
    pages = []
    for at in range(0, len(laces), 255):
        some = laces[at : at + 255]
        content = packet[at * 255 : at * 255 + sum(some)]
        first = flags if at == 0 else flags & ~BEGINS | 1
        head = struct.pack("<4sBBqIIIB", b"OggS", 0, first, granule, serial, number, 0, len(some))
        whole = head + bytes(some) + content
        value = 0
        for byte in whole:
            value = value << 8 & 0xFFFFFFFF ^ _CRC[value >> 24 ^ byte]
        pages.append(whole[:22] + struct.pack("<I", value) + whole[26:])
        number += 1
    return b"".join(pages)


@lru_cache(maxsize=1)
def vorbis() -> bytes:
    """A quarter of a second of Ogg Vorbis."""
    with io.BytesIO() as file:
        tone = 0.3 * np.sin(np.arange(2000) / 9)
        soundfile.write(file, tone, 8000, format="OGG", subtype="VORBIS")
        return file.getvalue()


def opus(
    *, channels: int = 1, skip: int = 312, gain: int = 0, family: int = 0, tags: bytes = b""
) -> bytes:
    """Opus packets of silence under a head that may say anything."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, channels, skip, 48_000, gain, family)
    if family:
        head += bytes([channels, 0]) + bytes(range(channels))
    comments = tags or b"OpusTags" + struct.pack("<II", 0, 0)
    parts = [page(head, serial=1, flags=BEGINS), page(comments, serial=1, number=1)]
    last = 200
    for number in range(last):
        flags = ENDS if number == last - 1 else 0
        granule = 960 * (number + 1)
        parts.append(
            page(b"\xf8\xff\xfe", serial=1, flags=flags, granule=granule, number=2 + number)
        )
    return b"".join(parts)


def comments(count: int, each: bytes, *, declared: int | None = None) -> bytes:
    """Opus tags that repeat one comment."""
    one = struct.pack("<I", len(each)) + each
    return (
        b"OpusTags" + struct.pack("<II", 0, count if declared is None else declared) + one * count
    )


def _all() -> Iterator[tuple[str, bytes]]:
    yield "chain of 2000 links.ogg", vorbis() * 2000
    yield "chain of 20000 beginnings.ogg", page(vorbis()[28:58], serial=1, flags=BEGINS) * 20_000
    streams = [page(b"\x01vorbis" + bytes(23), serial=n, flags=BEGINS) for n in range(5000)]
    yield "5000 streams at once.ogg", b"".join(streams)
    yield "100000 empty pages.ogg", vorbis() + page(b"", serial=7) * 100_000
    yield "time beyond all.ogg", vorbis().replace(b"OggS\0\4", b"OggS\0\4" + b"\xff" * 7 + b"\x7f")
    setup = b"\x05vorbis\xff" + b"BCV\xff\xff\xff\xff\xff" + bytes(4000)
    head = b"\x01vorbis" + struct.pack("<IBIiiiBB", 0, 1, 44_100, 0, 0, 0, 0xB8, 1)
    note = b"\x03vorbis" + struct.pack("<II", 0, 0) + b"\1"
    start = page(head, serial=1, flags=BEGINS) + page(note, serial=1, number=1)
    yield "codebook of 2^24 entries.ogg", start + page(setup, serial=1, number=2)
    loud = page(head.replace(b"\x44\xac\0\0", b"\xff" * 4), serial=1, flags=BEGINS)
    yield "rate of 2^32.ogg", loud + page(note, serial=1, number=1)
    yield "opus of 255 channels.opus", opus(channels=255, family=255)
    yield "opus that skips all.opus", opus(skip=65_535)
    yield "opus 128 dB louder.opus", opus(gain=32_767)
    yield "opus of 50000 comments.opus", opus(tags=comments(50_000, b"A=b"))
    yield "opus of 2^32 comments.opus", opus(tags=comments(1, b"A=b", declared=2**32 - 1))
    yield (
        "opus with a title of a megabyte.opus",
        opus(tags=comments(1, b"TITLE=" + b"a" * (1 << 20))),
    )
    block = struct.pack(">II", 3, 9) + b"image/png" + bytes(20)
    large = png(6000, 4000)
    picture = base64.b64encode(block + struct.pack(">I", len(large)) + large)
    tagged = comments(1, b"METADATA_BLOCK_PICTURE=" + picture)
    yield "opus with a picture of 24M pixels.opus", opus(tags=tagged)
    yield (
        "flac in ogg.oga",
        page(b"\x7fFLAC\x01\0\xff\xff" + b"fLaC" + bytes(38), serial=1, flags=BEGINS),
    )
    yield "speex.spx", page(b"Speex   " + b"\xff" * 72, serial=1, flags=BEGINS)


def files() -> Iterator[NamedFile]:
    """All of this family."""
    for name, content in _all():
        yield NamedFile(f"ogg {name}", content)
