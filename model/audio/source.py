"""Where a decoder reads from: files that remember a failed read, and the links of chained Ogg.

A decoder takes a read that fails for the end of the file. Here the failure is remembered, so that
half a file is never taken for all of it.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

Source = Path | bytes | BinaryIO

_PAGE_HEADER = 27  # bytes of an Ogg page before its table of segments (RFC 3533)
_BEGINS, _ENDS = 2, 4  # flags of a page: the first or the last of its stream
_SCAN_BYTES = 1 << 16
_STREAMED = 0x7FFF_F000  # the least of the sizes that writers to a pipe state; they know none
_MP3_ROOM = 1.25  # tags and pictures after the last frame
_ASF = b"\x30\x26\xb2\x75"
_EXTENSIBLE = b"\xfe\xff"  # the format of a WAV file whose kind of samples a GUID tells
_PCM = bytes.fromhex("0100000000001000800000aa00389b71")
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


class SourceFile(io.RawIOBase):
    """A stretch of a file, read through the decoder's calls.

    Args:
        file: Where to read; its position moves.
        name: The file's name, whose suffix helps to guess the format.
        start: First byte of the stretch.
        end: The byte after its last one; None for the end of the file.
        patch: Bytes to read in place of the file's own, by where they stand in the file.

    Attributes:
        failure: The error of the first read that failed; nothing more is read after it.
    """

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        *,
        start: int = 0,
        end: int | None = None,
        patch: Mapping[int, int] | None = None,
    ) -> None:
        self._file = file
        self._patch = patch or {}
        self._start, self._end = start, end
        self.name = name
        self.failure: OSError | None = None
        if self.seekable():
            self.seek(0)

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """As the file."""
        return self._file.seekable()

    def read(self, size: int = -1) -> bytes:
        """The next bytes; none at the end of the stretch and after a failure."""
        if self.failure is not None:
            return b""
        try:
            if self._end is not None:
                left = max(0, self._end - self._file.tell())
                size = left if size < 0 else min(size, left)
            place = self._file.tell() if self._patch else 0
            return self._patched(self._file.read(size) or b"", place)
        except OSError as exc:
            self.failure = exc
            return b""

    def _patched(self, content: bytes, place: int) -> bytes:
        inside = {at - place: byte for at, byte in self._patch.items()}
        if not any(0 <= at < len(content) for at in inside):
            return content
        changed = bytearray(content)
        for at, byte in inside.items():
            if 0 <= at < len(changed):
                changed[at] = byte
        return bytes(changed)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move within the stretch."""
        try:
            if whence == io.SEEK_SET:
                self._file.seek(self._start + offset)
            elif whence == io.SEEK_END and self._end is not None:
                self._file.seek(self._end + offset)
            else:
                self._file.seek(offset, whence)
            return self.tell()
        except OSError as exc:
            self.failure = self.failure or exc
            raise

    def tell(self) -> int:
        """Where the next read begins, from the start of the stretch."""
        return self._file.tell() - self._start


@dataclass(frozen=True)
class Links:
    """The parts of a file that are decoded one after the other.

    Attributes:
        spans: First byte of each part and the byte after its last one (None: the file's end).
        is_cut_off: Whether an Ogg file ends within a page or before the last one of its stream.
    """

    spans: tuple[tuple[int, int | None], ...]
    is_cut_off: bool = False


@contextmanager
def opened(source: Source) -> Iterator[tuple[BinaryIO, str]]:
    """A source as a file to read, from where it stands, and its name.

    Raises:
        OSError: It cannot be opened.
    """
    if isinstance(source, Path):
        with open(source, "rb") as file:  # noqa: PTH123 - buffered, as the scan for links needs it
            yield file, source.name
    elif isinstance(source, bytes):
        yield io.BytesIO(source), ""
    else:
        name = getattr(source, "name", None)
        yield source, os.path.basename(name) if isinstance(name, str) else ""  # noqa: PTH119


def reopener(source: Source) -> Callable[[], Source]:
    """Gives the source as often as asked, each time from where it stands now."""
    if isinstance(source, bytes | Path):
        return lambda: source
    if not source.seekable():
        content = source.read()
        return lambda: content
    start = source.tell()

    def rewound() -> Source:
        source.seek(start)
        return source

    return rewound


def links_of(file: BinaryIO) -> Links:
    """The links of a chained Ogg file; any other file is one part.

    A saved radio stream is such a chain: each song begins a new logical stream, which may have
    another number of channels or another sample rate, and decoders stop there without a word.

    Args:
        file: The file, at its beginning; its position is kept.

    Raises:
        OSError: It cannot be read.
    """
    if not file.seekable():
        return Links(((0, None),))
    begin = file.tell()
    try:
        first = begin + _id3_bytes(file)
        file.seek(first)
        magic = file.read(4)
        if magic == b"OggS":
            return _ogg_links(file, first)
        looks = {b"RIFF": _riff_is_cut_off, b"caff": _caf_is_cut_off, _ASF: _asf_is_cut_off}
        cut_off = looks.get(magic)
        return Links(((begin, None),), cut_off is not None and cut_off(file, begin))
    finally:
        file.seek(begin)


