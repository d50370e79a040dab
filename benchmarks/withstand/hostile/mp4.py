"""MP4 and QuickTime: tables and durations that are declared, edits, boxes in boxes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.withstand.hostile.named import RATE_HZ, NamedFile, tone_s16
from benchmarks.withstand.hostile.pictures import png, scanned_jpeg

HUGE = 2**32 - 1


def box(kind: bytes, content: bytes) -> bytes:
    """A box with its size."""
    return struct.pack(">I", 8 + len(content)) + kind + content


def full(kind: bytes, content: bytes, flags: int = 0, version: int = 0) -> bytes:
    """A box with a version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags) + content)


def table(kind: bytes, count: int, *rows: tuple[int, ...]) -> bytes:
    """A table that declares `count` rows and has `rows`."""
    return full(
        kind, struct.pack(">I", count) + b"".join(struct.pack(f">{len(r)}I", *r) for r in rows)
    )


@dataclass(frozen=True)
class Movie:
    """One file: what it declares of its samples; every part can be replaced by other bytes.

    Attributes:
        samples: Declared number of samples.
        size: Declared size of each; 0: a table follows.
        delta: Ticks that each lasts.
        timescale: Ticks a second.
        tracks: Copies of the track.
        entry: Kind of the sample entry.
        parts: Boxes in the place of those that are made, by their kind.
        edits: An edit list.
        after: Boxes after the tracks.
        data: What the media data box holds.
    """

    samples: int = RATE_HZ
    size: int = 2
    delta: int = 1
    timescale: int = RATE_HZ
    tracks: int = 1
    entry: bytes = b"sowt"
    parts: dict[bytes, bytes] = field(default_factory=dict)
    edits: bytes = b""
    after: bytes = b""
    data: bytes = b""

    def bytes(self) -> bytes:
        """The file."""
        head = box(b"ftyp", b"M4A \0\0\0\0M4A isom")
        media = box(b"mdat", self.data or tone_s16())
        return head + media + box(b"moov", self.moov(len(head) + 8))

    def moov(self, offset: int) -> bytes:
        """The content of the movie box; the samples begin at `offset`."""
        track = box(b"trak", self._header() + self.edits + box(b"mdia", self._media(offset)))
        movie = full(b"mvhd", struct.pack(">IIII", 0, 0, 1000, 1000) + bytes(80))
        return movie + track * self.tracks + self.after

    def _header(self) -> bytes:
        return full(b"tkhd", struct.pack(">IIIII", 0, 0, 1, 0, 1000) + bytes(60), 3)

    def _media(self, offset: int) -> bytes:
        length = min(self.samples * self.delta, HUGE)
        made = struct.pack(">IIIIHH", 0, 0, self.timescale, length, 0, 0)
        handler = full(b"hdlr", bytes(4) + b"soun" + bytes(13))
        data = box(b"dinf", full(b"dref", struct.pack(">I", 1) + full(b"url ", b"", 1)))
        inner = full(b"smhd", bytes(4)) + data + box(b"stbl", self._tables(offset))
        return full(b"mdhd", made) + handler + box(b"minf", inner)

    def _tables(self, offset: int) -> bytes:
        sound = struct.pack(">HHIHHHHI", 0, 0, 0, 1, 16, 0, 0, RATE_HZ << 16)
        entry = box(self.entry, bytes(6) + struct.pack(">H", 1) + sound)
        made = {
            b"stsd": full(b"stsd", struct.pack(">I", 1) + entry),
            b"stts": table(b"stts", 1, (self.samples, self.delta)),
            b"stsc": table(b"stsc", 1, (1, self.samples, 1)),
            b"stsz": full(b"stsz", struct.pack(">II", self.size, self.samples)),
            b"stco": table(b"stco", 1, (offset,)),
        }
        return b"".join((made | self.parts).values())


def nested(kind: bytes, depth: int, inner: bytes = b"") -> bytes:
    """A box in a box, `depth` times."""
    for _ in range(depth):
        inner = box(kind, inner)
    return inner


def edit_list(*edits: tuple[int, int, int], count: int | None = None) -> bytes:
    """Edits of (duration, media time, rate as 16.16)."""
    rows = b"".join(struct.pack(">IiI", *edit) for edit in edits)
    return box(b"edts", full(b"elst", struct.pack(">I", count or len(edits)) + rows))


def metadata(items: bytes) -> bytes:
    """ITunes tags."""
    handler = full(b"hdlr", bytes(4) + b"mdirappl" + bytes(9))
    return box(b"udta", full(b"meta", handler + box(b"ilst", items)))


def data_item(kind: bytes, content: bytes, code: int = 1) -> bytes:
    """One tag."""
    return box(kind, box(b"data", struct.pack(">II", code, 0) + content))


def compressed_movie(declared: int, content: bytes) -> bytes:
    """A movie box that is packed by zlib."""
    packed = box(b"cmvd", struct.pack(">I", declared) + zlib.compress(content, 9))
    return box(b"ftyp", b"qt  \0\0\0\0qt  ") + box(
        b"moov", box(b"cmov", box(b"dcom", b"zlib") + packed)
    )


