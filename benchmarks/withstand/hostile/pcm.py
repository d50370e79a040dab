"""WAV, AIFF, AU, CAF, FLAC and lossless neighbours: heads that lie, and hours in kilobytes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from benchmarks.withstand.hostile.named import RATE_HZ, NamedFile, tone_s16
from benchmarks.withstand.hostile.pictures import png

HUGE = 2**32 - 1


def riff_chunk(kind: bytes, content: bytes, size: int | None = None) -> bytes:
    """A chunk of a RIFF file; `size` is what it declares."""
    return kind + struct.pack("<I", len(content) if size is None else size) + content


def wav(
    *,
    channels: int = 1,
    rate_hz: int = RATE_HZ,
    bits: int = 16,
    block: int = 2,
    code: int = 1,
    before: bytes = b"",
    data_size: int | None = None,
    riff_size: int | None = None,
) -> bytes:
    """A WAV file of a tone, whose head may say anything."""
    head = struct.pack("<HHIIHH", code, channels, rate_hz, min(rate_hz * 2, HUGE), block, bits)
    content = b"WAVE" + riff_chunk(b"fmt ", head) + before
    content += riff_chunk(b"data", tone_s16(), data_size)
    return riff_chunk(b"RIFF", content, riff_size)


def _wavs() -> Iterator[tuple[str, bytes]]:
    yield "of 4 GB", wav(data_size=HUGE, riff_size=HUGE)
    yield "of no size", wav(data_size=0, riff_size=0)
    for channels in (0, 255, 65_535):
        yield f"of {channels} channels", wav(channels=channels, block=min(channels * 2, 65_535))
    for rate_hz in (0, 1, HUGE):
        yield f"of {rate_hz} Hz", wav(rate_hz=rate_hz)
    for block in (0, 1, 65_535):
        yield f"of {block} bytes a frame", wav(block=block)
    for bits in (0, 1, 64, 65_535):
        yield f"of {bits} bits", wav(bits=bits)
    for code, name in (
        (2, "ADPCM"),
        (0x11, "IMA"),
        (0x55, "MP3"),
        (0xFFFE, "nothing"),
        (0x2000, "AC-3"),
    ):
        yield f"that says it is {name}", wav(code=code)
    yield "of 50000 chunks", wav(before=riff_chunk(b"junk", b"") * 50_000)
    yield (
        "of 20000 tags",
        wav(before=riff_chunk(b"LIST", b"INFO" + riff_chunk(b"ICMT", b"ab") * 20_000)),
    )
    yield "with a tag of 2 GB", wav(before=riff_chunk(b"LIST", b"INFO" + b"INAM\xff\xff\xff\x7f"))
    yield "with cue points", wav(before=riff_chunk(b"cue ", struct.pack("<I", HUGE) + bytes(240)))
    entities = b"".join(b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 30))
    yield "with entities", wav(before=riff_chunk(b"iXML", b"<!DOCTYPE x [" + entities + b"]>"))


def _aiff(channels: int, frames: int, rate: bytes, data: bytes) -> bytes:
    common = struct.pack(">HIH", channels, frames, 16) + rate
    sound = bytes(8) + data
    body = b"AIFF" + b"COMM" + struct.pack(">I", len(common)) + common
    body += b"SSND" + struct.pack(">I", len(sound)) + sound
    return b"FORM" + struct.pack(">I", len(body)) + body


def _others() -> Iterator[tuple[str, bytes]]:
    rate = b"\x40\x0e\xac\x44" + bytes(6)
    for name, each in {"endless": b"\x7f\xff" + b"\xff" * 8, "no": bytes(10)}.items():
        yield f"aiff of {name} rate.aiff", _aiff(1, 1000, each, tone_s16())
    yield "aiff of 2^32 frames.aiff", _aiff(1, HUGE, rate, tone_s16())
    yield "aiff of 65535 channels.aiff", _aiff(65_535, 100, rate, tone_s16())
    for size, hz, channels in ((HUGE, 1, 1), (100, HUGE, HUGE), (HUGE, RATE_HZ, 0)):
        head = struct.pack(">IIIIII", 24, size, 3, hz, channels, 0)
        yield f"au of {size} bytes, {hz} Hz, {channels} channels.au", b".snd" + head + tone_s16()
    sizes = ((2**63 - 1, 1, 2), (-1, 0, 0), (2**40, HUGE, HUGE))
    for number, (size, frames, channels) in enumerate(sizes):
        desc = struct.pack(">d4sIIIII", 44_100.0, b"lpcm", 2, 2, frames, channels, 16)
        table = struct.pack(">qqii", 2**31, 2**40, 0, 0)
        content = b"caff\0\1\0\0" + b"desc" + struct.pack(">q", len(desc)) + desc
        content += b"pakt" + struct.pack(">q", len(table)) + table
        content += b"data" + struct.pack(">q", size) + bytes(4) + tone_s16()
        yield f"caf {number}.caf", content
    yield (
        "w64 of 2^63 bytes.w64",
        b"riff.\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0" + b"\xff" * 8 + bytes(64),
    )
    descriptor = struct.pack("<4sHHIIII", b"MAC ", 3990, 0, 52, 24, HUGE, 0)
    ape = (
        descriptor + bytes(28) + struct.pack("<HHIIIHHI", 2000, 0, 73_728, 1, 2**26, 16, 2, RATE_HZ)
    )
    yield "ape of 2^26 frames.ape", ape + bytes(1000)
    yield (
        "tta of 2^32 samples.tta",
        b"TTA1" + struct.pack("<HHHII", 1, 2, 16, RATE_HZ, HUGE) + bytes(2000),
    )
    wavpack = struct.pack("<4sIHBBIIIII", b"wvpk", 2**20, 0x410, 0, 0, HUGE, 0, 2**20, 0x1804, 0)
    yield "wavpack of 2^32 samples.wv", (wavpack + bytes(64)) * 200
    yield "dsf of 2^63 samples.dsf", (
        b"DSD " + struct.pack("<QQQ", 28, 2**60, 0) + b"fmt "
        + struct.pack("<QIIIIIIQII", 52, 1, 0, 2, 2, 2_822_400, 1, 2**62, 4096, 0)
        + b"data" + struct.pack("<Q", 2**60) + bytes(9000)
    )  # fmt: skip
    yield "musepack of 2^32 frames.mpc", b"MP+\x07" + struct.pack("<I", HUGE) + bytes(3000)
    yield "musepack 8.mpc", b"MPCK" + (b"SH\x8f" + bytes(12)) * 3000
    yield "tak.tak", b"tBaK" + (b"\x01\xff\xff\xff" + bytes(20)) * 100
    yield (
        "voc of 4 GB.voc",
        b"Creative Voice File\x1a\x1a\0\n\1)\x11" + b"\x01\xff\xff\xff\0\0" * 4000,
    )
    yield "amr.amr", b"#!AMR\n" + b"\x3c" + bytes(31) * 4000


def crc8(content: bytes) -> int:
    """The check of a FLAC frame's head."""
    value = 0
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ 7) & 255 if value & 128 else value << 1
    return value


