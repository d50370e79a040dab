"""What an index run reads, embeds and writes, on both databases."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from indexer.catalog.records import RunProgress, TrackQuery
from indexer.errors import (
    EmptyRootError,
    RootNotFoundError,
)
from model.frontends import WithCues
from tests import snapshots
from tests.catalogue import write_tone
from tests.fakes import FakeFrontend, FakeModel
from tests.indexed_library import Library


def test_the_first_run_indexes_everything(library: Library) -> None:
    """Tracks in the catalogue, segments and curves in the snapshot, the run succeeded."""
    summary = library.index()

    snapshot = library.snapshot()
    assert library.ids() == {"a.wav": 1, "b.wav": 2, "sub/c.wav": 3}
    assert [track.title for track in snapshot.tracks] == ["A", "B", "C"]
    assert snapshot.manifest.segments == 5  # 1, 1, and 2 with the whole of the long one
    assert len(snapshot.curve(3)[0]) == pytest.approx(80, abs=2)
    assert (summary.files_total, summary.files_read, summary.files_decoded) == (3, 3, 3)
    assert summary.audio_s == pytest.approx(44.0, abs=0.1)
    assert library.catalog.run(summary.run_id).state == "succeeded"
    assert [track.duration_s for track in library.catalog.list_tracks().items] == pytest.approx(
        [2.0, 2.0, 40.0], abs=0.05
    )


def test_the_embedding_of_a_track_is_that_of_its_own_audio(library: Library) -> None:
    """Rows are not exchanged between tracks, though they are embedded in one batch."""
    library.index()
    snapshot = library.snapshot()

    for path, track_id in library.ids().items():
        analysis = library.model.analyse(library.music / path)
        expected = library.model.embed_segments(analysis)
        found = snapshots.embedding_of(snapshot, track_id)[: len(expected)]
        own = found.mu[:, : expected.mu.shape[1]]  # beside what balances the tracks
        np.testing.assert_allclose(own, expected.mu, rtol=1e-5)
        _, mean, sd = snapshot.curve(track_id)
        curve = library.model.emotion_curve(analysis)
        np.testing.assert_allclose(mean, curve.mean, atol=2e-3)
        np.testing.assert_allclose(sd, curve.sd, atol=2e-3)


def test_an_unchanged_folder_is_not_touched_again(library: Library) -> None:
    """Nothing decoded, nothing embedded, no new snapshot."""
    first = library.index()
    analysed, embedded = library.model.analysed, library.model.embedded

    second = library.index()

    assert (library.model.analysed, library.model.embedded) == (analysed, embedded)
    assert not second.wrote_snapshot
    assert second.snapshot_id == first.snapshot_id
    assert (second.files_total, second.files_read) == (3, 0)
    assert library.catalog.run(second.run_id).progress.files_done == 3


def test_only_what_is_new_is_decoded_and_embedded(library: Library) -> None:
    """One file more costs one file."""
    library.index()
    analysed, embedded = library.model.analysed, library.model.embedded
    write_tone(library.music / "d.wav", hz=500)

    summary = library.index()

    assert library.model.analysed - analysed == 1
    assert library.model.embedded - embedded == 1
    assert (summary.files_read, summary.wrote_snapshot) == (1, True)
    assert library.ids() == {"a.wav": 1, "b.wav": 2, "sub/c.wav": 3, "d.wav": 4}


def test_content_exchanged_under_the_same_size_and_time_is_read_again(library: Library) -> None:
    """Taggers keep the time of a file if they are asked to, and padding keeps its size."""
    library.index()
    path = library.music / "a.wav"
    before, content = path.stat(), path.read_bytes()
    write_tone(path, hz=310, level=0.1)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    summary = library.index()

    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert path.read_bytes() != content
    assert (summary.files_read, summary.files_decoded, summary.wrote_snapshot) == (1, 1, True)
    assert library.index().files_read == 0


def test_a_changed_file_is_read_again_under_its_id(library: Library) -> None:
    """The snapshot holds the new content."""
    library.index()
    before = snapshots.embedding_of(library.snapshot(), 1).mu
    write_tone(library.music / "a.wav", hz=3000, level=0.9, duration_s=3)

    library.index()

    assert library.ids()["a.wav"] == 1
    assert not np.allclose(snapshots.embedding_of(library.snapshot(), 1).mu, before)
    assert library.catalog.track(1).duration_s == pytest.approx(3.0, abs=0.05)


def test_a_touched_file_costs_a_glance(library: Library) -> None:
    """Same bytes, other time: neither decoded nor a new snapshot; the next run does not look."""
    first = library.index()
    analysed = library.model.analysed
    (library.music / "a.wav").touch()

    second = library.index()

    assert library.model.analysed == analysed
    assert (second.files_read, second.snapshot_id) == (1, first.snapshot_id)
    assert library.index().files_read == 0


def test_a_moved_file_keeps_its_id_and_is_not_decoded(library: Library) -> None:
    """Content names it, not its path."""
    library.index()
    analysed = library.model.analysed
    (library.music / "new").mkdir()
    (library.music / "a.wav").rename(library.music / "new/renamed.wav")

    summary = library.index()

    assert library.ids() == {"new/renamed.wav": 1, "b.wav": 2, "sub/c.wav": 3}
    assert library.catalog.track(1).title == "Renamed"
    assert library.model.analysed == analysed
    assert (summary.files_decoded, summary.files_missing) == (0, 0)


def test_a_missing_file_leaves_the_index_and_comes_back_with_its_id(library: Library) -> None:
    """Its row stays, so its id is not given to another."""
    library.index()
    shutil.move(library.music / "a.wav", library.data_dir / "aside.wav")
    gone = library.index()
    ids_without, status = library.ids(), library.catalog.track(1).status
    analysed = library.model.analysed
    shutil.move(library.data_dir / "aside.wav", library.music / "back.wav")
    library.index()

    assert (gone.files_missing, status) == (1, "missing")
    assert ids_without == {"b.wav": 2, "sub/c.wav": 3}
    assert library.ids()["back.wav"] == 1
    assert library.model.analysed == analysed


def test_a_broken_file_is_recorded_and_the_run_goes_on(library: Library) -> None:
    """Empty, no audio, and text: each with its reason."""
    (library.music / "empty.mp3").write_bytes(b"")
    (library.music / "text.mp3").write_text("this is no music\n" * 100)
    write_tone(library.music / "short.wav", duration_s=0.1)

    summary = library.index()

    failed = library.catalog.list_tracks(TrackQuery(status="failed")).items
    assert summary.files_failed == 3
    assert {track.path for track in failed} == {"empty.mp3", "text.mp3", "short.wav"}
    assert all(track.failure_reason and len(track.failure_reason) > 10 for track in failed)
    assert not any(track.path in str(track.failure_reason) for track in failed)
    assert len(library.ids()) == 3


def test_a_broken_file_is_not_tried_again_until_it_changes(library: Library) -> None:
    """Its failure is as durable as a success."""
    broken = library.music / "x.wav"
    broken.write_bytes(b"no audio")
    library.index()
    analysed = library.model.analysed

    unchanged = library.index()
    write_tone(broken)
    repaired = library.index()

    assert (unchanged.files_read, unchanged.files_failed) == (0, 1)
    assert (repaired.files_read, repaired.files_failed) == (1, 0)
    assert library.model.analysed == analysed + 1
    assert "x.wav" in library.ids()


def test_a_file_whose_analysis_crashes_is_recorded(library: Library) -> None:
    """Also what no decoder reports as an error of the file."""

    class Fragile(FakeModel):
        def analyse(self, source: Path, **limits: object) -> object:  # type: ignore[override]
            if source.name == "b.wav":
                raise RuntimeError("a bug in a frontend")
            return super().analyse(source)

    library.model = Fragile()
    summary = library.index()

    assert summary.files_failed == 1
    assert "a bug in a frontend" in str(library.catalog.track(2).failure_reason)
    assert set(library.ids()) == {"a.wav", "sub/c.wav"}


def test_another_model_embeds_anew_without_decoding(library: Library) -> None:
    """Analyses are kept by content and frontend."""
    library.index()
    before = snapshots.embedding_of(library.snapshot(), 1).mu
    library.model = FakeModel("other-ba9876543210")

    summary = library.index()

    assert library.model.analysed == 0
    assert library.model.embedded == 5
    assert summary.wrote_snapshot
    assert library.snapshot().manifest.model_id == "other-ba9876543210"
    assert not np.allclose(snapshots.embedding_of(library.snapshot(), 1).mu, before)


def test_going_back_to_a_model_uses_its_snapshot(library: Library) -> None:
    """The same tracks under the same model need not be written twice."""
    first = library.index()
    library.model = FakeModel("other-ba9876543210")
    library.index()
    library.model = FakeModel()

    third = library.index()

    active = library.catalog.active_snapshot()
    assert active is not None
    assert (third.snapshot_id, active.id) == (first.snapshot_id, first.snapshot_id)
    assert not third.wrote_snapshot


def test_a_lost_analysis_is_made_anew(library: Library) -> None:
    """Deleted or damaged files of the data folder repair themselves."""
    library.index()
    kept = sorted(path for path in library.data_dir.glob("analyses/*/*/*") if path.is_file())
    kept[0].unlink()
    kept[1].write_bytes(b"damaged")
    library.model = FakeModel("other-ba9876543210")

    library.index()

    assert library.model.analysed == 2
    assert len(library.ids()) == 3


@pytest.mark.parametrize("damage", ["folder", "manifest"])
def test_a_lost_snapshot_is_written_anew(library: Library, damage: str) -> None:
    """From the kept analyses, without decoding."""
    first = library.index()
    folder = library.data_dir / "snapshots" / str(first.snapshot_id)
    if damage == "folder":
        shutil.rmtree(folder)
    else:
        (folder / "manifest.json").write_text("{")
    analysed = library.model.analysed

    second = library.index()

    assert second.wrote_snapshot
    assert library.model.analysed == analysed
    assert len(library.ids()) == 3


def test_analyses_with_cues_are_kept_and_found(library: Library) -> None:
    """The name of a frontend with a second ear holds the versions of both."""
    cue = FakeFrontend()
    cue.name, cue.version = "second", 7
    library.model.frontend = WithCues(library.model.frontend, [cue])  # type: ignore[assignment]
    first = library.index()
    shutil.rmtree(library.data_dir / "snapshots" / str(first.snapshot_id))
    analysed = library.model.analysed

    library.index()

    assert library.model.analysed == analysed
    assert [path.name for path in (library.data_dir / "analyses").iterdir()] == ["fake-1+second-7"]


def test_a_full_run_does_everything_anew(library: Library) -> None:
    """Decodes and embeds every file and writes a snapshot."""
    first = library.index()

    second = library.index(full=True)

    assert second.files_decoded == 3
    assert second.snapshot_id != first.snapshot_id
    assert library.ids() == {"a.wav": 1, "b.wav": 2, "sub/c.wav": 3}


def test_tracks_of_other_roots_stay(library: Library, tmp_path: Path) -> None:
    """A run speaks of its own roots only."""
    library.index()
    write_tone(tmp_path / "other/z.wav", hz=700)

    library.indexer().run([tmp_path / "other"])

    assert set(library.ids()) == {"a.wav", "b.wav", "sub/c.wav", "z.wav"}


def test_tracks_of_other_roots_leave_when_asked(library: Library, tmp_path: Path) -> None:
    """Failed ones too; they come back with their ids, and only a broken one is tried again."""
    (library.music / "broken.wav").write_bytes(b"no music")
    library.index()
    before = library.ids()
    write_tone(tmp_path / "other/z.wav", hz=700)

    summary = library.indexer().run([tmp_path / "other"], only=True)
    assert set(library.ids()) == {"z.wav"}
    assert summary.files_missing == 4
    assert library.catalog.counts().failed == 0
    again = library.indexer().run([tmp_path / "other"], only=True)
    assert (again.files_missing, again.wrote_snapshot) == (0, False)
    analysed = library.model.analysed
    library.index()

    assert library.ids() == before | {"z.wav": max(library.ids().values())}
    assert library.model.analysed == analysed + 1


def test_a_root_above_finds_the_same_tracks(library: Library) -> None:
    """Indexing a folder's parent neither doubles nor decodes its files."""
    library.indexer().run([library.music / "sub"])
    analysed = library.model.analysed

    library.index()

    assert len(library.ids()) == 3
    assert library.model.analysed == analysed + 2


