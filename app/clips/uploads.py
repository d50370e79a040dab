"""Receiving a file over HTTP: bounded in size, time and number, into a private folder.

The bytes go straight from the connection to one temporary file, which is removed whatever
happens. Nothing the client names (file name, content type) reaches the file system.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from app.errors import (
    BusyError,
    InvalidRequestError,
    StorageFullError,
    TooLargeError,
    UnsupportedMediaError,
    UploadMissingError,
    UploadTimeoutError,
)
from app.metrics import Metrics

_AS_IT_IS = (b"", b"binary", b"8bit", b"7bit")  # transfer encodings that change no byte
_NAME_SHOWN = 40  # characters of a part's name in a message
FORM_OVERHEAD_BYTES = 64 * 1024  # boundaries, part headers and small fields beside the file
MAX_PARTS = 32
RETRY_AFTER_S = 2
GRACE_S = 10.0
LEAST_BYTES_PER_S = 8192.0
"""After `GRACE_S` an upload must have arrived at this rate on average."""
STAGES = {"arriving": "arriving", "held": "in work or waiting"}


@dataclass(frozen=True)
class UploadLimits:
    """What one upload may take: bytes of the file, seconds to arrive."""

    max_bytes: int
    timeout_s: float


class UploadPlaces:
    """The places of uploads at one stage; used from the event loop alone.

    Uploads that arrive have other places than those that are analysed, so that slow ones keep
    nobody from a worker.
    """

    def __init__(self, stage: str, total: int, metrics: Metrics, per_client: int = 0) -> None:
        """Open the places.

        Args:
            stage: One of `STAGES`, for messages and metrics.
            total: How many there are.
            metrics: Told how many are taken.
            per_client: How many one client may hold; 0: all.
        """
        self.total = total
        self._per_client = per_client or total
        self._stage, self._metrics = stage, metrics
        self._held: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """How many are held."""
        return self._held.total()

    @asynccontextmanager
    async def taking_one(self, client: str = "") -> AsyncIterator[None]:
        """Hold a place.

        Raises:
            BusyError: All are taken, or as many by this client as it may hold.
        """
        if self.taken >= self.total or self._held[client] >= self._per_client:
            self._metrics.refused.inc()
            raise BusyError(
                f"{self.taken} uploads are {STAGES[self._stage]}, as many as there are places; "
                f"try again in {RETRY_AFTER_S} s",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        self._count(client, 1)
        try:
            yield
        finally:
            self._count(client, -1)

    def _count(self, client: str, change: int) -> None:
        self._held[client] += change
        if not self._held[client]:
            del self._held[client]
        self._metrics.uploads.labels(self._stage).set(self.taken)


@asynccontextmanager
async def received_file(
    request: Request, folder: Path, limits: UploadLimits
) -> AsyncIterator[Path]:
    """The part `file` of a multipart form as a temporary file, removed afterwards.

    Args:
        request: A request whose body has not been read.
        folder: Private folder for the file.
        limits: What the upload may take.

    Yields:
        The file's path.

    Raises:
        UnsupportedMediaError: The body is no multipart form.
        InvalidRequestError: The form is malformed.
        UploadMissingError: It has no part named `file`.
        TooLargeError: It is larger than the limit.
        UploadTimeoutError: It took longer than the limit.
        StorageFullError: The folder's disk has no room for it.
    """
    boundary = _boundary(request)
    path = folder / f"upload-{secrets.token_hex(8)}"
    try:
        await _write(request, boundary, path, limits)
        yield path
    finally:
        with suppress(OSError):  # what is left goes with the folder
            path.unlink()


async def _write(request: Request, boundary: bytes, path: Path, limits: UploadLimits) -> None:
    try:
        for folder in (path.parent.parent, path.parent):  # something may have tidied up there
            folder.mkdir(exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            await _receive(request, boundary, file, limits)
    except TimeoutError:
        raise
    except OSError as exc:
        raise StorageFullError(
            f"the service cannot keep the upload while it is analysed: {exc.strerror or exc}"
        ) from exc


async def drain(request: Request, limits: UploadLimits) -> None:
    """Read and drop the body, within the limits, so that a refusal reaches the client.

    A server that answers and closes while the client still sends makes many clients report a
    broken connection instead of the answer.
    """
    seen = 0
    try:
        async with asyncio.timeout(limits.timeout_s):
            async for chunk in request.stream():
                seen += len(chunk)
                if seen > 2 * limits.max_bytes:
                    return
    except (TimeoutError, ClientDisconnect, RuntimeError):
        return


def _boundary(request: Request) -> bytes:
    content_type = request.headers.get("content-type", "")
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 0 < len(boundary) <= 200:
        raise UnsupportedMediaError(
            f"send a multipart/form-data body with a part named 'file', not {content_type!r}"
        )
    return boundary


async def _receive(request: Request, boundary: bytes, file: BinaryIO, limits: UploadLimits) -> None:
    form = _FormFile(file, limits.max_bytes)
    parser = form.parser(boundary)
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limits.max_bytes + FORM_OVERHEAD_BYTES:
        raise form.too_large()
    try:
        async with asyncio.timeout(limits.timeout_s) as until:
            pace = _Pace(until, limits.timeout_s)
            async for chunk in request.stream():
                pace.count(len(chunk))
                if pace.received_bytes > limits.max_bytes + FORM_OVERHEAD_BYTES:
                    raise form.too_large()
                parser.write(chunk)
                await asyncio.sleep(0)  # a hostile form is slow to read: others come in between
        parser.finalize()
    except TimeoutError as exc:
        raise UploadTimeoutError(
            f"the upload did not arrive within {limits.timeout_s:g} s, or more slowly than "
            f"{LEAST_BYTES_PER_S:.0f} bytes a second after the first {GRACE_S:g} s"
        ) from exc
    except FormParserError as exc:
        raise InvalidRequestError(f"malformed multipart body: {exc}") from exc
    if not form.seen:
        raise form.missing()


class _Pace:
    """Brings the end of a timeout forward for a body that arrives too slowly."""

    def __init__(self, until: asyncio.Timeout, timeout_s: float) -> None:
        self._until = until
        self._loop = asyncio.get_running_loop()
        self._begun_s = self._loop.time()
        self._latest_s = self._begun_s + timeout_s
        self.received_bytes = 0
        self.count(0)

    def count(self, received_bytes: int) -> None:
        """So many bytes more have arrived."""
        self.received_bytes += received_bytes
        slowest_s = self._begun_s + GRACE_S + self.received_bytes / LEAST_BYTES_PER_S
        self._until.reschedule(min(self._latest_s, slowest_s))


class _FormFile:
    """Writes the first part named `file` to `file`; counts and drops all else."""

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        self.file, self.max_bytes = file, max_bytes
        self.seen = self.wanted = False
        self.file_bytes = self.other_bytes = self.parts = 0
        self._name = self._value = b""
        self._disposition = self._encoding = b""
        self._others: list[str] = []

    def parser(self, boundary: bytes) -> MultipartParser:
        return MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
            },
        )

    def too_large(self) -> TooLargeError:
        return TooLargeError(f"the file is larger than the limit of {self.max_bytes} bytes")

    def missing(self) -> UploadMissingError:
        named = f"; it has {', '.join(self._others[:3])}" if self._others else ""
        return UploadMissingError(f"the form has no part named 'file'{named}")

    def _begin(self) -> None:
        self.parts += 1
        if self.parts > MAX_PARTS:
            raise TooLargeError(f"the form has more than {MAX_PARTS} parts")
        self.wanted = False
        self._name = self._value = self._disposition = self._encoding = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        elif self._name.lower() == b"content-transfer-encoding":
            self._encoding = self._value.strip().lower()
        self._name = self._value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"")
        self.wanted = name == b"file" and not self.seen
        self.seen = self.seen or self.wanted
        if not self.wanted:
            self._others.append(repr(name.decode("utf-8", "replace")[:_NAME_SHOWN]))
        elif self._encoding not in _AS_IT_IS:
            raise UnsupportedMediaError(
                "send the bytes of the part 'file' as they are, not encoded"
            )

    def _data(self, data: bytes, start: int, end: int) -> None:
        if not self.wanted:
            self.other_bytes += end - start
            if self.other_bytes > FORM_OVERHEAD_BYTES:
                raise (
                    TooLargeError("the form holds more than a file")
                    if self.seen
                    else self.missing()
                )
            return
        self.file_bytes += end - start
        if self.file_bytes > self.max_bytes:
            raise self.too_large()
        self.file.write(data[start:end])
