"""Analysing uploads in worker processes, so that a hostile file cannot take the service down.

Each worker is a process of its own (`analysis_worker`) with limits on memory and processor time.
What it sends back is read as plain arrays, never unpickled. A worker that dies, hangs or grows is
replaced; the upload that did it gets an error.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Protocol

from app.errors import AnalysisLimitError, BusyError
from model import errors as model_errors
from model.analysis import Analysis

logger = logging.getLogger("circumplex.uploads")

START_TIMEOUT_S = 120.0
MAX_MESSAGE_BYTES = 1 << 30
SECRETS = ("TOKEN", "PASSWORD", "PASSWD", "SECRET", "CREDENTIAL", "_KEY", "DATABASE_URL")
AUDIO_ERRORS = {
    cls.__name__: cls
    for cls in (
        model_errors.AudioError,
        model_errors.UndecodableAudioError,
        model_errors.EmptyAudioError,
        model_errors.SilentAudioError,
        model_errors.AudioTooShortError,
        model_errors.AudioTooLongError,
        model_errors.NonFiniteAudioError,
    )
}


class Analyser(Protocol):
    """Turns an audio file into features."""

    def analyse(self, path: Path) -> Analysis:
        """The analysis of the file; errors of `model.errors` and `AnalysisLimitError`."""

    def close(self) -> None:
        """Give everything back."""


class AnalysingModel(Protocol):
    """The part of the model that analyses a file."""

    def analyse(self, source: Path, *, max_duration_s: float | None = None) -> Analysis:
        """The analysis of the file."""


class Worker(Protocol):
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

    def analyse(self, path: Path) -> Analysis:
        """The analysis of the file."""
        return self._model.analyse(path, max_duration_s=self._limits.max_duration_s)

    def close(self) -> None:
        """Nothing to give back."""


class PooledAnalyser:
    """A fixed number of worker processes, started ahead and replaced when one is lost."""

    def __init__(
        self,
        frontend: str,
        workers: int,
        limits: AnalysisLimits,
        start: Callable[[], Worker] | None = None,
    ) -> None:
        """Start the workers.

        Args:
            frontend: Name of the frontend that describes the audio.
            workers: How many files are analysed at the same time.
            limits: What one analysis may take.
            start: Starts a worker; by default a process of its own.
        """
        self._limits = limits
        self._start = start or partial(_Process, frontend, limits)
        self._idle: queue.Queue[Worker] = queue.Queue()
        for _ in range(workers):
            self._idle.put(self._start())
        self._workers = workers

    def analyse(self, path: Path) -> Analysis:
        """Analyse in the next free worker.

        Raises:
            AudioError: The file is no usable audio.
            AnalysisLimitError: It took too much time or memory, or broke the decoder.
            BusyError: No worker became free in time, or none can be started.
        """
        try:
            worker = self._idle.get(timeout=self._limits.timeout_s)
        except queue.Empty as exc:
            raise BusyError("no analysis worker became free", headers={"Retry-After": "5"}) from exc
        try:
            worker = self._living(worker)
            return worker.analyse(path)
        finally:
            with suppress(BusyError):  # the place of a lost one stays: it is tried again
                worker = self._living(worker)
            self._idle.put(worker)

    def _living(self, worker: Worker) -> Worker:
        if worker.alive:
            return worker
        worker.close()
        try:
            return self._start()
        except OSError as exc:
            raise BusyError(
                f"no analysis worker can be started: {exc.strerror or exc}",
                headers={"Retry-After": "5"},
            ) from exc

    def close(self) -> None:
        """Stop the workers."""
        with suppress(queue.Empty):
            for _ in range(self._workers):
                self._idle.get(timeout=1.0).close()


class _Process:
    """One process, one file at a time."""

    def __init__(self, frontend: str, limits: AnalysisLimits) -> None:
        self._limits = limits
        self._connection, theirs = Pipe()
        fd = theirs.fileno()
        options = {
            "fd": fd,
            "frontend": frontend,
            "max_duration_s": limits.max_duration_s,
            "cpu_s": limits.timeout_s,
            "memory_bytes": limits.memory_bytes,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app.clips.analysis_worker", json.dumps(options)],
            pass_fds=(fd,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for the service, which stops its workers itself
        )
        theirs.close()
        self._ready = False

    @property
    def alive(self) -> bool:
        return self._process.poll() is None and not self._connection.closed

    def analyse(self, path: Path) -> Analysis:
        try:
            self._wait_until_ready()
            self._connection.send_bytes(os.fsencode(path))
            if not self._connection.poll(self._limits.timeout_s):
                self.close()
                raise AnalysisLimitError(
                    f"the analysis took longer than {self._limits.timeout_s:g} s"
                )
            return _result(self._connection)
        except (EOFError, OSError) as exc:
            self.close()
            raise AnalysisLimitError(self._why_it_ended()) from exc

    def _wait_until_ready(self) -> None:
        if not self._ready:
            if not self._connection.poll(START_TIMEOUT_S):
                raise EOFError
            self._ready = self._connection.recv_bytes() == b"ready"

    def _why_it_ended(self) -> str:
        code = self._process.returncode
        logger.warning("an analysis worker was lost", extra={"returncode": code})
        if code == -signal.SIGXCPU:
            return f"the analysis used more than {self._limits.timeout_s:g} s of processor time"
        return "the file broke the decoder or needed more memory than one analysis may take"

    def close(self) -> None:
        self._connection.close()
        self._process.kill()
        self._process.wait(timeout=10.0)


def _result(connection: Connection) -> Analysis:
    reply = json.loads(connection.recv_bytes(MAX_MESSAGE_BYTES))
    if reply.get("ok"):
        return Analysis.from_bytes(connection.recv_bytes(MAX_MESSAGE_BYTES))
    error = AUDIO_ERRORS.get(reply.get("error", ""))
    message = str(reply.get("message", ""))
    raise error(message) if error is not None else AnalysisLimitError(message)


def _environment() -> dict[str, str]:
    """Nothing secret, one thread: the service has other work for the other cores."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("CIRCUMPLEX_") and not any(word in key.upper() for word in SECRETS)
    }
    return kept | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
