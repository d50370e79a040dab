"""A first index that can be played while it is made, on both databases."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from indexer.catalog.catalog import open_catalog
from indexer.catalog.records import TrackQuery
from indexer.errors import StorageError
from indexer.runs.indexer import Indexer
from indexer.runs.parts import PartSchedule, shows_parts
from indexer.search.searcher import Searcher
from indexer.snapshot.reader import Snapshot
from model.analysis import Analysis
from model.audio.decoding import Source
from tests import snapshots
from tests.catalogue import write_tone
from tests.fakes import FakeModel
from tests.indexed_library import Library

AT_ONCE = {"stage_s": 0.0, "first_part_s": 0.0, "parts_share": 1e9, "workers": 1}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Library]:
    """The library on SQLite alone, for what has nothing to do with the database."""
    catalog = open_catalog(f"sqlite:///{tmp_path / 'small.db'}")
    yield Library(tmp_path, catalog)
    catalog.close()


class Watching(FakeModel):
    """Lets a test look before each file is analysed."""

    def __init__(self, look: Callable[[], None]) -> None:
        super().__init__()
        self.look = look

    def analyse(self, source: Source, *, max_duration_s: float | None = None) -> Analysis:
        """Look, then analyse."""
        self.look()
        return super().analyse(source, max_duration_s=max_duration_s)


def tones(library: Library, numbers: Iterable[int]) -> None:
    for number in numbers:
        write_tone(library.music / f"t{number:02}.wav", hz=150 + 97 * number, duration_s=2.0)


def test_what_is_finished_can_be_played_while_the_rest_is_read(library: Library) -> None:
    """Each part holds more than the one before, under ids that stay."""
    tones(library, range(5))
    shown: list[dict[str, int]] = []

    def look() -> None:
        if library.catalog.active_snapshot() is not None:
            shown.append(library.ids())

    library.model = Watching(look)
    summary = library.indexer(**AT_ONCE).run([library.music])

    assert len(shown) > 2
    assert all(before.items() <= after.items() for before, after in pairwise(shown))
    assert shown[-1].items() <= library.ids().items()
    assert len(library.ids()) == 8
    assert (summary.files_read, summary.files_resumed) == (8, 0)
    assert library.catalog.counts().ok == 8
    tracks = [part.tracks for part in summary.parts]
    assert tracks == sorted(set(tracks))


def test_a_part_is_called_partial_until_the_run_has_ended(small: Library) -> None:
    """The active snapshot is partial in between, and whole at last; no part is kept."""
    tones(small, range(5))
    flags: list[bool] = []

    def look() -> None:
        active = small.catalog.active_snapshot()
        flags.extend([] if active is None else [active.partial])

    small.model = Watching(look)
    small.indexer(**AT_ONCE).run([small.music])

    rows = small.catalog.all_snapshots()
    assert flags
    assert all(flags)
    assert [(row.active, row.partial) for row in rows] == [(True, False)]
    assert small.folders() == [rows[0].id]


def test_a_part_answers_as_an_index_of_its_files_alone(small: Library, tmp_path: Path) -> None:
    """Relative scale, balance and copies of a recording are those of the tracks in it."""
    tones(small, range(4))
    shutil.copy2(small.music / "sub/c.wav", small.music / "a_copy.wav")
    (small.music / "sub/c.wav").rename(small.music / "a_long.wav")
    parts: list[Path] = []

    def look() -> None:
        active = small.catalog.active_snapshot()
        if active is not None and active.track_count >= 4 and not parts:
            folder = small.data_dir / "snapshots" / active.id
            parts.append(shutil.copytree(folder, tmp_path / "part"))

    small.model = Watching(look)
    small.indexer(**AT_ONCE).run([small.music])
    part = Snapshot.open(parts[0])
    part.verify()
    alone = _indexed_alone(small, [track.path for track in part.tracks], tmp_path / "alone")

    assert len(part.tracks) < len(small.ids())
    assert _recordings(part) == _recordings(alone)
    assert {"a_copy.wav", "a_long.wav"} in _recordings(part).values()
    np.testing.assert_allclose(part.scale.quantiles, alone.scale.quantiles, atol=1e-6)
    for path, track_id in _ids(part).items():
        own, other = (
            snapshots.embedding_of(part, track_id),
            snapshots.embedding_of(alone, _ids(alone)[path]),
        )
        np.testing.assert_allclose(own.mu, other.mu, atol=1e-4)
    assert _answer(part, small.model) == _answer(alone, small.model)


def test_a_broken_first_run_leaves_its_part_and_the_next_goes_on(library: Library) -> None:
    """What was read is not read again, and is told apart from what is new."""
    tones(library, range(5))
    read: list[int] = []

    def look() -> None:
        read.append(1)
        if len(read) == 7:
            raise StorageError("no room")

    library.model = Watching(look)
    with pytest.raises(StorageError, match="no room"):
        library.indexer(**AT_ONCE).run([library.music])
    left = library.catalog.active_snapshot()
    before = library.ids()
    library.model = FakeModel()
    summary = library.indexer(**AT_ONCE).run([library.music])

    assert left is not None
    assert left.partial
    assert before
    assert before.items() <= library.ids().items()
    assert summary.files_read + summary.files_resumed == 8
    assert summary.files_resumed >= len(before)
    assert library.model.analysed == summary.files_decoded == 1
    active = library.catalog.active_snapshot()
    assert active is not None
    assert not active.partial


def test_files_that_moved_after_a_broken_first_run_keep_their_ids(small: Library) -> None:
    """A part leaves files alone whose content a track that is gone may claim."""
    tones(small, range(5))
    count: list[int] = []

    def look() -> None:
        count.append(1)
        if len(count) == 7:
            raise StorageError("no room")

    small.model = Watching(look)
    with pytest.raises(StorageError, match="no room"):
        small.indexer(**AT_ONCE).run([small.music])
    before = small.ids()
    moved = next(iter(sorted(before)))
    (small.music / moved).rename(small.music / "zz_moved.wav")
    small.model = FakeModel()
    small.indexer(**AT_ONCE).run([small.music])

    assert small.ids()["zz_moved.wav"] == before[moved]
    assert small.catalog.counts().missing == 0


def test_later_runs_show_no_parts(small: Library) -> None:
    """The index of before answers until the new one is whole."""
    small.index()
    tones(small, range(4))

    summary = small.indexer(**AT_ONCE).run([small.music])

    assert summary.parts == ()
    assert len(small.ids()) == 7


def test_a_part_that_is_all_there_is_becomes_the_index(small: Library) -> None:
    """The next run finds nothing more to read, and the part counts as whole from then on."""
    stop_at = 3

    def look() -> None:
        if small.model.analysed >= stop_at:
            raise StorageError("no room")

    tones(small, [1])
    small.model = Watching(look)
    with pytest.raises(StorageError, match="no room"):
        small.indexer(**AT_ONCE).run([small.music])
    for path in small.music.rglob("*.wav"):
        if str(path.relative_to(small.music)) not in small.ids():
            path.unlink()
    small.model = FakeModel()
    small.indexer(**AT_ONCE).run([small.music])

    active = small.catalog.active_snapshot()
    assert active is not None
    assert not active.partial
    assert small.model.analysed == 0


def test_failures_are_told_with_a_part(small: Library) -> None:
    """A file that cannot be read is no track of a part, and is not tried again."""
    tones(small, range(12))
    (small.music / "aa.wav").write_bytes(b"no audio")
    failed: list[int] = []

    def look() -> None:
        failed.append(len(small.catalog.list_tracks(TrackQuery(status="failed")).items))

    small.model = Watching(look)
    summary = small.indexer(**AT_ONCE).run([small.music])

    assert 1 in failed
    assert summary.files_failed == 1
    assert "aa.wav" not in small.ids()


def test_parts_come_first_soon_and_then_as_their_cost_allows() -> None:
    """Their time is at most the share of the other work's, however many there are."""
    now = 0.0
    schedule = PartSchedule(20.0, 0.04, clock=lambda: now)
    at: list[float] = []
    spent = 0.0
    while now < 3600.0:
        now += 1.0
        tracks = int(now - spent)
        if schedule.is_due(tracks, 3600.0 - now):
            cost_s = 0.3 + 0.01 * tracks
            now += cost_s
            spent += cost_s
            schedule.took(cost_s, tracks)
            at.append(now)

    assert at[0] < 25.0
    assert spent <= 0.05 * (now - spent)
    assert 4 <= len(at) <= 60
    gaps = [later - before for before, later in pairwise(at)]
    assert gaps[-1] > gaps[0]


