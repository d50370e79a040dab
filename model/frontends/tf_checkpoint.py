"""Tensors of a TensorFlow checkpoint (`<prefix>.index`, `<prefix>.data-…`), without TensorFlow.

The index is a table of LevelDB (its `doc/table_format.md`): blocks of sorted entries whose keys
share prefixes. Keys are the names of tensors, values `BundleEntryProto` messages (TensorFlow's
`tensor_bundle.proto`), which say where in the data file a tensor lies.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MAGIC = 0xDB4775248B80FB57
_FOOTER_BYTES = 48
_UNCOMPRESSED = 0
_FLOAT32 = 1  # of TensorFlow's `DataType`
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types of protocol buffers
_DTYPE, _SHAPE, _SHARD, _OFFSET, _SIZE = 1, 2, 3, 4, 5  # fields of `BundleEntryProto`
_DIMENSION, _DIMENSION_SIZE = 2, 1  # fields of `TensorShapeProto` and of its `Dim`

Message = dict[int, list[int | bytes]]


@dataclass(frozen=True)
class _Entry:
    shape: tuple[int, ...]
    offset: int
    size: int


def read_tensors(index: bytes, data: bytes) -> dict[str, NDArray[np.float32]]:
    """All float32 tensors of a checkpoint with one data file, by name.

    Args:
        index: Content of `<prefix>.index`.
        data: Content of `<prefix>.data-00000-of-00001`.

    Raises:
        ValueError: The bytes are no such checkpoint, or need what is not read here: compressed
            blocks, several data files.
    """
    try:
        return {
            name: np.frombuffer(data, "<f4", entry.size // 4, entry.offset).reshape(entry.shape)
            for name, entry in _entries(index)
        }
    except (IndexError, struct.error, UnicodeDecodeError) as exc:
        raise ValueError(f"this is no TensorFlow checkpoint: {exc}") from exc


def _entries(index: bytes) -> Iterator[tuple[str, _Entry]]:
    if len(index) < _FOOTER_BYTES or struct.unpack("<Q", index[-8:])[0] != _MAGIC:
        raise ValueError("this is no index of a TensorFlow checkpoint: its last bytes are others")
    footer = index[-_FOOTER_BYTES:]
    place = 0
    for _ in range(2):  # the handle of the metaindex, which is not needed
        _, place = _varint(footer, place)
    for _, handle in _block(index, *_handle(footer, place)):
        for name, value in _block(index, *_handle(handle, 0)):
            if not name:  # the header of the bundle
                continue
            message = _message(value)
            if _number(message, _DTYPE) == _FLOAT32:
                yield name.decode(), _entry(message)


def _entry(message: Message) -> _Entry:
    if _number(message, _SHARD):
        raise ValueError("this checkpoint has several data files; one is read")
    dimensions = [_message(one) for one in _messages(message, _SHAPE, _DIMENSION)]
    shape = tuple(_number(one, _DIMENSION_SIZE) for one in dimensions)
    return _Entry(shape, _number(message, _OFFSET), _number(message, _SIZE))


def _messages(message: Message, *path: int) -> list[bytes]:
    """What lies at a path of fields, as bytes of messages."""
    found = [message]
    for field in path[:-1]:
        found = [_message(bytes(one)) for each in found for one in _raw(each, field)]
    return [one for each in found for one in _raw(each, path[-1])]


def _raw(message: Message, field: int) -> list[bytes]:
    return [one for one in message.get(field, []) if isinstance(one, bytes)]


def _number(message: Message, field: int) -> int:
    """The last value of a field of numbers; 0 where there is none."""
    values = [one for one in message.get(field, []) if isinstance(one, int)]
    return values[-1] if values else 0


def _block(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block."""
    block, kind = table[offset : offset + size], table[offset + size]
    if kind != _UNCOMPRESSED:
        raise ValueError("the checkpoint's index is compressed, which is not read here")
    restarts = struct.unpack("<I", block[-4:])[0]
    end = len(block) - 4 * (restarts + 1)
    place, key = 0, b""
    while place < end:
        shared, place = _varint(block, place)
        fresh, place = _varint(block, place)
        length, place = _varint(block, place)
        key = key[:shared] + block[place : place + fresh]
        place += fresh
        yield key, block[place : place + length]
        place += length


def _handle(content: bytes, place: int) -> tuple[int, int]:
    """Offset and size of a block."""
    offset, place = _varint(content, place)
    size, _ = _varint(content, place)
    return offset, size


def _message(content: bytes) -> Message:
    """Fields of a protocol buffers message, undecoded."""
    fields: Message = {}
    place = 0
    while place < len(content):
        tag, place = _varint(content, place)
        value: int | bytes
        if tag & 7 == _VARINT:
            value, place = _varint(content, place)
        elif tag & 7 == _BYTES:
            length, place = _varint(content, place)
            value, place = content[place : place + length], place + length
        else:
            width = {_FIXED64: 8, _FIXED32: 4}.get(tag & 7)
            if width is None:
                raise ValueError(f"this is no TensorFlow checkpoint: wire type {tag & 7}")
            value = int.from_bytes(content[place : place + width], "little")
            place += width
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _varint(content: bytes, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = content[place]
        value |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return value, place
        shift += 7
