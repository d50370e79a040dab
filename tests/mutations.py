"""Audio files broken in the ways that files break and in some that attackers break them."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator

import numpy as np

from tests.unit.encoded_audio import encoded, tone, wav

RATE_HZ = 16_000
Mutation = Callable[[bytes, random.Random], bytes]


def whole_files() -> dict[str, bytes]:
    """A second of a tone in each format, whole."""
    mono = tone(1.2, RATE_HZ, 440.0)[None] * np.float32(0.4)
    at_48k = tone(1.2, 48_000, 440.0)[None] * np.float32(0.4)
    return {
        "wav": wav(mono, RATE_HZ),
        "mp3": encoded(mono, RATE_HZ, "mp3", "libmp3lame"),
        "flac": encoded(mono, RATE_HZ, "flac", "flac"),
        "ogg": encoded(mono, RATE_HZ, "ogg", "vorbis"),
        "opus": encoded(at_48k, 48_000, "ogg", "libopus"),
        "m4a": encoded(mono, RATE_HZ, "ipod", "aac"),
        "wma": encoded(mono, RATE_HZ, "asf", "wmav2"),
        "aiff": encoded(mono, RATE_HZ, "aiff", "pcm_s16be"),
    }


def mutated_files(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`count` broken files, each with the name of its format and of what was done to it."""
    rng = random.Random(seed)
    whole = whole_files()
    for _ in range(count):
        name = rng.choice(sorted(whole))
        mutation = rng.choice(MUTATIONS)
        content = mutation(whole[name], rng)
        if rng.random() < 0.3:
            content = rng.choice(MUTATIONS)(content, rng)
        yield f"{name} {mutation.__name__}", content


def flip_bits(content: bytes, rng: random.Random) -> bytes:
    """Some bits anywhere, as a bad disk does."""
    broken = bytearray(content)
    for _ in range(rng.choice((1, 8, 64, 512))):
        if broken:
            broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
    return bytes(broken)


def flip_head_bits(content: bytes, rng: random.Random) -> bytes:
    """Some bits of the first kilobyte, where the sizes and formats stand."""
    return flip_bits(content[:1024], rng)[:1024] + content[1024:]


def truncate(content: bytes, rng: random.Random) -> bytes:
    """An interrupted download."""
    return content[: rng.randrange(len(content) + 1)]


def drop_the_head(content: bytes, rng: random.Random) -> bytes:
    """The beginning is missing."""
    return content[rng.randrange(min(len(content), 4096) + 1) :]


def swap_head(content: bytes, rng: random.Random) -> bytes:
    """The beginning of another format before this one's data."""
    heads = (b"RIFF\xff\xff\xff\xffWAVEfmt ", b"fLaC", b"OggS\0\2", b"ID3\4\0\0", b"FORM\0\0AIFF")
    head = rng.choice(heads)
    return head + content[len(head) :]


def huge_numbers(content: bytes, rng: random.Random) -> bytes:
    """Four bytes of the head become a huge, a negative or a zero number."""
    broken = bytearray(content)
    value = rng.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000))
    at = rng.randrange(max(1, min(len(broken), 512) - 4))
    broken[at : at + 4] = struct.pack(rng.choice("<>") + "I", value)
    return bytes(broken)


def repeat_pieces(content: bytes, rng: random.Random) -> bytes:
    """A piece many times over: frames out of order, chapters without end."""
    start = rng.randrange(len(content) + 1)
    piece = content[start : start + rng.randrange(1, 4096)]
    return content[:start] + piece * rng.randrange(2, 60) + content[start:]


def zero_pieces(content: bytes, rng: random.Random) -> bytes:
    """A hole in the file."""
    start = rng.randrange(len(content) + 1)
    length = rng.randrange(1, 8192)
    return content[:start] + b"\0" * length + content[start + length :]


def noise(content: bytes, rng: random.Random) -> bytes:
    """No audio at all."""
    return rng.randbytes(rng.randrange(0, 20_000))


def silence_bomb(content: bytes, rng: random.Random) -> bytes:
    """A WAV header that promises hours, at a rate or with channels nobody has."""
    rate_hz, channels = rng.choice(((8000, 1), (1, 1), (4_000_000_000, 2), (44_100, 65_535)))
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", 0xFFFFFFFF, b"WAVE", b"fmt ", 16, 1, channels, rate_hz),
        *(min(rate_hz * 2, 2**32 - 1), (channels * 2) & 0xFFFF, 16, b"data", 0xFFFFFFF0),
    )
    return head + b"\0" * rng.randrange(0, 200_000)


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits,
    flip_head_bits,
    truncate,
    drop_the_head,
    swap_head,
    huge_numbers,
    repeat_pieces,
    zero_pieces,
    noise,
    silence_bomb,
)
