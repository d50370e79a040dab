"""A library in a folder and the job of indexing it in another process, for tests."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from indexer.catalog.catalog import Catalog, open_catalog
from indexer.isolation.limits import ReadLimits
from indexer.runs.options import RunOptions
from indexer.runs.worker import Job, ProcessExecutor
from indexer.snapshot.reader import Snapshot
from tests.catalogue import write_tone
from tests.waiting import wait_until

CHILD = [sys.executable, "-m", "tests.index_child"]
READ_LIMITS = ReadLimits(max_duration_s=60.0, timeout_s=10.0, memory_bytes=1 << 30)


class Place:
    """A library of twelve files and the job of indexing it."""

    def __init__(self, folder: Path) -> None:
        self.music, self.data_dir = folder / "music", folder / "data"
        url = f"sqlite:///{folder / 'circumplex.db'}"
        self.catalog: Catalog = open_catalog(url)
        self.job = Job(url, str(self.data_dir), options=RunOptions(workers=2, first_part_s=1e6))
        for number in range(12):
            write_tone(self.music / f"{number:02}.wav", hz=200 + 100 * number, duration_s=1.0)

    def limit(self, limits: ReadLimits) -> None:
        """Let files be read in worker processes."""
        options = replace(self.job.options, read_limits=limits)
        self.job = replace(self.job, options=options)

    def show_parts(self) -> None:
        """Let a first run show what it has finished as often as it can."""
        often = {"stage_s": 0.0, "first_part_s": 0.0, "parts_share": 1e9}
        self.job = replace(self.job, options=replace(self.job.options, **often))

    def queue(self, *, full: bool = False) -> int:
        """Ask for a run."""
        return self.catalog.create_run([str(self.music)], full=full).id

    def execute(self, run_id: int) -> ProcessExecutor:
        """Carry the run out, and again while its process dies, as a service does."""
        executor = ProcessExecutor(self.job, CHILD)
        while (run := self.catalog.claimable_run()) is not None and run.id == run_id:
            executor(run_id)
        return executor

    def start(self, run_id: int) -> subprocess.Popen[bytes]:
        """A process that carries the run out."""
        process = subprocess.Popen(CHILD, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdin is not None
        process.stdin.write(json.dumps(asdict(self.job) | {"run_id": run_id}).encode() + b"\n")
        process.stdin.flush()
        return process

    def wait_for(self, condition: Callable[[], bool], timeout_s: float = 200.0) -> None:
        """Wait until something is so."""
        wait_until(condition, timeout_s)

    def kill_after(self, run_id: int, delay_s: float, *, next_part: bool = False) -> None:
        """Let a process take the run, and kill it without warning after a while.

        `next_part`: a while after it showed a part of the index, not after it took the run.
        """
        before, shown = self.catalog.run(run_id).lease_owner, self.catalog.active_snapshot()
        process = self.start(run_id)
        self.wait_for(lambda: self._is_taken(run_id, before))
        if next_part:
            self.wait_for(
                lambda: self.catalog.active_snapshot() != shown or self.catalog.run(run_id).is_over
            )
        time.sleep(delay_s)
        process.kill()
        end(process)

    def _is_taken(self, run_id: int, before: str | None) -> bool:
        run = self.catalog.run(run_id)
        return run.is_over or run.lease_owner not in {None, before}

    def check_whole(self) -> int:
        """What is visible is complete: tracks, rows and folders agree. Returns the tracks."""
        active = self.catalog.active_snapshot()
        tracks = self.catalog.list_tracks(limit=100).items
        if active is None:
            assert tracks == ()
            return 0
        snapshot = Snapshot.open(self.data_dir / "snapshots" / active.id)
        snapshot.verify()
        assert [track.id for track in snapshot.tracks] == [track.id for track in tracks]
        return len(tracks)


def end(process: subprocess.Popen[bytes]) -> None:
    """Hang up, and wait for the process to end."""
    assert process.stdin is not None
    process.stdin.close()
    process.wait(200)
