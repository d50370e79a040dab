"""A catalogue in shards answers what it answers in one piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import SnapshotError, SnapshotFormatError
from indexer.search.additions import Addition, TrackColumns
from indexer.search.request import AnyOf
from indexer.search.searcher import Searcher, SearchRequest, SearchResult
from indexer.shards.gather import Results, ShardedSearcher, ShardQuestion
from indexer.shards.local import LocalShards, Shard, open_locally, shard_folders
from indexer.shards.split import places
from indexer.snapshot.content import SnapshotContent
from indexer.snapshot.filters import TrackFilter, TrackTerms
from indexer.snapshot.reader import Snapshot
from model.embedding import Embedding
from model.errors import ShapeError
from tests import snapshots

TRACKS, SHARDS, QUERIES = 400, 5, 6
FILTERS = (
    None,
    TrackFilter(genre=("rock",)),
    TrackFilter(exclude_ids=frozenset(range(10, 400, 10))),
    TrackFilter(exclude_ids=frozenset(range(10, 2000, 10))),
    TrackFilter(include=TrackTerms(title=("7",)), let_in=("speech",)),
    TrackFilter(let_in=("speech", "short")),
)


def catalogue() -> SnapshotContent:
    """Tracks of which some are copies, some are speech, and some have two artists."""
    data = snapshots.content(TRACKS)
    tracks = [
        replace(
            track,
            recording=track.id - 10 if track.id % 90 == 0 else track.id,
            verdict="speech" if track.id % 110 == 0 else "music",
            artist=f"{track.artist}; Artist 9" if track.id % 60 == 0 else track.artist,
        )
        for track in data.tracks
    ]
    return replace(data, tracks=tracks)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    folder = tmp_path_factory.mktemp("shards") / "whole"
    return Searcher(snapshots.written(folder, catalogue()), snapshots.scoring())


@pytest.fixture(scope="module")
def parted(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder = tmp_path_factory.mktemp("shards") / "parted"
    return snapshots.written(folder, catalogue(), shards=SHARDS)


@pytest.fixture(scope="module")
def sharded(parted: Snapshot) -> ShardedSearcher:
    found = open_locally(parted, snapshots.scoring())
    assert isinstance(found, ShardedSearcher)
    return found


def alike(ours: SearchResult, theirs: SearchResult) -> None:
    """The same tracks in the same order with the same segments, and scores equal to 1e-9."""
    assert [hit[:3] for hit in ours.hits] == [hit[:3] for hit in theirs.hits]
    assert np.allclose([hit[3:] for hit in ours.hits], [hit[3:] for hit in theirs.hits], atol=1e-9)
    assert (ours.exact, ours.missing) == (theirs.exact, theirs.missing) == (True, 0.0)


@pytest.mark.parametrize("kind", ["gaussian", "paper"])
@pytest.mark.parametrize("level", ["segment", "track"])
@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("cap", [None, 2])
def test_shards_answer_what_the_whole_answers(
    whole: Searcher,
    sharded: ShardedSearcher,
    kind: str,
    level: str,
    filters: TrackFilter | None,
    cap: int | None,
) -> None:
    """Under every filter, cap, level and scoring, and in both directions."""
    for direction in ("e2m", "m2m"):
        request = SearchRequest(
            snapshots.embedding(QUERIES, seed=5),
            limit=17,
            filters=filters,
            max_per_artist=cap,
            kind=kind,  # type: ignore[arg-type]
            offset=3,
            direction=direction,  # type: ignore[arg-type]
            level=level,  # type: ignore[arg-type]
        )

        for ours, theirs in zip(sharded.search(request), whole.search(request), strict=True):
            alike(ours, theirs)


@pytest.mark.parametrize("cap", [None, 1])
def test_shards_answer_a_union_as_the_whole_does(
    whole: Searcher, sharded: ShardedSearcher, cap: int | None
) -> None:
    """Any of several points is asked of every shard."""
    any_of = AnyOf(np.full(QUERIES, 1.0 / QUERIES))
    request = SearchRequest(snapshots.embedding(QUERIES, seed=6), 12, max_per_artist=cap)

    alike(sharded.search_union(any_of, request), whole.search_union(any_of, request))


@pytest.mark.parametrize("cap", [None, 2])
def test_shards_add_to_scores_what_the_whole_adds(
    whole: Searcher, sharded: ShardedSearcher, cap: int | None
) -> None:
    """Each shard is given the columns of its own tracks."""
    draws = np.random.default_rng(2)
    columns, counted = draws.normal(0.0, 0.3, (TRACKS, 3)), np.ones(TRACKS)
    counted[::50] = 0.0
    tracks = TrackColumns(
        np.asarray(whole.snapshot.tracks.ids), columns, counted, np.arange(0, TRACKS, 50)
    )
    added = Addition(tracks, draws.normal(size=(QUERIES, 3)))
    asked = snapshots.embedding(QUERIES, seed=5)
    request = SearchRequest(asked, 17, max_per_artist=cap, addition=added)

    for ours, theirs in zip(sharded.search(request), whole.search(request), strict=True):
        alike(ours, theirs)


def test_a_ranking_may_be_asked_for_to_its_end(whole: Searcher, sharded: ShardedSearcher) -> None:
    """More places than there are tracks give all tracks that may be answered."""
    request = SearchRequest(snapshots.embedding(1, seed=8), 2 * TRACKS, max_per_artist=3)

    alike(sharded.search(request)[0], whole.search(request)[0])


def test_one_tracks_fit_is_the_wholes(whole: Searcher, sharded: ShardedSearcher) -> None:
    """A single track is scored without asking its shard."""
    request = SearchRequest(snapshots.embedding(1, seed=7), 1, level="track")

    assert sharded.hit_of(250, request) == whole.hit_of(250, request)


def test_a_track_is_not_scored_in_other_spaces(sharded: ShardedSearcher) -> None:
    """A query of another model is refused, as in a search."""
    wide = snapshots.embedding(1, seed=7)
    narrow = Embedding(wide.phi[:, :1], wide.mu[:, :1], wide.var[:, :1])

    with pytest.raises(ShapeError, match="were they embedded by"):
        sharded.hit_of(250, SearchRequest(narrow, 1, level="track"))


def test_copies_of_a_recording_lie_in_one_shard(parted: Snapshot) -> None:
    """Else two copies could be answered, each the best of its shard."""
    shard_of = {
        int(track): number
        for number, folder in enumerate(shard_folders(parted))
        for track in Snapshot.open(folder).tracks.ids
    }

    answers = {track.id: track.recording or track.id for track in parted.tracks}
    assert shard_of.keys() == answers.keys()
    assert all(shard_of[track] == shard_of[answers[track]] for track in answers)


def test_shards_share_the_scale_of_the_whole(parted: Snapshot) -> None:
    """Quantiles of a shard alone would read a request differently."""
    scales = [Snapshot.open(folder).scale for folder in shard_folders(parted)]

    assert all(np.array_equal(scale.quantiles, parted.scale.quantiles) for scale in scales)


def test_shards_are_about_equally_large() -> None:
    """A hash of the recording places tracks, however ids are given."""
    counts = np.bincount(places(np.arange(0, 800_000, 8), 8), minlength=8)

    assert counts.min() > 0.95 * counts.mean()


def test_an_impossible_number_of_shards_is_refused() -> None:
    """No shard at all cannot hold anything."""
    with pytest.raises(SnapshotError, match="0 shards: there may be 1 to 4096"):
        places(np.arange(3), 0)


def test_a_shard_without_music_answers_nothing_while_others_hold_some(tmp_path: Path) -> None:
    """Only where the whole catalogue holds no music do other tracks answer."""
    data = snapshots.content(40)
    part = places(np.array([track.id for track in data.tracks]), 3)
    tracks = [
        replace(track, verdict="noise" if at == 1 else "music")
        for track, at in zip(data.tracks, part, strict=True)
    ]
    found = open_locally(
        snapshots.written(tmp_path / "one", replace(data, tracks=tracks), shards=3),
        snapshots.scoring(),
    )

    (answer,) = found.search(SearchRequest(snapshots.embedding(1, seed=1), 40))

    assert {hit.track_id for hit in answer.hits} == {t.id for t in tracks if t.verdict == "music"}


def test_shards_without_tracks_do_no_harm(tmp_path: Path) -> None:
    """A catalogue may have fewer tracks than shards."""
    snapshot = snapshots.written(tmp_path / "one", snapshots.content(3), shards=16)

    (answer,) = open_locally(snapshot, snapshots.scoring()).search(
        SearchRequest(snapshots.embedding(1, seed=1), 5)
    )

    assert {hit.track_id for hit in answer.hits} == {10, 20, 30}
    assert answer.exact


def test_a_sharded_snapshot_is_not_searched_alone(parted: Snapshot) -> None:
    """Its own folder holds no cells."""
    with pytest.raises(SnapshotFormatError, match="is searched in 5 shards, not alone"):
        Searcher(parted, snapshots.scoring())


def test_queries_of_other_spaces_are_refused(sharded: ShardedSearcher) -> None:
    """As by one searcher."""
    with pytest.raises(ShapeError, match="queries have 3 and 8 dimensions"):
        sharded.search(SearchRequest(snapshots.embedding(1, seed=1, dimensions=3), 5))


@dataclass
class Watched:
    """Shards that note what they are asked, and of which some are lost."""

    shards: LocalShards
    lost: frozenset[int] = frozenset()
    asked: list[tuple[int, ShardQuestion]] = field(default_factory=list)

    def waves(self, first: int) -> Sequence[Sequence[int]]:
        """The first shard, then all others."""
        return [[0], list(range(1, SHARDS))]

    def ask(self, shards: Sequence[int], question: ShardQuestion) -> list[Results | None]:
        """Nobody answers for a lost shard."""
        self.asked += [(shard, question) for shard in shards]
        return [
            None if shard in self.lost else self.shards.ask([shard], question)[0]
            for shard in shards
        ]


def watched(parted: Snapshot, lost: frozenset[int] = frozenset()) -> Watched:
    """The catalogue's shards, watched."""
    folders = shard_folders(parted)
    shards = [Shard(folder, snapshots.scoring(), has_music=True) for folder in folders]
    return Watched(LocalShards(shards), lost)


