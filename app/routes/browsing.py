"""What there is to browse: artists, albums, genres, folders, and all tracks in an order."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Depends, Query

from app.errors import InvalidRequestError
from app.http.documentation import problems
from app.library.groups import GroupKind, Order
from app.library.live import Live
from app.playlists.queries import track_terms
from app.routes.access import read_access
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
Most = Annotated[int, Query(ge=1, le=1000, description="Most items.")]
Offset = Annotated[int, Query(ge=0, le=2**31 - 1, description="Items to leave out.")]
GroupOrder = Annotated[
    Literal["tracks", "name"], Query(description="The largest first, or by the alphabet.")
]
TERM_NOTE = "such as `genre:jazz`, `album:`, `artist:`, `folder:`, `title:`, `decade:1990` and "
TERM_NOTE += "`length:120-300` in seconds."
Terms = Annotated[
    list[Annotated[str, Query(max_length=4200, pattern=r"^[^\x00]*$")]], Query(max_length=100)
]


@router.get("/artists", summary="Whose music is indexed", responses=problems(422, 429, 503))
def list_artists(
    services: ServicesDep,
    q: Words = "",
    limit: Most = 100,
    offset: Offset = 0,
    order: GroupOrder = "tracks",
) -> GroupList:
    """Each artist on its own; with `q` names that begin with its words come before others.

    The name is what `filters.artist` of a playlist and `artist` of `/v1/tracks` take.
    """
    return _groups(services.live.current(), "artist", q, limit, offset, order)


@router.get("/albums", summary="Albums that are indexed", responses=problems(422, 429, 503))
def list_albums(
    services: ServicesDep,
    q: Words = "",
    limit: Most = 100,
    offset: Offset = 0,
    order: GroupOrder = "tracks",
) -> GroupList:
    """By name: albums of the same name are one. The name is what `filters.include.album` takes."""
    return _groups(services.live.current(), "album", q, limit, offset, order)


@router.get("/genres", summary="Genres that are indexed", responses=problems(422, 429, 503))
def list_genres(
    services: ServicesDep,
    q: Words = "",
    limit: Most = 100,
    offset: Offset = 0,
    order: GroupOrder = "tracks",
) -> GroupList:
    """Each genre on its own. The name is what `filters.include.genre` takes."""
    return _groups(services.live.current(), "genre", q, limit, offset, order)


@router.get("/folders", summary="Folders that are indexed", responses=problems(422, 429, 503))
def list_folders(
    services: ServicesDep,
    q: Words = "",
    limit: Most = 100,
    offset: Offset = 0,
    order: GroupOrder = "name",
) -> GroupList:
    """With all that lies below them. The name, from the music root on, is what a filter takes."""
    return _groups(services.live.current(), "folder", q, limit, offset, order)


@router.get("/listing", summary="Tracks in an order", responses=problems(422, 429, 503))
def list_in_order(
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
    limit: Most = 100,
    offset: Offset = 0,
) -> TrackListing:
    """One of each recording, from any place of the order on: for lists that scroll."""
    live = services.live.current()
    terms = _terms(only), _terms(without)
    filters = TrackFilter(include=terms[0], exclude=terms[1], let_in=tuple(include))
    rows = live.grouped.ordered(order, filters)
    tracks, places = live.snapshot.tracks, live.places(scale)
    return TrackListing(
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


def _terms(texts: list[str]) -> TrackTerms:
    try:
        return track_terms(parsed_terms(texts))
    except ValueError as exc:
        raise InvalidRequestError(str(exc)) from exc


def _groups(
    live: Live, kind: GroupKind, words: str, limit: int, offset: int, order: str
) -> GroupList:
    grouped = live.grouped
    index = grouped.index(kind)
    found = index.find(words, by_name=order == "name")
    return GroupList(
        snapshot_id=live.id,
        total=len(found),
        items=[
            GroupOut(
                name=index[number].name,
                tracks=index[number].tracks,
                duration_s=round(index[number].duration_s, 1),
                valence=round(index[number].valence, 4),
                arousal=round(index[number].arousal, 4),
                artists=list(grouped.artists_of(index.rows_of(number))) if kind == "album" else [],
            )
            for number in found[offset : offset + limit]
        ],
    )
