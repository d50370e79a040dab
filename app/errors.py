"""Everything the service can refuse, and the one table from exception to problem+json (RFC 9457).

AppError
├── NotReadyError              nothing is indexed yet, or the service is still starting
├── NotFoundError
│   ├── AudioNotFoundError     its file is gone, or lies outside the music roots
│   └── CoverNotFoundError     there is no picture of it, or none that can be read
├── AccessError
│   ├── AdminDisabledError     no token is configured, so nobody is the administrator
│   ├── UnauthenticatedError   no credential, or one that is not known
│   ├── ScopeError             a known credential that may not do this
│   └── KeyFileError           the file of API keys cannot be read
├── RateLimitedError           more requests than this client may make
├── OverloadedError            more requests wait than the service takes
├── WorkTimeoutError           answering took longer than the service allows
├── ConflictError              the thing is not in a state that allows this
├── InvalidRequestError        a value that cannot be used
│   └── UnknownRootError       a folder outside the configured music roots
├── NotAcceptableError         no such response format
├── UnsupportedMediaError      the body is of another type than the endpoint reads
├── TooLargeError              a request body above its limit
├── RangeError                 a range of bytes the file does not have
├── UploadError
│   ├── UploadMissingError     the form holds no `file`
│   ├── UploadTimeoutError     it took too long to arrive
│   ├── AnalysisLimitError     its analysis needed more time or memory than allowed
│   ├── StorageFullError       the disk of the temporary folder has no room for it
│   └── BusyError              all analysis workers and waiting places are taken
└── ServerStartError           the command line could not start what it was asked for
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException

from indexer import errors as indexer_errors
from model import errors as model_errors

PROBLEM_JSON = "application/problem+json"
PROBLEM_TYPE = "urn:circumplex:problem:"


class AppError(Exception):
    """Base of all errors of the service; `extra` becomes members of the problem."""

    def __init__(
        self, message: str, *, headers: Mapping[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(message)
        self.headers = dict(headers or {})
        self.extra = extra


class NotReadyError(AppError):
    """Nothing is indexed yet, or the service is still starting."""


class NotFoundError(AppError):
    """There is no such thing."""


class AudioNotFoundError(NotFoundError):
    """The track's file is gone, or lies outside the music roots."""


class CoverNotFoundError(NotFoundError):
    """There is no picture of the track, or none that can be read."""


class AccessError(AppError):
    """The caller may not do this."""


class AdminDisabledError(AccessError):
    """No admin token is configured."""


class UnauthenticatedError(AccessError):
    """No credential, or one that is not known."""


class ScopeError(AccessError):
    """A known credential that may not do this."""


class KeyFileError(AccessError):
    """The file of API keys cannot be read."""


class RateLimitedError(AppError):
    """More requests than this client may make."""


class OverloadedError(AppError):
    """More requests wait than the service takes."""


class WorkTimeoutError(AppError):
    """Answering took longer than the service allows."""


class ConflictError(AppError):
    """The thing is not in a state that allows this."""


class InvalidRequestError(AppError):
    """A value that cannot be used."""


class UnknownRootError(InvalidRequestError):
    """A folder outside the configured music roots."""


class NotAcceptableError(AppError):
    """No such response format."""


class UnsupportedMediaError(AppError):
    """The body is of another type than the endpoint reads."""


class TooLargeError(AppError):
    """A request body above its limit."""


class RangeError(AppError):
    """A range of bytes the file does not have."""


class UploadError(AppError):
    """The upload cannot be used."""


class UploadMissingError(UploadError):
    """The form holds no part named `file`."""


class UploadTimeoutError(UploadError):
    """The upload took too long to arrive."""


class AnalysisLimitError(UploadError):
    """Analysing the upload needed more time or memory than allowed."""


class StorageFullError(UploadError):
    """The disk of the temporary folder has no room for the upload."""


class BusyError(UploadError):
    """All analysis workers and waiting places are taken."""


class ServerStartError(AppError):
    """The command line could not start what it was asked for."""


class BodyTooLargeError(HTTPException):
    """A body above its limit, found while it was read.

    An `HTTPException`, because FastAPI turns any other error of reading a body into a 400.
    """

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(413, f"the request body is larger than the limit of {limit_bytes} bytes")


class BodyTimeoutError(HTTPException):
    """A body that did not arrive in time; an `HTTPException` as `BodyTooLargeError` is."""

    def __init__(self, limit_s: float) -> None:
        super().__init__(408, f"the request body did not arrive within {limit_s:g} s")


@dataclass(frozen=True)
class ErrorKind:
    """How one kind of problem looks on the wire.

    Attributes:
        status: HTTP status.
        slug: Last part of the problem's `type`.
        title: The problem's `title`, the same for every occurrence.
        retry_after_s: When it is worth trying again; None where it is not a matter of time.
    """

    status: int
    slug: str
    title: str
    retry_after_s: int | None = None


