"""Music like several tracks: what the one query for them means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from app.playlists.queries import (
    BETWEEN_S,
    absolute_curve,
    allowed,
    seeds_of,
    track_query,
    tracks_query,
)
from app.wire.schemas import MOST_SEEDS, PlaylistRequest
from indexer.errors import TrackNotFoundError
from indexer.search.columns import doubled, points
from indexer.search.searcher import Searcher
from indexer.snapshot.reader import Snapshot
from model.scoring import score
from tests import snapshots

TRACKS = 300


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """A catalogue of made-up tracks; the last segment of each spans it."""
    content = snapshots.content(TRACKS)
    spans = content.segment_s.copy()
    spans[snapshots.SEGMENTS_PER_TRACK - 1 :: snapshots.SEGMENTS_PER_TRACK] = (0.0, 90.0)
    content = replace(content, segment_s=spans)
    return snapshots.written(tmp_path_factory.mktemp("seeds") / "s", content)


def request(*tracks: int, **others: Any) -> PlaylistRequest:
    """Music like these."""
    return PlaylistRequest.model_validate({"emotion": {"tracks": [*tracks]}, **others})


def mean_scores(snapshot: Snapshot, seeds: tuple[int, ...]) -> NDArray[np.float64]:
    """The mean of what the seeds score each row, by the definition, [S]."""
    rows, scoring = points(snapshot.embedding), doubled(snapshots.scoring())
    queries = [track_query(snapshot, snapshot.tracks.row_of(seed))[0] for seed in seeds]
    each = [score(points(query), rows, scoring, "m2m").total[0].numpy() for query in queries]
    return np.asarray(np.mean(each, axis=0))


@pytest.mark.parametrize("seeds", [(10, 1500), (10, 20, 30, 2000, 2990), (500,)])
def test_tracks_score_the_mean_of_their_scores(snapshot: Snapshot, seeds: tuple[int, ...]) -> None:
    """The one query gives each row the mean of what the seeds give it, less one constant."""
    query = points(tracks_query(snapshot, seeds).embedding)
    rows, scoring = points(snapshot.embedding), doubled(snapshots.scoring())

    less = score(query, rows, scoring, "m2m").total[0].numpy() - mean_scores(snapshot, seeds)

    np.testing.assert_allclose(less, less.mean(), atol=1e-4)
    assert np.ptp(mean_scores(snapshot, seeds)) > 10.0


def test_the_answer_is_in_the_order_of_the_mean(snapshot: Snapshot) -> None:
    """From the first track to the last but the seeds, searched for as one query and proven."""
    seeds = (10, 1500, 2990)
    found = snapshots.found(
        Searcher(snapshot, snapshots.scoring()),
        tracks_query(snapshot, seeds).embedding,
        limit=TRACKS,
        filters=allowed(request(*seeds)),
        direction="m2m",
        level="track",
    )

    standing = mean_scores(snapshot, seeds)[np.asarray(snapshot.whole)]
    ranked = snapshot.tracks.ids[np.argsort(-standing)]
    wanted = [int(track_id) for track_id in ranked if track_id not in seeds]
    assert found.exact
    assert [hit.track_id for hit in found.hits] == wanted


def test_a_track_counts_once_and_one_alone_is_itself(snapshot: Snapshot) -> None:
    """Naming it twice changes nothing; a single one asks what `track_id` asks."""
    twice = request(10, 20, 10).emotion
    alone = tracks_query(snapshot, (20,))
    embedding, (arousal, valence) = track_query(snapshot, snapshot.tracks.row_of(20))

    assert seeds_of(twice) == (10, 20)
    assert (alone.arousal, alone.valence) == (arousal, valence)
    np.testing.assert_array_equal(alone.embedding.mu, embedding.mu)
    np.testing.assert_allclose(alone.embedding.var, embedding.var, rtol=1e-6)


def test_a_journey_passes_the_tracks_in_order(snapshot: Snapshot) -> None:
    """From where the first is shown to where the last is, in equal times."""
    seeds = (1500, 10, 700)
    curve = absolute_curve(request(*seeds, mode="journey"), snapshot)

    places = [track_query(snapshot, snapshot.tracks.row_of(seed))[1] for seed in seeds]
    assert [frame.t_s for frame in curve.keyframes] == [0.0, BETWEEN_S, 2 * BETWEEN_S]
    assert [(frame.arousal, frame.valence) for frame in curve.keyframes] == [
        pytest.approx(tuple(place)) for place in places
    ]


def test_the_number_of_tracks_is_bounded(snapshot: Snapshot) -> None:
    """One to twenty; one that is not there is named."""
    request(*range(1, MOST_SEEDS + 1))
    for tracks in ((), range(1, MOST_SEEDS + 2)):
        with pytest.raises(ValidationError, match="tracks"):
            request(*tracks)
    with pytest.raises(TrackNotFoundError, match="track 11 "):
        tracks_query(snapshot, (10, 11))
