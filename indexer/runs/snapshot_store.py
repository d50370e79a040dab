"""The snapshots of a data folder: their rows in the catalogue and their folders, kept in step.

A row exists before its folder is begun and until its folder is gone, so nothing on disk is ever
unknown, and a process may die between any two steps.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import shutil
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from indexer.catalog.catalog import Catalog
from indexer.catalog.records import SnapshotRow
from indexer.errors import SnapshotError, StorageError
from indexer.runs import embed
from indexer.runs.options import DEFAULT_OPTIONS, RunOptions
from indexer.runs.snapshot_writer import write_snapshot
from indexer.snapshot.content import SnapshotContent
from indexer.snapshot.format import Observer
from indexer.snapshot.reader import Snapshot
from indexer.snapshot.tracks import TrackRecord
from indexer.snapshot.writing import remove_leftovers
from indexer.storage import refusal
from model.embedding import Embedding
from model.scoring import ScoringParams

logger = logging.getLogger(__name__)


class SnapshotStore:
    """Writes, finds, opens and retires the snapshots of one data folder."""

    def __init__(
        self, catalog: Catalog, data_dir: Path, options: RunOptions = DEFAULT_OPTIONS
    ) -> None:
        self._catalog = catalog
        self._folder = data_dir / "snapshots"
        self._options = options

    def path(self, snapshot_id: str) -> Path:
        """Where a snapshot lies."""
        return self._folder / snapshot_id

    def open(self, row: SnapshotRow) -> Snapshot | None:
        """The snapshot; None (and a warning) if its folder is gone, damaged or too new."""
        try:
            return Snapshot.open(self.path(row.id))
        except SnapshotError as exc:
            logger.warning("snapshot %s cannot be used: %s", row.id, exc)
            return None

    def find(self, digest: str, model_id: str) -> SnapshotRow | None:
        """The newest usable snapshot of exactly these tracks under this model and recipe."""
        for row in self._catalog.list_snapshots():
            fits = row.tracks_digest == digest and is_current(row, model_id)
            if fits and self.open(row):
                return row
        return None

    def new_row(self, content: SnapshotContent, digest: str, model_id: str) -> SnapshotRow:
        """The row of a snapshot that is about to be written."""
        created_at = datetime.now(UTC)
        return SnapshotRow(
            id=f"{created_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
            model_id=model_id,
            state="writing",
            active=False,
            created_at=created_at,
            tracks_digest=digest,
            track_count=len(content.tracks),
            segment_count=len(content.embedding),
            recipe=embed.ROW_RECIPE,
        )

    def write(
        self,
        row: SnapshotRow,
        content: SnapshotContent,
        scoring: ScoringParams,
        queries: Embedding,
        observe: Observer,
    ) -> None:
        """Write the folder of a row that the catalogue has as `writing`.

        Args:
            row: The row.
            content: What to write.
            scoring: The checkpoint's scoring.
            queries: Typical embedded emotion curves, for the search arrays.
            observe: Called with the name of each step before it begins.

        Raises:
            SnapshotError: The content is inconsistent.
            StorageError: The disk refuses.
        """
        try:
            write_snapshot(
                self.path(row.id),
                content,
                model_id=row.model_id,
                scoring=scoring,
                engine=self._options.engine,
                shards=self._options.shards,
                queries=queries,
                observe=observe,
            )
        except OSError as exc:
            raise StorageError(refusal(self.path(row.id), exc)) from exc
        except SnapshotError as exc:
            if isinstance(exc.__cause__, OSError):
                raise StorageError(refusal(self.path(row.id), exc.__cause__)) from exc
            raise

    def clear_incomplete(self) -> None:
        """Remove what a process that died was writing or deleting."""
        rows = self._catalog.all_snapshots()
        self.remove([row.id for row in rows if row.state != "ready"])
        remove_leftovers(self._folder)

    def retain(self, count: int) -> None:
        """Keep the active snapshot and the newest others, `count` in all."""
        spare = [row.id for row in self._catalog.list_snapshots() if not row.active]
        self.remove(spare[max(count - 1, 0) :])

    def retire_parts(self, *, keep: int = 0) -> None:
        """Remove partial snapshots but for the active one and the newest others, `keep` of them."""
        rows = self._catalog.list_snapshots()
        spare = [row.id for row in rows if row.partial and not row.active]
        self.remove(spare[keep:])

    def remove(self, snapshot_ids: Sequence[str]) -> None:
        """Delete snapshots; the active one stays."""
        if not snapshot_ids:
            return
        self._catalog.retire_snapshots(snapshot_ids)
        going = [row.id for row in self._catalog.all_snapshots() if row.state == "deleting"]
        for snapshot_id in going:
            shutil.rmtree(self.path(snapshot_id), ignore_errors=True)
        self._catalog.forget_snapshots([one for one in going if not self.path(one).exists()])


def is_current(row: SnapshotRow, model_id: str) -> bool:
    """Whether a snapshot's rows are what this build would make with this model."""
    return row.model_id == model_id and row.recipe == embed.ROW_RECIPE


def tracks_digest(tracks: Iterable[TrackRecord]) -> str:
    """Names a set of tracks and what is said of them: 32 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=16)
    for track in tracks:
        digest.update(repr(vars(track)).encode())
    return digest.hexdigest()
