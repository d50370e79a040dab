"""Audio in another format while it is sent: MP3 or Opus, nothing kept on disk.

A worker process decodes and encodes, under limits; it is given the open file, and waits while the
client takes its time. Their number is bounded; one whose client has read nothing for a while ends
when another client needs its place.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from typing import Any, BinaryIO, cast

from anyio import CapacityLimiter, to_thread
from fastapi.concurrency import run_in_threadpool

from app.errors import OverloadedError
from app.subsonic.errors import GENERIC, SubsonicError
from indexer.isolation.process import give_up_before_parent, worker_environment

logger = logging.getLogger("circumplex.subsonic")

LEAST_KBPS, MOST_KBPS = 32, 320
CPU_S = 3600.0  # of the processor, for one file
MEMORY_BYTES = 512 * 1024 * 1024
PIECE_BYTES = 1 << 16
PLACES = 16  # half of them for one client
IDLE_S = 5.0
"""Who has read nothing for so long gives its place to another."""
HEADERS = {"cache-control": "private, no-store", "accept-ranges": "none"}
MODULE = "app.subsonic.transcode_worker"
DEFAULT_KBPS = {"mp3": 192, "opus": 128}


@dataclass(frozen=True)
class Target:
    """What to encode to.

    Attributes:
        name: `mp3` or `opus`.
        codec: FFmpeg's encoder.
        container: FFmpeg's muxer.
        media_type: Of the answer.
        rate_hz: Samples a second.
    """

    name: str
    codec: str
    container: str
    media_type: str
    rate_hz: int


TARGETS = {
    "mp3": Target("mp3", "libmp3lame", "mp3", "audio/mpeg", 44_100),
    "opus": Target("opus", "libopus", "ogg", "audio/ogg", 48_000),
}


OGG = frozenset({"ogg", "oga"})  # the container of Opus, by which some players ask for it


def target_called(name: str) -> Target:
    """A format to encode to.

    Raises:
        SubsonicError: This server has none of this name.
    """
    found = TARGETS.get("opus" if name in OGG else name)
    if found is None:
        raise SubsonicError(
            GENERIC, f"format={name[:20]!r} is not offered; there are raw, {', '.join(TARGETS)}"
        )
    return found


class Transcode:
    """One file on its way to a client in another format."""

    def __init__(self, file: BinaryIO, options: dict[str, Any], client: str) -> None:
        """Start nothing yet.

        Args:
            file: The open file; it is closed at the end.
            options: Of the worker.
            client: Whom it is for.
        """
        self.client = client
        self.read_s = time.monotonic()  # when the client last took a piece
        self._file, self._options = file, options
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False
        self._lock = threading.Lock()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes as they are encoded; a file that cannot be decoded any further ends there."""
        output = await run_in_threadpool(self.started)
        if output is None:
            return
        own = CapacityLimiter(1)  # a worker that takes its time holds no thread of the others
        read = partial(output.read1, PIECE_BYTES)
        while piece := await to_thread.run_sync(read, abandon_on_cancel=True, limiter=own):
            self.read_s = time.monotonic()
            yield piece

    def end(self) -> None:
        """End it; again is no mistake."""
        with self._lock:
            self._ended = True
            self._file.close()
            if self._process is not None:
                self._process.kill()
                # A disk that hangs may hold it: no request waits for its end.
                threading.Thread(target=_reap, args=(self._process,), daemon=True).start()
                self._process = None

    def started(self) -> BufferedReader | None:
        """The output of the worker, which is started once; None where that is not possible."""
        with self._lock:
            if self._ended:
                return None
            if self._process is not None:
                return cast("BufferedReader", self._process.stdout)
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", MODULE, json.dumps(self._options)],
                    stdin=self._file.fileno(),
                    stdout=subprocess.PIPE,
                    env=worker_environment(),
                    start_new_session=True,
                )
                give_up_before_parent(self._process.pid)
            except OSError as exc:
                logger.warning("no worker that transcodes can be started: %s", exc.strerror or exc)
                return None
            return cast("BufferedReader", self._process.stdout)


def _reap(process: subprocess.Popen[bytes]) -> None:
    with process:  # whoever still reads comes to the end, then the pipe is closed
        process.wait()


class Transcodes:
    """Those under way, no more than there are places; used from any thread."""

    def __init__(self, places: int = PLACES, idle_s: float = IDLE_S) -> None:
        self._places, self._idle_s = places, idle_s
        self._held: list[Transcode] = []
        self._lock = threading.Lock()

    def begin(
        self,
        file: BinaryIO,
        name: str,
        target: Target,
        kbps: int,
        start_s: float = 0.0,
        client: str = "",
    ) -> Transcode:
        """Take a place for a file.

        Args:
            file: The open file; it is closed at the end.
            name: Its name.
            target: What to encode to.
            kbps: Bits a second, thousands.
            start_s: Where to begin.
            client: Whom it is for.

        Raises:
            OverloadedError: All places are taken, or half of them by this client.
        """
        options = {
            "name": name,
            "target": target.name,
            "kbps": kbps,
            "start_s": start_s,
            "cpu_s": CPU_S,
            "memory_bytes": MEMORY_BYTES,
        }
        with self._lock:
            self._require_place(client)
            begun = Transcode(file, options, client)
            self._held.append(begun)
        return begun

    def start(self, transcode: Transcode) -> None:
        """Start one before its answer begins: then it can still be refused.

        Raises:
            OverloadedError: The system gives no process for it.
        """
        if transcode.started() is None:
            self.end(transcode)
            raise OverloadedError(
                "no process that transcodes can be started; try again in 2 s",
                headers={"Retry-After": "2"},
            )

    def end(self, transcode: Transcode) -> None:
        """End one, and free its place; again is no mistake."""
        with self._lock, suppress(ValueError):
            self._held.remove(transcode)
        transcode.end()

    def _require_place(self, client: str) -> None:
        """See that there is one, by ending the one whose client has read nothing for longest."""
        own = [each for each in self._held if each.client == client]
        if len(self._held) < self._places and 2 * len(own) < self._places:
            return
        among = own if 2 * len(own) >= self._places else self._held
        idlest = min(among, key=lambda each: each.read_s)
        if time.monotonic() - idlest.read_s < self._idle_s:
            raise OverloadedError(
                f"{len(self._held)} files are transcoded already; try again in 2 s",
                headers={"Retry-After": "2"},
            )
        self._held.remove(idlest)
        idlest.end()