TABLE: Mapping[type[Exception], ErrorKind] = {
    NotReadyError: ErrorKind(503, "not-ready", "Not ready", retry_after_s=5),
    AudioNotFoundError: ErrorKind(404, "audio-not-found", "No such audio file"),
    CoverNotFoundError: ErrorKind(404, "cover-not-found", "No such cover"),
    AdminDisabledError: ErrorKind(403, "admin-disabled", "Administration is disabled"),
    UnauthenticatedError: ErrorKind(401, "unauthenticated", "Credential missing or unknown"),
    ScopeError: ErrorKind(403, "forbidden", "Not allowed with this credential"),
    KeyFileError: ErrorKind(503, "keys-unreadable", "API keys cannot be read", retry_after_s=60),
    RateLimitedError: ErrorKind(429, "rate-limited", "Too many requests"),
    OverloadedError: ErrorKind(429, "overloaded", "Too many requests are waiting"),
    WorkTimeoutError: ErrorKind(503, "work-timeout", "Answering took too long"),
    ConflictError: ErrorKind(409, "conflict", "Not possible in the present state"),
    UnknownRootError: ErrorKind(422, "unknown-root", "Folder outside the music roots"),
    InvalidRequestError: ErrorKind(422, "invalid-request", "Invalid request"),
    NotAcceptableError: ErrorKind(406, "not-acceptable", "No such response format"),
    UnsupportedMediaError: ErrorKind(415, "unsupported-media-type", "Unsupported media type"),
    TooLargeError: ErrorKind(413, "too-large", "Request body too large"),
    RangeError: ErrorKind(416, "range-not-satisfiable", "Range not satisfiable"),
    UploadMissingError: ErrorKind(422, "file-missing", "No file in the form"),
    UploadTimeoutError: ErrorKind(408, "upload-timeout", "Upload took too long"),
    AnalysisLimitError: ErrorKind(422, "analysis-limit", "Analysis exceeded its limits"),
    BusyError: ErrorKind(429, "busy", "All analysis workers are busy"),
    StorageFullError: ErrorKind(507, "storage-full", "No room for the upload", retry_after_s=60),
    indexer_errors.TrackNotFoundError: ErrorKind(404, "track-not-found", "No such track"),
    indexer_errors.RunNotFoundError: ErrorKind(404, "index-run-not-found", "No such index run"),
    indexer_errors.StationNotFoundError: ErrorKind(404, "station-not-found", "No such station"),
    indexer_errors.PlaylistNotFoundError: ErrorKind(404, "playlist-not-found", "No such playlist"),
    indexer_errors.TooManyError: ErrorKind(409, "too-many", "As many are kept as there may be"),
    indexer_errors.SnapshotNotFoundError: ErrorKind(404, "snapshot-not-found", "No such snapshot"),
    indexer_errors.SnapshotError: ErrorKind(409, "snapshot-unusable", "Snapshot cannot be used"),
    indexer_errors.RunActiveError: ErrorKind(409, "index-run-active", "An index run is active"),
    indexer_errors.RootNotFoundError: ErrorKind(422, "unknown-root", "No such music folder"),
    indexer_errors.CursorError: ErrorKind(422, "invalid-cursor", "No such page"),
    indexer_errors.CatalogUnavailableError: ErrorKind(
        503, "catalog-unavailable", "The catalogue's database is unavailable", retry_after_s=5
    ),
    model_errors.UndecodableAudioError: ErrorKind(422, "undecodable-audio", "No usable audio"),
    model_errors.EmptyAudioError: ErrorKind(422, "empty-audio", "No samples in the audio"),
    model_errors.SilentAudioError: ErrorKind(422, "silent-audio", "Nothing to hear in the audio"),
    model_errors.AudioTooShortError: ErrorKind(422, "audio-too-short", "Audio too short"),
    model_errors.AudioTooLongError: ErrorKind(413, "audio-too-long", "Audio too long"),
    model_errors.NonFiniteAudioError: ErrorKind(
        422, "non-finite-audio", "Audio holds NaN or infinity"
    ),
    model_errors.AudioError: ErrorKind(422, "unusable-audio", "No usable audio"),
    model_errors.UnknownMoodError: ErrorKind(422, "unknown-mood", "Unknown mood"),
    model_errors.FeelingError: ErrorKind(422, "unknown-feeling", "No known feeling"),
    model_errors.CurveError: ErrorKind(422, "invalid-curve", "Invalid emotion curve"),
}

HTTP_KINDS: Mapping[int, ErrorKind] = {
    400: ErrorKind(400, "bad-request", "Bad request"),
    404: ErrorKind(404, "not-found", "No such resource"),
    405: ErrorKind(405, "method-not-allowed", "Method not allowed"),
    408: ErrorKind(408, "body-timeout", "Request body took too long"),
    413: TABLE[TooLargeError],
}
INTERNAL = ErrorKind(500, "internal", "Internal error")
VALIDATION = ErrorKind(422, "invalid-request", "Invalid request")


def kind_of(error: BaseException) -> ErrorKind:
    """The row of the table for the nearest class of `error`; `INTERNAL` where there is none."""
    for cls in type(error).__mro__:
        if cls in TABLE:
            return TABLE[cls]
    return INTERNAL


def problem(kind: ErrorKind, detail: str, request_id: str | None, **extra: Any) -> dict[str, Any]:
    """The members of one problem document."""
    document: dict[str, Any] = {
        "type": PROBLEM_TYPE + kind.slug,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
    }
    if request_id is not None:
        document["request_id"] = request_id
    return document | extra


def one_line(text: str) -> str:
    """`text` as one line that UTF-8 can hold, at most 500 characters."""
    text = text.encode("utf-8", "replace").decode()
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text).strip()[:500]
