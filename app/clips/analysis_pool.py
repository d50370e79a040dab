"""Analysing uploads in worker processes, so that a hostile file cannot take the service down.

Each worker is a process of its own (`indexer.isolation.reader`) with limits on memory and processor
time. A worker that dies, hangs or grows is replaced; the upload that did it gets an error. At rest
there is none (ADR 94).
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.errors import AnalysisLimitError, BusyError
from indexer.errors import WorkerLimitError, WorkerStartError
from indexer.isolation.limits import ProcessLimits
from indexer.isolation.pool import IDLE_S, WorkerPool
from indexer.isolation.process import WorkerProcess
from indexer.isolation.reading import MODULE, AnalysingModel
from indexer.isolation.serving import error_of
from model.analysis import Analysis


class Analyser(Protocol):
    """Turns an audio file into features."""

    def prepare(self) -> None:
        """Get ready: a file is on its way."""

    def analyse(self, path: Path) -> Analysis:
        """The analysis of the file; errors of `model.errors` and `AnalysisLimitError`."""

    def close(self) -> None:
        """Give everything back."""


class AnalysisWorker(Protocol):
    """What analyses one file at a time, and may be lost over it."""

    @property
    def alive(self) -> bool:
        """Whether it can take another file."""

    def analyse(self, path: Path) -> Analysis:
        """The analysis of the file."""

    def close(self) -> None:
        """End it; again is no mistake."""


@dataclass(frozen=True)
class AnalysisLimits:
    """What one analysis may take.

    Attributes:
        max_duration_s: Seconds of audio.
        timeout_s: Seconds on the clock.
        memory_bytes: Growth of the worker's memory.
    """

    max_duration_s: float
    timeout_s: float
    memory_bytes: int


class DirectAnalyser:
    """Analyses in the service's own process: for trusted files and for tests."""

    def __init__(self, model: AnalysingModel, limits: AnalysisLimits) -> None:
        self._model, self._limits = model, limits

    def prepare(self) -> None:
        """It is ready."""

    def analyse(self, path: Path) -> Analysis:
        """The analysis of the file."""
        return self._model.analyse(path, max_duration_s=self._limits.max_duration_s)

    def close(self) -> None:
        """Nothing to give back."""


class UploadWorker:
    """A worker process that analyses uploads."""

    def __init__(self, frontend: str, limits: AnalysisLimits) -> None:
        options = {"frontend": frontend, "max_duration_s": limits.max_duration_s}
        bounds = ProcessLimits(limits.timeout_s, limits.memory_bytes)
        self.process = WorkerProcess(MODULE, bounds, options)

    @property
    def alive(self) -> bool:
        """Whether it can take another file."""
        return self.process.alive

    def analyse(self, path: Path) -> Analysis:
        """The analysis of the file.

        Raises:
            AudioError: The file is no usable audio.
            AnalysisLimitError: It took too much time or memory, or broke the decoder.
        """
        try:
            with path.open("rb") as file:
                request = {"do": "analyse", "name": path.name}
                reply, content = self.process.ask(request, file.fileno())
        except WorkerLimitError as exc:
            raise AnalysisLimitError(f"the analysis ended early: {exc}") from exc
        if reply.get("limit"):
            raise AnalysisLimitError(f"the analysis ended early: {reply['message']}")
        error = error_of(reply)
        if error is not None:
            raise error
        return Analysis.from_bytes(content)

    def close(self) -> None:
        """End the process."""
        self.process.close()


class PooledAnalyser:
    """Worker processes that start when uploads come, and end when none have come for a while."""

    def __init__(
        self,
        frontend: str,
        workers: int,
        limits: AnalysisLimits,
        start: Callable[[], AnalysisWorker] | None = None,
        *,
        idle_s: float = IDLE_S,
    ) -> None:
        """Start nothing yet.

        Args:
            frontend: Name of the frontend that describes the audio.
            workers: How many files are analysed at the same time.
            limits: What one analysis may take.
            start: Starts a worker; by default a process of its own.
            idle_s: How long workers wait for the next upload.
        """
        self._limits = limits
        start = start or (lambda: UploadWorker(frontend, limits))
        self._pool = WorkerPool(start, workers, idle_s=idle_s)

    def prepare(self) -> None:
        """Start a worker if none is there; one that cannot be started is tried again later."""
        with suppress(WorkerStartError):
            self._pool.prepare()

    def analyse(self, path: Path) -> Analysis:
        """Analyse in the next free worker.

        Raises:
            AudioError: The file is no usable audio.
            AnalysisLimitError: It took too much time or memory, or broke the decoder.
            BusyError: No worker became free in time, or none can be started.
        """
        wait = {"Retry-After": "5"}
        try:
            with self._pool.taken(self._limits.timeout_s) as worker:
                return worker.analyse(path)
        except queue.Empty as exc:
            raise BusyError("no analysis worker became free", headers=wait) from exc
        except WorkerStartError as exc:
            raise BusyError(f"no analysis worker can be started: {exc}", headers=wait) from exc

    def close(self) -> None:
        """Stop the workers."""
        self._pool.close(timeout_s=1.0)
