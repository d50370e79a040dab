"""Journeys: a curve cut into pieces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from app.library.live import Live
from app.playlists.journeys import CANDIDATES, GUIDES, PIECE_S, _piece, travel
from app.stations.variation import varied
from app.wire.schemas import PlaylistRequest
from indexer.search.searcher import Searcher, SearchRequest, SearchResult
from model.curves.curve import EmotionCurve, Keyframe
from model.embedding import Embedding
from tests import snapshots

TRACKS = 1500


@pytest.mark.parametrize("places", range(1, 10))
def test_keyframes_at_the_edges_of_pieces_do_no_harm(places: int) -> None:
    """A keyframe that falls on an edge but for rounding is the edge: no piece is refused."""
    curve = EmotionCurve(tuple(Keyframe(round(0.1 * i, 1), 0.01 * i, 0.0) for i in range(19)))
    edges = np.linspace(0.0, curve.duration_s, places + 1).tolist()

    pieces = [_piece(curve, start, end) for start, end in pairwise(edges)]

    assert all(piece.duration_s == PIECE_S for piece in pieces)
    assert pieces[-1].at(np.array([PIECE_S]))[0, 1] == pytest.approx(0.18)


class Drawing:
    """Embeds curves anywhere, the same number of them always in the same places."""

    def embed_emotion(self, curves: Sequence[EmotionCurve]) -> Embedding:
        """A row for each curve."""
        return snapshots.embedding(len(curves), 50)


class Same:
    """Embeds all curves in one place."""

    def embed_emotion(self, curves: Sequence[EmotionCurve]) -> Embedding:
        """A row for each curve."""
        return Embedding.concatenate([snapshots.embedding(1, 50)] * len(curves))


class Watched(Searcher):
    """Notes how many tracks are asked for; says of searches for few that they are not proven."""

    asked_for: list[int]
    doubtful = False

    def search(self, request: SearchRequest) -> list[SearchResult]:
        """Note it, and search."""
        self.asked_for.append(request.limit)
        found = super().search(request)
        later = len(self.asked_for) > 1
        return [SearchResult(each.hits, not (self.doubtful and later)) for each in found]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Live:
    """A catalogue in which most tracks are of four artists, and the others of none."""
    at = snapshots.written(tmp_path_factory.mktemp("journeys") / "s", snapshots.content(TRACKS))
    searcher = Watched(at, snapshots.scoring())
    searcher.asked_for = []
    return Live("s", "m", datetime.now(UTC), at, searcher)


def journey(cap: int | None = None, limit: int = 60, **others: Any) -> PlaylistRequest:
    """From unpleasant to pleasant."""
    curve = [{"t": 0, "valence": -1, "arousal": 0}, {"t": 600, "valence": 1, "arousal": 0}]
    asked = {"emotion": {"curve": curve}, "mode": "journey", "limit": limit}
    return PlaylistRequest.model_validate({**asked, "max_per_artist": cap, **others})


@pytest.mark.parametrize("cap", [None, 1, 5])
def test_a_journey_holds_no_track_twice_and_no_artist_too_often(
    live: Live, cap: int | None
) -> None:
    """And it is as long as was asked for, without reading whole rankings."""
    assert isinstance(live.searcher, Watched)
    live.searcher.asked_for.clear()

    hits, asked, proof = travel(journey(cap), Drawing(), live)  # type: ignore[arg-type]

    tracks = [hit.track_id for hit in hits]
    artists = Counter(snapshots.track(track).artist for track in tracks)
    del artists[None]
    assert len(set(tracks)) == len(tracks) == len(asked) == 60
    assert cap is None or max(artists.values()) <= cap
    assert max(live.searcher.asked_for) < TRACKS
    assert proof.exact


def test_places_whose_tracks_are_used_up_get_the_best_that_is_left(live: Live) -> None:
    """All places ask for the same, so that only the first can choose from what was found."""
    steady = {"emotion": {"mood": "calm"}}

    hits, asked, _ = travel(journey(**steady), Same(), live)  # type: ignore[arg-type]

    ranking = snapshots.found(live.searcher, asked[0].embedding, limit=TRACKS, level="track").hits
    assert [hit.track_id for hit in hits[CANDIDATES:]] == [
        hit.track_id for hit in ranking[CANDIDATES : len(hits)]
    ]
    assert {hit.track_id for hit in hits[:CANDIDATES]} == {
        hit.track_id for hit in ranking[:CANDIDATES]
    }


def test_neighbours_of_a_long_journey_share_what_is_found(live: Live) -> None:
    """Few rankings are read for many places, and each score is that of its own place."""
    assert isinstance(live.searcher, Watched)
    live.searcher.asked_for.clear()

    others = [track.id for track in live.snapshot.tracks][520:]
    request = journey(limit=500, filters={"exclude_ids": others})
    hits, asked, _ = travel(request, Drawing(), live)  # type: ignore[arg-type]

    own = [
        live.searcher.hit_of(hit.track_id, SearchRequest(query.embedding, 1, level="track"))
        for hit, query in zip(hits, asked, strict=True)
    ]
    assert len({hit.track_id for hit in hits}) == len(hits) == 500
    assert 50 < len(live.searcher.asked_for) <= 1 + 3 * GUIDES
    assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in own])


def test_a_journey_ends_where_there_are_no_more_tracks(live: Live) -> None:
    """Each of its tracks stands beside what its place asked for."""
    assert isinstance(live.searcher, Watched)
    artist = snapshots.track(live.snapshot.tracks[0].id).artist
    only = {"filters": {"artist": [artist]}, "max_per_artist": 7}
    live.searcher.asked_for.clear()

    hits, asked, _ = travel(journey(**only), Drawing(), live)  # type: ignore[arg-type]

    assert len(hits) == len(asked) == 7
    times = [query.at_s for query in asked]
    assert times == sorted(times)  # type: ignore[type-var]
    assert len(live.searcher.asked_for) < 10


def test_a_journey_is_exact_only_if_all_its_rankings_are(live: Live) -> None:
    """Also those of places that had to be searched again."""
    assert isinstance(live.searcher, Watched)
    request = PlaylistRequest.model_validate(
        {"emotion": {"mood": "calm"}, "mode": "journey", "limit": 60, "max_per_artist": 1}
    )
    live.searcher.asked_for.clear()
    live.searcher.doubtful = True
    try:
        _, _, proof = travel(request, Drawing(), live)  # type: ignore[arg-type]
    finally:
        live.searcher.doubtful = False

    assert len(live.searcher.asked_for) > 1
    assert not proof.exact


class Counting(Drawing):
    """Notes how often it embeds."""

    model_id, scoring, asked = "m", snapshots.scoring(), 0

    def embed_emotion(self, curves: Sequence[EmotionCurve]) -> Embedding:
        """A row for each curve."""
        self.asked += 1
        return super().embed_emotion(curves)


def test_a_varied_journey_is_planned_twice(live: Live) -> None:
    """Once for the best answer and once for the other one, which is compared with it."""
    model = Counting()

    found = varied(journey(limit=10), "a seed", model, live)

    assert model.asked == 2
    assert found.playlist.variety is not None
    assert found.playlist.variety.below_best == pytest.approx(found.below_best, abs=1e-6)
