"""Records for tests of the catalogue, and small audio files for tests of indexing."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from indexer.catalog.records import FileResult, KnownFile, TrackChange, TrackChanges, TrackStatus
from indexer.folders.files import FoundFile, Tags

FRONTEND = "fake-1"


def file_result(
    path: str,
    *,
    content: str | None = None,
    tags: Tags | None = None,
    reason: str | None = None,
    duration_s: float | None = 60.0,
    root: str = "/music",
) -> FileResult:
    """What reading one file said; its content is named after its path unless given."""
    return FileResult(
        found=FoundFile(root, path, 1000, 5_000_000_000),
        content_id=content or f"content of {path}"[:32],
        frontend_id=FRONTEND,
        tags=tags or Tags(title=path),
        duration_s=duration_s if reason is None else None,
        failure_reason=reason,
    )


def new_tracks(*paths: str, first_id: int = 1) -> TrackChanges:
    """New tracks with consecutive ids."""
    changes = [TrackChange(first_id + i, file_result(path)) for i, path in enumerate(paths)]
    return TrackChanges(new=tuple(changes))


def known_file(
    track_id: int, path: str, *, content: str | None = None, status: TrackStatus = "ok"
) -> KnownFile:
    """A track of the catalogue as a run compares it."""
    name = content or f"content of {path}"[:32]
    return KnownFile(track_id, "/music", path, 1000, 5_000_000_000, name, FRONTEND, status)


def write_tone(
    path: Path, *, hz: float = 440.0, level: float = 0.3, duration_s: float = 2.0
) -> Path:
    """A mono WAV file of one tone, 8 kHz."""
    rate = 8000
    t = np.arange(int(duration_s * rate)) / rate
    samples = (level * 32767 * np.sin(2 * np.pi * hz * t)).astype("<i2")
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path
