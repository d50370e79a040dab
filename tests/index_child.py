"""An index worker process with the fake model, for tests: `python -m tests.index_child`."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

from indexer.starting import collector_paused

with collector_paused():
    from indexer.catalog import lease, patience
    from indexer.isolation import reading
    from indexer.runs import worker
    from tests.fakes import FakeModel

SLOW_S = 0.05  # for each file, so that there is something to interrupt


class SlowModel(FakeModel):
    """Takes its time."""

    def analyse(self, source: Any, **limits: Any) -> Any:  # type: ignore[override]
        """As ever, but slowly."""
        time.sleep(SLOW_S)
        return super().analyse(source, **limits)


def main() -> int:
    """Carry out the job on standard input."""
    reading.MODULE = "tests.reader_child"
    lease.HEARTBEAT_S = 0.05
    patience.PATIENCE_S = float(os.environ.get("CIRCUMPLEX_TEST_PATIENCE_S", patience.PATIENCE_S))
    job, stop = worker.read_job(), threading.Event()
    worker.stop_when_orphaned(stop)
    return worker.carry_out(job, SlowModel, stop)


if __name__ == "__main__":
    sys.exit(main())
