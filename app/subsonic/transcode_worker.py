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
from pathlib import Path
from typing import Any, BinaryIO

import av

from app.subsonic.transcode import LEAST_KBPS, MOST_KBPS, TARGETS, Target
from indexer.isolation.serving import limit_cpu, limit_memory
from model.audio.frames import Damage, frames_of, open_container
from model.audio.source import SourceFile, links_of
from model.errors import AudioError


def encoded(
    file: BinaryIO, name: str, target: Target, kbps: int, start_s: float = 0.0
) -> Iterator[bytes]:
    """The audio of a file in another format, piece by piece as it is encoded; closes the file."""
    pipe = _Pipe()
    with file, av.open(pipe, "w", format=target.container) as sink:
        encoder: Any = sink.add_stream(target.codec, rate=target.rate_hz, layout="stereo")
        encoder.bit_rate = max(LEAST_KBPS, min(kbps, MOST_KBPS)) * 1000
        encoder.codec_context.open()
        frames = _at_one_rate(_frames(file, name, start_s), encoder.format, target.rate_hz)
        for frame in _of_one_size(frames, encoder.frame_size or 1152):
            sink.mux(encoder.encode(frame))
            yield from pipe.taken()
        sink.mux(encoder.encode(None))
    yield from pipe.taken()


def _frames(file: BinaryIO, name: str, start_s: float) -> Iterator[Any]:
    """Decoded frames from `start_s` on, of every link of a chain; what is damaged is left out."""
    spans = links_of(file).spans
    passed_s, has_begun = 0.0, False
    try:
        for start, end in spans:
            with open_container(SourceFile(file, name, start=start, end=end)) as container:
                if start_s > 0 and len(spans) == 1:
                    container.seek(int(start_s * av.time_base), any_frame=False)
                    passed_s = start_s  # of a frame that does not say its time
                for frame in frames_of(container, Path(name), Damage()):
                    lasts_s = frame.samples / frame.sample_rate
                    known = len(spans) == 1 and frame.time is not None
                    passed_s = (frame.time if known else passed_s) + lasts_s
                    if passed_s > start_s:
                        has_begun = True
                        yield frame
    except (av.FFmpegError, AudioError):
        if not has_begun:
            raise
        # Else too late for an error: what was decoded has been sent.


def _at_one_rate(frames: Iterator[Any], form: Any, rate_hz: int) -> Iterator[Any]:
    """Stereo frames of one rate: files may change rate, channels and format midway."""
    resampler, kind = None, None
    for frame in frames:
        frame.pts = None
        found = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or found != kind:
            if resampler is not None:
                yield from resampler.resample(None)
            resampler, kind = av.AudioResampler(form, "stereo", rate_hz), found
        yield from resampler.resample(frame)
    if resampler is not None:
        yield from resampler.resample(None)


def _of_one_size(frames: Iterator[Any], size: int) -> Iterator[Any]:
    """The same samples in frames of the size that an encoder takes; the last may be shorter."""
    fifo = av.AudioFifo()
    for frame in frames:
        frame.pts = None
        fifo.write(frame)
        for part in fifo.read_many(size):
            part.pts = None
            yield part
    if fifo.samples:
        yield fifo.read()


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
