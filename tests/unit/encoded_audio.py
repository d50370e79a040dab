"""Small audio files, made on the spot."""

from __future__ import annotations

import io
import struct

import av
import numpy as np
import soundfile
from numpy.typing import ArrayLike, NDArray

_LAYOUTS = {1: "mono", 2: "stereo"}


def tone(duration_s: float, rate_hz: int, hz: float) -> NDArray[np.float32]:
    """A sine of amplitude 1, [N]."""
    return np.sin(
        2 * np.pi * hz * np.arange(round(duration_s * rate_hz)) / rate_hz, dtype=np.float64
    ).astype(np.float32)


def wav(channels: ArrayLike, rate_hz: int) -> bytes:
    """A float WAV of any number of channels, [C, N], written byte by byte."""
    samples = np.asarray(channels, dtype="<f4")
    body = samples.T.tobytes()
    n_channels = len(samples)
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + len(body), b"WAVE", b"fmt ", 16, 3, n_channels, rate_hz,
        min(rate_hz * n_channels * 4, 2**32 - 1), n_channels * 4, 32, b"data", len(body),
    )  # fmt: skip
    return header + body


def encoded(channels: NDArray[np.float32], rate_hz: int, container: str, codec: str) -> bytes:
    """`channels` [C, N] encoded by FFmpeg, or Ogg Vorbis by libsndfile."""
    buffer = io.BytesIO()
    if codec == "vorbis":
        soundfile.write(buffer, channels.T, rate_hz, format="OGG", subtype="VORBIS")
        return buffer.getvalue()
    layout = _LAYOUTS[len(channels)]
    with av.open(buffer, "w", format=container) as file:
        track = file.add_stream(codec, rate=rate_hz, layout=layout)
        track.bit_rate = 192_000
        track.codec_context.open()
        resampler = av.AudioResampler(
            track.format, layout, rate_hz, frame_size=track.frame_size or 4096
        )
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(channels, dtype=np.float32), "fltp", layout
        )
        frame.sample_rate = rate_hz
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(track.encode(piece))
        file.mux(track.encode(None))
    return buffer.getvalue()
