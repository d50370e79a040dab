"""The steps of one index run, from the walk over the roots to the published snapshot."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from indexer.catalog.catalog import Catalog
from indexer.catalog.patience import WaitingCatalog
from indexer.catalog.records import FileResult, IndexRun, KnownFile, SnapshotRow, TrackChanges
from indexer.errors import (
    CatalogUnavailableError,
    IndexerError,
    LeaseLostError,
    RunInterruptedError,
    ShrunkRootError,
)
from indexer.folders.disk import Disk
from indexer.folders.files import FoundFile
from indexer.folders.roots import MusicRoot
from indexer.isolation.reading import reader_for, useful_workers
from indexer.runs.analyses import AnalysisStore
from indexer.runs.embed import Analysed, BlockBuilder, Examined, Examiner, IndexingModel
from indexer.runs.identity import match_identities
from indexer.runs.notes import RunNotes, passed_over, skipped_lines
from indexer.runs.options import RunOptions
from indexer.runs.outcome import file_sizes, final_tracks, judged_by_length
from indexer.runs.parts import Parts, PartSchedule, shows_parts
from indexer.runs.pools import Pool, ahead, default_workers
from indexer.runs.progress import ProgressMeter
from indexer.runs.scan import Scan, absent_roots, left_elsewhere, refuse_shrunk, scan
from indexer.runs.snapshot_maker import SnapshotMaker
from indexer.runs.snapshot_store import SnapshotStore, is_current
from indexer.runs.summary import RunSummary
from indexer.snapshot.reader import Snapshot
from model.frontends import frontend_id

logger = logging.getLogger(__name__)

STAGE_EVERY = 64  # finished files are written down together, this many at most


@dataclass
class IndexJob:
    """One run in the hands of one process; `execute` does it.

    Attributes:
        catalog: Tables of the catalogue.
        model: Analyses and embeds.
        data_dir: Where snapshots and kept analyses lie.
        run: The claimed run.
        owner: Who holds it.
        roots: Folders and roots of object stores to look through.
        meter: Counts the files.
        check: Raises when the run shall end; called between files.
        options: How the run is carried out.
        disk: Looks through roots and opens files.
        pool: Examines files.
    """

    catalog: Catalog
    model: IndexingModel
    data_dir: Path
    run: IndexRun
    owner: str
    roots: Sequence[MusicRoot]
    meter: ProgressMeter
    check: Callable[[], None]
    options: RunOptions
    disk: Disk
    pool: Pool
    _began: float = field(default_factory=time.monotonic)
    _decoded: int = 0
    _resumed: int = 0
    _staged: int = 0
    _audio_s: float = 0.0

    def __post_init__(self) -> None:
        self._store = AnalysisStore(self.data_dir, frontend_id(self.model.frontend))
        self._builder = BlockBuilder(self.model)
        self._workers = self.options.workers or default_workers()
        self._waiting = WaitingCatalog(self.catalog, self.check)
        self._snapshots = SnapshotStore(self._waiting, self.data_dir, self.options)
        self._known: list[KnownFile] = []
        self._notes = RunNotes()
        self._parts: Parts | None = None

    def execute(self) -> RunSummary:
        """Scan, analyse, embed, write, publish, tidy up."""
        self._prepare()
        self.meter.enter("scanning")
        seen = self._scan()
        complete = self._waiting.list_snapshots()
        newest = next(iter(complete), None)
        published = self._waiting.published_snapshot()
        outcome = next((row for row in complete if row.id == published), None)
        if outcome is not None and self._is_up_to_date(seen, outcome):
            self._report_found(seen, seen.unchanged)
            return self._publish(seen, (), TrackChanges(), outcome.id, is_new=False, wrote=False)
        self._builder = BlockBuilder(self.model, self._reusable(newest))
        self._builder.blocks.update(self.pool.known(self.model.model_id))
        self._maker = self._make_maker()
        self._parts = self._parts_of(seen)
        results = self._notes.usable(self._read_all(seen), seen.known, self._has_rows)
        fresh = results if self._parts is None else self._parts.remaining(results)
        moved = left_elsewhere(seen, fresh)
        first, sound = self._next_id(), self._store.sound
        changes = match_identities(fresh, seen.known, seen.gone, first, moved, sound)
        self._refuse_shrunk(seen, changes)
        self.meter.enter("writing")
        before = self._waiting.published_tracks()
        changes = judged_by_length(before, changes, self.model.judge, self._store.load)
        tracks = final_tracks(before, changes)
        sizes = file_sizes(before, changes)
        row, wrote = self._maker.make(tracks, sizes, anew=self.run.full)
        is_new = wrote or tracks != final_tracks(before, TrackChanges())
        snapshot_id = None if row is None else row.id
        return self._publish(seen, results, changes, snapshot_id, is_new=is_new, wrote=wrote)

    # Before ----------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Remove what runs that died left half done; nobody else writes while this one holds."""
        if self.run.full and self.run.model_id is None:  # it begins anew
            self._waiting.clear_staged()
            self.pool.done()
        self._waiting.describe_run(self.run.id, self.owner, model_id=self.model.model_id)
        self._snapshots.clear_incomplete()
        self._store.sweep()

    def _scan(self) -> Scan:
        self._known = self._waiting.known_files()
        return scan(
            self.roots,
            self._known,
            disk=self.disk,
            frontend_id=self._store.frontend_id,
            full=self.run.full,
            only=self.run.only,
            allow_shrink=self.run.allow_shrink,
        )

    def _make_maker(self) -> SnapshotMaker:
        return SnapshotMaker(
            catalog=self._waiting,
            store=self._snapshots,
            plain_store=SnapshotStore(self.catalog, self.data_dir),
            model=self.model,
            builder=self._builder,
            analyses=self._store,
            check=self.check,
        )

    def _parts_of(self, seen: Scan) -> Parts | None:
        """What shows parts of the index while it is made; None where one answers already."""
        active = self._waiting.active_snapshot()
        if not shows_parts(self.run, active, self.model.model_id):
            return None
        if active is not None:  # of a run that did not come to its end
            self._resumed = len(seen.unchanged)
        return Parts(
            catalog=self._waiting,
            run=self.run,
            owner=self.owner,
            seen=seen,
            builder=self._builder,
            maker=self._maker,
            store=self._snapshots,
            schedule=PartSchedule(self.options.first_part_s, self.options.parts_share),
            next_id=self._next_id(),
        )

    def _next_id(self) -> int:
        if self._parts is not None:
            return self._parts.next_id
        return 1 + max((track.id for track in self._known), default=0)

    def _is_up_to_date(self, seen: Scan, outcome: SnapshotRow) -> bool:
        """Whether nothing changed since the last run, whose snapshot then holds everything."""
        vanished = any(track.status != "missing" for track in seen.gone)
        return (
            not seen.to_read
            and not vanished
            and is_current(outcome, self.model.model_id)
            and bool(outcome.tracks_digest)  # else a migration has restated its tracks
            and self._snapshots.open(outcome) is not None
        )

    def _reusable(self, newest: SnapshotRow | None) -> Snapshot | None:
        """The newest snapshot if its embeddings are still right."""
        if newest is None or self.run.full or not is_current(newest, self.model.model_id):
            return None
        return self._snapshots.open(newest)

    # Files -----------------------------------------------------------------------------------

    def _read_all(self, seen: Scan) -> list[FileResult]:
        """What is found out about the files that need it, read in worker processes."""
        workers = useful_workers(self._workers, len(seen.to_read))
        reader = reader_for(self.model, self.options.read_limits, workers, self.check)
        try:
            before, full, disk = self._builder.embedded_before, self.run.full, self.disk
            self._examiner = Examiner(
                self.model, self._store, full=full, reader=reader, disk=disk, embedded=before
            )
            return self._read(seen)
        finally:
            reader.close()

    def _read(self, seen: Scan) -> list[FileResult]:
        """Analyse and embed all that needs it; the results of files that were read."""
        staying = [track for track in (*seen.unchanged, *seen.outside) if track.status == "ok"]
        todo = {track.id for track in staying if not self._builder.has(str(track.content_id))}
        self._report_found(seen, [track for track in seen.unchanged if track.id not in todo])
        self.meter.enter("analysing")
        results, files = self._resume(seen.to_read)
        kept = [(_as_found(track), str(track.content_id)) for track in staying if track.id in todo]
        staged = {result.found: result for result in results if result.failure_reason is None}
        kept += [(found, str(result.content_id)) for found, result in staged.items()]
        self.meter.recalls(len(kept))
        lost = self._recall(kept)
        self.meter.recalls(0)
        results = [result for result in results if result.found not in lost]
        self._staged = len(results)
        self._resumed += len(results)
        files, examiner = [*files, *lost], self._examiner
        with closing(self.pool.examined(files, examiner, self._workers)) as examined:
            self._take_all(examined, results)
        return results

    def _resume(self, files: Sequence[FoundFile]) -> tuple[list[FileResult], list[FoundFile]]:
        """What an earlier process finished with these files, and the files that remain."""
        staged = self._waiting.staged()
        results: list[FileResult] = []
        remaining: list[FoundFile] = []
        for file in files:
            result = staged.get(file.address)
            if result is not None and result.found == file and self._is_valid(result):
                results.append(result)
                if result.failure_reason is not None:
                    self.meter.finished(file.path, failed=True, recalled=True)
            else:
                remaining.append(file)
        return results, remaining

    def _is_valid(self, result: FileResult) -> bool:
        return result.content_id is not None and result.frontend_id == self._store.frontend_id

    def _recall(self, kept: Sequence[tuple[FoundFile, str]]) -> set[FoundFile]:
        """Embed contents from their kept analyses; the files whose analysis is lost."""
        lost: set[FoundFile] = set()

        def recall(one: tuple[FoundFile, str]) -> tuple[FoundFile, str, Analysed | None]:
            return *one, None if self._builder.has(one[1]) else self._examiner.recall(one[1])

        with closing(ahead(kept, recall, workers=self._workers)) as recalled:
            for file, content, analysed in recalled:
                self.check()
                if analysed is not None:
                    self._builder.add(content, analysed)
                if self._builder.has(content):
                    self.meter.finished(file.path, failed=False, recalled=True)
                else:
                    lost.add(file)
        return lost

    def _has_rows(self, content: str) -> bool:
        """Whether the rows of a content are there, or can be made of its kept analysis."""
        if not self._builder.has(content) and (analysed := self._examiner.recall(content)):
            self._builder.add(content, analysed)
        return self._builder.has(content)

    def _take_all(self, examined: Iterable[Examined], results: list[FileResult]) -> None:
        """Embed what comes, write down from time to time what is finished, and show parts of it."""
        staged, staged_at = len(results), time.monotonic()
        try:
            for one in examined:
                self._take(one)
                results.append(one.result)
                self.check()
                waited_s = time.monotonic() - staged_at
                if len(results) - staged >= STAGE_EVERY or waited_s >= self.options.stage_s:
                    self._waiting.stage(results[staged:])
                    staged, staged_at = len(results), time.monotonic()
                    self._show(results)
        except RunInterruptedError:
            with suppress(CatalogUnavailableError):
                self.catalog.stage(results[staged:])
            raise
        self._waiting.stage(results[staged:])

    def _show(self, results: list[FileResult]) -> None:
        if self._parts is not None:
            self._parts.offer(results, self.meter.now().seconds_left)

    def _take(self, one: Examined) -> None:
        self._builder.take(one)
        if one.decoded:
            self._decoded += 1
            self._audio_s += one.result.duration_s or 0.0
        reason = one.result.failure_reason
        if reason is not None:
            logger.warning("%s is left out: %s", one.result.found.address, reason)
        self.meter.finished(one.result.found.path, failed=reason is not None)

    def _report_found(self, seen: Scan, done: Iterable[KnownFile]) -> None:
        finished = list(done)
        failed = sum(track.status == "failed" for track in finished)
        self.meter.found(seen.files_total, done=len(finished), failed=failed)

    # Outcome ---------------------------------------------------------------------------------

    def _refuse_shrunk(self, seen: Scan, changes: TrackChanges) -> None:
        try:
            if not self.run.allow_shrink:
                refuse_shrunk(seen, changes.missing_ids, changes.failed_ids)
        except ShrunkRootError:  # what failed now may not fail once the disk is back
            self._waiting.clear_staged()
            raise

    def _publish(
        self,
        seen: Scan,
        results: Sequence[FileResult],
        changes: TrackChanges,
        snapshot_id: str | None,
        *,
        is_new: bool,
        wrote: bool,
    ) -> RunSummary:
        self.check()
        active = self._waiting.active_snapshot()
        # Someone may have rolled back on purpose; only a new outcome or model overrides that.
        activate = is_new or active is None or active.model_id != self.model.model_id
        activate = activate or snapshot_id is None
        notes = (*self._notes.lines(seen.report), *absent_roots(seen, changes))
        skipped = passed_over(seen.report)
        self._waiting.report(self.run.id, self.owner, self.meter.now())
        told = (*notes, *skipped_lines(seen.report))
        self._waiting.describe_run(self.run.id, self.owner, notes=told)
        self._waiting.replace_passed_over(skipped)
        self._make_visible(changes, snapshot_id, activate=activate)
        self.meter.enter("finished")
        self._tidy_up()
        return RunSummary(
            run_id=self.run.id,
            snapshot_id=snapshot_id,
            model_id=self.model.model_id,
            wrote_snapshot=wrote,
            files_total=seen.files_total,
            files_read=max(0, len(results) - self._staged),
            files_resumed=self._resumed,
            files_decoded=self._decoded,
            files_failed=self.meter.now().files_failed,
            files_missing=len(changes.missing_ids),
            files_kept=len(self._notes.kept),
            notes=notes,
            passed_over=skipped,
            parts=() if self._parts is None else tuple(self._parts.made),
            audio_s=self._audio_s,
            elapsed_s=time.monotonic() - self._began,
        )

    def _make_visible(
        self, changes: TrackChanges, snapshot_id: str | None, *, activate: bool
    ) -> None:
        run_id, owner = self.run.id, self.owner
        try:
            self._waiting.publish(run_id, owner, changes, snapshot_id, activate=activate)
        except LeaseLostError:
            # The database may have gone away between doing it and saying so.
            run = self._waiting.run(run_id)
            if (run.state, run.snapshot_id) != ("succeeded", snapshot_id):
                raise

    def _tidy_up(self) -> None:
        """Remove what is not needed any more; the run has succeeded, so the next one can too."""
        try:
            self.pool.done()
            store = SnapshotStore(self.catalog, self.data_dir)
            store.retire_parts()
            store.retain(self.options.keep_snapshots)
            kept = timedelta(days=self.options.keep_analyses_days)
            pruned = self._store.prune(self.catalog.contents(), after=kept)
        except IndexerError as exc:
            logger.warning("what is not needed any more stays for now: %s", exc)
        else:
            if pruned:
                logger.info("%d analyses that no track needed are removed", pruned)


def _as_found(track: KnownFile) -> FoundFile:
    return FoundFile(*(getattr(track, name) for name in FoundFile.__dataclass_fields__))
