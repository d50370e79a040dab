"""Cover art: looked for when it is asked for, made small, kept by whoever asked (ADR 0047).

The picture inside a track's file goes first, then one that lies beside it under a usual name.
Pictures are foreign bytes: they are decoded in worker processes with limits of memory and time,
which are given open files.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from app.errors import BusyError, CoverNotFoundError, OverloadedError
from app.library.open_files import OpenFile, open_beside, open_track
from indexer.catalog.records import Track
from indexer.errors import WorkerLimitError, WorkerStartError
from indexer.folders.roots import MusicRoot
from indexer.isolation.limits import ProcessLimits
from indexer.isolation.pool import WorkerPool
from indexer.isolation.process import WorkerProcess
from indexer.snapshot.tracks import TrackRecord

Outcome = TypeVar("Outcome")

# Of pictures beside a track, the first wins.
NAMES = ("cover", "folder", "front", "album", "artwork", "albumart")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif", ".bmp")
MAX_SIDE_PX = 1024
MEDIA_TYPE, BLANK_MEDIA_TYPE = "image/jpeg", "image/png"
RECIPE = 3  # raised when the same picture is made small otherwise
PLACES = 256
RETRY_AFTER_S = 1
WORKERS = 2  # so that a picture that takes its time holds back no other
LIMITS = ProcessLimits(timeout_s=5.0, memory_bytes=512 * 1024 * 1024)
REMEMBERED = 1000  # covers that took more than they may
MODULE = "app.library.cover_worker"

_WINDOWS = re.compile(r"albumart_\{[0-9a-f-]+\}_large\.jpg")  # of Windows Media Player
_RANKS = {name: rank for rank, name in enumerate(f"{n}{s}" for n in NAMES for s in SUFFIXES)}


@dataclass(frozen=True)
class CoverFiles:
    """Where the cover of a track may be.

    Attributes:
        audio: The track's file.
        beside: A picture in its folder; None without one.
    """

    audio: OpenFile
    beside: OpenFile | None

    def tag(self, size: int) -> str:
        """Entity tag of the cover at this size; another one as soon as a file changes."""
        known: list[object] = [RECIPE, size]
        for file in filter(None, (self.audio, self.beside)):
            known += [file.name, file.status.st_ino, file.status.st_size, file.status.st_mtime_ns]
        return f'"{hashlib.blake2b(repr(known).encode(), digest_size=16).hexdigest()}"'


@contextmanager
def cover_files(
    track: Track | TrackRecord, music_roots: Sequence[MusicRoot]
) -> Iterator[CoverFiles]:
    """The open files that may hold a track's cover, all of them beneath the music roots.

    Raises:
        AudioNotFoundError: The track's file is gone, is no file, or lies outside.
    """
    audio = open_track(track, music_roots)
    beside = None
    try:
        beside = open_beside(track, music_roots, _rank)
        yield CoverFiles(audio, beside)
    finally:
        audio.close()
        if beside is not None:
            beside.close()


def _rank(name: str) -> int | None:
    lower = name.lower()
    if _WINDOWS.fullmatch(lower):
        return len(_RANKS)
    return _RANKS.get(lower)


class CoverWorker(Protocol):
    """What makes one picture small at a time, and may be lost over it."""

    @property
    def alive(self) -> bool:
        """Whether it can take another file."""

    def ask(
        self, request: Mapping[str, Any], file: int | None = None
    ) -> tuple[dict[str, Any], bytes]:
        """Have one request answered."""

    def close(self) -> None:
        """End it."""


class CoverMaker:
    """Makes covers small in worker processes, which are started when they are first needed.

    Args:
        start: Starts a worker; by default a process of its own.
        workers: How many covers are made at the same time.
    """

    def __init__(
        self, start: Callable[[], CoverWorker] | None = None, *, workers: int = WORKERS
    ) -> None:
        start = start or partial(WorkerProcess, MODULE, LIMITS)
        self._pool = WorkerPool(start, workers)
        self._costly: OrderedDict[str, str] = OrderedDict()  # tags of covers, and what they did

    def jpeg(self, files: CoverFiles, size: int) -> bytes:
        """The cover as JPEG, no wider and no higher than `size` pixels, never enlarged.

        Raises:
            CoverNotFoundError: There is none, or none that can be read within the limits.
            BusyError: No worker can be started.
        """
        tag = files.tag(size)
        trouble = self._costly.get(tag, "neither inside the file nor beside it is a picture")
        looks = (("inside", files.audio), ("beside", files.beside))
        for kind, file in looks if tag not in self._costly else ():
            if file is None:
                continue
            try:
                reply, content = self._ask({"do": kind, "size": size}, file)
            except WorkerLimitError as exc:
                trouble = f"a picture that takes too much: {exc}"
                self._costly[tag] = trouble
                continue
            if reply.get("cover"):
                self._costly.pop(tag, None)
                return content
            trouble = str(reply.get("trouble") or reply.get("message") or trouble)
        while len(self._costly) > REMEMBERED:
            self._costly.popitem(last=False)
        raise CoverNotFoundError(f"{files.audio.name} has no cover: {trouble}")

    def _ask(self, request: Mapping[str, Any], file: OpenFile) -> tuple[dict[str, Any], bytes]:
        try:
            with self._pool.taken() as worker:
                return worker.ask(request, file.descriptor)
        except WorkerStartError as exc:
            raise BusyError(str(exc), headers={"Retry-After": "5"}) from exc

    def close(self) -> None:
        """End the workers, also those at work."""
        self._pool.close(LIMITS.timeout_s + 1.0)


class CoverDesk:
    """The threads that wait for covers, and the bound on how many may wait for them."""

    def __init__(self, places: int = PLACES, maker: CoverMaker | None = None) -> None:
        self._places = places
        self._held = 0  # used from the event loop alone
        self._executor = ThreadPoolExecutor(WORKERS, "covers")
        self.maker = maker or CoverMaker()

    async def do(self, work: Callable[[], Outcome]) -> Outcome:
        """What `work` returns, once it is its turn.

        Raises:
            OverloadedError: All places are taken.
            Exception: Whatever `work` raises.
        """
        if self._held >= self._places:
            raise OverloadedError(
                f"{self._held} covers are waited for already; try again in {RETRY_AFTER_S} s",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        self._held += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._held -= 1

    def close(self) -> None:
        """Begin no more; what is under way ends within its limits."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        self.maker.close()
