"""Journeys: playlists that follow an emotion curve through time.

The curve is cut into as many pieces as the playlist has places, and each place gets the best track
for its piece. A playlist that should last a given time has as many places as that takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from app.lengths import nearest
from app.live import Live
from app.queries import Asked, QueryModel, absolute_curve, allowed, curve_query, excluding
from app.schemas import PlaylistRequest
from indexer.balance import as_query
from indexer.search import Hit, TrackFilter
from indexer.snapshot import Snapshot
from model.curves import EmotionCurve, Keyframe
from model.embedding import Embedding

PIECE_S = 30.0  # a piece of a journey is embedded as if it lasted so long
CANDIDATES = 24  # tracks looked at for a place of a journey before searching anew


def travel(
    request: PlaylistRequest, model: QueryModel, live: Live
) -> tuple[list[Hit], list[Asked], bool]:
    """The best unused track for each piece of the curve in turn.

    Returns:
        The tracks, what was asked for at each place, and whether the rankings are proven.
    """
    most = min(request.places, len(live.snapshot.tracks))
    if request.duration_s is None or not most:
        return _travel(request, model, live, most)
    first = round(request.duration_s / (live.duration_s / len(live.snapshot.tracks)))
    journeys = {}

    def hits_of(places: int) -> list[Hit]:
        journeys[places] = _travel(request, model, live, places)
        return journeys[places][0]

    places, _ = nearest(hits_of, request.duration_s, first, most)
    return journeys[places]


def _travel(
    request: PlaylistRequest, model: QueryModel, live: Live, places: int
) -> tuple[list[Hit], list[Asked], bool]:
    asked = _journey_queries(request, model, live.snapshot, places)
    if not asked:
        return [], [], True
    filters = allowed(request)
    results = live.searcher.search_batch(
        Embedding.concatenate([query.embedding for query in asked]),
        limit=min(CANDIDATES, len(live.snapshot.tracks)),
        filters=filters,
        level=request.level,
    )
    traveller = _Traveller(live, filters, request)
    exact = all(result.exact for result in results)
    for query, result in zip(asked, results, strict=True):
        if not traveller.take(result.hits) and not traveller.take(traveller.more(query)):
            break
    return traveller.hits, asked, exact


def _journey_queries(
    request: PlaylistRequest, model: QueryModel, snapshot: Snapshot, places: int
) -> list[Asked]:
    curve = absolute_curve(request, snapshot)
    edges = np.linspace(0.0, curve.duration_s, places + 1)
    pieces = [_piece(curve, start, end) for start, end in pairwise(edges.tolist())]
    if not pieces:
        return []
    embedding = as_query(model.embed_emotion(pieces), snapshot.embedding)
    middles = (edges[:-1] + edges[1:]) / 2.0
    return [
        replace(curve_query(piece, embedding[index : index + 1]), at_s=float(middles[index]))
        for index, piece in enumerate(pieces)
    ]


def _piece(curve: EmotionCurve, start_s: float, end_s: float) -> EmotionCurve:
    """The part of the curve between two times, stretched to `PIECE_S`."""
    inner = [k.t_s for k in curve.keyframes if start_s < k.t_s < end_s]
    times = np.array([start_s, *inner, end_s])
    stretched = (times - start_s) / max(end_s - start_s, 1e-9) * PIECE_S
    stretched = np.unique(
        stretched.round(6)
    )  # a keyframe at an edge, but for rounding, is the edge
    values = curve.at(stretched / PIECE_S * (end_s - start_s) + start_s)
    return EmotionCurve(
        tuple(
            Keyframe(float(t_s), float(valence), float(arousal))
            for t_s, (arousal, valence) in zip(stretched, values, strict=True)
        )
    )


class _Traveller:
    """Collects the hits of a journey: no track twice, no artist too often."""

    def __init__(self, live: Live, filters: TrackFilter | None, request: PlaylistRequest) -> None:
        self.hits: list[Hit] = []
        self._live, self._filters = live, filters
        self._cap, self._level = request.max_per_artist, request.level
        self._used: set[int] = set()
        self._artists: Counter[str] = Counter()

    def take(self, candidates: Sequence[Hit]) -> bool:
        """Append the first candidate that may still come; False if there is none."""
        for hit in candidates:
            if hit.track_id in self._used:
                continue
            artist = self._artist(hit)
            if self._cap is not None and artist and self._artists[artist] >= self._cap:
                continue
            self.hits.append(hit)
            self._used.add(hit.track_id)
            self._artists[artist] += 1
            return True
        return False

    def more(self, query: Asked) -> Sequence[Hit]:
        """Search among the unused tracks alone; all of them when artists are capped."""
        unused = excluding(self._filters, self._used)
        limit = 1 if self._cap is None else len(self._live.snapshot.tracks)
        found = self._live.searcher.search(
            query.embedding, limit=limit, filters=unused, level=self._level
        )
        return found.hits

    def _artist(self, hit: Hit) -> str:
        tracks = self._live.snapshot.tracks
        return (tracks[tracks.row_of(hit.track_id)].artist or "").casefold()
