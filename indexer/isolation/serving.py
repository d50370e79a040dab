"""The worker's side: answers requests about open files, under limits."""

from __future__ import annotations

import json
import logging
import os
import resource
from collections.abc import Callable, Mapping
from multiprocessing import reduction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, BinaryIO

from model import errors as model_errors
from model.errors import AudioError

logger = logging.getLogger("circumplex.worker")

Answer = tuple[Mapping[str, Any], bytes]
Handle = Callable[[Mapping[str, Any], BinaryIO | None], Answer]

AUDIO_ERRORS: Mapping[str, type[AudioError]] = {
    name: found
    for name, found in vars(model_errors).items()
    if isinstance(found, type) and issubclass(found, AudioError)
}


def serve(options: Mapping[str, Any], handle: Handle) -> None:
    """Answer requests until the other side hangs up.

    Args:
        options: `fd` of the connection, `cpu_s`, `memory_bytes` and `nice`.
        handle: Answers one request about one file. An `AudioError` goes back by its name.
    """
    connection = Connection(options["fd"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if options.get("nice"):
        os.nice(options["nice"])
    limit_memory(options["memory_bytes"])
    connection.send_bytes(b"ready")
    while True:
        try:
            request = json.loads(connection.recv_bytes())
            fd = reduction.recv_handle(connection) if request.get("file") else None
        except (EOFError, OSError):
            return
        limit_cpu(options["cpu_s"])
        reply, content = _answered(handle, request, fd)
        connection.send_bytes(json.dumps(reply).encode())
        connection.send_bytes(content)


def error_of(reply: Mapping[str, Any]) -> AudioError | None:
    """The error that an answer stands for; None for a good one."""
    if reply.get("ok"):
        return None
    kind = AUDIO_ERRORS.get(str(reply.get("error")), AudioError)
    return kind(str(reply.get("message", "")))


def _answered(handle: Handle, request: Mapping[str, Any], fd: int | None) -> Answer:
    try:
        if fd is None:
            reply, content = handle(request, None)
        else:
            with open(fd, "rb") as file:  # noqa: PTH123 - a descriptor
                reply, content = handle(request, file)
    except AudioError as exc:
        return {"error": type(exc).__name__, "message": str(exc)}, b""
    except Exception as exc:  # nothing that is in a file may end the process
        if ran_out_of_memory(exc):
            return {
                "error": "AudioError",
                "limit": True,
                "message": "it needed more memory than one file may take",
            }, b""
        logger.exception("a file cannot be read")
        return {"error": "AudioError", "message": f"it cannot be read ({type(exc).__name__})"}, b""
    return {"ok": True, **reply}, content


def ran_out_of_memory(error: Exception) -> bool:
    """Whether the limit on memory caused `error`.

    Torch's allocator has no exception of its own, and the interpreter raises `SystemError` where
    one of its own allocations fails unseen.
    """
    return isinstance(error, MemoryError | SystemError) or "DefaultCPUAllocator" in str(error)


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