def test_no_part_is_made_when_the_whole_comes_as_soon() -> None:
    """A short run is not made longer."""
    now = 100.0
    schedule = PartSchedule(20.0, 0.04, clock=lambda: now)
    now = 130.0

    assert not schedule.is_due(50, 10.0)
    assert schedule.is_due(50, 100.0)


def _indexed_alone(library: Library, paths: Iterable[str], folder: Path) -> Snapshot:
    for path in paths:
        (folder / "music" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(library.music / path, folder / "music" / path)
    catalog = open_catalog(f"sqlite:///{folder / 'circumplex.db'}")
    summary = Indexer(catalog, FakeModel(), folder / "data").run([folder / "music"])
    catalog.close()
    return Snapshot.open(folder / "data" / "snapshots" / str(summary.snapshot_id))


def _ids(snapshot: Snapshot) -> dict[str, int]:
    return {track.path: track.id for track in snapshot.tracks}


def _recordings(snapshot: Snapshot) -> dict[str, frozenset[str]]:
    """The paths of all copies of each track's recording."""
    best = {track.id: track.recording or track.id for track in snapshot.tracks}
    of_one = {
        key: frozenset(track.path for track in snapshot.tracks if best[track.id] == key)
        for key in set(best.values())
    }
    return {track.path: of_one[best[track.id]] for track in snapshot.tracks}


def _answer(snapshot: Snapshot, model: FakeModel) -> list[frozenset[str]]:
    query = model.embed_analyses(np.array([[0.3, 0.4]], np.float32))
    paths = {track.id: track.path for track in snapshot.tracks}
    found = snapshots.found(Searcher(snapshot, model.scoring), query, limit=5)
    return [_recordings(snapshot)[paths[hit.track_id]] for hit in found.hits]


def test_a_first_run_that_reads_everything_anew_shows_parts_too(small: Library) -> None:
    """Also when another process goes on with it; where an index answers, it shows none."""
    tones(small, range(4))
    shown: list[dict[str, int]] = []

    def look() -> None:
        active = small.catalog.active_snapshot()
        if active is not None and active.partial:
            shown.append(small.ids())

    small.model = Watching(look)
    small.indexer(**AT_ONCE).run([small.music], full=True)
    assert len(shown) > 1
    assert all(before.items() <= after.items() for before, after in pairwise(shown))
    assert len(small.ids()) == 7
    shown.clear()

    small.indexer(**AT_ONCE).run([small.music], full=True)

    assert shown == []
    assert len(small.ids()) == 7


def test_a_full_run_goes_on_with_its_own_part_alone(small: Library) -> None:
    """What another first run left holds more than the first files that are read anew."""
    small.index()
    run = small.catalog.create_run([str(small.music)], full=True)
    (row,) = small.catalog.all_snapshots()
    part = replace(row, partial=True)
    own = replace(run, snapshot_id=part.id)

    assert shows_parts(own, part, small.model.model_id)
    assert not shows_parts(run, part, small.model.model_id)
    assert shows_parts(replace(run, full=False), part, small.model.model_id)
    assert not shows_parts(own, row, small.model.model_id)
