"""Which tracks answer: music, and one copy of each recording."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.search.searcher import Searcher, TrackFilter
from indexer.snapshot.answering import Answering, kind_codes
from indexer.snapshot.content import SnapshotContent, relative_scale
from tests import snapshots


def answering(*tracks: tuple[int, str, int]) -> Answering:
    """Of (id, verdict, id of the track that answers for its recording)."""
    ids, verdicts, recording = zip(*tracks, strict=True)
    return Answering(np.array(ids), kind_codes(verdicts), np.array(recording))


def changed(data: SnapshotContent, **of: dict[int, object]) -> SnapshotContent:
    """The content with fields of tracks replaced: name to values by id."""
    tracks = [
        replace(t, **{name: values[t.id] for name, values in of.items() if t.id in values})
        for t in data.tracks
    ]
    return replace(data, tracks=tracks)


def found(data: SnapshotContent, folder: Path, filters: TrackFilter | None = None) -> list[int]:
    """Ids of all tracks that answer a query."""
    search: Searcher = snapshots.searcher(folder / "s", data)
    result = snapshots.found(search, snapshots.embedding(1, 12), limit=100, filters=filters)
    return [hit.track_id for hit in result.hits]


def test_only_music_answers_unless_more_is_let_in() -> None:
    """Kind by kind."""
    at = answering((1, "music", 1), (2, "speech", 2), (3, "short", 3), (4, "noise", 4))

    assert at.of_kinds().tolist() == [True, False, False, False]
    assert at.of_kinds(("speech", "short")).tolist() == [True, True, True, False]
    assert not at.is_plain


def test_without_any_music_everything_answers() -> None:
    """A folder of short or odd pieces still plays."""
    at = answering((1, "short", 1), (2, "speech", 2))

    assert (at.has_music, at.of_kinds().tolist()) == (False, [True, True])


def test_the_best_copy_answers_and_the_first_where_it_does_not_pass() -> None:
    """Tracks 1, 3 and 4 are one recording; 3 is the best."""
    at = answering((1, "music", 3), (2, "music", 2), (3, "music", 3), (4, "music", 3))

    assert at.one_each(np.array([True] * 4)).tolist() == [False, True, True, False]
    assert at.one_each(np.array([True, True, False, True])).tolist() == [True, True, False, False]
    assert at.copies_of(0) == (2, 3)
    assert at.copies_of(1) == ()


def test_a_search_answers_music_and_the_best_copies(tmp_path: Path) -> None:
    """Each recording once, speech not at all; both can be let in or asked for."""
    data = changed(snapshots.content(5), verdict={20: "speech"}, recording={40: 50, 50: 50})

    assert sorted(found(data, tmp_path / "a")) == [10, 30, 50]
    let_in = TrackFilter(let_in=("speech",))
    assert sorted(found(data, tmp_path / "b", let_in)) == [10, 20, 30, 50]
    without = TrackFilter(exclude_ids=frozenset({40}))
    assert sorted(found(data, tmp_path / "c", without)) == [10, 30]


def test_the_relative_scale_is_that_of_what_answers() -> None:
    """Speech and further copies do not move it."""
    data = snapshots.content(6)
    some = changed(data, verdict={10: "speech", 20: "noise"}, recording={30: 40})

    assert not np.allclose(relative_scale(some).quantiles, relative_scale(data).quantiles)


@pytest.mark.parametrize("verdict", ["music", "speech"])
def test_verdicts_and_copies_come_back_from_a_snapshot(tmp_path: Path, verdict: str) -> None:
    """As they were written."""
    data = changed(snapshots.content(3), verdict={20: verdict}, recording={10: 30})
    tracks = snapshots.written(tmp_path / "s", data).tracks

    assert tracks[tracks.row_of(20)].verdict == verdict
    assert tracks[tracks.row_of(10)].recording == 30
    assert tracks.copies_of(tracks.row_of(30)) == [10]
