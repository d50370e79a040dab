"""A Ray cluster of several nodes on this machine, and what its workers need."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.fakes import FakeModel

NODE = {"num_cpus": 2, "object_store_memory": 80 << 20}


@contextmanager
def running_cluster(nodes: int) -> Iterator[Any]:
    """A cluster of `nodes` nodes, to which this process is connected as a driver."""
    import ray
    from ray.cluster_utils import Cluster

    from indexer.cluster.connection import connect
    from indexer.cluster.searching import RETIRING

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    before = signal.getsignal(signal.SIGTERM)
    cluster = Cluster(initialize_head=True, head_node_args=NODE | {"include_dashboard": False})
    try:
        for _ in range(nodes - 1):
            cluster.add_node(**NODE)
        connect(cluster.address)
        yield cluster
    finally:
        gc.collect()  # searchers that nobody holds retire their processes, in threads
        for thread in threading.enumerate():
            if thread.name == RETIRING:  # after a shutdown it would connect again
                thread.join(60.0)
        ray.shutdown()
        cluster.shutdown()
        signal.signal(signal.SIGTERM, before)  # Ray has set its own
        gc.collect()  # what Ray left open is warned of here, not in a later test


class UnhurriedModel(FakeModel):
    """Takes its time over a file, so that a node can be lost meanwhile."""

    def analyse(self, source: Any, *, max_duration_s: float | None = None) -> Any:
        """Decode and describe, slowly."""
        time.sleep(0.3)
        return super().analyse(source, max_duration_s=max_duration_s)
