"""Index runs: claimed, reported, resumed, cancelled, published.

A run is a job in the database. Whoever executes it holds a lease; a process that dies loses it and
the next one goes on where it stopped: analyses are kept by content, finished files are staged,
and all that a run found becomes visible in the one transaction that also activates its snapshot.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from indexer.catalog import lease
from indexer.catalog.catalog import Catalog
from indexer.catalog.patience import WaitingCatalog
from indexer.catalog.records import IndexRun, RunProgress
from indexer.errors import (
    CatalogUnavailableError,
    IndexerError,
    LeaseLostError,
    RunActiveError,
    RunCancelledError,
    RunInterruptedError,
)
from indexer.folders.disk import Disk, FoldersAndStores
from indexer.folders.files import stored_name, stored_root
from indexer.folders.roots import MusicRoot
from indexer.folders.walk import WalkReport, present_roots
from indexer.runs.embed import IndexingModel
from indexer.runs.job import IndexJob
from indexer.runs.options import DEFAULT_OPTIONS, RunOptions
from indexer.runs.pools import Pool, Threads
from indexer.runs.progress import Heartbeat, ProgressMeter
from indexer.runs.scan import note_absent
from indexer.runs.summary import RunSummary

__all__ = ["Indexer", "RunOptions", "RunSummary"]

logger = logging.getLogger(__name__)

END_PATIENCE_S = 10.0  # how long the end of a failed run may take to be written down


@dataclass(frozen=True)
class Indexer:
    """Brings the catalogue and its snapshot up to date with the music folders.

    Attributes:
        catalog: Tables of the catalogue.
        model: Analyses and embeds.
        data_dir: Where snapshots and kept analyses lie.
        options: How runs are carried out.
        disk: Looks through roots and opens files.
        pool: Examines files.
    """

    catalog: Catalog
    model: IndexingModel
    data_dir: Path
    options: RunOptions = DEFAULT_OPTIONS
    disk: Disk = field(default_factory=FoldersAndStores)
    pool: Pool = field(default_factory=Threads)

    def run(
        self,
        roots: Sequence[MusicRoot] = (),
        *,
        full: bool = False,
        only: bool = False,
        allow_shrink: bool = False,
        progress: Callable[[RunProgress], None] | None = None,
        run_id: int | None = None,
        stop: threading.Event | None = None,
    ) -> RunSummary:
        """Index the roots: only what is new or changed, unless `full`.

        Tracks of other roots stay as they are, unless `only`. Files that are gone leave the index.

        Args:
            roots: Music folders and roots of object stores; not used with `run_id`.
            full: Read, decode and embed every file anew; not used with `run_id`.
            only: Tracks outside the roots leave the index; not used with `run_id`.
            allow_shrink: Many tracks of a root, or all, may leave the index; not used with
                `run_id`.
            progress: Called with the progress, at most ten times a second.
            run_id: Execute this queued (or abandoned) run instead of a new one.
            stop: When set, the run goes back into the queue before its next file.

        Returns:
            What was done.

        Raises:
            RootNotFoundError: No root is there, or one of which no track is known is not, or it may
                not be read.
            EmptyRootError: No root holds audio, though tracks are known in one.
            ShrunkRootError: More than a fifth of a root's tracks are not there any more.
            RunActiveError: Another process is indexing, or has this run.
            RunCancelledError: The run was cancelled.
            RunInterruptedError: `stop` was set.
            LeaseLostError: Another process took the run over.
            StorageError: The data folder is full or read-only.
            CatalogUnavailableError: The database does not answer; the run goes back into the queue.
        """
        owner = lease.new_owner()
        asked = {"full": full, "only": only, "allow_shrink": allow_shrink}
        run = self._begin(roots, owner, run_id, asked)
        meter = ProgressMeter(progress)
        try:
            with Heartbeat(self.catalog, run.id, owner, meter, stop) as heartbeat:
                return self._job(run, owner, meter, heartbeat).execute()
        except LeaseLostError:
            raise
        except RunInterruptedError:
            self.catalog.release_run(run.id, owner)
            raise
        except CatalogUnavailableError:
            # It was away for long. Where it still is, the run is resumed once the lease is over.
            with suppress(IndexerError):
                self.catalog.release_run(run.id, owner)
            raise
        except (RunCancelledError, KeyboardInterrupt):
            self.catalog.end_run(run.id, owner, "cancelled")
            raise
        except Exception as exc:
            reason = str(exc) if isinstance(exc, IndexerError) else f"{type(exc).__name__}: {exc}"
            self._fail(run, owner, reason)
            raise

    def _fail(self, run: IndexRun, owner: str, reason: str) -> None:
        """Note why the run failed; on a full disk also the database may need a moment."""
        with suppress(IndexerError):  # the first error says more than one about the lease
            waiting = WaitingCatalog(self.catalog, lambda: None, END_PATIENCE_S)
            waiting.end_run(run.id, owner, "failed", reason)

    def _begin(
        self, roots: Sequence[MusicRoot], owner: str, run_id: int | None, asked: dict[str, bool]
    ) -> IndexRun:
        if run_id is None:
            there, absent = present_roots(roots, self.disk.distinct)
            names = [stored_name(root) for root in self.disk.distinct(there)]
            if absent:
                note_absent(absent, self.catalog.known_files(), WalkReport())
            names += [address.rstrip("/") or "/" for address in absent]
            return self.catalog.start_run(names, owner, **asked)
        run = self.catalog.claim_run(owner, run_id)
        if run is None:
            state = self.catalog.run(run_id).state
            raise RunActiveError(f"index run {run_id} is {state} and not to be had")
        return run

    def _job(
        self, run: IndexRun, owner: str, meter: ProgressMeter, heartbeat: Heartbeat
    ) -> IndexJob:
        return IndexJob(
            catalog=self.catalog,
            model=self.model,
            data_dir=self.data_dir,
            run=run,
            owner=owner,
            roots=[stored_root(root) for root in run.roots],
            meter=meter,
            check=heartbeat.check,
            options=self.options,
            disk=self.disk,
            pool=self.pool,
        )
