"""Pictures that are small as files and large, long or deep when they are decoded."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache

from PIL import Image

from benchmarks.withstand.hostile.named import NamedFile


def segment(marker: int, content: bytes) -> bytes:
    """A segment of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def scanned_jpeg(side: int, scans: int, *, between: bytes = b"") -> bytes:
    """A progressive JPEG of `side` x `side` grey pixels, and so many scans over all of it."""
    lengths = b"\x01" + bytes(15)
    head = b"\xff\xd8" + segment(0xDB, b"\0" + b"\1" * 64)
    head += segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0")
    head += segment(0xC4, b"\x00" + lengths + b"\x00") + segment(0xC4, b"\x10" + lengths + b"\xe0")
    blocks = ((side + 7) // 8) ** 2
    head += segment(0xDA, b"\1\1\0\0\0\0") + bytes((blocks + 7) // 8)
    bits = ("0" + "1" * 14) * -(-blocks // 32767)
    bits += "1" * (-len(bits) % 8)
    body = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    scan = segment(0xDA, b"\1\1\0\1\x3f\0") + body.replace(b"\xff", b"\xff\0")
    return head + (between + scan) * scans + b"\xff\xd9"


def flat_jpeg(width: int, height: int, *, progressive: bool = False) -> bytes:
    """A JPEG that declares a size, with hardly any data."""
    with io.BytesIO() as file:
        Image.new("L", (16, 16)).save(file, "JPEG", progressive=progressive)
        content = bytearray(file.getvalue())
    frame = b"\xff\xc2" if progressive else b"\xff\xc0"
    at = content.index(frame) + 5
    content[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(content)


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


@lru_cache(maxsize=2)
def png(
    width: int,
    height: int,
    colour: int = 2,
    depth: int = 8,
    *,
    interlaced: bool = False,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """A PNG of zeros; colour 0 is grey, 2 RGB, 3 a palette, 4 grey with alpha, 6 RGB with alpha."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    line = bytes(1 + (width * samples * depth + 7) // 8)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    palette = chunk(b"PLTE", bytes(768)) if colour == 3 else b""
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", head),
            palette,
            before,
            chunk(b"IDAT", packed),
            after,
            chunk(b"IEND", b""),
        )
    )


def declared_png(width: int, height: int, data: bytes) -> bytes:
    """A PNG that declares a size and has hardly any data."""
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + data + chunk(b"IEND", b"")


def packed_text(kind: bytes, size: int) -> bytes:
    """A chunk of packed text, a profile or the like that unpacks to `size` zeros."""
    return chunk(kind, b"x\0\0" + zlib.compress(bytes(size), 9))


def gif(width: int, height: int, frames: int) -> bytes:
    """A GIF of a large canvas and many frames of one pixel."""
    frame = b"\x21\xf9\x04\0\0\0\0\0,\0\0\0\0" + struct.pack("<HH", 1, 1) + b"\0\x02\x02\x44\x01\0"
    head = b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0" + bytes(6)
    return head + frame * frames + b";"


def written(kind: str, picture: Image.Image, **options: object) -> bytes:
    """A picture as Pillow writes it."""
    with io.BytesIO() as file:
        picture.save(file, kind, **options)
        return file.getvalue()


def flat_webp(side: int) -> bytes:
    """A lossless WebP of one colour: its few bytes are right for any size that it declares."""
    content = bytearray(written("WEBP", Image.new("RGB", (16, 16)), lossless=True, method=0))
    at = content.index(b"VP8L") + 9  # after the size and the signature
    bits = int.from_bytes(content[at : at + 4], "little") >> 28 << 28
    content[at : at + 4] = (bits | side - 1 | (side - 1) << 14).to_bytes(4, "little")
    return bytes(content)


def _jpegs() -> Iterator[tuple[str, bytes]]:
    for side, scans in ((5000, 12_000), (5000, 201), (5000, 190), (1000, 5000)):
        yield f"{side} pixels and {scans} scans", scanned_jpeg(side, scans)
    restart = segment(0xDD, b"\0\1")
    yield "190 scans with restarts", scanned_jpeg(3000, 190, between=restart)
    yield "scans between comments", scanned_jpeg(1000, 150, between=segment(0xFE, bytes(2000)))
    for width, height in ((65_535, 65_535), (65_500, 380), (1, 65_535), (5000, 5000)):
        yield f"{width} x {height} declared", flat_jpeg(width, height)
    yield "5000 x 5000 declared in scans", flat_jpeg(5000, 5000, progressive=True)
    plain = flat_jpeg(16, 16)
    yield "5000 comments", plain[:2] + segment(0xFE, bytes(60)) * 5000 + plain[2:]
    exif = b"Exif\0\0II*\0\x08\0\0\0" + b"\xff\xff" + b"\x12\x01\x03\0\xff\xff\xff\xff\0\0\0\0"
    yield "directory without end", plain[:2] + segment(0xE1, exif) + plain[2:]


def _pngs() -> Iterator[tuple[str, bytes]]:
    yield "30000 x 30000 grey", png(30_000, 30_000, 0, 1)
    yield "5000 x 5000 of 16 bits", png(5000, 5000, 6, 16)
    yield "5000 x 5000 in passes", png(5000, 5000, 2, 8, interlaced=True)
    yield "1 x 2.5 million", png(1, 2_500_000, 0, 8)
    yield "declared 2^31 x 2^31", declared_png(2**31 - 1, 2**31 - 1, chunk(b"IDAT", b""))
    yield "20000 empty parts", declared_png(4900, 4900, chunk(b"IDAT", b"") * 20_000)
    for kind in (b"zTXt", b"iCCP"):
        yield f"{kind.decode()} of 100 MB", png(50, 50, before=packed_text(kind, 100 << 20))
    yield "100 zTXt of 10 MB", png(50, 50, before=packed_text(b"zTXt", 10 << 20) * 100)
    yield (
        "iTXt of 100 MB",
        png(50, 50, after=chunk(b"iTXt", b"x\0\1\0\0\0" + zlib.compress(bytes(100 << 20), 9))),
    )
    control = chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    yield "2^31 frames", png(4000, 4000, before=control)
    yield (
        "unpacks to more than it declares",
        declared_png(50, 50, chunk(b"IDAT", zlib.compress(bytes(100 << 20), 9))),
    )


def _others() -> Iterator[tuple[str, bytes]]:
    yield "gif of 65535 x 65535.png", gif(65_535, 65_535, 1)
    yield "gif of 20000 frames.jpg", gif(5000, 5000, 20_000)
    yield "webp of 16383 x 16383.webp", flat_webp(16_383)
    yield "webp of 4990 x 4990.webp", flat_webp(4990)
    small = Image.new("RGB", (1000, 1000))
    frames = [Image.new("RGB", (1000, 1000), (i, 0, 0)) for i in range(1, 40)]
    moving = written("WEBP", small, save_all=True, append_images=frames, lossless=True, method=0)
    yield "webp that moves.webp", moving
    for kind in ("BMP", "TIFF", "PPM", "ICO"):
        yield f"a {kind}.png", written(kind, Image.new("RGB", (200, 200)))
    yield "an SVG.jpg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>0</script></svg>'
    yield "postscript.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9999 9999\n{}loop"


def files() -> Iterator[NamedFile]:
    """All of this family."""
    for name, content in _jpegs():
        yield NamedFile(f"jpeg {name}.jpg", content)
    for name, content in _pngs():
        yield NamedFile(f"png {name}.png", content)
    for name, content in _others():
        yield NamedFile(name, content)