@pytest.mark.parametrize("lost", [frozenset({0}), frozenset({3, 4}), frozenset(range(SHARDS))])
def test_a_lost_shard_is_said(parted: Snapshot, lost: frozenset[int]) -> None:
    """The answer is not exact, and says which share of the tracks it does not know."""
    searcher = ShardedSearcher(parted, snapshots.scoring(), watched(parted, lost))
    there = {
        int(track)
        for number, folder in enumerate(shard_folders(parted))
        if number not in lost
        for track in Snapshot.open(folder).tracks.ids
    }

    (answer,) = searcher.search(SearchRequest(snapshots.embedding(1, seed=2), 30))

    assert not answer.exact
    assert answer.missing == pytest.approx(1.0 - len(there) / TRACKS)
    assert {hit.track_id for hit in answer.hits} <= there
    assert len(answer.hits) == (30 if there else 0)


def test_later_shards_are_told_what_the_answer_scores_at_least(parted: Snapshot) -> None:
    """They need not look for what cannot be in the answer."""
    shards = watched(parted)
    searcher = ShardedSearcher(parted, snapshots.scoring(), shards)

    (answer,) = searcher.search(SearchRequest(snapshots.embedding(1, seed=2), 10))

    first, *others = (np.asarray(question.request.floors)[0] for _, question in shards.asked)
    assert first == -np.inf
    assert all(-np.inf < floor <= answer.hits[-1].score for floor in others)


def test_a_floor_leaves_out_only_what_scores_less(whole: Searcher) -> None:
    """All tracks down to the floor are answered in their order."""
    request = SearchRequest(snapshots.embedding(1, seed=4), 50)
    (full,) = whole.search(request)
    floor = full.hits[9].score

    (found,) = whole.search(replace(request, floors=np.array([floor])))

    assert found.exact
    assert found.hits[:10] == full.hits[:10]
