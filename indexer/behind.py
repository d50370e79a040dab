"""Runs a module behind everything else: `python -m indexer.behind MODULE ARGUMENTS`.

The priority is given up before the module is imported, because importing what an index run needs
takes a core for a second. On Linux the process gets only what nobody else wants, and one that wakes
up takes the core from it at once (`SCHED_IDLE`, ADR 0044); elsewhere it has the lowest priority.
"""

from __future__ import annotations

import os
import runpy
import sys
from contextlib import suppress

NICENESS = 19


def give_way() -> None:
    """Let everybody else go first, from now on and for every thread begun from now on."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    if hasattr(os, "SCHED_IDLE"):
        with suppress(OSError):  # some sandboxes forbid it; the niceness remains
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def command(module: str, *arguments: str) -> tuple[str, ...]:
    """What starts a module behind everything else."""
    return (sys.executable, "-m", "indexer.behind", module, *arguments)


if __name__ == "__main__":
    give_way()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
