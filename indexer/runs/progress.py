"""How far an index run is, and the thread that reports it and renews the lease."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType

from indexer.catalog import lease
from indexer.catalog.catalog import Catalog
from indexer.catalog.records import RunProgress, Stage
from indexer.errors import (
    CatalogError,
    LeaseLostError,
    RunCancelledError,
    RunInterruptedError,
)

logger = logging.getLogger(__name__)

_CALLBACK_S = 0.1  # the shortest time between two calls of a progress callback
WINDOW_S = 60.0  # the rate is that of so much time,
WINDOW_FILES = 20  # and of so many files at least
_SAMPLE_S = 0.5


class Rate:
    """Files a second, of late: what was slower or faster long ago does not count.

    Args:
        now: The time, seconds from any beginning.
    """

    def __init__(self, now: float) -> None:
        self._samples: deque[tuple[float, int]] = deque([(now, 0)])
        self._count = 0

    def add(self, now: float) -> None:
        """Count a file."""
        self._count += 1
        if now - self._samples[-1][0] >= _SAMPLE_S:
            self._samples.append((now, self._count))
        while len(self._samples) > 2 and self._is_old(self._samples[1], now):
            self._samples.popleft()

    def of(self, now: float) -> float | None:
        """The rate at this moment; None before the first file."""
        began, before = self._samples[0]
        files, seconds = self._count - before, now - began
        return files / seconds if files and seconds > 0 else None

    def _is_old(self, sample: tuple[float, int], now: float) -> bool:
        return now - sample[0] > WINDOW_S and self._count - sample[1] >= WINDOW_FILES


class ProgressMeter:
    """Counts files and foresees the end of a run.

    Files whose analysis is kept from earlier, as after a break, take moments, and others minutes:
    how fast the others are is told by them alone.

    Args:
        callback: Called from the run's own thread, at most ten times a second.
        clock: Seconds that pass, from any beginning.
    """

    def __init__(
        self,
        callback: Callable[[RunProgress], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._callback, self._clock = callback, clock
        self._stage: Stage = "scanning"
        self._total = self._done = self._failed = self._recalls = 0
        self._recalling = False
        self._file: str | None = None
        self._rate = Rate(clock())
        self._ended_at: float | None = None  # the end of the analysis
        self._called = 0.0

    def enter(self, stage: Stage) -> None:
        """Begin a stage."""
        now = self._clock()
        if stage == "analysing":
            self._rate, self._ended_at = Rate(now), None
        elif self._stage == "analysing":
            self._ended_at = now
        self._stage = stage
        self._call(at_once=True)

    def found(self, total: int, *, done: int, failed: int) -> None:
        """Note how many files there are, and how many of them need no work."""
        self._total, self._done, self._failed = total, done, failed
        self._call(at_once=True)

    def recalls(self, files: int) -> None:
        """Note that so many files come next whose analyses are kept; at their end, 0."""
        self._recalls, self._recalling = files, files > 0
        if files or self._done < self._total:
            self._rate = Rate(self._clock())

    def finished(self, path: str, *, failed: bool, recalled: bool = False) -> None:
        """Note that a file is done."""
        self._done += 1
        self._failed += failed
        self._file = path
        if recalled:
            self._recalls = max(0, self._recalls - 1)
        self._rate.add(self._clock())
        self._call(at_once=self._done == self._total)

    def now(self) -> RunProgress:
        """The state at this moment."""
        rate = self._rate.of(self._clock() if self._ended_at is None else self._ended_at)
        left = self._total - self._done
        foreseen = self._stage == "analysing" and (not self._recalling or self._recalls == left)
        return RunProgress(
            stage=self._stage,
            files_total=self._total,
            files_done=self._done,
            files_failed=self._failed,
            files_per_s=rate,
            seconds_left=left / rate if rate and foreseen else None,
            current_file=self._file,
        )

    def _call(self, *, at_once: bool) -> None:
        now = self._clock()
        if self._callback and (at_once or now - self._called >= _CALLBACK_S):
            self._called = now
            self._callback(self.now())


class Heartbeat:
    """Reports a run's progress and renews its lease from a thread of its own.

    While the database does not answer it keeps trying; the run is lost only when another process
    has taken it.
    """

    def __init__(
        self,
        catalog: Catalog,
        run_id: int,
        owner: str,
        meter: ProgressMeter,
        stop: threading.Event | None,
    ) -> None:
        self._catalog = catalog
        self._run_id = run_id
        self._owner = owner
        self._meter = meter
        self._stop = stop or threading.Event()
        self._over = threading.Event()
        self._cancelled = threading.Event()
        self._lost: LeaseLostError | None = None
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def check(self) -> None:
        """Let the run end here if it shall; called between files.

        Raises:
            LeaseLostError: Another process holds the run.
            RunCancelledError: Someone cancelled it.
            RunInterruptedError: This process was asked to stop.
        """
        if self._lost is not None:
            raise self._lost
        if self._cancelled.is_set():
            raise RunCancelledError(f"index run {self._run_id} was cancelled")
        if self._stop.is_set():
            raise RunInterruptedError(f"index run {self._run_id} goes on with the next process")

    def _beat(self) -> None:
        while not self._over.wait(lease.HEARTBEAT_S):
            try:
                if self._catalog.report(self._run_id, self._owner, self._meter.now()):
                    self._cancelled.set()
            except LeaseLostError as exc:
                self._lost = exc
                return
            except CatalogError as exc:
                logger.warning("index run %d cannot report: %s", self._run_id, exc)
