"""The snapshot that answers, swapped whole while requests run.

A request takes `LiveIndex.current()` once and uses that to its end, so it never sees half of
one snapshot and half of another. A thread looks for a newly activated snapshot (of an index run
here, or of one in another process) and opens it beside the old one. A damaged one is left for the
newest that is whole.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import NotReadyError
from app.library.live import Live, OpenSearcher, TrackSearcher
from app.metrics import Metrics
from app.wire.identifiers import IdentifierTable
from indexer.catalog.catalog import Catalog
from indexer.catalog.records import SnapshotRow
from indexer.errors import CatalogUnavailableError, IndexerError, SnapshotError
from indexer.search.searcher import SearchRequest, TrackFilter
from indexer.shards.local import open_locally
from indexer.snapshot.format import check_sizes
from indexer.snapshot.reader import Snapshot
from indexer.snapshot.verification import Stamp, stamp, verified, verify_in_process
from model.scoring import ScoringParams

if TYPE_CHECKING:
    from model.emotion_model import EmotionModel

logger = logging.getLogger("circumplex.snapshot")

WARM_UP_QUERIES = 3
NOTHING_INDEXED = "nothing is indexed yet: run `circumplex index DIR`"
PAUSE_S = 0.005  # between them: requests that come meanwhile go first


class LiveIndex:
    """Holds the live snapshot and replaces it when another is activated."""

    def __init__(
        self,
        catalog: Catalog,
        snapshots: Path,
        *,
        model_id: str,
        scoring: ScoringParams,
        device: str,
        metrics: Metrics,
        open_searcher: OpenSearcher = open_locally,
        older: Callable[[str], EmotionModel | None] = lambda _model_id: None,
        remedy: str = "run `circumplex index`",
    ) -> None:
        """Hold nothing yet.

        Args:
            catalog: Says which snapshot is active.
            snapshots: Folder that holds the snapshots by id.
            model_id: The loaded checkpoint; a snapshot of another one answers with its own
                model, if `older` gives it.
            scoring: Its scoring parameters.
            device: Where searches run.
            metrics: Told of every swap.
            open_searcher: Opens what ranks the tracks of a snapshot.
            older: Gives the model that another snapshot was made with, if it can be had.
            remedy: What makes a snapshot with the loaded model.
        """
        self._catalog, self._folder = catalog, snapshots
        self._model_id, self._scoring, self._device = model_id, scoring, device
        self._metrics, self._open_searcher = metrics, open_searcher
        self._older, self._remedy = older, remedy
        self._live: Live | None = None
        self._followers: list[Callable[[Live | None], None]] = []
        self._note: str | None = None
        self._damaged: dict[str, tuple[Stamp, str]] = {}  # what was found, and why it cannot be
        self._verify_s: float | None = None
        self._verified_s = 0.0
        self._why_not = NOTHING_INDEXED
        self._refused: str | None = None  # the snapshot that could not be opened
        self._refreshing = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, told: Callable[[Live | None], None]) -> None:
        """Tell somebody which snapshot answers, now and whenever it is another one."""
        self._followers.append(told)
        told(self._live)

    def _serve(self, live: Live | None) -> None:
        """Answer from another snapshot, or from none."""
        self._live = live
        for told in self._followers:
            told(live)

    def current(self) -> Live:
        """The snapshot that answers now.

        Raises:
            NotReadyError: There is none; says why and what to do.
        """
        live = self._live
        if live is None:
            raise NotReadyError(self._why_not, headers={"Retry-After": "5"})
        return live

    def current_or_none(self) -> Live | None:
        """The snapshot that answers now, if there is one."""
        return self._live

    @property
    def note(self) -> str | None:
        """Why another snapshot answers than should; None where all is as it should be."""
        return self._note

    def model_of(self, live: Live | None, loaded: EmotionModel) -> EmotionModel:
        """The model that a snapshot is asked with: the loaded one, unless another made it."""
        if live is None or live.model_id == self._model_id:
            return loaded
        return self._older(live.model_id) or loaded

    def trouble(self, snapshot_id: str) -> str | None:
        """Why the snapshot cannot answer, if it was tried last and cannot."""
        return self._why_not if self._refused == snapshot_id else None

    def refresh(self) -> None:
        """Look for the active snapshot and open it if it is another one."""
        with self._refreshing:
            row = self._catalog.active_snapshot()
            if row is None:
                self._retire()
                return
            if self._live is not None and row.id == self._live.id:
                if self._live.partial != row.partial:  # its run came to its end with nothing more
                    self._serve(replace(self._live, partial=row.partial))
                if row.model_id == self._model_id:
                    self._note = None  # somebody has gone back to it
                return
            trouble = self._tried(row)
            if trouble is None:
                return
            self._refuse(trouble)
            if self._live is None:
                self._fall_back(row)
            if self._live is not None:
                self._say(f"{trouble}; answers come from snapshot {self._live.id}")

    def check(self, *, every_byte: bool) -> None:
        """Compare the files of the live snapshot with its manifest; fall back if they differ.

        A file that is gone stays readable here for as long as it is held; one that was cut off or
        changed is not read again.

        Args:
            every_byte: Hash them, behind everything else; else compare sizes.
        """
        live = self._live
        if live is None:
            return
        folder, manifest = live.snapshot.folder, live.snapshot.manifest
        try:
            if every_byte:
                verify_in_process(folder)
            else:
                check_sizes(folder, manifest)
        except SnapshotError as exc:
            if all((folder / name).exists() for name in manifest.files):
                self._lose(live, exc)

    def _lose(self, live: Live, why: SnapshotError) -> None:
        """Answer no more from a snapshot that was damaged on its disk."""
        reason = f"snapshot {live.id} was damaged while it answered: {why}"
        with self._refreshing:
            if self._live is not live:
                return
            self._damaged[live.id] = (stamp(live.snapshot.folder), reason)
            self._serve(None)
        self._refuse(reason)
        self.refresh()

    def start(self, poll_s: float, verify_s: float | None = None) -> None:
        """Refresh, and compare sizes of files, every `poll_s` seconds until `stop`.

        Args:
            poll_s: Time between two looks.
            verify_s: Time between two comparisons of every byte; None: none.
        """
        self._verify_s, self._verified_s = verify_s, time.monotonic()
        self._thread = threading.Thread(
            target=self._poll, args=(poll_s,), name="snapshot-poll", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End the polling."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10.0)

    def _check_now_and_then(self) -> None:
        due = self._verify_s is not None and time.monotonic() - self._verified_s >= self._verify_s
        self.check(every_byte=due)
        if due:
            self._verified_s = time.monotonic()

    def _fall_back(self, active: SnapshotRow) -> None:
        """Answer from the newest other snapshot that is whole, if there is one."""
        for row in self._catalog.list_snapshots():
            if row.id != active.id and self._tried(row) is None:
                return

    def _tried(self, row: SnapshotRow) -> str | None:
        """Open a snapshot, and put it into service; why it cannot be, where it cannot."""
        scoring = self._scoring
        if row.model_id != self._model_id:
            older = self._older(row.model_id)
            if older is None:
                return (
                    f"snapshot {row.id} was made with model {row.model_id}, but {self._model_id} "
                    f"is loaded: {self._remedy}"
                )
            scoring = older.scoring
        found = stamp(self._folder / row.id)
        if self._damaged.get(row.id, (None,))[0] == found:
            return self._damaged[row.id][1]  # nothing has changed since
        try:
            self._open(row, scoring)
        except IndexerError as exc:
            self._refused = row.id
            reason = f"snapshot {row.id} cannot be opened: {exc}"
            if isinstance(exc, SnapshotError):
                self._damaged[row.id] = (found, reason)
            return reason
        return None

    def _open(self, row: SnapshotRow, scoring: ScoringParams) -> None:
        # Every byte is checked first, so that nothing is hashed where requests are answered.
        manifest = verified(self._folder / row.id, in_process=self._live is not None)
        snapshot = Snapshot(self._folder / row.id, manifest)
        searcher = self._open_searcher(snapshot, scoring, self._device)
        _warm_up(searcher)
        self._refused = None
        self._damaged.pop(row.id, None)
        identifiers = IdentifierTable(self._catalog.identifiers())
        self._serve(
            Live(row.id, row.model_id, row.created_at, snapshot, searcher, identifiers, row.partial)
        )
        self._metrics.is_live(row, snapshot.manifest)
        self._why_not, self._note = NOTHING_INDEXED, None
        if row.model_id != self._model_id:
            self._say(
                f"answers come from an index of model {row.model_id} until an index run with "
                f"{self._model_id} has ended: {self._remedy}"
            )
        logger.info("snapshot is live", extra={"snapshot_id": row.id})

    def _retire(self) -> None:
        """Answer no more from an index that has lost its last track."""
        if self._live is not None:
            self._refuse("no track is in the index any more: run `circumplex index DIR`")
            self._serve(None)
            self._note = None

    def _say(self, note: str) -> None:
        if note != self._note:
            logger.warning(note)
        self._note = note

    def _refuse(self, reason: str) -> None:
        if reason != self._why_not:
            logger.warning(reason)
        self._why_not = reason

    def _poll(self, poll_s: float) -> None:
        away = False  # whether the database was, the last time
        while not self._stop.wait(poll_s):
            try:
                self._check_now_and_then()
                self.refresh()
            except CatalogUnavailableError as exc:  # the old snapshot goes on answering
                if not away:
                    logger.warning("no new snapshot is noticed for now: %s", exc)
                away = True
                continue
            except Exception:  # the next round tries again
                logger.exception("looking for a new snapshot failed")
            away = False


def _warm_up(searcher: TrackSearcher) -> None:
    """Compile what is not compiled yet, and touch the arrays with a few of their own segments."""
    nothing = TrackFilter(duration_max_s=0.0)
    for row in range(min(WARM_UP_QUERIES, searcher.snapshot.manifest.segments)):
        own = SearchRequest(searcher.snapshot.embedding[row : row + 1], 10, direction="m2m")
        for request in (own, replace(own, level="track"), replace(own, filters=nothing)):
            searcher.search(request)
        time.sleep(PAUSE_S)
