"""Index runs in a process of their own: `python -m indexer.runs.worker`, told its job on its input.

A service stays responsive while it indexes, and nothing that a file does to a decoder can take it
down. The job comes as one JSON object on standard input, so that a database password appears in no
process list. The parent keeps that pipe open: when it closes, because the parent stops the run or
has died, the run goes back into the queue and the process ends.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.catalog import lease
from indexer.catalog.catalog import Catalog, open_catalog
from indexer.errors import (
    IndexerError,
    LeaseLostError,
    RunActiveError,
    RunCancelledError,
    RunInterruptedError,
)
from indexer.isolation.limits import ReadLimits
from indexer.isolation.process import give_up_before_parent
from indexer.runs.options import DEFAULT_OPTIONS, RunOptions
from indexer.starting import collector_paused
from indexer.storage import keep_private
from model.verdict import LEAST_S

if TYPE_CHECKING:
    from indexer.runs.embed import IndexingModel

logger = logging.getLogger(__name__)

LOOK_S = 2.0  # how often a process is looked at
MOST_LATE = 3  # looks in a row that find its lease over
STOP_S = 10.0  # how long a process may take to end; then it is killed, and its run resumed
NICENESS = 19  # requests go before indexing; the kernel reads its files last, too
_COMMAND = (sys.executable, "-m", "indexer.runs.worker")


@dataclass(frozen=True)
class Job:
    """What a worker process needs to know.

    Attributes:
        database_url: The catalogue.
        data_dir: Where snapshots and kept analyses lie.
        checkpoint: The model; None is the shipped one.
        device: Where it runs: `auto`, `cpu` or `cuda`.
        least_track_s: Shortest file that is taken for a piece of music, seconds.
        options: How runs are carried out.
        run_id: The run to carry out.
    """

    database_url: str
    data_dir: str
    checkpoint: str | None = None
    device: str = "auto"
    least_track_s: float = LEAST_S
    options: RunOptions = DEFAULT_OPTIONS
    run_id: int = 0


class ProcessExecutor:
    """Carries out index runs, one at a time, each in a new process.

    Args:
        job: What all runs have in common; `run_id` is filled in.
        command: How to start the process.
        is_late: Says of a run and a process whether that has not renewed its lease in time, or
            has lost the run to another; where it says so again and again, because the process was
            stopped or hangs, it is killed.
    """

    def __init__(
        self,
        job: Job,
        command: Sequence[str] = _COMMAND,
        is_late: Callable[[int, int], bool] | None = None,
    ) -> None:
        self._job = job
        self._command = list(command)
        self._is_late = is_late
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()

    def __call__(self, run_id: int) -> None:
        """Carry out a run to its end; how it ended stands in the catalogue."""
        with self._lock:
            if self._stopped.is_set():
                return
            process = subprocess.Popen(self._command, stdin=subprocess.PIPE)
            give_up_before_parent(process.pid)
            self._process = process
        job = json.dumps(asdict(self._job) | {"run_id": run_id}).encode()
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it died at once; its exit code says so
            process.stdin.write(job + b"\n")
            process.stdin.flush()
        code = self._end_of(process, run_id)
        with self._lock, suppress(OSError):
            process.stdin.close()
        if code:
            logger.warning("the process of index run %d ended with %d", run_id, code)
            self._stopped.wait(1.0)  # whatever kills it at once shall not fill the machine

    def _end_of(self, process: subprocess.Popen[bytes], run_id: int) -> int:
        """The exit code of the process, which is killed when it no longer renews its lease."""
        late = 0  # times in a row; a clock that jumps ahead makes it late once
        while True:
            try:
                return process.wait(LOOK_S)
            except subprocess.TimeoutExpired:
                late = late + 1 if self._seems_late(run_id, process.pid) else 0
            if late >= MOST_LATE:
                logger.warning("the process of index run %d hangs and is killed", run_id)
                process.kill()

    def _seems_late(self, run_id: int, pid: int) -> bool:
        try:
            return self._is_late is not None and self._is_late(run_id, pid)
        except IndexerError:  # the database is away: the process cannot renew either
            return False

    def stop(self, timeout_s: float = STOP_S) -> None:
        """Let the run in work go back into the queue; returns when its process has ended."""
        self._stopped.set()
        with self._lock:
            process = self._process
            if process is None or process.stdin is None:
                return
            with suppress(OSError):
                process.stdin.close()
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def carry_out(
    job: Job,
    load: Callable[[], IndexingModel],
    stop: threading.Event,
) -> int:
    """Do the run of a job.

    Args:
        job: The job.
        load: Loads the model.
        stop: When set, the run goes back into the queue.

    Returns:
        An exit code: 0 if the run succeeded, was cancelled or went back into the queue.
    """
    with collector_paused():  # a service that only starts runs needs none of it
        from indexer.runs.indexer import Indexer

    try:
        catalog = open_catalog(job.database_url)
    except IndexerError:
        logger.exception("index run %d cannot begin", job.run_id)
        return 1
    try:
        model = _load(catalog, job, load)
        indexer = Indexer(catalog, model, Path(job.data_dir), job.options)
        indexer.run(run_id=job.run_id, stop=stop)
    except (RunCancelledError, RunInterruptedError, RunActiveError, LeaseLostError) as exc:
        logger.info("%s", exc)
    except Exception:
        logger.exception("index run %d failed", job.run_id)
        return 1
    finally:
        catalog.close()
    return 0


def _load(catalog: Catalog, job: Job, load: Callable[[], IndexingModel]) -> IndexingModel:
    """The model; a run that cannot have it fails with the reason instead of waiting for ever."""
    try:
        return load()
    except Exception as exc:
        owner = lease.new_owner()
        if catalog.claim_run(owner, job.run_id) is not None:
            catalog.end_run(job.run_id, owner, "failed", f"no model: {exc}")
        raise


def stop_when_orphaned(stop: threading.Event) -> None:
    """Set `stop` when standard input closes or SIGTERM comes, and insist after a while."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        stop.set()
        threading.Event().wait(STOP_S)
        os._exit(1)  # in the middle of a very long file; the run is resumed as after a crash

    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent, which closes the pipe
    threading.Thread(target=watch, name="parent", daemon=True).start()


def read_job() -> Job:
    """The job that the parent wrote."""
    line = bytearray()
    while not line.endswith(b"\n") and (byte := os.read(sys.stdin.fileno(), 1)):
        line += byte
    told = json.loads(line)
    options, limits = told["options"], told["options"].get("read_limits")
    options = RunOptions(**{**options, "read_limits": ReadLimits(**limits) if limits else None})
    return Job(**{**told, "options": options})


def main() -> int:
    """Carry out the job on standard input with the real model."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    keep_private()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    job, stop = read_job(), threading.Event()
    stop_when_orphaned(stop)

    def load() -> IndexingModel:
        with collector_paused():
            from model.emotion_model import EmotionModel
            from model.judge import Judge

        checkpoint = Path(job.checkpoint) if job.checkpoint else None
        return EmotionModel.load(checkpoint, job.device, judge=Judge(job.least_track_s))

    return carry_out(job, load, stop)


if __name__ == "__main__":
    sys.exit(main())
