"""What there is to browse: artists, albums, genres, folders, and all tracks in an order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Depends, Query, Request, Response

from app.errors import InvalidRequestError
from app.http.documentation import UNCHANGED, problems
from app.http.entity_tags import known_answer, snapshot_tag, tagged
from app.http.paging import Cursor, Limit, page_of
from app.library.groups import Grouped, GroupIndex, GroupKind, Order
from app.library.live import Live
from app.playlists.queries import track_terms
from app.routes.access import live_of, read_access
from app.services import ServicesDep
from app.wire.browsing import GroupList, GroupOut, ListedTrack, TrackListing
from app.wire.responses import UnmatchedOut
from app.wire.schemas import NotMusic, Scale
from app.wire.terms import parsed_terms
from indexer.snapshot.filters import TrackFilter, TrackTerms

router = APIRouter(
    prefix="/v1",
    tags=["tracks"],
    dependencies=[Depends(read_access)],
    responses=problems(401, 403),
)

Words = Annotated[str, Query(max_length=200, description="Words that the name contains.")]
Offset = Annotated[
    int,
    Query(ge=0, le=2**31 - 1, description="Items to leave out first, for lists that scroll."),
]
GroupOrder = Annotated[
    Literal["tracks", "name"], Query(description="The largest first, or by the alphabet.")
]
TERM_NOTE = "such as `genre:jazz`, `album:`, `artist:`, `folder:`, `title:`, `decade:1990` and "
TERM_NOTE += "`length:120-300` in seconds."
Terms = Annotated[
    list[Annotated[str, Query(max_length=4200, pattern=r"^[^\x00]*$")]], Query(max_length=100)
]


@dataclass(frozen=True)
class _GroupPage:
    """Which part of a list of groups."""

    words: str
    limit: int
    cursor: str | None
    offset: int
    by_name: bool


def _group_page(
    q: Words = "",
    limit: Limit = 100,
    cursor: Cursor = None,
    offset: Offset = 0,
    order: GroupOrder = "tracks",
) -> _GroupPage:
    return _GroupPage(q, limit, cursor, offset, order == "name")


def _group_page_by_name(
    q: Words = "",
    limit: Limit = 100,
    cursor: Cursor = None,
    offset: Offset = 0,
    order: GroupOrder = "name",
) -> _GroupPage:
    return _group_page(q, limit, cursor, offset, order)


LargestFirst = Annotated[_GroupPage, Depends(_group_page)]
ByAlphabet = Annotated[_GroupPage, Depends(_group_page_by_name)]


@router.get(
    "/artists",
    summary="Whose music is indexed",
    response_model=GroupList,
    responses={**UNCHANGED, **problems(422, 429, 503)},
)
def list_artists(request: Request, services: ServicesDep, asked: LargestFirst) -> Response:
    """Each artist on its own; with `q` names that begin with its words come before others.

    The name is what `filters.artist` of a playlist and `artist` of `/v1/tracks` take.
    """
    return _groups(request, live_of(request, services), "artist", asked)


@router.get(
    "/albums",
    summary="Albums that are indexed",
    response_model=GroupList,
    responses={**UNCHANGED, **problems(422, 429, 503)},
)
def list_albums(request: Request, services: ServicesDep, asked: LargestFirst) -> Response:
    """By name: albums of the same name are one. The name is what `filters.include.album` takes."""
    return _groups(request, live_of(request, services), "album", asked)


@router.get(
    "/genres",
    summary="Genres that are indexed",
    response_model=GroupList,
    responses={**UNCHANGED, **problems(422, 429, 503)},
)
def list_genres(request: Request, services: ServicesDep, asked: LargestFirst) -> Response:
    """Each genre on its own. The name is what `filters.include.genre` takes."""
    return _groups(request, live_of(request, services), "genre", asked)


@router.get(
    "/folders",
    summary="Folders that are indexed",
    response_model=GroupList,
    responses={**UNCHANGED, **problems(422, 429, 503)},
)
def list_folders(request: Request, services: ServicesDep, asked: ByAlphabet) -> Response:
    """With all that lies below them. The name, from the music root on, is what a filter takes."""
    return _groups(request, live_of(request, services), "folder", asked)


@router.get(
    "/listing",
    summary="Tracks in an order",
    response_model=TrackListing,
    responses={**UNCHANGED, **problems(422, 429, 503)},
)
def list_in_order(
    request: Request,
    services: ServicesDep,
    only: Annotated[Terms, Query(description="Terms that must hold, " + TERM_NOTE)] = [],  # noqa: B006
    without: Annotated[
        Terms, Query(alias="not", description="Terms that must not hold, " + TERM_NOTE)
    ] = [],  # noqa: B006
    include: Annotated[
        list[NotMusic], Query(max_length=3, description="What to show besides music.")
    ] = [],  # noqa: B006
    order: Annotated[Order, Query(description="`added`: the newest first.")] = "title",
    scale: Annotated[Scale, Query(description="Of the answer.")] = "relative",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response:
    """One of each recording, from any place of the order on: for lists that scroll."""
    live = live_of(request, services)
    tag = snapshot_tag(request, live.version)
    if (known := known_answer(request, tag)) is not None:
        return known
    terms = _terms(only), _terms(without)
    filters = TrackFilter(include=terms[0], exclude=terms[1], let_in=tuple(include))
    rows = live.grouped.ordered(order, filters)
    tracks, places = live.snapshot.tracks, live.places(scale)
    answer = TrackListing(
        snapshot_id=live.id,
        model_id=live.model_id,
        scale=scale,
        total=len(rows),
        duration_s=round(float(np.asarray(tracks.durations_s)[rows].sum()), 1),
        unmatched=[
            UnmatchedOut(filter=f"{where}.{each.name}", value=each.value, near=list(each.near))
            for where, asked in zip(("only", "not"), terms, strict=True)
            for each in tracks.unmatched(asked)
        ],
        items=[
            ListedTrack(
                **dict(live.shown[int(tracks.ids[row])]),
                arousal=round(float(places[row, 0]), 4),
                valence=round(float(places[row, 1]), 4),
            )
            for row in rows[offset : offset + limit].tolist()
        ],
    )
    return Response(answer.model_dump_json(), media_type="application/json", headers=tagged(tag))


def _terms(texts: list[str]) -> TrackTerms:
    try:
        return track_terms(parsed_terms(texts))
    except ValueError as exc:
        raise InvalidRequestError(str(exc)) from exc


def _groups(request: Request, live: Live, kind: GroupKind, asked: _GroupPage) -> Response:
    tag = snapshot_tag(request, live.version)
    if (known := known_answer(request, tag)) is not None:
        return known
    index = live.grouped.index(kind)
    found = index.find(asked.words, by_name=asked.by_name)
    left = found if asked.cursor else found[asked.offset :]
    page, next_cursor = page_of(left, lambda group: index[group].name, asked.limit, asked.cursor)
    answer = GroupList(
        snapshot_id=live.id,
        total=len(found),
        items=[_shown(live.grouped, kind, index, group) for group in page],
        next_cursor=next_cursor,
    )
    return Response(answer.model_dump_json(), media_type="application/json", headers=tagged(tag))


def _shown(grouped: Grouped, kind: GroupKind, index: GroupIndex, number: int) -> GroupOut:
    group, rows = index[number], index.rows_of(number)
    return GroupOut(
        name=group.name,
        tracks=group.tracks,
        duration_s=round(group.duration_s, 1),
        valence=round(group.valence, 4),
        arousal=round(group.arousal, 4),
        artists=list(grouped.artists_of(rows)) if kind == "album" else [],
    )
