"""What a service weighs: time to start, and private memory of it and its workers.

Private memory is what would be free again if the process ended (`smaps_rollup`); resident memory
counts what processes share in each of them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.service.catalogue import cpu_s, serving


def weight(folder: Path, music: Path, use_worker: Callable[[int], object]) -> dict[str, Any]:
    """Start a service over a catalogue and weigh it at rest, and with a worker.

    Args:
        folder: Data folder.
        music: Music root.
        use_worker: Given the port; makes the service start a worker for uploads.
    """
    begun_s = time.perf_counter()
    with serving(folder, music) as (port, pid):
        report: dict[str, Any] = {
            "start_s": round(time.perf_counter() - begun_s, 2),
            "start_cpu_s": round(cpu_s(pid), 2),
            "at_rest": weighed(pid),
        }
        use_worker(port)
        report["after_an_upload"] = weighed(pid)
    return report


def weighed(pid: int) -> dict[str, Any]:
    """Memory of a process and those it started, MiB."""
    processes = {"service": memory_mib(pid)}
    for number, worker in enumerate(sorted(below(pid)), start=1):
        processes[f"worker {number}"] = memory_mib(worker)
    total = sum(each["private"] for each in processes.values())
    return {**processes, "private_of_all": total}


def memory_mib(pid: int) -> dict[str, int]:
    """Resident, proportional and private memory of a process."""
    kib: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value, *_ = line.split()
        kib[name.rstrip(":")] = int(value)
    private = kib["Private_Clean"] + kib["Private_Dirty"]
    return {"rss": kib["Rss"] // 1024, "pss": kib["Pss"] // 1024, "private": private // 1024}


def below(pid: int) -> Iterator[int]:
    """The processes that a process started, and those that they started."""
    parents = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            parents[int(entry.name)] = int(stat[1])
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        children = [child for child, its in parents.items() if its == parent]
        waiting += children
        yield from children


def number_of(text: str, name: str) -> int:
    """A number of `/proc/PID/status` or `limits`; -1 where there is none."""
    found = re.search(rf"^{name}:?\s+(\d+)", text, re.MULTILINE)
    return -1 if found is None else int(found[1])


def resident_mib(pid: int) -> int:
    """Resident memory of a process, MiB."""
    return number_of(Path(f"/proc/{pid}/status").read_text(), "VmRSS") // 1024
