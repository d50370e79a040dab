"""Journeys: a curve cut into pieces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from app.journeys import PIECE_S, _piece, travel
from app.live import Live
from app.schemas import PlaylistRequest
from indexer.search import Searcher, SearchResult
from model.curves import EmotionCurve, Keyframe
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


class Watched(Searcher):
    """Notes how many tracks are asked for; says of searches for few that they are not proven."""

    asked_for: list[int]
    doubtful = False

    def search_batch(self, queries: Embedding, **options: Any) -> list[SearchResult]:
        """Note it, and search."""
        self.asked_for.append(options["limit"])
        found = super().search_batch(queries, **options)
        later = len(self.asked_for) > 1
        return [SearchResult(each.hits, not (self.doubtful and later)) for each in found]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Live:
    """A catalogue in which most tracks are of four artists, and the others of none."""
    at = snapshots.written(tmp_path_factory.mktemp("journeys") / "s", snapshots.content(TRACKS))
    searcher = Watched(at, snapshots.scoring())
    searcher.asked_for = []
    return Live("s", "m", datetime.now(UTC), at, searcher)


@pytest.mark.parametrize("cap", [None, 1, 5])
def test_a_journey_takes_the_best_track_that_may_still_come(live: Live, cap: int | None) -> None:
    """As from the whole ranking of each place, which is not read."""
    assert isinstance(live.searcher, Watched)
    curve = [{"t": 0, "valence": -1, "arousal": 0}, {"t": 600, "valence": 1, "arousal": 0}]
    request = PlaylistRequest.model_validate(
        {"emotion": {"curve": curve}, "mode": "journey", "limit": 60, "max_per_artist": cap}
    )
    live.searcher.asked_for.clear()

    hits, asked, exact = travel(request, Drawing(), live)  # type: ignore[arg-type]

    assert max(live.searcher.asked_for) < TRACKS
    used, artists = set[int](), Counter[str]()
    for hit, query in zip(hits, asked, strict=True):
        ranking = live.searcher.search(query.embedding, limit=TRACKS, level="track").hits
        for best in ranking:
            artist = snapshots.track(best.track_id).artist
            full = cap is not None and artist is not None and artists[artist] >= cap
            if best.track_id not in used and not full:
                break
        assert hit.track_id == best.track_id
        used.add(best.track_id)
        artists.update([artist] if artist else [])
    assert exact
    assert len(hits) == 60


def test_a_journey_is_exact_only_if_all_its_rankings_are(live: Live) -> None:
    """Also those of places that had to be searched again."""
    assert isinstance(live.searcher, Watched)
    request = PlaylistRequest.model_validate(
        {"emotion": {"mood": "calm"}, "mode": "journey", "limit": 60, "max_per_artist": 1}
    )
    live.searcher.asked_for.clear()
    live.searcher.doubtful = True
    try:
        _, _, exact = travel(request, Drawing(), live)  # type: ignore[arg-type]
    finally:
        live.searcher.doubtful = False

    assert len(live.searcher.asked_for) > 1
    assert not exact
