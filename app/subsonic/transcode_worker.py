"""The worker that transcodes: `python -m app.subsonic.transcode_worker OPTIONS`, file on its input.

It writes the new file to standard output while it encodes, as fast as that is read.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

import av

from app.subsonic.transcode import LEAST_KBPS, MOST_KBPS, TARGETS, Target
from indexer.isolation.serving import limit_cpu, limit_memory
from model.audio.frames import open_container
from model.audio.source import SourceFile


def encoded(
    file: BinaryIO, name: str, target: Target, kbps: int, start_s: float = 0.0
) -> Iterator[bytes]:
    """What `transcode.transcoded` yields, made in this process."""
    pipe = _Pipe()
    with (
        file,
        open_container(SourceFile(file, name)) as source,
        av.open(pipe, "w", format=target.container) as sink,
    ):
        if start_s > 0:
            source.seek(int(start_s * av.time_base), any_frame=False)
        encoder: Any = sink.add_stream(target.codec, rate=target.rate_hz, layout="stereo")
        encoder.bit_rate = max(LEAST_KBPS, min(kbps, MOST_KBPS)) * 1000
        encoder.codec_context.open()
        size = encoder.frame_size or 1152
        resampler = av.AudioResampler(encoder.format, "stereo", target.rate_hz, frame_size=size)
        for frame in _frames(source, start_s):
            frame.pts = None
            for part in resampler.resample(frame):
                sink.mux(encoder.encode(part))
            yield from pipe.taken()
        for part in resampler.resample(None):
            sink.mux(encoder.encode(part))
        sink.mux(encoder.encode(None))
    yield from pipe.taken()


def _frames(source: Any, start_s: float) -> Iterator[Any]:
    try:
        for frame in source.decode(audio=0):
            if frame.time is None or frame.time + frame.samples / frame.sample_rate > start_s:
                yield frame
    except av.FFmpegError:  # too late for an error: what was decoded has been sent
        return


class _Pipe(io.RawIOBase):
    """Where the muxer writes; it cannot go back."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> Iterator[bytes]:
        """What has been written since the last time."""
        parts, self._parts = self._parts, []
        if parts:
            yield b"".join(parts)


def main(options: dict[str, Any]) -> None:
    """Transcode standard input to standard output."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit_memory(options["memory_bytes"])
    limit_cpu(options["cpu_s"])
    target = TARGETS[options["target"]]
    with os.fdopen(1, "wb") as out, os.fdopen(0, "rb") as file:
        for piece in encoded(file, options["name"], target, options["kbps"], options["start_s"]):
            out.write(piece)
            out.flush()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
