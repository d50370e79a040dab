"""An index worker process with the fake model, for tests: `python -m tests.index_child`."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any

from indexer import job as job_module
from indexer import lease, worker
from tests.fakes import FakeModel

SLOW_S = 0.05  # for each file, so that there is something to interrupt


class SlowModel(FakeModel):
    """Takes its time, and dies of files named after the signal of a crash."""

    def analyse(self, source: Path, **limits: Any) -> Any:  # type: ignore[override]
        """As ever, but slowly."""
        time.sleep(SLOW_S)
        if source.name.startswith("crash"):
            import os
            import signal

            os.kill(os.getpid(), signal.SIGSEGV)
            time.sleep(5)
        return super().analyse(source, **limits)


def main() -> int:
    """Carry out the job on standard input."""
    lease.HEARTBEAT_S = 0.05
    job_module.MAX_DEATHS = 2
    job, stop = worker.read_job(), threading.Event()
    worker.stop_when_orphaned(stop)
    return worker.carry_out(job, SlowModel, stop)


if __name__ == "__main__":
    sys.exit(main())
