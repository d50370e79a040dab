"""Carries out the index runs of the catalogue, one after the other, beside the service.

Runs are rows of the database: whoever asks writes one, and this thread (or a `circumplex index`
elsewhere) claims it. A run whose process died is claimed again and resumes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from indexer.catalog.catalog import Catalog
from indexer.catalog.records import IndexRun
from indexer.errors import IndexerError
from indexer.folders.files import stored_name
from indexer.folders.roots import MusicRoot

if TYPE_CHECKING:
    from indexer.runs.indexer import Indexer

logger = logging.getLogger("circumplex.index")

IDLE_S = 1.0  # how often the queue is looked at
LONGEST_PAUSE_S = 15.0  # between two attempts while the database or the disk refuses


def pause_s(refused: int) -> float:
    """How long to rest after `refused` attempts in a row that came to nothing, seconds.

    Not so long that a run waits on and on once there is room on the disk again.
    """
    return float(min(IDLE_S * 2.0 ** min(refused, 30), LONGEST_PAUSE_S))


class RunExecutor(Protocol):
    """Does one index run."""

    def __call__(self, run_id: int) -> None:
        """Carry out the run `run_id`, to its end."""

    def stop(self) -> None:
        """Interrupt the run in work, if any; it is queued again."""


class ThreadExecutor:
    """Does runs in the calling thread, inside the service's process."""

    def __init__(self, indexer: Indexer) -> None:
        self._indexer = indexer
        self._stop = threading.Event()

    def __call__(self, run_id: int) -> None:
        """Carry out the run; how it ended stands in the catalogue."""
        try:
            self._indexer.run(run_id=run_id, stop=self._stop)
        except IndexerError as exc:
            logger.warning("index run %s: %s", run_id, exc)

    def stop(self) -> None:
        """Queue the run in work again."""
        self._stop.set()


class IndexJobs:
    """A thread that takes queued index runs and has them carried out."""

    def __init__(
        self,
        catalog: Catalog,
        execute: RunExecutor,
        *,
        on_finished: Callable[[], None],
        roots: Sequence[MusicRoot] = (),
        rescan_s: float | None = None,
    ) -> None:
        """Do nothing until `start`.

        Args:
            catalog: Holds the queue.
            execute: Does a run.
            on_finished: Called after each run.
            roots: Music roots of automatic runs.
            rescan_s: Time between automatic runs; None for none.
        """
        self._catalog, self._execute = catalog, execute
        self._on_finished = on_finished
        self._roots, self._rescan_s = tuple(roots), rescan_s
        self._next_scan_s = time.monotonic() + rescan_s if rescan_s is not None else float("inf")
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="index-jobs", daemon=True)

    def start(self) -> None:
        """Begin to take runs."""
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Interrupt the run in work and end."""
        self._stop.set()
        self._wake.set()
        self._execute.stop()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def submit(
        self,
        roots: Sequence[MusicRoot],
        *,
        full: bool = False,
        only: bool = False,
        allow_shrink: bool = False,
    ) -> IndexRun:
        """Queue a run."""
        names = [stored_name(root) for root in roots]
        asked = {"full": full, "only": only, "allow_shrink": allow_shrink}
        run = self._catalog.create_run(names, **asked)
        self._wake.set()
        return run

    def rescan(self) -> None:
        """Queue a run over the music roots, unless one waits in the queue already."""
        if not any(run.state == "queued" for run in self._catalog.list_runs(limit=20)):
            self.submit(self._roots)

    def _work(self) -> None:
        refused = 0  # times in a row that nothing could be done
        while not self._stop.is_set():
            self._wake.clear()
            worked, trouble = self._try()
            if trouble is not None and refused == 0:
                logger.warning("index queue: %s; trying again", trouble)
            refused = 0 if trouble is None else refused + 1
            if not worked or refused:
                self._wake.wait(pause_s(refused))

    def _try(self) -> tuple[bool, str | None]:
        """Carry out the next run, if any: whether there was one, and what kept it from ending."""
        try:
            self._rescan()
            return self._take_one()
        except IndexerError as exc:  # the database is away: look again later
            return False, str(exc)
        except Exception:
            logger.exception("index queue")
            return False, "an unforeseen error"

    def _take_one(self) -> tuple[bool, str | None]:
        run = self._catalog.claimable_run()
        if run is None or self._stop.is_set():
            return False, None
        logger.info("index run begins", extra={"run_id": run.id})
        self._execute(run.id)
        self._on_finished()
        ended = self._catalog.run(run.id)
        logger.info("index run ended", extra={"run_id": run.id, "state": ended.state})
        unfinished = not ended.is_over and not self._stop.is_set()
        return True, f"index run {run.id} did not come to its end" if unfinished else None

    def _rescan(self) -> None:
        if self._rescan_s is None or time.monotonic() < self._next_scan_s or not self._roots:
            return
        self._next_scan_s = time.monotonic() + self._rescan_s
        if all(run.is_over for run in self._catalog.list_runs(limit=5)):
            self.submit(self._roots)
