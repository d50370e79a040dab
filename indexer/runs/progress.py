"""How far an index run is, and the thread that reports it and renews the lease."""

from __future__ import annotations

import logging
import threading
import time
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


class ProgressMeter:
    """Counts files and foresees the end of a run.

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
        self._total = self._done = self._failed = self._analysed = 0
        self._file: str | None = None
        self._began = self._clock()
        self._rate: float | None = None  # once the files are done
        self._called = 0.0

    def enter(self, stage: Stage) -> None:
        """Begin a stage."""
        self._rate = self._files_per_s()
        self._stage = stage
        self._began = self._clock()
        self._call(at_once=True)

    def found(self, total: int, *, done: int, failed: int) -> None:
        """Note how many files there are, and how many of them need no work."""
        self._total, self._done, self._failed = total, done, failed
        self._call(at_once=True)

    def finished(self, path: str, *, failed: bool) -> None:
        """Note that a file is done."""
        self._done += 1
        self._analysed += 1
        self._failed += failed
        self._file = path
        self._call(at_once=self._done == self._total)

    def now(self) -> RunProgress:
        """The state at this moment."""
        rate, left = self._files_per_s(), self._total - self._done
        return RunProgress(
            stage=self._stage,
            files_total=self._total,
            files_done=self._done,
            files_failed=self._failed,
            files_per_s=rate,
            seconds_left=left / rate if rate and self._stage == "analysing" else None,
            current_file=self._file,
        )

    def _files_per_s(self) -> float | None:
        """How fast files are analysed; afterwards, how fast they were."""
        elapsed_s = self._clock() - self._began
        if self._stage != "analysing" or not self._analysed or elapsed_s <= 0:
            return self._rate
        return self._analysed / elapsed_s

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
