"""How index runs are carried out, wherever they are started."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.isolation.reading import ReadLimits
from indexer.snapshot.format import EngineChoice


@dataclass(frozen=True)
class RunOptions:
    """What holds for all runs of a service or of a command.

    Attributes:
        workers: Threads that decode and analyse; 0 means one for each processor.
        keep_snapshots: How many complete snapshots are kept, the active one in any case.
        keep_analyses_days: How long an analysis stays that no track needs; 0 removes it at once.
        engine: How the snapshot is searched.
        shards: In how many parts.
        read_limits: What reading a file may take in a worker process; None reads files in the
            process of the run.
    """

    workers: int = 0
    keep_snapshots: int = 5
    keep_analyses_days: float = 90.0
    engine: EngineChoice = "auto"
    shards: int = 1
    read_limits: ReadLimits | None = None


DEFAULT_OPTIONS = RunOptions()
