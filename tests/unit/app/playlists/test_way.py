"""Journeys that pass by given tracks, last as long as their curve, and spread artists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from app.errors import InvalidRequestError
from app.library.live import Live
from app.playlists.journeys import travel
from app.playlists.phrases import resolved
from app.wire.schemas import PlaylistRequest
from indexer.errors import TrackNotFoundError
from indexer.search.searcher import Searcher
from model.curves.curve import EmotionCurve
from model.embedding import Embedding
from tests import snapshots

TRACKS = 300
LINE = [{"t": 0, "valence": -0.6, "arousal": -0.6}, {"t": 1200, "valence": 0.6, "arousal": 0.6}]


class Model:
    """Embeds a curve by its mean."""

    model_id = snapshots.MODEL_ID
    scoring = snapshots.scoring()

    def embed_emotion(self, curves: Sequence[EmotionCurve]) -> Embedding:
        """Rows that move as the curves do."""
        means = np.array([curve.sampled(8).mean() for curve in curves], dtype=np.float32)
        first, second = snapshots.embedding(1, 1), snapshots.embedding(1, 2)
        share = (0.5 + 0.5 * means)[:, None]
        return Embedding(
            share * first.phi + (1 - share) * second.phi,
            share * first.mu + (1 - share) * second.mu,
            np.repeat(first.var, len(means), axis=0),
        )


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Live:
    """Three hundred tracks, most of them by four artists."""
    at = snapshots.written(tmp_path_factory.mktemp("way") / "s", snapshots.content(TRACKS))
    return Live("s", "m", datetime.now(UTC), at, Searcher(at, snapshots.scoring()))


def request(limit: int = 12, **others: Any) -> PlaylistRequest:
    asked = {"emotion": {"curve": LINE}, "mode": "journey", "limit": limit}
    return PlaylistRequest.model_validate(asked | others)


def tracks_of(live: Live, asked: PlaylistRequest) -> list[int]:
    hits, queries, exact = travel(asked, Model(), live)
    assert exact
    assert len(hits) == len(queries)
    return [hit.track_id for hit in hits]


def test_the_first_and_the_last_track_stand_where_they_were_put(live: Live) -> None:
    """Nothing else changes in number, and no track comes twice."""
    tracks = tracks_of(live, request(way={"first": 500, "last": 700}))
    assert (tracks[0], tracks[-1]) == (500, 700)
    assert len(set(tracks)) == len(tracks) == 12


def test_tracks_on_the_way_come_in_their_order(live: Live) -> None:
    """Between the ends, each once."""
    tracks = tracks_of(live, request(way={"first": 500, "via": [40, 2000, 90], "last": 700}))
    places = [tracks.index(track) for track in (500, 40, 2000, 90, 700)]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0, 11)


def test_as_many_tracks_as_places_fill_them(live: Live) -> None:
    """And one more is refused."""
    way = {"via": [10 * n for n in range(1, 13)]}
    assert tracks_of(live, request(way=way)) == way["via"]
    with pytest.raises(InvalidRequestError, match="12 tracks to pass by, 11 places"):
        travel(request(11, way=way), Model(), live)


def test_tracks_on_the_way_pass_filters_and_count_for_the_cap(live: Live) -> None:
    """They were asked for by name; others by their artist come less often."""
    named = [20, 60, 100, 180]  # all by one artist
    artists = {snapshots.track(track).artist for track in named}
    assert len(artists) == 1
    tracks = tracks_of(live, request(way={"via": named}, max_per_artist=4))
    (artist,) = artists
    others = [t for t in tracks if t not in named and snapshots.track(t).artist == artist]
    assert set(named) <= set(tracks)
    assert not others


def test_an_unknown_track_on_the_way_is_named(live: Live) -> None:
    """As anywhere else."""
    with pytest.raises(TrackNotFoundError):
        travel(request(way={"first": 3}), Model(), live)


def test_a_track_is_passed_by_once(live: Live) -> None:
    """Naming it twice is a mistake."""
    with pytest.raises(ValueError, match="name each one once"):
        request(way={"first": 10, "last": 10})


def test_by_default_no_artist_has_more_than_two_of_twenty(live: Live) -> None:
    """As far as others are there; null lifts it, and asking for an artist too."""
    counts = Counter(snapshots.track(t).artist for t in tracks_of(live, request(8)))
    del counts[None]
    assert max(counts.values()) <= 2
    only = {"filters": {"artist": ["Artist 1"]}}
    assert len(tracks_of(live, request(8, **only))) == 8


def test_a_library_of_four_artists_still_gives_long_journeys(live: Live) -> None:
    """The cap gives way where nothing else is left."""
    assert len(tracks_of(live, request(60))) == 60


def test_a_journey_lasts_as_long_as_its_curve() -> None:
    """Unless its length or its number of tracks is given."""
    asked = {"emotion": {"curve": LINE}, "mode": "journey"}
    assert resolved(PlaylistRequest.model_validate(asked)).duration_s == 1200.0
    assert resolved(PlaylistRequest.model_validate(asked | {"limit": 5})).duration_s is None
    longer = PlaylistRequest.model_validate(asked | {"duration_s": 60.0})
    assert resolved(longer).duration_s == 60.0
