"""Worker processes that are started when they are needed and let go when they rest."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, Protocol, TypeVar

IDLE_S = 120.0
"""After so long without work all workers of a pool end: each holds hundreds of megabytes."""


class Closable(Protocol):
    """What does one piece of work at a time, and may be lost over it."""

    @property
    def alive(self) -> bool:
        """Whether it can take another piece of work."""

    def close(self) -> None:
        """End it; again is no mistake."""


Worker = TypeVar("Worker", bound=Closable)


class WorkerPool(Generic[Worker]):
    """So many workers at most, none before the first work.

    Args:
        start: Starts a worker.
        workers: How many work at the same time.
        idle_s: How long the pool may rest before its workers end.
    """

    def __init__(
        self, start: Callable[[], Worker], workers: int, *, idle_s: float = IDLE_S
    ) -> None:
        self._start, self._workers, self._idle_s = start, workers, idle_s
        # The last one that worked goes first.
        self._slots: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        for _ in range(workers):
            self._slots.put(None)
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._closed = False

    @contextmanager
    def taken(self, timeout_s: float | None = None) -> Iterator[Worker]:
        """A living worker that nobody else uses meanwhile; a lost one is not kept.

        Raises:
            queue.Empty: None became free in time.
            Exception: Whatever starting one raises.
        """
        worker = self._slots.get(timeout=timeout_s)
        try:
            worker = self._living(worker)
            yield worker
        finally:
            self._give_back(worker)

    def prepare(self) -> None:
        """Start a worker, if none is there, for work that is about to come.

        Raises:
            Exception: Whatever starting one raises.
        """
        with suppress(queue.Empty), self.taken(timeout_s=0.0):
            pass

    def close(self, timeout_s: float = 0.0) -> None:
        """End the workers.

        Args:
            timeout_s: How long to wait for each that is at work.
        """
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
        with suppress(queue.Empty):
            for _ in range(self._workers):
                worker = self._slots.get(bool(timeout_s), timeout_s)
                if worker is not None:
                    worker.close()

    def _living(self, worker: Worker | None) -> Worker:
        if worker is not None and worker.alive:
            return worker
        if worker is not None:
            worker.close()
        return self._start()

    def _give_back(self, worker: Worker | None) -> None:
        with self._lock:
            if worker is not None and self._closed:
                worker.close()
            self._slots.put(worker if worker is not None and worker.alive else None)
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None
            if not self._closed:
                self._timer = threading.Timer(self._idle_s, self._let_go)
                self._timer.daemon = True
                self._timer.start()

    def _let_go(self) -> None:
        """End all workers that rest."""
        resting: list[Worker | None] = []
        with suppress(queue.Empty):
            while len(resting) < self._workers:
                resting.append(self._slots.get_nowait())
        for _ in resting:
            self._slots.put(None)
        for worker in filter(None, resting):
            worker.close()
