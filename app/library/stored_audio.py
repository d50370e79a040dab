"""Serving audio that lies in an object store: whole or a range of it, passed on in pieces.

The store is asked in threads of its own, so that one that hangs holds back no other request. A
piece is asked for when the one before it is sent.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from datetime import UTC
from email.utils import format_datetime
from pathlib import PurePosixPath
from typing import BinaryIO, TypeVar

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from app.errors import AudioNotFoundError, NotReadyError, OverloadedError
from app.http.entity_tags import is_known
from app.library.audio_files import asked_range, media_type_of
from indexer.catalog.records import Track
from indexer.errors import IndexerError
from indexer.folders.files import FoundFile, object_key
from indexer.folders.objects import ObjectStore, OpenObject
from indexer.folders.roots import MusicRoot, StoreRoot

logger = logging.getLogger("circumplex.service")

Outcome = TypeVar("Outcome")

PIECE_BYTES = 1 << 20
THREADS = 8  # that ask the store
PLACES = 16  # requests that wait for the store to give an object
OPEN_S = 20.0  # how long one may wait
COPY_S = 120.0


class StoredAudio:
    """Gives objects of the configured roots to those that play them.

    Args:
        music_roots: The configured roots; without any, a track's own root holds it.
        store: Opens objects.
        open_s: How long a request may wait for one.
    """

    def __init__(
        self,
        music_roots: Sequence[MusicRoot],
        store: ObjectStore | None = None,
        *,
        open_s: float = OPEN_S,
    ) -> None:
        self._roots = [root for root in music_roots if isinstance(root, StoreRoot)]
        self._any = not music_roots
        self._store, self._open_s = store or ObjectStore(), open_s
        self._executor = ThreadPoolExecutor(THREADS, "stored-audio")
        self._places = threading.BoundedSemaphore(PLACES)

    def response(self, request: Request, track: Track) -> Response:
        """An object, or the part of it that a `Range` header asks for; 304 where it is known.

        Raises:
            AudioNotFoundError: It is not there any more, or lies in no configured root.
            NotReadyError: The store fails, or refuses to give it.
            OverloadedError: Too many requests wait for the store.
            RangeError: The range lies outside the object.
        """
        self._require_inside(track)
        media_type = media_type_of(PurePosixPath(track.path).name)
        opened = self._given(lambda: self._store.open(track.root, track.path), track, self._open_s)
        headers = {
            "etag": opened.etag,
            "last-modified": format_datetime(opened.modified.astimezone(UTC), usegmt=True),
            "cache-control": "private, max-age=3600",
        }
        if is_known(request, opened.etag):
            return Response(status_code=304, headers=headers)
        size = opened.size_bytes
        part = asked_range(request, size, opened.etag)
        begin, end = part or (0, size)
        headers |= {"accept-ranges": "bytes", "content-length": str(end - begin)}
        if part is not None:
            headers["content-range"] = f"bytes {begin}-{end - 1}/{size}"
        status = 200 if part is None else 206
        if request.scope.get("only_headers"):
            return Response(None, status, headers, media_type)
        return StreamingResponse(self._pieces(opened, begin, end), status, headers, media_type)

    def copy(self, track: Track) -> BinaryIO:
        """A copy of an object as it was indexed, in a temporary file, for who needs a file.

        Raises:
            AudioNotFoundError: It is not there any more, or lies in no configured root.
            NotReadyError: The store fails, or refuses to give it; or it has changed since.
            OverloadedError: Too many requests wait for the store.
        """
        self._require_inside(track)
        found = FoundFile(track.root, track.path, track.size_bytes, track.mtime_ns)
        return self._given(lambda: self._store.fetch(found), track, COPY_S)

    def close(self) -> None:
        """Begin no more."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _require_inside(self, track: Track) -> None:
        own = StoreRoot(*object_key(track.root, track.path))
        if not self._any and not any(own.is_inside(root) for root in self._roots):
            raise AudioNotFoundError(f"the file of track {track.id} is not inside the music roots")

    def _given(self, ask: Callable[[], Outcome], track: Track, timeout_s: float) -> Outcome:
        """What the store gives, within its time."""
        if not self._places.acquire(blocking=False):
            raise OverloadedError(
                f"{PLACES} requests wait for the object store already",
                headers={"Retry-After": "1"},
            )
        asked = self._executor.submit(ask)
        try:
            return asked.result(timeout_s)
        except LateError as exc:
            asked.cancel()
            raise NotReadyError(f"the object store did not answer in {timeout_s:g} s") from exc
        except (OSError, IndexerError) as exc:
            reason = getattr(exc, "strerror", None) or exc
            if isinstance(exc, FileNotFoundError):
                raise AudioNotFoundError(f"the file of track {track.id} is gone: {reason}") from exc
            raise NotReadyError(f"the file of track {track.id}: {reason}") from exc
        finally:
            self._places.release()

    async def _pieces(self, opened: OpenObject, begin: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `begin` up to `end`; the answer breaks off where the store does."""
        loop = asyncio.get_running_loop()
        for start in range(begin, end, PIECE_BYTES):
            stop = min(start + PIECE_BYTES, end)
            try:
                yield await loop.run_in_executor(self._executor, opened.read, start, stop)
            except OSError as exc:
                logger.warning("an object breaks off while it is sent: %s", exc.strerror or exc)
                raise
