"""Journeys: playlists that follow an emotion curve through time.

The curve is cut into as many pieces as the playlist has places. The search ranks tracks for each
piece, and `itinerary` decides which of them comes where, for all places together. A playlist
that should last a given time has as many places as that takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from app.desk import checkpoint
from app.errors import InvalidRequestError
from app.library.live import Live
from app.playlists.itinerary import plan
from app.playlists.lengths import nearest
from app.playlists.proof import Proof
from app.playlists.queries import (
    EmbeddedQuery,
    QueryModel,
    absolute_curve,
    allowed,
    query_places,
    variety_of,
)
from app.playlists.variety import most_of_one
from app.wire.schemas import Level, PlaylistRequest, Way
from indexer.search.searcher import Hit, SearchRequest, SearchResult, TrackFilter
from indexer.snapshot.reader import Snapshot
from model.arrays import Doubles
from model.curves.curve import EmotionCurve, Keyframe
from model.embedding import Embedding

PIECE_S = 30.0  # a piece of a journey is embedded as if it lasted so long
CANDIDATES = 24  # tracks a place chooses from before one is searched for it alone
FURTHER = 96  # tracks looked at then, where artists are capped; and so many times more each time
WIDEN = 8
GUIDES = 64  # of a longer journey, so many places search; their neighbours share what is found


def travel(
    request: PlaylistRequest, model: QueryModel, live: Live
) -> tuple[list[Hit], list[EmbeddedQuery], Proof]:
    """A track for each piece of the curve, as far as there are tracks.

    Returns:
        The tracks, what was asked for at each place, and what is known of the rankings.
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
) -> tuple[list[Hit], list[EmbeddedQuery], Proof]:
    checkpoint()
    asked = _journey_queries(request, model, live.snapshot, places)
    if not asked:
        return [], [], Proof()
    filters = allowed(request)
    results = _searched(live, asked, filters, request.level)
    traveller = _Traveller(live, filters, request, places)
    return (*traveller.travel(asked, results, _fixed(request, asked, live)), traveller.proof)


def _searched(
    live: Live, asked: Sequence[EmbeddedQuery], filters: TrackFilter | None, level: Level
) -> list[SearchResult]:
    """What is found for each place; places that ask for the same are searched for once."""
    first: dict[bytes, int] = {}
    which = [first.setdefault(_key(query), len(first)) for query in asked]
    rows = np.unique(which, return_index=True)[1]
    found = live.searcher.search(
        SearchRequest(
            Embedding.concatenate([asked[row].embedding for row in rows]),
            limit=min(CANDIDATES, len(live.snapshot.tracks)),
            filters=filters,
            level=level,
            places=query_places([asked[row] for row in rows]),
        )
    )
    return [found[each] for each in which]


def _key(query: EmbeddedQuery) -> bytes:
    """Equal for queries that ask for the same."""
    parts = (query.embedding.phi, query.embedding.mu, query.embedding.var)
    return b"".join(part.tobytes() for part in parts)


def _fixed(request: PlaylistRequest, asked: Sequence[EmbeddedQuery], live: Live) -> dict[int, Hit]:
    """Place -> the track that must stand there."""
    if request.way is None:
        return {}
    way = request.way
    for track_id in way.tracks:
        live.snapshot.tracks.row_of(track_id)
    if len(way.tracks) > len(asked):
        raise InvalidRequestError(
            f"{len(way.tracks)} tracks to pass by, {len(asked)} places: ask for more"
        )
    places = _places_of(way, asked, live)
    return {
        place: _hit_at(live, track_id, asked[place], request.level)
        for track_id, place in zip(way.tracks, places, strict=True)
    }


def _hit_at(live: Live, track_id: int, query: EmbeddedQuery, level: Level) -> Hit:
    """How a track fits what is asked for at a place."""
    request = SearchRequest(query.embedding, 1, level=level, places=query_places([query]))
    return live.searcher.hit_of(track_id, request)


def _places_of(way: Way, asked: Sequence[EmbeddedQuery], live: Live) -> list[int]:
    """Where each track stands: in order, those on the way where the curve is nearest to them."""
    scale, last = live.snapshot.scale, len(asked) - 1
    wanted = scale.to_relative([(each.arousal, each.valence) for each in asked])  # [P, 2]
    rows = [live.snapshot.tracks.row_of(track_id) for track_id in way.tracks]
    shown = live.places("relative")[rows]  # [W, 2]
    distance = ((shown[:, None] - wanted[None]) ** 2).sum(axis=2)  # [W, P]
    if way.first is not None:
        distance[0, 1:] = np.inf
    if way.last is not None:
        distance[-1, :last] = np.inf
    best, came_from = distance[0], []
    for row in distance[1:]:  # the cheapest way to stand at each place, those before further left
        least = np.minimum.accumulate(best)
        before = np.concatenate([[np.inf], least[:-1]])
        came_from.append(best)
        best = row + before
    places = [int(np.argmin(best))]
    for earlier in reversed(came_from):
        places.append(int(np.argmin(earlier[: places[-1]])))
    return places[::-1]


def _journey_queries(
    request: PlaylistRequest, model: QueryModel, snapshot: Snapshot, places: int
) -> list[EmbeddedQuery]:
    curve = absolute_curve(request, snapshot)
    edges = np.linspace(0.0, curve.duration_s, places + 1)
    pieces = _pieces(curve, edges)
    if not pieces:
        return []
    embedding = model.embed_emotion(pieces)
    middles = (edges[:-1] + edges[1:]) / 2.0
    asked = []
    for index, piece in enumerate(pieces):
        arousal, valence = _mean(piece)
        row = embedding[index : index + 1]
        asked.append(EmbeddedQuery(row, "e2m", valence, arousal, at_s=float(middles[index])))
    return asked


