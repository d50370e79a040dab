"""Playlists: match an emotion, or follow it through time.

`match` ranks the tracks, each as a whole or by its best segment; requests that come together share
one call of the model and one of the search. `app.playlists.journeys` follows a curve.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from app.library.live import Live
from app.playlists.journeys import travel
from app.playlists.lengths import filling
from app.playlists.phrases import read, resolved, seeded, understood_out
from app.playlists.proof import Proof
from app.playlists.queries import (
    EmbeddedQuery,
    FeelingQuery,
    QueryModel,
    allowed,
    feeling_query,
    music_query,
    query_places,
    seeds_of,
    unmatched,
    variety_of,
)
from app.playlists.shaping import Shape
from app.playlists.variety import below_best
from app.wire.responses import PlaylistResponse, VarietyOut
from app.wire.schemas import (
    CurveEmotion,
    Filters,
    FilterTerms,
    Level,
    PlaylistRequest,
    TextEmotion,
)
from indexer.search.searcher import Hit, SearchRequest, SearchResult, TrackFilter
from model.embedding import Embedding
from model.scoring import Direction

LARGE = 500
"""Keyframes, excluded tracks and names of filters; a request of more is answered apart."""


@dataclass(frozen=True)
class _CommonTerms:
    """What queries must have in common to be searched together."""

    direction: Direction
    limit: int
    filters: TrackFilter | None
    max_per_artist: int | None
    level: Level


def is_large(request: PlaylistRequest) -> bool:
    """Whether a request takes many times what others take, so that none should wait for it."""
    emotion, size = request.emotion, 0
    if isinstance(emotion, CurveEmotion):
        size += len(emotion.curve)
    for terms in _terms_of(request.filters):
        size += sum(len(value) for _, value in terms if isinstance(value, list))
    return size > LARGE


def _terms_of(filters: Filters | None) -> list[FilterTerms | Filters]:
    if filters is None:
        return []
    return [filters, *(each for each in (filters.include, filters.exclude) if each is not None)]


def make_playlist(
    request: PlaylistRequest,
    model: QueryModel,
    live: Live,
    *,
    best: PlaylistResponse | None = None,
) -> PlaylistResponse:
    """Answer a playlist request from one snapshot.

    Args:
        request: What is asked.
        model: Embeds the question.
        live: The snapshot.
        best: The answer to the same question without variety, where it is known.

    Raises:
        CurveError: The curve is none.
        UnknownMoodError: The mood is no word of the vocabulary.
        TrackNotFoundError: The snapshot lacks the track that was asked with.
    """
    request = seeded(resolved(request))
    if request.mode == "journey":
        return _journey(request, model, live, best)
    (answer,) = match_all([request], model, live)
    if isinstance(answer, Exception):
        raise answer
    return answer


def _journey(
    request: PlaylistRequest, model: QueryModel, live: Live, best: PlaylistResponse | None
) -> PlaylistResponse:
    hits, asked, proof = travel(request, model, live)
    if request.variety <= 0.0:
        return _response(request, model, live, hits, asked, proof)
    if best is None:
        plain = travel(request.model_copy(update={"variety": 0.0}), model, live)[0]
        first = {hit.track_id: hit.score for hit in plain}
    else:
        first = {item.track.id: item.score for item in best.items}
    told = VarietyOut(
        amount=request.variety,
        seed=request.seed,
        replaced=len({hit.track_id for hit in hits} - first.keys()),
        below_best=round(below_best([*first.values()], [hit.score for hit in hits]), 6),
    )
    return _response(request, model, live, hits, asked, proof, variety=told)


def match_all(
    requests: Sequence[PlaylistRequest], model: QueryModel, live: Live
) -> list[PlaylistResponse | Exception]:
    """Answer requests of mode `match` from one snapshot: an answer or an exception for each.

    Each answer is the one that `make_playlist` gives to the request alone: to the last bit on the
    CPU with an encoder that `model.curves.reader` reads, and elsewhere with the same tracks, in the
    same order but for ties, and scores equal to 1e-5 (ADR 0040).
    """
    answers: dict[int, PlaylistResponse | Exception] = {}
    together: dict[_CommonTerms, list[tuple[int, EmbeddedQuery]]] = defaultdict(list)
    for index, query in enumerate(_match_queries(requests, model, live)):
        if isinstance(query, Exception):
            answers[index] = query
        else:
            together[_terms(requests[index], query)].append((index, query))
    for terms, members in together.items():
        results = _search(live, terms, [query for _, query in members])
        for (index, query), found in zip(members, results, strict=True):
            answers[index] = _matched(requests[index], query, found, model, live)
    return [answers[index] for index in range(len(requests))]


def _matched(
    request: PlaylistRequest,
    query: EmbeddedQuery,
    found: SearchResult,
    model: QueryModel,
    live: Live,
) -> PlaylistResponse:
    variety = variety_of(request)
    hits: Sequence[Hit] = variety.choose(found.hits, request.places, live.artists_of)
    if request.duration_s is not None:
        hits = filling(hits, request.duration_s)
    best = {hit.track_id for hit in found.hits[: len(hits)]}
    told = VarietyOut(
        amount=variety.amount,
        seed=variety.seed if variety.amount > 0.0 else None,
        replaced=sum(hit.track_id not in best for hit in hits),
        below_best=round(
            below_best([hit.score for hit in found.hits], [hit.score for hit in hits]), 6
        ),
    )
    departs = told if variety.amount > 0.0 or told.replaced else None
    asked = [query] * len(hits)
    proof = Proof(found.exact, found.missing)
    return _response(request, model, live, hits, asked, proof, variety=departs)


def similar_hits(
    live: Live, query: EmbeddedQuery, limit: int, filters: TrackFilter | None = None
) -> SearchResult:
    """The tracks that feel as a whole like the music of a query, best first."""
    request = SearchRequest(
        query.embedding,
        limit,
        filters,
        direction="m2m",
        level="track",
        places=query_places([query]),
    )
    return live.searcher.search(request)[0]


def _match_queries(
    requests: Sequence[PlaylistRequest], model: QueryModel, live: Live
) -> list[EmbeddedQuery | Exception]:
    found: list[EmbeddedQuery | FeelingQuery | Exception] = []
    for request in requests:
        try:
            found.append(_tracks_or_feeling(request, live))
        except Exception as exc:  # the answer to this request alone
            found.append(exc)
    feelings = [each for each in found if isinstance(each, FeelingQuery)]
    if not feelings:
        return [each for each in found if not isinstance(each, FeelingQuery)]
    embedding = model.embed_emotion([curve for each in feelings for curve in each.curves])
    ends = np.cumsum([0, *(len(each.curves) for each in feelings)]).tolist()
    rows = iter([embedding[start:end] for start, end in pairwise(ends)])
    return [each.embedded(next(rows)) if isinstance(each, FeelingQuery) else each for each in found]


def _tracks_or_feeling(request: PlaylistRequest, live: Live) -> EmbeddedQuery | FeelingQuery:
    seeds = seeds_of(request.emotion)
    if not seeds:
        return feeling_query(request, live.snapshot)
    return music_query(live, seeds)


def _terms(request: PlaylistRequest, query: EmbeddedQuery) -> _CommonTerms:
    pool = variety_of(request).pool(request.places)
    return _CommonTerms(
        query.direction, pool, allowed(request), request.max_per_artist, request.level
    )


def _search(
    live: Live, terms: _CommonTerms, queries: Sequence[EmbeddedQuery]
) -> list[SearchResult]:
    def request(asked: Sequence[EmbeddedQuery]) -> SearchRequest:
        return SearchRequest(
            Embedding.concatenate([query.embedding for query in asked]),
            limit=terms.limit,
            filters=terms.filters,
            max_per_artist=terms.max_per_artist,
            direction=terms.direction,
            level=terms.level,
            places=query_places(asked),
        )

    single = [query for query in queries if query.any_of is None]
    results = iter(live.searcher.search(request(single)) if single else ())
    return [
        next(results)
        if query.any_of is None
        else live.searcher.search_union(query.any_of, request([query]))
        for query in queries
    ]


def _response(
    request: PlaylistRequest,
    model: QueryModel,
    live: Live,
    hits: Sequence[Hit],
    asked: Sequence[EmbeddedQuery],
    proof: Proof,
    *,
    variety: VarietyOut | None = None,
) -> PlaylistResponse:
    emotion = request.emotion
    phrase = read(emotion.text) if isinstance(emotion, TextEmotion) else None
    shape = Shape(live, request.scale, model.scoring, explain=request.explain)
    return PlaylistResponse(
        snapshot_id=live.id,
        model_id=live.model_id,
        scale=request.scale,
        mode=request.mode,
        exact=proof.exact,
        missing=proof.missing,
        variety=variety,
        not_again=None,
        unmatched=unmatched(request, live.snapshot),
        understood=understood_out(phrase) if phrase is not None else None,
        scoring=shape.scoring(asked) if request.explain else None,
        note=proof.note or live.without_music,
        personal=live.told,
        items=shape.items(hits, asked),
    )