def test_an_emptied_root_is_refused_and_its_tracks_stay(library: Library) -> None:
    """A disk that is not mounted must not empty the index; a run that is told to may."""
    library.index()
    shutil.rmtree(library.music)
    library.music.mkdir()

    with pytest.raises(EmptyRootError, match="mounted"):
        library.index()
    ids = library.ids()
    library.index(allow_shrink=True)

    assert len(ids) == 3
    assert library.catalog.active_snapshot() is None
    assert library.catalog.counts().missing == 3
    assert library.catalog.list_runs()[1].state == "failed"


def test_a_missing_root_begins_no_run(library: Library) -> None:
    """It is refused before anything is written down."""
    with pytest.raises(RootNotFoundError):
        library.indexer().run([library.music / "nowhere"])

    assert library.catalog.list_runs() == []


def test_progress_is_told_while_it_goes(library: Library) -> None:
    """Stages in order, counts that grow, at the end all done."""
    seen: list[RunProgress] = []

    library.index(progress=seen.append)

    stages = list(dict.fromkeys(progress.stage for progress in seen))
    assert stages == ["scanning", "analysing", "writing", "finished"]
    assert (seen[-1].files_total, seen[-1].files_done) == (3, 3)
    assert [one.files_done for one in seen] == sorted(one.files_done for one in seen)


def test_old_snapshots_are_deleted_but_never_the_active_one(library: Library) -> None:
    """The newest five stay by default."""
    for number in range(6):
        write_tone(library.music / f"more {number}.wav", hz=100 * (number + 1))
        library.index()
    kept = [row.id for row in library.catalog.list_snapshots()]
    library.catalog.activate_snapshot(kept[-1])
    write_tone(library.music / "last.wav", hz=50)
    library.indexer(keep_snapshots=1).run([library.music])

    assert len(kept) == 5
    assert library.folders() == [row.id for row in library.catalog.all_snapshots()]
    assert len(library.folders()) == 1
    assert "last.wav" in library.ids()