def _id3_bytes(file: BinaryIO) -> int:
    """Length of the ID3v2 tag that stands before the music, whatever follows."""
    head = file.read(10)
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    return 10 + sum((byte & 127) << (7 * (3 - at)) for at, byte in enumerate(head[6:]))


def _riff_is_cut_off(file: BinaryIO, begin: int) -> bool:
    """Whether a WAV file is shorter than it says; streams say nothing (0, 2 GiB or all ones)."""
    size = int.from_bytes(file.read(4), "little")
    return 0 < size < _STREAMED and begin + 8 + size > file.seek(0, io.SEEK_END) + 1


def padded_samples(file: BinaryIO) -> Mapping[int, int]:
    """A patch for a WAV file of 24-bit integers in 32 bits, which FFmpeg takes for floats.

    They stand in the upper bits, so that they are integers of 32 bits as well.

    Args:
        file: The file, at its beginning; its position is kept.

    Returns:
        Bytes by their place; nothing for all other files.

    Raises:
        OSError: It cannot be read.
    """
    if not file.seekable():
        return {}
    begin = file.tell()
    head = file.read(_SCAN_BYTES)
    file.seek(begin)
    at = 12
    while head[:4] == b"RIFF" and at + 48 <= len(head) and head[at : at + 4] != b"fmt ":
        at += 8 + -(-int.from_bytes(head[at + 4 : at + 8], "little") // 2) * 2
    form = head[at + 8 : at + 48]
    is_padded = form[:2] == _EXTENSIBLE and form[14:16] == b"\x20\0" and form[18:20] == b"\x18\0"
    if head[:4] != b"RIFF" or not is_padded or form[24:40] != _PCM:
        return {}
    return {begin + at + 8 + 18: 32}


def _asf_is_cut_off(file: BinaryIO, begin: int) -> bool:
    """Whether a WMA file is shorter than its properties say; those of a broadcast say nothing."""
    file.seek(begin)
    head = file.read(_SCAN_BYTES)
    at = head.find(_ASF_PROPERTIES)
    properties = head[at : at + 92] if at >= 0 else b""
    if len(properties) < 92 or properties[88] & 1:
        return False
    return begin + int.from_bytes(properties[40:48], "little") > file.seek(0, io.SEEK_END)


def _caf_is_cut_off(file: BinaryIO, begin: int) -> bool:
    """Whether a Core Audio file ends within a chunk; the size of the last may be open (-1)."""
    end = file.seek(0, io.SEEK_END)
    position = begin + 8
    while position + 12 <= end:
        file.seek(position + 4)
        size = int.from_bytes(file.read(8), "big", signed=True)
        if size < 0:
            return False
        position += 12 + size
    return position > end


def _ogg_links(file: BinaryIO, begin: int) -> Links:
    size = file.seek(0, io.SEEK_END)
    starts: list[int] = []
    flags, after_heads, position = 0, True, begin
    while position + _PAGE_HEADER <= size:
        file.seek(position)
        header = file.read(_PAGE_HEADER)
        if header[:4] != b"OggS":
            position = _next_page(file, position + 1)
            continue
        flags = header[5]
        if flags & _BEGINS and after_heads:
            starts.append(position)
        after_heads = not flags & _BEGINS
        position += _PAGE_HEADER + header[26] + sum(file.read(header[26]))
    ends = [*starts[1:], None]
    cut_off = position > size or not flags & _ENDS
    return Links(tuple(zip(starts or [begin], ends, strict=True)), cut_off)


def _next_page(file: BinaryIO, position: int) -> int:
    """Where the next page begins; beyond the file if nowhere."""
    while True:
        file.seek(position)
        content = file.read(_SCAN_BYTES)
        found = content.find(b"OggS")
        if found >= 0:
            return position + found
        if len(content) < _SCAN_BYTES:
            return position + len(content)
        position += len(content) - 3


def counts_frames(file: BinaryIO) -> bool:
    """Whether an MP3 file says how many frames it has (Xing, Info or VBRI), else it is guessed.

    What is longer than it says is several files in one, of which only the first is counted.
    """
    begin = file.tell()
    try:
        file.seek(begin + _id3_bytes(file))
        first = file.tell()
        content = file.read(4096)
        found = re.search(rb"(?:Xing|Info)(.{4})(.{8})", content, re.DOTALL)
        if found and found[1][3] & 3 == 3:  # it says both frames and bytes
            stated = int.from_bytes(found[2][4:], "big")
            return first + stated * _MP3_ROOM >= file.seek(0, io.SEEK_END)
        return found is not None or b"VBRI" in content
    finally:
        file.seek(begin)
