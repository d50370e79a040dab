"""Audio in another format while it is sent: MP3 or Opus, nothing kept on disk.

A worker process decodes and encodes, under limits; it is given the open file, and waits while the
client takes its time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from app.subsonic.errors import GENERIC, SubsonicError
from indexer.isolation.process import worker_environment

LEAST_KBPS, MOST_KBPS = 32, 320
CPU_S = 3600.0  # of the processor, for one file
MEMORY_BYTES = 512 * 1024 * 1024
PIECE_BYTES = 1 << 16
MODULE = "app.subsonic.transcode_worker"
DEFAULT_KBPS = {"mp3": 192, "opus": 128}


@dataclass(frozen=True)
class Target:
    """What to encode to.

    Attributes:
        name: `mp3` or `opus`.
        codec: FFmpeg's encoder.
        container: FFmpeg's muxer.
        media_type: Of the answer.
        rate_hz: Samples a second.
    """

    name: str
    codec: str
    container: str
    media_type: str
    rate_hz: int


TARGETS = {
    "mp3": Target("mp3", "libmp3lame", "mp3", "audio/mpeg", 44_100),
    "opus": Target("opus", "libopus", "ogg", "audio/ogg", 48_000),
}


def target_called(name: str) -> Target:
    """A format to encode to.

    Raises:
        SubsonicError: This server has none of this name.
    """
    found = TARGETS.get(name.lower())
    if found is None:
        raise SubsonicError(
            GENERIC, f"format={name[:20]!r} is not offered; there are raw, {', '.join(TARGETS)}"
        )
    return found


def transcoded(
    file: BinaryIO, name: str, target: Target, kbps: int, start_s: float = 0.0
) -> Iterator[bytes]:
    """The audio of a file in another format, piece by piece as it is encoded.

    Args:
        file: The open file; it is closed at the end.
        name: Its name.
        target: What to encode to.
        kbps: Bits a second, thousands.
        start_s: Where to begin.

    Yields:
        Bytes; a file that cannot be decoded any further ends there.
    """
    options = {
        "name": name,
        "target": target.name,
        "kbps": kbps,
        "start_s": start_s,
        "cpu_s": CPU_S,
        "memory_bytes": MEMORY_BYTES,
    }
    with file:
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE, json.dumps(options)],
            stdin=file.fileno(),
            stdout=subprocess.PIPE,
            env=worker_environment(),
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            while piece := process.stdout.read(PIECE_BYTES):
                yield piece
        finally:
            process.kill()
            process.wait(timeout=10.0)
            process.stdout.close()
