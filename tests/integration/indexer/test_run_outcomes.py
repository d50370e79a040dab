"""Which index is active after a run, and what a run must not learn, on both databases."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from mutagen.id3 import TIT2
from mutagen.wave import WAVE

from indexer.catalog.records import TrackQuery
from indexer.errors import ShrunkRootError
from model.analysis import Analysis
from model.audio.decoding import Source
from model.judge import Judge
from tests import snapshots
from tests.catalogue import write_tone
from tests.fakes import FakeModel
from tests.indexed_library import Library


class Exchanging(FakeModel):
    """Decodes another file than was named: someone exchanges `a.wav` for it just before."""

    def __init__(self, file: Path, other: Path) -> None:
        super().__init__()
        self._file = file
        self._other: Path | None = other

    def analyse(self, source: Source, *, max_duration_s: float | None = None) -> Analysis:
        """Exchange the file once, and decode it."""
        if self._other is not None and getattr(source, "name", "") == self._file.name:
            shutil.copy2(self._other, self._file)
            self._other = None
        return super().analyse(source, max_duration_s=max_duration_s)


def test_a_file_that_is_exchanged_while_it_is_read_teaches_nothing_wrong(library: Library) -> None:
    """It waits for the next run, and the content it had is not taken for the other one's."""
    file, kept = library.music / "a.wav", library.music.parent / "kept.wav"
    other = library.music.parent / "other.wav"
    write_tone(other, hz=3000, level=0.9)
    shutil.copy2(file, kept)
    library.model = Exchanging(file, other)

    first = library.index()
    failed = library.catalog.list_tracks(TrackQuery(status="failed")).items
    shutil.copy2(kept, file)
    library.index()

    assert first.files_failed == 1
    assert [track.path for track in failed] == ["a.wav"]
    expected = library.model.embed_segments(library.model.analyse(file))
    found = snapshots.embedding_of(library.snapshot(), library.ids()["a.wav"])
    np.testing.assert_allclose(found.mu[:, : expected.mu.shape[1]], expected.mu, rtol=1e-5)


def test_a_file_that_was_away_for_a_while_is_found_again(library: Library) -> None:
    """The index of before holds exactly the tracks of now: it is active again, and stays so."""
    first = library.index()
    away = (library.music / "a.wav").rename(library.music.parent / "a.wav")
    without = library.index()
    away.rename(library.music / "a.wav")

    again, later = library.index(), library.index()

    active = library.catalog.active_snapshot()
    assert active is not None
    assert without.snapshot_id != first.snapshot_id
    assert {active.id, again.snapshot_id, later.snapshot_id} == {first.snapshot_id}
    assert not again.wrote_snapshot


def test_a_library_that_was_emptied_stays_empty(library: Library) -> None:
    """No later run brings the index of before back."""
    library.index()
    for path in library.music.rglob("*.wav"):
        path.unlink()

    emptied, later = library.index(allow_shrink=True), library.index()

    assert (emptied.snapshot_id, later.snapshot_id) == (None, None)
    assert library.catalog.active_snapshot() is None


def test_a_piece_is_short_beside_long_ones_alone(library: Library) -> None:
    """New and known ones alike; when the long ones leave, it is judged by its sound again."""
    library.model.judge = Judge(least_s=1.0)
    long = [library.music / f"long {number}.wav" for number in range(8)]
    write_tone(library.music / "jingle.wav", duration_s=1.2)
    verdicts = []

    def index(**options: object) -> None:
        library.index(**options)
        kinds = {track.id: track.verdict for track in library.snapshot().tracks}
        listed = {track.id: track.verdict for track in library.catalog.published_tracks()}
        assert listed == kinds
        verdicts.append([kinds[library.ids()[name]] for name in ("jingle.wav", "a.wav")])

    index()
    for number, path in enumerate(long):
        write_tone(path, hz=300 + 100 * number, duration_s=12.0)
    index()
    index(full=True)
    for path in long:
        path.unlink()
    index(allow_shrink=True)

    assert verdicts == [["music"] * 2, ["short", "music"], ["short", "music"], ["music"] * 2]


def test_a_rollback_outlives_a_file_that_is_only_touched(library: Library) -> None:
    """A newer time of a file with the old content is no new outcome."""
    first = library.index()
    write_tone(library.music / "d.wav")
    library.index()
    library.catalog.activate_snapshot(str(first.snapshot_id))
    (library.music / "a.wav").touch()

    touched = library.index()

    active = library.catalog.active_snapshot()
    assert active is not None
    assert touched.files_read == 1
    assert active.id == first.snapshot_id


def test_a_rollback_outlives_a_run_that_finds_nothing_new(library: Library) -> None:
    """Only a new outcome replaces what someone chose."""
    first = library.index()
    write_tone(library.music / "d.wav")
    library.index()
    library.catalog.activate_snapshot(str(first.snapshot_id))

    library.index()

    active = library.catalog.active_snapshot()
    assert active is not None
    assert active.id == first.snapshot_id


def test_a_library_of_which_nothing_can_be_used_any_more_keeps_its_index(library: Library) -> None:
    """A disk that was not unlocked, or marks in the place of files that lie elsewhere."""
    ids = (library.index(), library.ids())[1]
    contents = {library.music / path: (library.music / path).read_bytes() for path in ids}
    for path in contents:
        path.write_bytes(b"version https://example.org/pointer/v1")

    with pytest.raises(ShrunkRootError, match=r"3 of the 3 tracks .* or cannot be used any more"):
        library.index()
    answering = library.ids()
    for path, content in contents.items():
        path.write_bytes(content)
    repaired = library.index()

    assert answering == library.ids() == ids
    assert (repaired.files_failed, repaired.files_decoded, repaired.wrote_snapshot) == (0, 0, False)


def test_the_tracks_of_a_renamed_root_keep_their_ids(library: Library) -> None:
    """The new name holds what the old one held; what it holds no more stays, and is told."""
    library.index()
    library.music = library.music.rename(library.music.with_name("tunes"))
    (library.music / "b.wav").unlink()
    old = str(library.music.with_name("music"))

    summary = library.index()

    roots = {track.id: track.root for track in library.catalog.list_tracks().items}
    assert roots == {1: str(library.music), 2: old, 3: str(library.music)}
    assert (summary.files_decoded, len(summary.notes)) == (0, 1)
    assert f"1 tracks stay in the index though their folder {old} is not there" in summary.notes[0]


def test_a_copy_of_a_track_whose_root_is_there_is_a_track_of_its_own(library: Library) -> None:
    """Also where a run looks for the copy alone."""
    library.index()
    other = library.music.with_name("other")
    shutil.copytree(library.music / "sub", other)

    library.indexer().run([other])

    assert library.catalog.counts().ok == 4


def test_files_that_are_tagged_anew_and_renamed_at_once_keep_their_ids(library: Library) -> None:
    """As taggers do it with a whole library; what sounds otherwise is another track."""
    ids = (library.index(), library.ids())[1]
    for path in ids:
        file = library.music / path
        moved = file.rename(file.with_name(f"new {file.name}"))
        tagged = WAVE(moved)
        tagged.add_tags()
        tagged.tags.add(TIT2(encoding=3, text=["Anew"]))
        tagged.save()
    write_tone(library.music / "other.wav", hz=1500)

    summary = library.index()

    assert library.ids() == {
        "new a.wav": ids["a.wav"],
        "new b.wav": ids["b.wav"],
        "sub/new c.wav": ids["sub/c.wav"],
        "other.wav": 4,
    }
    assert summary.files_missing == 0
