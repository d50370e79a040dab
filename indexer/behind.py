"""How work that nobody waits for stays behind requests (ADR 0044)."""

from __future__ import annotations

import os
from contextlib import suppress

NICENESS = 19  # the lowest priority; on Linux its files are read last, too


def give_way() -> None:
    """Let every process of another niceness go before this one."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)


def take_what_is_left() -> None:
    """Let this thread of a process that has given way run only where no other wants to.

    Whatever wakes up takes the core from it at once (`SCHED_IDLE`). Elsewhere than on Linux, and in
    a process that has not given way, nothing changes.
    """
    if hasattr(os, "SCHED_IDLE") and os.getpriority(os.PRIO_PROCESS, 0) >= NICENESS:
        with suppress(OSError):  # some sandboxes forbid it; the niceness remains
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