def fragments(count: int, samples: int, rows: int) -> bytes:
    """Fragments that declare `samples` samples each."""
    run = full(b"trun", struct.pack(">I", samples) + bytes(8 * rows), 0x300)
    header = full(b"tfhd", struct.pack(">I", 1), 0x20000)
    moof = box(b"moof", full(b"mfhd", struct.pack(">I", 1)) + box(b"traf", header + run))
    trex = full(b"trex", struct.pack(">IIIII", 1, 1, 1, 2, 0))
    start = Movie(samples=0, after=box(b"mvex", trex)).bytes()
    return start + (moof + box(b"mdat", bytes(64))) * count


def _declared() -> Iterator[tuple[str, Movie]]:
    for samples in (1_000_000, 20_000_000, 80_000_000, HUGE):
        yield f"{samples} samples", Movie(samples=samples)
    for samples in (20_000_000, HUGE):
        yield f"{samples} samples of no size", Movie(samples=samples, size=0)
    for size in (1, 65_536, HUGE):
        yield f"samples of {size} bytes", Movie(size=size)
    for tracks in (3, 40):
        yield f"{tracks} tracks of 20M samples", Movie(samples=20_000_000, tracks=tracks)
    yield "3000 tracks", Movie(samples=4, tracks=3000)
    for delta in (0, 2**31, HUGE):
        yield f"samples of {delta} ticks", Movie(delta=delta)
    for timescale in (0, 1, HUGE):
        yield f"{timescale} ticks a second", Movie(timescale=timescale)
    for kind in (b"stts", b"stsc", b"stco", b"stsd", b"ctts", b"stss", b"sbgp", b"co64"):
        yield f"{kind.decode()} of 2^32 rows", Movie(parts={kind: table(kind, HUGE, (1, 1, 1))})
    yield (
        "first chunk beyond",
        Movie(parts={b"stsc": table(b"stsc", 2, (1, 1, 1), (HUGE, HUGE, 1))}),
    )
    for entry in (b"enca", b"mp4a", b"alac", b"drms", b"ac-3"):
        yield f"no {entry.decode()}", Movie(entry=entry)


def _edits() -> Iterator[tuple[str, Movie]]:
    edits = {
        "endless edit": edit_list((HUGE, 0, 1 << 16)),
        "empty edit of 49 days": edit_list((HUGE, -1, 1 << 16), (1000, 0, 1 << 16)),
        "20000 edits from the start": edit_list(*[(1000, 0, 1 << 16)] * 20_000),
        "20000 edits of a tick": edit_list(*[(1, i, 1 << 16) for i in range(20_000)]),
        "2^32 edits": edit_list((1000, 0, 1 << 16), count=HUGE),
        "edit of no rate": edit_list((1000, 0, 0)),
        "edit backwards": edit_list((1000, 40_000, 1 << 16), (1000, 0, HUGE)),
        "edit beyond the end": edit_list((1000, 2**31 - 1, 1 << 16)),
    }
    for name, edit in edits.items():
        yield name, Movie(edits=edit)


def _boxes() -> Iterator[tuple[str, bytes]]:
    plain = Movie().bytes()
    yield "4000 boxes deep", Movie(after=nested(b"udta", 4000)).bytes()
    yield "4000 movies deep", plain + nested(b"moov", 4000)
    yield "endless box", plain[:24] + struct.pack(">I", 1) + b"moov" + struct.pack(">Q", 2**63 - 1)
    yield "box of no size", plain + bytes(4) + b"free" + plain
    yield "box shorter than its head", plain + struct.pack(">I", 3) + b"moov"
    yield "50000 empty boxes", plain + box(b"free", b"") * 50_000
    yield "packed movie", compressed_movie(1 << 30, bytes(200 << 20))
    yield "packed movie that lies", compressed_movie(HUGE, Movie().moov(0))
    yield "fragment of 2^28 samples", fragments(1, 2**28, 4)
    yield "5000 fragments", fragments(5000, 4, 4)
    yield "media before the movie", box(b"mdat", bytes(1 << 20)) + plain


def _tags() -> Iterator[tuple[str, Movie]]:
    picture = data_item(b"covr", png(6000, 4000, 2, 8), 14)
    yield "picture of 24M pixels", Movie(after=metadata(picture))
    scans = data_item(b"covr", scanned_jpeg(2000, 3000), 13)
    yield "picture of 3000 scans", Movie(after=metadata(scans))
    lying = struct.pack(">I", 2**31) + b"covr" + struct.pack(">I", 2**31 - 8) + b"data"
    yield "picture of 2 GB", Movie(after=metadata(lying))
    yield "20000 tags", Movie(after=metadata(data_item(b"\xa9cmt", b"x") * 20_000))
    yield "title of a megabyte", Movie(after=metadata(data_item(b"\xa9nam", b"a" * (1 << 20))))
    yield "chapters without end", Movie(after=box(b"udta", full(b"chpl", bytes(5) + b"\xff")))


def files() -> Iterator[NamedFile]:
    """All of this family."""
    for name, movie in (*_declared(), *_edits(), *_tags()):
        yield NamedFile(f"mp4 {name}.m4a", movie.bytes())
    for name, content in _boxes():
        yield NamedFile(f"mp4 {name}.m4a", content)
