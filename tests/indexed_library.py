"""A small folder of tones with an indexer over it, as tests of index runs need one."""

from __future__ import annotations

from pathlib import Path

from indexer.catalog.catalog import Catalog
from indexer.runs.indexer import Indexer, RunOptions, RunSummary
from indexer.snapshot.reader import Snapshot
from tests.catalogue import write_tone
from tests.fakes import FakeModel


class Library:
    """A music folder with three files, its catalogue and a way to index it."""

    def __init__(self, folder: Path, catalog: Catalog) -> None:
        self.music = folder / "music"
        self.data_dir = folder / "data"
        self.catalog = catalog
        self.model = FakeModel()
        write_tone(self.music / "a.wav", hz=300, level=0.1)
        write_tone(self.music / "b.wav", hz=900, level=0.3)
        write_tone(self.music / "sub/c.wav", hz=2000, level=0.6, duration_s=40)

    def indexer(self, **settings: object) -> Indexer:
        """An indexer of this library."""
        options = RunOptions(**settings)  # type: ignore[arg-type]
        return Indexer(self.catalog, self.model, self.data_dir, options)

    def index(self, **options: object) -> RunSummary:
        """Run over the music folder."""
        return self.indexer().run([self.music], **options)  # type: ignore[arg-type]

    def snapshot(self) -> Snapshot:
        """The active snapshot."""
        active = self.catalog.active_snapshot()
        assert active is not None
        return Snapshot.open(self.data_dir / "snapshots" / active.id)

    def ids(self) -> dict[str, int]:
        """Track ids of the active snapshot by path."""
        return {track.path: track.id for track in self.snapshot().tracks}

    def folders(self) -> list[str]:
        """Names of the snapshot folders."""
        return sorted(path.name for path in (self.data_dir / "snapshots").iterdir())
