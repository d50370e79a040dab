"""What a worker process may take."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class ProcessLimits:
    """What a worker may take over one file.

    Attributes:
        timeout_s: Seconds on the clock, and of processor time.
        memory_bytes: Growth of its memory.
        nice: By how much its priority is lower than its parent's.
    """

    timeout_s: float
    memory_bytes: int
    nice: int = 0


@dataclass(frozen=True)
class ReadLimits:
    """What reading one file of the library may take.

    Attributes:
        max_duration_s: Longest accepted audio, seconds.
        timeout_s: Seconds on the clock, and of processor time.
        memory_bytes: Growth of the worker's memory.
    """

    max_duration_s: float = 6 * 3600.0
    timeout_s: float = 1800.0
    memory_bytes: int = 2048 * MIB