def crc16(content: bytes) -> int:
    """The check of a FLAC frame."""
    value = 0
    for byte in content:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x8005) & 0xFFFF if value & 0x8000 else value << 1 & 0xFFFF
    return value


def coded_number(number: int) -> bytes:
    """A frame's number as FLAC writes it, like a letter in UTF-8."""
    if number < 0x80:
        return bytes([number])
    out: list[int] = []
    first = 0x3F
    while number > first:
        out.insert(0, 0x80 | number & 0x3F)
        number >>= 6
        first >>= 1
    return bytes([~(first * 2 + 1) & 0xFF | number, *out])


def flac_block(kind: int, content: bytes, *, last: bool = False, size: int | None = None) -> bytes:
    """A metadata block; `size` is what it declares."""
    length = struct.pack(">I", len(content) if size is None else size)[1:]
    return bytes([kind | (128 if last else 0)]) + length + content


def flac(
    frames: int, *, channels: int = 1, block: int = 65_535, total: int = 0, blocks: bytes = b""
) -> bytes:
    """Constant frames: a few bytes for each second and a half."""
    rate = RATE_HZ << 44 | (channels - 1) << 41 | 15 << 36 | total
    info = struct.pack(">HH", 16, 65_535) + bytes(6) + struct.pack(">Q", rate) + bytes(16)
    parts = [b"fLaC", flac_block(0, info, last=not blocks), blocks]
    for number in range(frames):
        head = b"\xff\xf8\x70" + bytes([(channels - 1) << 4 | 8])
        head += coded_number(number) + struct.pack(">H", block - 1)
        head += bytes([crc8(head)])
        value = struct.pack(">h", 12_000 if number % 2 else -9000)
        body = head + (b"\0" + value) * channels
        parts.append(body + struct.pack(">H", crc16(body)))
    return b"".join(parts)


def _picture(content: bytes, size: int | None = None) -> bytes:
    length = struct.pack(">I", len(content) if size is None else size)
    return struct.pack(">II", 3, 9) + b"image/png" + bytes(20) + length + content


def _flacs() -> Iterator[tuple[str, bytes]]:
    yield "of 15 hours", flac(36_000)
    yield "of 7 hours", flac(17_000)
    yield "of 100 minutes in 8 channels", flac(4000, channels=8)
    yield "of frames of 16 samples", flac(20_000, block=16)
    yield "of 2^36 samples", flac(3, total=2**36 - 1)
    yield "with a seek table", flac(3, blocks=flac_block(3, b"\xff" * 18 * 200_000, last=True))
    yield (
        "of 20000 paddings",
        flac(3, blocks=flac_block(1, b"") * 20_000 + flac_block(1, b"", last=True)),
    )
    comments = struct.pack("<I", 0) + struct.pack("<I", HUGE)
    yield "of 2^32 comments", flac(3, blocks=flac_block(4, comments, last=True))
    many = b"".join(struct.pack("<I", 5) + b"A=abc" for _ in range(60_000))
    listed = struct.pack("<II", 0, 60_000) + many
    yield "of 60000 comments", flac(3, blocks=flac_block(4, listed, last=True))
    for name, content, size in (
        ("24M pixels", png(6000, 4000), None),
        ("2 GB", b"", 2**31),
        ("a packed text", zlib.compress(bytes(1 << 20)), None),
    ):
        block = flac_block(6, _picture(content, size), last=True)
        yield f"with a picture of {name}", flac(3, blocks=block)


def files() -> Iterator[NamedFile]:
    """All of this family."""
    for name, content in _wavs():
        yield NamedFile(f"wav {name}.wav", content)
    for name, content in _flacs():
        yield NamedFile(f"flac {name}.flac", content)
    for name, content in _others():
        yield NamedFile(name, content)