def _pieces(curve: EmotionCurve, edges: Doubles) -> list[EmotionCurve]:
    """The curve cut at `edges`, [P + 1]; each piece stretched to `PIECE_S`."""
    at = curve.at(edges).tolist()  # [P + 1, 2]
    times = np.array([keyframe.t_s for keyframe in curve.keyframes])
    bends = np.searchsorted(times, edges[1:]) > np.searchsorted(times, edges[:-1], side="right")
    return [
        _piece(curve, start, end)
        if bent
        else EmotionCurve(
            (Keyframe(0.0, before[1], before[0]), Keyframe(PIECE_S, after[1], after[0]))
        )
        for (start, end), (before, after), bent in zip(
            pairwise(edges.tolist()), pairwise(at), bends.tolist(), strict=True
        )
    ]


def _mean(piece: EmotionCurve) -> tuple[float, float]:
    """Mean (arousal, valence); of a straight piece that of its ends."""
    first, last = piece.keyframes[0], piece.keyframes[-1]
    if len(piece.keyframes) == 2:
        return (first.arousal + last.arousal) / 2.0, (first.valence + last.valence) / 2.0
    arousal, valence = piece.sampled(64).mean(axis=0)
    return float(arousal), float(valence)


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


@dataclass
class _Ranking:
    """How far the ranking of a query was read."""

    hits: tuple[Hit, ...] = ()
    at: int = 0
    limit: int = 0


class _Traveller:
    """Chooses the tracks of a journey: none twice, no artist too often.

    Attributes:
        proof: What is known of all the rankings that were looked at.
    """

    def __init__(
        self, live: Live, filters: TrackFilter | None, request: PlaylistRequest, places: int
    ) -> None:
        self.proof = Proof()
        self._live, self._filters, self._level = live, filters, request.level
        self._variety = variety_of(request)
        self._soft = self._variety.spread
        self._cap = most_of_one(places) if self._soft else request.max_per_artist
        self._used: set[int] = set()
        self._artists: Counter[int] = Counter()
        self._exhausted = False
        self._further: dict[bytes, _Ranking] = {}

    def travel(
        self,
        asked: Sequence[EmbeddedQuery],
        results: Sequence[SearchResult],
        fixed: Mapping[int, Hit],
    ) -> tuple[list[Hit], list[EmbeddedQuery]]:
        """The tracks of all places, as far as there are any, and what each answers."""
        for each in results:
            self.proof = self.proof.also(each)
        for hit in fixed.values():
            self._use(hit)
        found = dict(fixed) | self._planned(asked, results, fixed)
        guides: dict[int, EmbeddedQuery] = {}
        for place, query in enumerate(asked):
            if place in found:
                continue
            guide = guides.setdefault(place * GUIDES // len(asked), query)
            left = self.search(guide)
            if left is not None:
                found[place] = (
                    left
                    if guide is query
                    else _hit_at(self._live, left.track_id, query, self._level)
                )
        places = sorted(found)
        return [found[place] for place in places], [asked[place] for place in places]

    def _planned(
        self,
        asked: Sequence[EmbeddedQuery],
        results: Sequence[SearchResult],
        fixed: Mapping[int, Hit],
    ) -> dict[int, Hit]:
        """Place -> its track, from what was found for each."""
        open_ones = [place for place in range(len(asked)) if place not in fixed]
        rankings = [
            [hit for hit in results[place].hits if hit.track_id not in self._used]
            for place in open_ones
        ]
        planned = plan(
            rankings,
            [asked[place] for place in open_ones],
            self._live.snapshot.scale,
            self._artists_of,
            self._cap,
            dict(self._artists),
            self._variety,
        )
        return {
            place: self._use(hit)
            for place, hit in zip(open_ones, planned, strict=True)
            if hit is not None
        }

    def search(self, query: EmbeddedQuery) -> Hit | None:
        """The best track that may still come, however far down; None if there is none.

        The ranking is read further and further: all of it at once would cost each place a
        catalogue. Places that ask for the same go on where the one before stopped.
        """
        key, most = _key(query), len(self._live.snapshot.tracks)
        ranking = self._further.setdefault(key, _Ranking())
        while not self._exhausted:
            while ranking.at < len(ranking.hits):
                hit = ranking.hits[ranking.at]
                ranking.at += 1
                if hit.track_id not in self._used and (self._soft or not self._full(hit)):
                    return self._use(hit)
            if ranking.limit >= most or len(ranking.hits) < ranking.limit:
                self._exhausted = True  # what no ranking holds for this place it holds for none
                break
            ranking.limit = min(max(FURTHER, WIDEN * ranking.limit), most)
            self._read(query, ranking)
        return None

    def _read(self, query: EmbeddedQuery, ranking: _Ranking) -> None:
        checkpoint()
        request = SearchRequest(
            query.embedding,
            ranking.limit,
            self._filters,
            level=self._level,
            places=query_places([query]),
        )
        (found,) = self._live.searcher.search(request)
        self.proof = self.proof.also(found)
        ranking.hits = found.hits

    def _use(self, hit: Hit) -> Hit:
        self._used.add(hit.track_id)
        self._artists.update(self._artists_of(hit))
        return hit

    def _full(self, hit: Hit) -> bool:
        cap = self._cap
        return cap is not None and any(self._artists[a] >= cap for a in self._artists_of(hit))

    def _artists_of(self, hit: Hit) -> tuple[int, ...]:
        """Numbers of its artists; none where they are unknown."""
        return self._live.artists_of(hit)
