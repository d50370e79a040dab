"""The snapshot that answers, of a catalogue that was indexed here."""

from __future__ import annotations

from pathlib import Path

from app.library.live import Live
from app.library.live_index import LiveIndex
from app.metrics import Metrics
from indexer.catalog.catalog import Catalog
from tests.fakes import FakeModel


def live_of(catalog: Catalog, folder: Path, model: FakeModel) -> Live:
    """What a service over this data folder would answer from."""
    index = LiveIndex(
        catalog,
        folder / "snapshots",
        model_id=model.model_id,
        scoring=model.scoring,
        device="cpu",
        metrics=Metrics(),
    )
    index.refresh()
    return index.current()
