"""Music in an S3-compatible object store, read by its own protocol with s3fs (extra `s3`).

Address and credentials are those of the environment (`AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, …,
a profile, the machine's role), as botocore finds them: none is stored, and none is logged.

A root is listed flat, a thousand keys a request. An object is copied into a nameless temporary
file by whoever analyses it, in bounded pieces and bounded time, and all of it of one version.
"""

from __future__ import annotations

import errno
import hashlib
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

from indexer.errors import RootNotFoundError, StoreAwayError
from indexer.folders.files import FoundFile, escape_name, object_key, stored_name
from indexer.folders.roots import StoreRoot, is_path
from indexer.folders.walk import (
    AUDIO_SUFFIXES,
    HIDDEN,
    WalkReport,
    folder_passed_over,
    other_music,
)

ODD_KEYS = "keys that are no path: a part is empty, `.` or `..`"
PIECE_BYTES = 8 << 20  # of an object that are asked for at a time
MOST_BYTES = 4 << 30  # of an object that is copied
FETCH_S = 1800.0  # how long copying one object may take
MOST_FAILURES = 10  # objects in a row that the store fails to give; then it is away
CHANGED = "it changed after it was found; the next run reads it again"

_CONNECT_S, _READ_S = 5, 15  # until the store has to have begun to answer, and to go on
_TRIES = 3
_SECOND_NS = 10**9
_STORE_FAILS = frozenset({errno.EIO, errno.EREMOTEIO, errno.EBUSY, errno.ETIMEDOUT})


class OpenObject:
    """An object as it was when it was opened, to be read in parts; none is of another version.

    Attributes:
        size_bytes: Its size.
        etag: Its entity tag, with quotation marks.
        modified: When it changed last.
    """

    def __init__(self, remote: Any) -> None:
        self._remote = remote
        self.size_bytes: int = remote.details["size"]
        self.etag: str = remote.details.get("ETag") or ""
        self.modified: datetime = remote.details["LastModified"]

    def read(self, begin: int, end: int) -> bytes:
        """The bytes from `begin` up to `end`, which is not among them.

        Raises:
            OSError: It is not there any more or has changed, or the store fails.
        """
        with in_words():
            self._remote.seek(begin)
            piece: bytes = self._remote.read(end - begin)
        if len(piece) != min(end, self.size_bytes) - begin:
            raise OSError(errno.EREMOTEIO, "the store ended the object before its end")
        return piece


