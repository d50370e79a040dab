"""A disk that fails at random wherever it is looked at: nothing that exists is lost or halved."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
import soundfile

from indexer.catalog.catalog import Catalog, open_catalog
from indexer.catalog.records import KnownFile
from indexer.errors import LibraryError
from indexer.folders.disk import FoldersAndStores
from indexer.folders.files import FoundFile, content_id
from indexer.folders.walk import DirectoryEntry
from indexer.isolation.reading import DirectReader
from indexer.runs.analyses import AnalysisStore
from indexer.runs.embed import Examiner
from indexer.runs.identity import match_identities
from indexer.runs.outcome import keep_unread
from indexer.runs.scan import refuse_shrunk, scan
from tests.fakes import FakeModel

RUNS = int(os.environ.get("CIRCUMPLEX_FAULT_RUNS", "200"))
ERRORS = (errno.EIO, errno.ESTALE, errno.EACCES, errno.ENOENT)
RATE_HZ = 2000
FILES = 6


class FaultyDisk(FoldersAndStores):
    """The file system, where each look fails with a probability."""

    def __init__(self, draws: random.Random, probability: float) -> None:
        super().__init__()
        self.draws, self.probability = draws, probability
        self.faults = 0

    def fail(self) -> None:
        """Perhaps raise an error."""
        if self.draws.random() < self.probability:
            self.faults += 1
            number = self.draws.choice(ERRORS)
            raise OSError(number, os.strerror(number))

    def entries(self, folder: str) -> Sequence[DirectoryEntry]:
        """List, or fail."""
        self.fail()
        return [FaultyEntry(self, entry) for entry in super().entries(folder)]

    def open(self, found: FoundFile) -> BinaryIO:
        """Open, or fail; what is open may fail later."""
        self.fail()
        faulty: Any = FaultyFile(self, super().open(found))
        return faulty


@dataclass(frozen=True)
class FaultyEntry:
    """An entry whose kind and status may not be known."""

    disk: FaultyDisk
    entry: DirectoryEntry

    @property
    def name(self) -> str:
        """Its name."""
        return self.entry.name

    @property
    def path(self) -> str:
        """Its path."""
        return self.entry.path

    def is_symlink(self) -> bool:
        """As the entry."""
        return self.entry.is_symlink()

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """As the entry, or fail."""
        self.disk.fail()
        return self.entry.is_dir(follow_symlinks=follow_symlinks)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """As the entry."""
        return self.entry.is_file(follow_symlinks=follow_symlinks)

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """As the entry, or fail."""
        self.disk.fail()
        return self.entry.stat(follow_symlinks=follow_symlinks)


class FaultyFile(RawIOBase):
    """An open file whose reads and status may fail."""

    def __init__(self, disk: FaultyDisk, file: BinaryIO) -> None:
        self._disk, self._under = disk, file

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """As the file, or fail."""
        self._disk.fail()
        return self._under.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """As the file."""
        return self._under.seek(offset, whence)

    def tell(self) -> int:
        """As the file."""
        return self._under.tell()

    def fileno(self) -> int:
        """As the file, or fail where its status is asked for."""
        self._disk.fail()
        return self._under.fileno()

    def close(self) -> None:
        """Close both."""
        self._under.close()
        super().close()


class World:
    """A folder of files that come, change and go, and a catalogue of it."""

    def __init__(self, folder: Path, catalog: Catalog, draws: random.Random) -> None:
        self.music, self.catalog, self.draws = folder / "music", catalog, draws
        self.model = FakeModel()
        self.store = AnalysisStore(folder / "data", self.model.frontend.frontend_id)
        self.lengths_s: dict[str, float] = {}  # of every content there ever was
        self.disk = FaultyDisk(draws, 0.0)
        self.clock = 10**9
        for number in range(FILES):
            self.write(f"{number % 2}/{number}.wav")

    def write(self, name: str) -> None:
        """Write a file of a length of its own."""
        path = self.music / name
        path.parent.mkdir(parents=True, exist_ok=True)
        length = 1200 + self.draws.randrange(2400)
        noise = np.random.default_rng(self.draws.randrange(2**32)).normal(size=length) * 0.1
        soundfile.write(path, noise, RATE_HZ)
        self.clock += 10**9
        os.utime(path, ns=(self.clock, self.clock))
        with path.open("rb") as file:
            self.lengths_s[content_id(file)] = length / RATE_HZ

    def change(self) -> None:
        """Let a file change, go or come, now and then."""
        name = f"{self.draws.randrange(2)}/{self.draws.randrange(FILES)}.wav"
        if self.draws.random() < 0.5:
            self.write(name)
        elif len(self.present()) > 3:
            (self.music / name).unlink(missing_ok=True)

    def present(self) -> set[str]:
        """Names of the files that are there."""
        return {str(path.relative_to(self.music)) for path in self.music.rglob("*.wav")}

    def tracks(self) -> dict[str, KnownFile]:
        """The tracks in the index by their names."""
        known = self.catalog.known_files()
        return {track.path: track for track in known if track.status == "ok"}

    def index(self, *, full: bool) -> None:
        """The steps of an index run that touch the disk, and what they do to the catalogue."""
        known = self.catalog.known_files()
        seen = scan(
            [self.music],
            known,
            disk=self.disk,
            frontend_id=self.store.frontend_id,
            full=full,
        )
        reader = DirectReader(self.model)
        examiner = Examiner(self.model, self.store, full=full, reader=reader, disk=self.disk)
        results = [examiner.examine(found).result for found in seen.to_read]
        usable, _ = keep_unread(results, seen.known)
        next_id = 1 + max((track.id for track in known), default=0)
        changes = match_identities(usable, seen.known, seen.gone, next_id)
        refuse_shrunk(seen, changes.missing_ids, changes.failed_ids)
        run = self.catalog.start_run([str(self.music)], "me")
        self.catalog.publish(run.id, "me", changes, None, activate=False)


def check(world: World, before: dict[str, KnownFile]) -> None:
    """What was in the index and is still there is still in it, and everything in it is whole."""
    after = world.tracks()
    assert set(before) & world.present() <= set(after)
    for track in world.catalog.list_tracks(limit=100).items:
        assert track.duration_s == pytest.approx(world.lengths_s[str(track.content_id)])
        kept = world.store.load(str(track.content_id))
        assert kept is None or kept.duration_s == pytest.approx(track.duration_s)


def test_no_track_is_lost_and_no_part_is_taken_for_the_whole(
    tmp_path: Path,
) -> None:
    """Listing, status, opening and reading fail at random while files change; then all is right."""
    draws = random.Random(20260101)
    world = World(tmp_path, open_catalog(f"sqlite:///{tmp_path / 'circumplex.db'}"), draws)
    world.index(full=False)
    failed = 0
    for number in range(RUNS):
        before = world.tracks()
        if number % 5 == 0:
            world.change()
        world.disk.probability = draws.choice((0.01, 0.05, 0.3))
        try:
            world.index(full=number % 4 == 0)
        except LibraryError:
            failed += 1
        check(world, before)
    world.disk.probability = 0.0
    world.index(full=False)

    assert set(world.tracks()) == world.present()
    assert world.disk.faults > RUNS
    assert failed < RUNS / 2
    world.catalog.close()
