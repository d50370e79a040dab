"""Sources that fail while they are read, that are chained, or that lack a part."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from model.analysis import Analysis, analyse
from model.audio.decoding import decode, stream
from model.audio.frames import Damage
from model.audio.source import links_of
from model.errors import AudioReadError
from tests.fakes import FakeFrontend
from tests.unit.encoded_audio import encoded, tone

RATE_HZ = 48_000


def stereo(duration_s: float) -> np.ndarray:  # type: ignore[type-arg]
    """A tone in two channels, [2, N]."""
    one = 0.5 * tone(duration_s, RATE_HZ, 440.0)
    return np.stack([one, one])


FILES = {
    "wav": lambda: encoded(stereo(4), RATE_HZ, "wav", "pcm_s16le"),
    "flac": lambda: encoded(stereo(4), RATE_HZ, "flac", "flac"),
    "mp3": lambda: encoded(stereo(4), RATE_HZ, "mp3", "mp3"),
    "opus": lambda: encoded(stereo(4), RATE_HZ, "ogg", "libopus"),
    "matroska": lambda: encoded(stereo(4), RATE_HZ, "matroska", "libopus"),
    "caf": lambda: encoded(stereo(4), RATE_HZ, "caf", "pcm_s16be"),
    "aiff": lambda: encoded(stereo(4), RATE_HZ, "aiff", "pcm_s16be"),
    "wavpack": lambda: encoded(stereo(4), RATE_HZ, "wv", "wavpack"),
    "wma": lambda: encoded(stereo(4), RATE_HZ, "asf", "wmav2"),
}


class Failing(io.BytesIO):
    """Bytes whose end cannot be read."""

    def __init__(self, content: bytes, good: int, number: int) -> None:
        super().__init__(content)
        self._good, self._number = good, number

    def read(self, size: int | None = -1) -> bytes:
        """Up to where the disk is sound."""
        if self.tell() >= self._good:
            raise OSError(self._number, "Input/output error")
        return super().read(size)


def damage_of(content: bytes) -> Damage:
    """What of it does not decode."""
    damage = Damage()
    for _ in stream(content, block_s=300.0, damage=damage):
        pass
    return damage


@pytest.mark.parametrize("kind", sorted(FILES))
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_a_read_that_fails_is_no_end(kind: str, share: float) -> None:
    """At its beginning or half way: the file is not shorter, it cannot be read."""
    content = FILES[kind]()
    source = Failing(content, int(share * len(content)), errno.EIO)

    with pytest.raises(AudioReadError, match="cannot read"):
        decode(source)


@pytest.mark.parametrize("kind", sorted(FILES))
def test_a_whole_file_has_no_note(kind: str) -> None:
    """Nothing is missing."""
    damage = damage_of(FILES[kind]())

    assert damage.note is None
    assert damage.decoded_s == pytest.approx(4.0, abs=0.1)


@pytest.mark.parametrize("kind", sorted(FILES))
def test_a_file_that_is_cut_off_is_noted(kind: str) -> None:
    """Its part is used, and marked as one."""
    content = FILES[kind]()

    note = damage_of(content[: int(0.55 * len(content))]).note

    assert note is not None
    assert note.startswith("decoded in part")


def link(codec: str, rate_hz: int, channels: int, duration_s: float) -> bytes:
    """One logical stream of Ogg."""
    samples = 0.5 * tone(duration_s, rate_hz, 440.0)
    return encoded(np.stack([samples] * channels), rate_hz, "ogg", codec)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (("vorbis", 48_000, 2), ("vorbis", 48_000, 1)),
        (("vorbis", 48_000, 1), ("vorbis", 22_050, 1)),
        (("libopus", 48_000, 2), ("libopus", 48_000, 1)),
        (("vorbis", 44_100, 1), ("libopus", 48_000, 2)),
        (("libopus", 48_000, 2), ("vorbis", 44_100, 2)),
        (("vorbis", 8_000, 1), ("vorbis", 96_000, 2)),
    ],
)
def test_every_link_of_a_chain_is_heard(
    one: tuple[str, int, int], two: tuple[str, int, int]
) -> None:
    """Whatever changes from one to the next: rate, channels, codec."""
    chain = link(*one, 2.0) + link(*two, 3.0) + link(*one, 1.0)

    audio = decode(chain)

    assert audio.duration_s == pytest.approx(6.0, abs=0.1)
    assert len(links_of(io.BytesIO(chain)).spans) == 3
    assert damage_of(chain).note is None


def test_nonsense_between_links_is_passed_over() -> None:
    """A stream that was interrupted."""
    chain = link("libopus", 48_000, 2, 2.0) + b"nonsense" * 500 + link("libopus", 48_000, 1, 2.0)

    assert decode(chain).duration_s == pytest.approx(4.0, abs=0.1)


def test_a_chain_behind_a_tag_is_heard_to_its_end() -> None:
    """Some taggers put ID3 before anything."""
    tag = b"ID3\x03\x00\x00\x00\x00\x01\x00" + bytes(128)
    chain = tag + link("vorbis", 48_000, 2, 2.0) + link("vorbis", 22_050, 1, 2.0)

    assert decode(chain).duration_s == pytest.approx(4.0, abs=0.1)


@pytest.mark.parametrize("size", [0, 0x7FFF_F000, 0x8000_0000, 0xFFFF_FFF0, 0xFFFF_FFFF])
def test_sizes_that_writers_to_a_pipe_state_say_nothing(size: int) -> None:
    """SoX, arecord and FFmpeg do not know the length when they write the header."""
    content = bytearray(FILES["wav"]())
    data = content.index(b"data")
    content[4:8] = content[data + 4 : data + 8] = size.to_bytes(4, "little")

    damage = damage_of(bytes(content))

    assert damage.note is None
    assert damage.decoded_s == pytest.approx(4.0, abs=0.1)


def test_two_mp3_files_in_one_are_whole() -> None:
    """The first one's count of frames says nothing about the rest."""
    damage = damage_of(2 * FILES["mp3"]() + encoded(stereo(4)[:1], 24_000, "mp3", "mp3"))

    assert damage.note is None
    assert damage.decoded_s == pytest.approx(16.0, abs=0.3)


def test_damaged_packets_are_counted(tmp_path: Path) -> None:
    """A disk that gave back zeros for a stretch."""
    path = tmp_path / "a.flac"
    soundfile.write(path, np.random.default_rng(0).normal(size=200_000) * 0.1, 20_000)
    content = bytearray(path.read_bytes())
    content[60_000:260_000] = bytes(200_000)

    note = damage_of(bytes(content)).note

    assert note is not None


def test_a_part_is_noted_in_the_analysis() -> None:
    """And stays with it where it is kept."""
    content = FILES["flac"]()
    part = analyse(content[: len(content) // 2], FakeFrontend())

    assert "decoded in part" in str(part.note)
    assert Analysis.from_bytes(part.to_bytes()).note == part.note
    assert analyse(content, FakeFrontend()).note is None
