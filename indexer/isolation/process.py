"""A worker process that is given one open file at a time, and may be lost over it.

Decoders are large programs that read foreign bytes. None runs in the service or in the process of
an index run: a worker with limits on memory and processor time does, started with nothing secret in
its environment. It is handed the file's descriptor, so that it opens no path. What it answers is
read as JSON and plain bytes, never unpickled.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing import reduction
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any

from indexer.errors import WorkerLimitError, WorkerStartError
from indexer.isolation.limits import ProcessLimits

logger = logging.getLogger(__name__)

START_TIMEOUT_S = 120.0
END_TIMEOUT_S = 10.0
MAX_MESSAGE_BYTES = 1 << 30
OOM_STEP = 900
CHECK_S = 0.25  # how often a caller that waits is asked whether it still wants the answer
SECRETS = ("TOKEN", "PASSWORD", "PASSWD", "SECRET", "CREDENTIAL", "_KEY", "DATABASE_URL")


class WorkerProcess:
    """One process, one file at a time.

    Args:
        module: What it runs; its main part calls `serving.serve`.
        limits: What it may take over one file.
        options: Further options of the module.
    """

    def __init__(
        self, module: str, limits: ProcessLimits, options: Mapping[str, Any] | None = None
    ):
        self._limits = limits
        self._connection, theirs = Pipe()
        fd = theirs.fileno()
        asked = {
            **(options or {}),
            "fd": fd,
            "cpu_s": limits.timeout_s,
            "memory_bytes": limits.memory_bytes,
            "nice": limits.nice,
        }
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, json.dumps(asked)],
                pass_fds=(fd,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=worker_environment(),
                start_new_session=True,  # Ctrl-C is for the parent, which stops its workers itself
            )
        except OSError as exc:
            self._connection.close()
            raise WorkerStartError(f"no worker can be started: {exc.strerror or exc}") from exc
        finally:
            theirs.close()
        give_up_before_parent(self._process.pid)
        self._ready = False

    @property
    def alive(self) -> bool:
        """Whether it can take another file."""
        return self._process.poll() is None and not self._connection.closed

    def ask(
        self,
        request: Mapping[str, Any],
        file: int | None = None,
        check: Callable[[], None] | None = None,
    ) -> tuple[dict[str, Any], bytes]:
        """Have one request answered.

        Args:
            request: What to do, as JSON.
            file: Descriptor of the file that it is about.
            check: Called while the answer is waited for; what it raises ends the worker.

        Returns:
            The answer and the bytes that came with it.

        Raises:
            WorkerLimitError: It took too long or too much memory, or the file broke it.
        """
        try:
            self.wait_until_ready()
            asked = {**request, "file": file is not None}
            self._connection.send_bytes(json.dumps(asked).encode())
            if file is not None:
                reduction.send_handle(self._connection, file, self._process.pid)
            self._await(self._limits.timeout_s, check)
            reply = json.loads(self._connection.recv_bytes(MAX_MESSAGE_BYTES))
            content = self._connection.recv_bytes(MAX_MESSAGE_BYTES)
        except (EOFError, OSError) as exc:
            self.close()
            raise WorkerLimitError(self._cause()) from exc
        except BaseException:
            self.close()
            raise
        if reply.get("limit"):  # what failed for want of memory may have left anything half done
            self.close()
        return reply, content

    def wait_until_ready(self) -> None:
        """Wait for the process to have imported what it needs.

        Raises:
            EOFError: It died or takes too long.
        """
        if not self._ready:
            if not self._connection.poll(START_TIMEOUT_S):
                raise EOFError
            self._ready = self._connection.recv_bytes() == b"ready"

    def _await(self, timeout_s: float, check: Callable[[], None] | None) -> None:
        deadline = time.monotonic() + timeout_s
        while not self._connection.poll(CHECK_S):
            if check is not None:
                check()
            if time.monotonic() > deadline:
                raise WorkerLimitError(f"it took longer than {timeout_s:g} s")

    def _cause(self) -> str:
        code = self._process.returncode
        logger.warning("a worker was lost", extra={"returncode": code})
        if code == -signal.SIGXCPU:
            return f"it used more than {self._limits.timeout_s:g} s of processor time"
        return "the file broke the decoder or needed more memory than one file may take"

    def close(self) -> None:
        """End it; again is no mistake."""
        self._connection.close()
        self._process.kill()
        if not _ends(self._process, END_TIMEOUT_S):  # it hangs in a read of a disk
            logger.warning("a worker does not end", extra={"pid": self._process.pid})


def _ends(process: subprocess.Popen[bytes], within_s: float) -> bool:
    """Wait for the end of a process without waking up in between, where the system can say it."""
    try:
        handle = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # not Linux, or it has ended already
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=within_s)
        return process.poll() is not None
    try:
        ended = select.poll()
        ended.register(handle, select.POLLIN)
        ended.poll(1000 * within_s)
    finally:
        os.close(handle)
    return process.poll() is not None


def give_up_before_parent(pid: int) -> None:
    """Have the kernel end this child first where memory runs out for both.

    Without it the largest goes, which often is the service. A child's own children go before it.
    """
    with suppress(OSError, ValueError):  # not on Linux, or it has ended already
        own = int(Path("/proc/self/oom_score_adj").read_text())
        Path(f"/proc/{pid}/oom_score_adj").write_text(str(min(own + OOM_STEP, 1000)))


def worker_environment() -> dict[str, str]:
    """The environment of a worker: nothing secret; one thread, others need the other cores."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("CIRCUMPLEX_") and not any(word in key.upper() for word in SECRETS)
    }
    return kept | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
