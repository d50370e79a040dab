"""Transcoding files that change or break midway."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from app.subsonic.transcode import TARGETS
from app.subsonic.transcode_worker import encoded as transcoded
from model.audio.decoding import decode
from tests.unit.encoded_audio import encoded, tone


def part(container: str, codec: str, rate_hz: int, channels: int = 2) -> bytes:
    """Three seconds."""
    samples = 0.5 * tone(3.0, rate_hz, 440.0)
    return encoded(np.stack([samples] * channels), rate_hz, container, codec)


def holed() -> bytes:
    """An MP3 with a damaged stretch."""
    content = 2 * part("mp3", "mp3", 44_100)
    return content[:50_000] + np.random.default_rng(0).bytes(3000) + content[53_000:]


FILES: dict[str, Any] = {
    "damaged": holed,
    "rate and channels": lambda: part("mp3", "mp3", 44_100) + part("mp3", "mp3", 24_000, 1),
    "chain": lambda: part("ogg", "vorbis", 44_100) + part("ogg", "libopus", 48_000, 1),
    "layouts": lambda: part("ac3", "ac3", 48_000) + part("ac3", "ac3", 48_000, 1),
}


@pytest.mark.parametrize("target", ["mp3", "opus"])
@pytest.mark.parametrize("kind", list(FILES))
def test_a_file_is_heard_to_its_end(kind: str, target: str) -> None:
    """Whatever changes or is damaged in it; also from somewhere on."""
    content = FILES[kind]()

    for start_s in (0.0, 2.0):
        made = b"".join(transcoded(io.BytesIO(content), "a", TARGETS[target], 96, start_s))
        assert decode(made).duration_s == pytest.approx(6.0 - start_s, abs=0.35)
