"""Makes a snapshot of tracks: grouped, assembled, balanced, written, and known to the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from indexer.catalog.catalog import Catalog
from indexer.catalog.records import SnapshotRow
from indexer.errors import IndexerError
from indexer.runs.balance import balanced
from indexer.runs.embed import BlockBuilder, IndexingModel, assemble
from indexer.runs.recordings import group
from indexer.runs.snapshot_store import SnapshotStore, tracks_digest
from indexer.search.typical import typical_curves
from indexer.snapshot.content import relative_scale
from indexer.snapshot.tracks import TrackRecord
from model.analysis import Analysis


class KeptAnalyses(Protocol):
    """Where analyses are kept: `indexer.runs.analyses.AnalysisStore`."""

    def load(self, content: str) -> Analysis | None:
        """The kept analysis of a content, if there is one."""


@dataclass(frozen=True)
class SnapshotMaker:
    """Makes snapshots of what one run has embedded.

    Attributes:
        catalog: Told of each snapshot before its folder is begun.
        store: Writes the folders.
        plain_store: Removes a folder that was not completed, without waiting for the database.
        model: Embedded the tracks.
        builder: Holds a block of each content.
        analyses: Keeps analyses: what tells copies of a recording.
        check: Raises when the run shall end; called between the steps.
    """

    catalog: Catalog
    store: SnapshotStore
    plain_store: SnapshotStore
    model: IndexingModel
    builder: BlockBuilder
    analyses: KeptAnalyses
    check: Callable[[], None]

    def make(
        self,
        tracks: Sequence[TrackRecord],
        size_bytes: Mapping[int, int],
        *,
        anew: bool = False,
        partial: bool = False,
    ) -> tuple[SnapshotRow | None, bool]:
        """A snapshot that holds these tracks, and whether it was written for them.

        Args:
            tracks: The tracks; of none there is no snapshot.
            size_bytes: Size of each track's file, by id.
            anew: Write it even where one holds exactly this.
            partial: Whether the run has more to come.

        Raises:
            StorageError: The disk refuses.
        """
        if not tracks:
            return None, False
        grouped = group(tracks, size_bytes, self.builder, self.analyses.load)
        digest, model_id = tracks_digest(grouped), self.model.model_id
        existing = None if anew else self.store.find(digest, model_id)
        if existing is not None:
            return existing, False
        content = balanced(assemble(grouped, self.builder.blocks), self.model)
        row = replace(self.store.new_row(content, digest, model_id), partial=partial)
        self.catalog.begin_snapshot(row)
        queries = self.model.embed_emotion(typical_curves(relative_scale(content)))
        try:
            self.store.write(
                row, content, self.model.scoring, queries, observe=lambda _step: self.check()
            )
        except Exception:
            with suppress(IndexerError):  # otherwise the next run does it
                self.plain_store.remove([row.id])
            raise
        return row, True
