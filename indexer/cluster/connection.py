"""This process as a driver of a Ray cluster."""

from __future__ import annotations

import logging
import os
import threading
from concurrent.futures import Future
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
            _start(
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


def _start(**options: Any) -> None:
    """Start Ray in a thread that lives as long as this process.

    Linux kills the processes that Ray starts when the thread ends that started them; and in the
    main thread Ray would replace what this process does at SIGTERM.
    """
    started: Future[None] = Future()

    def start() -> None:
        try:
            ray.init(**options)
        except BaseException as exc:
            started.set_exception(exc)
            return
        started.set_result(None)
        threading.Event().wait()

    threading.Thread(target=start, name="ray", daemon=True).start()
    started.result()
