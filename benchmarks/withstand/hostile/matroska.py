"""Matroska and WebM: elements without end, packed blocks, and containers of the same kind."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from benchmarks.withstand.hostile.named import NamedFile, tone_s16
from benchmarks.withstand.hostile.pictures import png

UNKNOWN = b"\x01" + b"\xff" * 7
LARGEST = b"\x01" + b"\xff" * 6 + b"\xfe"


def element(name: str, content: bytes, size: bytes | None = None) -> bytes:
    """An element by its id in hexadecimal; `size` is what it declares."""
    length = struct.pack(">Q", 1 << 56 | len(content)) if size is None else size
    return bytes.fromhex(name) + length + content


def number(name: str, value: int) -> bytes:
    """An element that holds a number."""
    return element(name, struct.pack(">Q", value))


def encoding(algorithm: int, settings: bytes = b"") -> bytes:
    """How the track's blocks are packed: 0 is zlib, 3 takes bytes off each one's head."""
    packing = element("5034", number("4254", algorithm) + settings)
    return element("6d80", element("6240", number("5031", 0) + number("5032", 1) + packing))


def track(
    *,
    code: bytes = b"A_PCM/INT/LIT",
    rate_hz: float = 44_100.0,
    channels: int = 1,
    more: bytes = b"",
) -> bytes:
    """An audio track of 16 bits."""
    rate = element("b5", struct.pack(">d", rate_hz))
    audio = element("e1", rate + number("9f", channels) + number("6264", 16))
    named = number("d7", 1) + number("73c5", 1) + number("83", 2) + element("86", code)
    return element("ae", named + audio + more)


def block(content: bytes, *, lacing: int = 0, time: int = 0) -> bytes:
    """A block of the first track."""
    return element("a3", b"\x81" + struct.pack(">hB", time, 0x80 | lacing) + content)


def matroska(
    tracks: bytes = b"", blocks: bytes = b"", *, before: bytes = b"", scale: int = 1_000_000
) -> bytes:
    """A file of one cluster."""
    head = element("1a45dfa3", element("4282", b"matroska") + number("4287", 4) + number("4285", 2))
    info = element("1549a966", number("2ad7b1", scale))
    content = blocks or block(tone_s16()[:60_000])
    cluster = element("1f43b675", number("e7", 0) + content)
    inner = info + before + element("1654ae6b", tracks or track()) + cluster
    return head + element("18538067", inner)


def nested(name: str, depth: int, inner: bytes = b"") -> bytes:
    """An element in itself, `depth` times."""
    for _ in range(depth):
        inner = element(name, inner)
    return inner


def _packed() -> Iterator[tuple[str, bytes]]:
    bomb = zlib.compress(bytes(100 << 20), 9)
    yield "blocks of 100 MB", matroska(track(more=encoding(0)), block(bomb) * 20)
    private = element("63a2", zlib.compress(bytes(100 << 20), 9))
    packing = number("4254", 0)
    scope = element("6d80", element("6240", number("5032", 2) + element("5034", packing)))
    yield "private data of 100 MB", matroska(track(more=private + scope))
    taken = element("4255", bytes(1 << 20))
    yield (
        "a megabyte before each block",
        matroska(track(more=encoding(3, taken)), b"".join(block(b"ab") for _ in range(3000))),
    )
    yield "packed by nothing known", matroska(track(more=encoding(99)))


def _elements() -> Iterator[tuple[str, bytes]]:
    yield "3000 tags deep", matroska(before=element("1254c367", nested("67c8", 3000)))
    yield "3000 chapters deep", matroska(before=element("1043a770", nested("b6", 3000)))
    yield "endless elements", matroska(before=element("1254c367", b"", UNKNOWN) * 2000)
    yield "an element of 2^56 bytes", matroska(before=element("ec", b"", LARGEST))
    one = element("67c8", element("45a3", b"A") + element("4487", b"b"))
    yield "20000 tags", matroska(before=element("1254c367", element("7373", one * 20_000)))
    seek = element("4dbb", element("53ab", bytes.fromhex("114d9b74")) + number("53ac", 0))
    yield "a head that seeks itself", matroska(before=element("114d9b74", seek * 2000))
    cue = element("bb", number("b3", 1) + element("b7", number("f7", 1) + number("f1", 2**60)))
    yield "20000 cues", matroska(before=element("1c53bb6b", cue * 20_000))
    for name, picture in (("24M pixels", png(6000, 4000)), ("30 MB", bytes(30 << 20))):
        file = element("466e", b"cover.png") + element("4660", b"image/png")
        attached = element("61a7", file + element("465c", picture) + number("46ae", 1))
        yield f"a cover of {name}", matroska(before=element("1941a469", attached))


def _tracks() -> Iterator[tuple[str, bytes]]:
    yield "3000 tracks", matroska(track() * 3000)
    for rate_hz in (0.0, 1e300, float("nan"), -1.0):
        yield f"a rate of {rate_hz}", matroska(track(rate_hz=rate_hz))
    for channels in (0, 2**32 - 1):
        yield f"{channels} channels", matroska(track(channels=channels))
    for scale in (0, 1, 2**63):
        yield f"a clock of {scale} ns", matroska(scale=scale)
    for code in (b"A_VORBIS", b"A_AAC", b"A_FLAC", b"A_OPUS", b"A_REAL/COOK", b"A_MS/ACM"):
        yield (
            f"{code.decode().replace('/', ' ')} without a head",
            matroska(track(code=code, more=element("63a2", b"\x02" + b"\xff" * 300))),
        )
    laced = block(b"\xff" + b"\xff" * 200, lacing=2)
    yield "laces that lie", matroska(blocks=laced * 2000)
    yield "laces of EBML that lie", matroska(blocks=block(b"\xff" + b"\x08" * 200, lacing=6) * 2000)
    yield "20000 blocks of nothing", matroska(blocks=block(b"") * 20_000)


def _others() -> Iterator[tuple[str, bytes]]:
    asf = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
    yield (
        "asf of 2^63 bytes.wma",
        asf + struct.pack("<QIBB", 2**63 - 1, 2**32 - 1, 1, 2) + bytes(500),
    )
    yield (
        "asf of 2^32 objects.wma",
        asf
        + struct.pack("<QIBB", 30, 2**32 - 1, 1, 2)
        + (bytes(16) + struct.pack("<Q", 24)) * 20_000,
    )
    flv = b"FLV\1\4\0\0\0\x09\0\0\0\0"
    yield "flv of 16 MB tags.flv", flv + (b"\x08\xff\xff\xff" + bytes(11)) * 2000
    script = b"\x02\0\x0aonMetaData\x08\xff\xff\xff\xff" + b"\0\1a\x03" * 5000
    yield (
        "flv of objects in objects.flv",
        flv + b"\x12" + struct.pack(">I", len(script))[1:] + bytes(7) + script,
    )
    packet = b"\x47\x40\0\x10" + bytes(184)
    yield "transport of nothing.ts", packet * 5000
    packets = b"".join(
        b"\x47" + struct.pack(">H", 0x4000 | pid) + b"\x10" + bytes(184) for pid in range(8000)
    )
    yield "transport of 8000 programs.ts", packets
    index = b"idx1" + struct.pack("<I", 2**31) + bytes(3200)
    stream = b"strh" + struct.pack("<I", 56) + b"auds" + b"\xff" * 52
    head = b"LIST" + struct.pack("<I", 4 + len(stream)) + b"strl" + stream
    avi = b"AVI LIST" + struct.pack("<I", 4 + len(head)) + b"hdrl" + head + index
    yield "avi of 2^31 index rows.avi", b"RIFF" + struct.pack("<I", 2**31) + avi
    yield (
        "programme stream.mpg",
        (b"\0\0\1\xba" + b"\x44" + bytes(9) + b"\0\0\1\xc0\xff\xff") * 3000,
    )


def files() -> Iterator[NamedFile]:
    """All of this family."""
    for name, content in (*_packed(), *_elements(), *_tracks()):
        yield NamedFile(f"matroska {name}.mka", content)
    for name, content in _others():
        yield NamedFile(name, content)
