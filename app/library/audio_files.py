"""Serving a track's file: only from inside the music roots, whole or a range of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from fastapi import Request, Response
from fastapi.responses import FileResponse
from starlette.types import Receive, Scope, Send

from app.errors import AudioNotFoundError, RangeError
from app.http.entity_tags import is_file_known
from app.library.open_files import OpenFile

MEDIA_TYPES = {
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".wav": "audio/wav",
    ".wave": "audio/wav",
    ".bwf": "audio/wav",
    ".rf64": "audio/wav",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".ogx": "audio/ogg",
    ".opus": "audio/ogg",
    ".m4a": "audio/mp4",
    ".m4b": "audio/mp4",
    ".m4r": "audio/mp4",
    ".f4a": "audio/mp4",
    ".mp4": "audio/mp4",
    ".aac": "audio/aac",
    ".adts": "audio/aac",
    ".wma": "audio/x-ms-wma",
    ".xwma": "audio/x-ms-wma",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".aifc": "audio/aiff",
    ".mp1": "audio/mpeg",
    ".mp2": "audio/mpeg",
    ".m2a": "audio/mpeg",
    ".mpga": "audio/mpeg",
    ".spx": "audio/ogg",
    ".ac3": "audio/ac3",
    ".eac3": "audio/eac3",
    ".ec3": "audio/eac3",
    ".dts": "audio/vnd.dts",
    ".dtshd": "audio/vnd.dts.hd",
    ".wv": "audio/x-wavpack",
    ".ape": "audio/x-ape",
    ".mpc": "audio/x-musepack",
    ".mpp": "audio/x-musepack",
    ".mp+": "audio/x-musepack",
    ".tta": "audio/x-tta",
    ".tak": "audio/x-tak",
    ".dsf": "audio/x-dsf",
    ".caf": "audio/x-caf",
    ".mka": "audio/x-matroska",
    ".webm": "audio/webm",
    ".weba": "audio/webm",
    ".3gp": "audio/3gpp",
    ".3ga": "audio/3gpp",
    ".3g2": "audio/3gpp2",
    ".amr": "audio/amr",
    ".au": "audio/basic",
    ".snd": "audio/basic",
    ".w64": "audio/x-w64",
    ".voc": "audio/x-voc",
}
_ONE_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})-(\d{0,18})")


class OpenFileResponse(FileResponse):
    """A response that sends an open file, and closes it at its end.

    The body is read through the descriptor's own entry in `/proc`: that opens the very file,
    wherever its path leads by now.
    """

    def __init__(self, file: OpenFile, media_type: str, headers: Mapping[str, str]) -> None:
        self._file = file
        super().__init__(
            f"/proc/self/fd/{file.descriptor}",
            media_type=media_type,
            stat_result=file.status,
            headers=headers,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def audio_response(request: Request, file: OpenFile) -> Response:
    """An open file, which the response closes, or the part of it that a `Range` header asks for.

    A header that is no single range of bytes is ignored, as RFC 9110 allows. Where the client has
    the file already (`If-None-Match`, `If-Modified-Since`), the answer is 304.

    Raises:
        RangeError: The range lies outside the file.
    """
    try:
        media_type = media_type_of(file.name)
        answer = OpenFileResponse(file, media_type, {"cache-control": "private, max-age=3600"})
        is_unchanged = is_file_known(request, answer.headers)
        asked = None if is_unchanged else request.headers.get("range")
        if asked is not None and not _is_usable(asked, file.status.st_size):
            request.scope["headers"] = [
                (name, value) for name, value in request.scope["headers"] if name != b"range"
            ]
    except BaseException:
        file.close()
        raise
    if not is_unchanged:
        return answer
    file.close()
    kept = ("etag", "cache-control", "last-modified")
    return Response(status_code=304, headers={name: answer.headers[name] for name in kept})


def asked_range(request: Request, size_bytes: int, etag: str) -> tuple[int, int] | None:
    """The part that a `Range` header asks for: its first byte, and that after its last.

    None where everything is to be sent: without the header, with one that is no single range, and
    where `If-Range` names another version.

    Raises:
        RangeError: The range lies outside the file.
    """
    header = request.headers.get("range")
    if header is None or request.headers.get("if-range", etag) != etag:
        return None
    match = _ONE_RANGE.fullmatch(header.strip())
    if match is None or not _is_usable(header, size_bytes):
        return None
    if not match[1]:
        return max(0, size_bytes - int(match[2])), size_bytes
    end = min(int(match[2]) + 1, size_bytes) if match[2] else size_bytes
    return int(match[1]), end


def media_type_of(name: str) -> str:
    """The media type of a file of this name.

    Raises:
        AudioNotFoundError: It is none of audio.
    """
    media_type = MEDIA_TYPES.get(Path(name).suffix.lower())
    if media_type is None:
        raise AudioNotFoundError(f"{name} is no audio that is served")
    return media_type


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