class ObjectStore:
    """The objects below roots of a store; nothing is loaded or asked before the first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opened: Any = None
        self._failures = 0  # in a row

    def require(self, root: StoreRoot) -> None:
        """Make sure that a root can be listed.

        Raises:
            RootNotFoundError: There is no such bucket, it may not be listed, the store does not
                answer, or s3fs is not installed.
        """
        try:
            next(self._pages(root, most=1))
        except OSError as exc:
            raise RootNotFoundError(f"music root {root}: {exc.strerror or exc}") from exc

    def find(self, root: StoreRoot, report: WalkReport) -> Iterator[FoundFile]:
        """The audio objects below a root, in order of their keys.

        Where the listing breaks off, the report says so, and that nothing is known of the rest.
        """
        stored = stored_name(root)
        try:
            for page in self._pages(root):
                for entry in page:
                    path = entry["Key"][len(root.key("")) :]
                    if _is_music(path, report, f"{stored}/{escape_name(path)}"):
                        stamp = _stamp_ns(entry["LastModified"], entry["ETag"])
                        yield FoundFile(stored, escape_name(path), entry["Size"], stamp)
        except OSError as exc:
            report.failed(f"{stored}/", exc)

    def fetch(self, found: FoundFile) -> BinaryIO:
        """A copy of an object as it was found, in a temporary file without a name.

        Raises:
            OSError: It is not there any more, has changed, may not be read, is larger than
                `MOST_BYTES`; the store fails or takes too long; the disk has no room.
            StoreAwayError: The store has failed `MOST_FAILURES` times in a row.
        """
        try:
            copy = self._copy(found)
        except OSError as exc:
            self._failures = self._failures + 1 if exc.errno in _STORE_FAILS else 0
            if self._failures >= MOST_FAILURES:
                reason = f"{found.root} fails again and again: {exc.strerror}; index it later"
                raise StoreAwayError(reason) from exc
            raise
        self._failures = 0
        return copy

    def _copy(self, found: FoundFile) -> BinaryIO:
        if found.size_bytes > MOST_BYTES:
            most = f"it is larger than {MOST_BYTES >> 30} GiB, the most that is copied from a store"
            raise OSError(errno.EFBIG, most)
        file: Any = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        try:
            for piece in self._pieces(found):
                file.write(piece)
            file.flush()
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return cast(BinaryIO, file)

    def _pieces(self, found: FoundFile) -> Iterator[bytes]:
        """The content of an object, all of the version that was found."""
        until_s = time.monotonic() + FETCH_S
        opened = self.open(found.root, found.path)
        if (opened.size_bytes, _digits(opened.etag)) != (found.size_bytes, _tag_digits(found)):
            raise OSError(errno.ESTALE, CHANGED)
        for begin in range(0, opened.size_bytes, PIECE_BYTES):
            yield opened.read(begin, begin + PIECE_BYTES)
            if time.monotonic() > until_s:
                raise OSError(errno.ETIMEDOUT, f"copying it took more than {FETCH_S:g} s")

    def open(self, root: str, path: str) -> OpenObject:
        """An object as it is now, of its stored root and path.

        Raises:
            OSError: It is not there or may not be read, or the store fails.
            RootNotFoundError: s3fs is not installed.
        """
        place = "/".join(object_key(root, path))
        with in_words():
            remote = self._filesystem().open(place, "rb", cache_type="none")
            if remote.details.get("type") != "file":
                raise FileNotFoundError(place)
        return OpenObject(remote)

    def _pages(self, root: StoreRoot, most: int = 1000) -> Iterator[list[Mapping[str, Any]]]:
        """The objects below a root, a page at a time.

        Raises:
            OSError: It cannot be listed to its end.
        """
        asked = {"Bucket": root.bucket, "Prefix": root.key(""), "MaxKeys": most}
        while True:
            with in_words():
                page = self._filesystem().call_s3("list_objects_v2", **asked)
            yield page.get("Contents", [])
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def _filesystem(self) -> Any:
        """The connection, which threads share.

        Raises:
            RootNotFoundError: s3fs is not installed.
        """
        with self._lock:
            if self._opened is None:
                try:
                    from s3fs import S3FileSystem
                except ModuleNotFoundError as exc:
                    raise RootNotFoundError(
                        f"object stores cannot be read ({exc.name} is missing): "
                        "pip install 'circumplex[s3]'"
                    ) from exc
                tries = {"mode": "standard", "total_max_attempts": _TRIES}
                times = {"connect_timeout": _CONNECT_S, "read_timeout": _READ_S}
                opened = S3FileSystem(
                    use_listings_cache=False,
                    skip_instance_cache=True,
                    config_kwargs={"retries": tries, **times},
                )
                opened.retries = 2  # of a body that breaks off; each asks `_TRIES` times
                self._opened = opened
            return self._opened


def _is_music(path: str, report: WalkReport, address: str) -> bool:
    """Whether a key below a root is audio; notes what a listener may take for music."""
    if path.endswith("/"):  # the mark of an empty folder
        return False
    name = PurePosixPath(path)
    suffix = name.suffix.lower()
    if suffix not in AUDIO_SUFFIXES:
        reason = other_music(name.name, suffix)
    elif not is_path(path):
        reason = ODD_KEYS
    elif name.name.startswith("._"):
        reason = HIDDEN
    else:
        reasons = (folder_passed_over(str(above)) for above in name.parents if above.name)
        reason = next(filter(None, reasons), None)
        if reason is None:
            return True
    if reason is not None:
        report.passed_over(reason, address)
    return False


def _stamp_ns(modified: datetime, etag: str) -> int:
    """When an object changed, to the second, and below that digits of its entity tag."""
    return int(modified.timestamp()) * _SECOND_NS + _digits(etag)


def _digits(etag: str) -> int:
    digest = hashlib.blake2b(etag.strip('"').encode(), digest_size=8).digest()
    return int.from_bytes(digest) % _SECOND_NS


def _tag_digits(found: FoundFile) -> int:
    return found.mtime_ns % _SECOND_NS


@contextmanager
def in_words() -> Iterator[None]:
    """Turn what s3fs and botocore raise into an `OSError` with a reason for a person."""
    try:
        yield
    except RootNotFoundError:
        raise
    except FileNotFoundError as exc:
        raise OSError(errno.ENOENT, "the store has no such bucket or object") from exc
    except PermissionError as exc:
        raise OSError(errno.EACCES, f"the store refuses access ({_said(exc)})") from exc
    except TimeoutError as exc:
        if exc.errno is not None:
            raise
        raise OSError(errno.ETIMEDOUT, "the store does not answer in time") from exc
    except OSError as exc:
        if type(exc).__name__ == "FileExpired":
            raise OSError(errno.ESTALE, CHANGED) from exc
        if exc.errno is None:  # as botocore's when an answer does not come in time
            raise _failure(exc) from exc
        raise
    except Exception as exc:  # botocore's have no base in common with OSError
        raise _failure(exc) from exc


def _failure(exc: Exception) -> OSError:
    """Only the kind of an error: its words name addresses."""
    return OSError(errno.EREMOTEIO, f"the store fails: {type(exc).__name__}")


def _said(exc: OSError) -> str:
    return exc.strerror or str(exc)
