"""An index worker process with the fake model, for tests: `python -m tests.index_child`.

With arguments it stands in for `indexer.runs.isolated`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from indexer.catalog import lease, patience
from indexer.runs import isolated, worker
from model.analysis import Analysis
from tests.fakes import FakeFrontend, FakeModel

SLOW_S = 0.05  # for each file, so that there is something to interrupt


class SlowModel(FakeModel):
    """Takes its time, and dies of files named after the signal of a crash."""

    def analyse(self, source: Path, **limits: Any) -> Any:  # type: ignore[override]
        """As ever, but slowly."""
        time.sleep(SLOW_S)
        die_of(source)
        return super().analyse(source, **limits)


def die_of(source: Path) -> None:
    """What a decoder does with a file that it cannot stand."""
    if source.name.startswith("crash"):
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(5)


def analyse_isolated(path: Path, frontend_name: str) -> Analysis:
    """As `indexer.runs.isolated`, with this module as its process."""
    return isolated.analyse_isolated(
        path, frontend_name, [sys.executable, "-m", "tests.index_child"]
    )


def main(arguments: list[str]) -> int:
    """Carry out the job on standard input, or analyse the file of the arguments."""
    if arguments:
        die_of(Path(arguments[1]))
        return isolated.main(arguments, lambda _name: FakeFrontend())
    lease.HEARTBEAT_S = 0.05
    patience.PATIENCE_S = float(os.environ.get("CIRCUMPLEX_TEST_PATIENCE_S", patience.PATIENCE_S))
    job, stop = worker.read_job(), threading.Event()
    worker.stop_when_orphaned(stop)
    return worker.carry_out(job, SlowModel, stop, analyse_isolated)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
