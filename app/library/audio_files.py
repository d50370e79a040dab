"""Serving a track's file: only from inside the music roots, whole or a range of it."""

from __future__ import annotations

import re
import stat
from collections.abc import Sequence
from pathlib import Path

from fastapi import Request
from fastapi.responses import FileResponse

from app.errors import AudioNotFoundError, RangeError
from indexer.catalog.records import Track
from indexer.folders.files import file_path
from indexer.snapshot.tracks import TrackRecord

MEDIA_TYPES = {
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".wav": "audio/wav",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".m4a": "audio/mp4",
    ".m4b": "audio/mp4",
    ".mp4": "audio/mp4",
    ".aac": "audio/aac",
    ".wma": "audio/x-ms-wma",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".aifc": "audio/aiff",
}
_ONE_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})-(\d{0,18})")


def audio_path(track: Track | TrackRecord, music_roots: Sequence[Path]) -> Path:
    """The file of a track, links resolved, if it lies inside a music root.

    Args:
        track: A track of the catalogue or of a snapshot.
        music_roots: The configured roots; without any, the root the track was indexed in.

    Raises:
        AudioNotFoundError: The file is gone, is no file, or lies outside.
    """
    try:
        resolved = inside(file_path(track.root, track.path), roots_of(track, music_roots))
    except (OSError, RuntimeError, ValueError) as exc:
        raise AudioNotFoundError(f"the file of track {track.id} is not there any more") from exc
    if resolved is None or resolved.suffix.lower() not in MEDIA_TYPES:
        raise AudioNotFoundError(f"the file of track {track.id} is not inside the music roots")
    return resolved


def roots_of(track: Track | TrackRecord, music_roots: Sequence[Path]) -> Sequence[Path]:
    """The roots that files beside a track may be served from."""
    return music_roots or (file_path(track.root),)


def inside(path: Path, roots: Sequence[Path]) -> Path | None:
    """The regular file that `path` leads to, links resolved; None if it is none of the roots.

    Raises:
        OSError, RuntimeError, ValueError: It leads nowhere.
    """
    resolved = path.resolve(strict=True)
    within = any(resolved.is_relative_to(root.resolve()) for root in roots)
    return resolved if within and stat.S_ISREG(resolved.stat().st_mode) else None


def audio_response(request: Request, path: Path) -> FileResponse:
    """The file, or the part of it that a `Range` header asks for.

    A header that is no single range of bytes is ignored, as RFC 9110 allows.

    Raises:
        RangeError: The range lies outside the file.
    """
    status = path.stat()
    asked = request.headers.get("range")
    if asked is not None and not _is_usable(asked, status.st_size):
        request.scope["headers"] = [
            (name, value) for name, value in request.scope["headers"] if name != b"range"
        ]
    return FileResponse(
        path,
        media_type=MEDIA_TYPES[path.suffix.lower()],
        stat_result=status,
        headers={"cache-control": "private, max-age=3600"},
    )


def _is_usable(header: str, size_bytes: int) -> bool:
    match = _ONE_RANGE.fullmatch(header.strip())
    if match is None or not (match[1] or match[2]):
        return False
    if match[1] and match[2] and int(match[1]) > int(match[2]):
        return False
    outside = int(match[1]) >= size_bytes if match[1] else int(match[2]) == 0
    if outside:
        raise RangeError(
            f"the file has {size_bytes} bytes, the range {header!r} has none of them",
            headers={"Content-Range": f"bytes */{size_bytes}"},
        )
    return True
