"""The process that decodes uploads: one at a time, under limits of memory and processor time.

Started by `analysis_pool` with its options as JSON. It says `ready`, then for each path it is
sent it answers `{"ok": true}` and the bytes of the analysis, or the name and message of an error.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from model.analysis import analyse
from model.errors import AudioError
from model.frontends import get_frontend

logger = logging.getLogger("circumplex.worker")


def main(options: dict[str, Any]) -> None:
    """Serve analyses until the other side hangs up."""
    connection = Connection(options["fd"])
    torch.set_num_threads(1)
    frontend = get_frontend(options["frontend"], torch.device("cpu"))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit_memory(options["memory_bytes"])
    connection.send_bytes(b"ready")
    while True:
        try:
            path = Path(os.fsdecode(connection.recv_bytes()))
        except EOFError:
            return
        limit_cpu(options["cpu_s"])
        try:
            result = analyse(path, frontend, max_duration_s=options["max_duration_s"]).to_bytes()
        except AudioError as exc:
            refuse(connection, type(exc).__name__, str(exc))
        except Exception as exc:  # nothing that is in a file may end the process
            if ran_out_of_memory(exc):
                refuse(
                    connection, "memory", "the analysis needed more memory than one upload may take"
                )
                continue
            logger.exception("an upload cannot be analysed")
            refuse(
                connection, "AudioError", f"the upload cannot be analysed ({type(exc).__name__})"
            )
        else:
            connection.send_bytes(b'{"ok": true}')
            connection.send_bytes(result)


def ran_out_of_memory(error: Exception) -> bool:
    """Whether the limit on memory caused `error`; torch's allocator has no exception of its own."""
    return isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error)


def refuse(connection: Connection, error: str, message: str) -> None:
    """Send an error instead of an analysis."""
    connection.send_bytes(json.dumps({"error": error, "message": message}).encode())


def limit_memory(growth_bytes: int) -> None:
    """Let the private memory of this process grow by `growth_bytes` and no further."""
    used_kib = next(
        (
            int(line.split()[1])
            for line in Path("/proc/self/status").read_text().splitlines()
            if line.startswith("VmData:")
        ),
        0,
    )
    limit = used_kib * 1024 + growth_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def limit_cpu(seconds: float) -> None:
    """Give this process `seconds` of processor time from now; then it is killed."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
