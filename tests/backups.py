"""Backing up and restoring as the commands do, and looking at what came of it."""

from __future__ import annotations

import io
from pathlib import Path

from indexer.backups.format import BackupManifest
from indexer.backups.restore import prepared
from indexer.backups.write import write_backup
from indexer.catalog.catalog import Catalog
from indexer.catalog.transfer import dumping
from indexer.search.searcher import Searcher
from indexer.snapshot.reader import Snapshot
from tests import snapshots
from tests.indexed_library import Library


def back_up(library: Library, path: Path, **options: bool) -> BackupManifest:
    """As `circumplex backup` does."""
    return write_backup(
        library.catalog,
        library.data_dir,
        path,
        version="1.2.3",
        beside=("keys.json", "no such file"),
        **options,
    )


def restore(path: Path, catalog: Catalog, data_dir: Path, *, force: bool = False) -> None:
    """As `circumplex restore` does."""
    ready = prepared(path, catalog, data_dir)
    if not force:
        ready.refuse_loss()
    ready.execute()


def rows_of(catalog: Catalog) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    rows = {}
    with dumping(catalog, all_snapshots=True) as view:
        for name in view.tables():
            file = io.BytesIO()
            view.write(name, file)
            rows[name] = file.getvalue().decode().splitlines()
    return rows


def answers(catalog: Catalog, data_dir: Path, library: Library) -> list[tuple[int, float]]:
    """What a search of the active snapshot finds."""
    active = catalog.active_snapshot()
    assert active is not None
    snapshot = Snapshot.open(data_dir / "snapshots" / active.id)
    snapshot.verify()
    query = snapshot.embedding[0:1]
    hits = snapshots.found(Searcher(snapshot, library.model.scoring), query, limit=5)
    return [(hit.track_id, hit.score) for hit in hits.hits]
