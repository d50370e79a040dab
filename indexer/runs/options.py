"""How index runs are carried out, wherever they are started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexer.isolation.limits import ReadLimits

if TYPE_CHECKING:
    from indexer.snapshot.format import EngineChoice


@dataclass(frozen=True)
class RunOptions:
    """What holds for all runs of a service or of a command.

    Attributes:
        workers: Threads that decode and analyse; 0 means one for each processor.
        keep_snapshots: How many complete snapshots are kept, the active one in any case.
        keep_analyses_days: How long an analysis stays that no track needs; 0 removes it at once.
        engine: How the snapshot is searched.
        stage_s: Time after which finished files are written down, seconds.
        first_part_s: Time until a first run shows what it has finished, and at least between two
            such parts, seconds.
        parts_share: Most time that parts may take, as a share of all other work.
        shards: In how many shards the snapshot is searched, >= 1.
        read_limits: What reading a file may take in a worker process; None reads files in the
            process of the run.
    """

    workers: int = 0
    keep_snapshots: int = 5
    keep_analyses_days: float = 90.0
    engine: EngineChoice = "auto"
    stage_s: float = 1.0
    first_part_s: float = 20.0
    parts_share: float = 0.04
    shards: int = 1
    read_limits: ReadLimits | None = None


DEFAULT_OPTIONS = RunOptions()
