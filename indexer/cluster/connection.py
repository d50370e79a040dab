"""This process as a driver of a Ray cluster."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray

from indexer.errors import ClusterError

_STORE_BYTES = 256 << 20  # of a cluster started here: questions and answers are small
_lock = threading.Lock()
_PACKAGES = Path(__file__).resolve().parents[2]


def connect(address: str | None = None) -> None:
    """Join a cluster once; without an address one is started in this machine's processes.

    Args:
        address: Of the cluster's head, `host:port`, or `auto`: a node of it runs on this machine.

    Raises:
        ClusterError: Nobody answers there.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    with _lock:
        if ray.is_initialized():
            return
        # Workers find this package as this process does.
        path = os.pathsep.join(filter(None, [str(_PACKAGES), os.environ.get("PYTHONPATH")]))
        own: dict[str, Any] = {"include_dashboard": False, "object_store_memory": _STORE_BYTES}
        try:
            with _own_signals():
                ray.init(
                    **(own if address is None else {"address": address}),
                    logging_level=logging.WARNING,
                    log_to_driver=False,
                    runtime_env={"env_vars": {"PYTHONPATH": path}},
                )
        except (OSError, RuntimeError, ValueError) as exc:  # ConnectionError is an OSError
            raise ClusterError(
                f"no Ray cluster at {address or 'this machine'} ({exc}): start one, or name "
                "another with CIRCUMPLEX_RAY_ADDRESS"
            ) from exc


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep what this process does at SIGTERM: Ray would end it without another word."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
