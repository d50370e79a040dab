"""Who runs an index run, and whether that process is still alive.

A run is held by a lease that its process renews. A process that was killed on this machine is
recognised at once; one on another machine loses the run when its lease expires.
"""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path

LEASE_S = 60.0  # a process that has not renewed for so long has lost its run
HEARTBEAT_S = 2.0  # how often it renews and reports
CLOCK_TOLERANCE_S = 30.0  # by which the clocks of two machines may differ


def new_owner() -> str:
    """A name for one holder of leases in this process: machine, process, a random part."""
    pid = os.getpid()
    return f"{_machine()}/{pid}/{_start_of(pid)}/{uuid.uuid4().hex[:8]}"


def is_of(owner: str, pid: int) -> bool:
    """True if the owner is this process of this machine."""
    return owner.startswith(f"{_machine()}/{pid}/")


def is_dead(owner: str) -> bool:
    """True if the owner is a process of this machine that no longer exists.

    False for a living process, and for any of which this machine cannot know.
    """
    machine, _, rest = owner.partition("/")
    pid, _, rest = rest.partition("/")
    if machine != _machine() or not pid.isdigit():
        return False
    return _start_of(int(pid)) != rest.partition("/")[0]


def is_alive(owner: str) -> bool:
    """True if the owner is a process of this machine that exists; False if one cannot know."""
    machine, _, rest = owner.partition("/")
    return machine == _machine() and rest.partition("/")[0].isdigit() and not is_dead(owner)


def _machine() -> str:
    """This boot of this machine and, in a container, its own space of process numbers."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116 - a link that names no file
    except OSError:
        return f"{socket.gethostname()}-{uuid.getnode():x}"
    return f"{boot[:13]}-{space:x}"


def _start_of(pid: int) -> str:
    """When the process started, in the kernel's ticks; empty if there is none such.

    Process numbers are used again, so the number alone would not tell. A zombie has ended.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return _start_without_proc(pid)
    return "" if fields[0] == "Z" else fields[19]


def _start_without_proc(pid: int) -> str:
    if Path("/proc/self").exists() or os.name == "nt":
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        pass
    return "alive"
