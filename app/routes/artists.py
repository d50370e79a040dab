"""`/v1/artists`: whose music is indexed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from app.http.documentation import UNCHANGED, problems
from app.http.entity_tags import known_answer, snapshot_tag, tagged
from app.http.paging import Cursor, Limit, page_of
from app.routes.access import read_access
from app.services import ServicesDep
from app.wire.responses import ArtistList, ArtistOut

router = APIRouter(
    prefix="/v1",
    tags=["tracks"],
    dependencies=[Depends(read_access)],
    responses=problems(401, 403),
)


@router.get(
    "/artists",
    summary="Whose music is indexed",
    response_model=ArtistList,
    responses={**UNCHANGED, **problems(422, 429, 503)},
)
def list_artists(
    request: Request,
    services: ServicesDep,
    q: Annotated[str, Query(max_length=200, description="Words that the name contains.")] = "",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Those with the most tracks first; with `q` names that begin with its words before others.

    The name is what `filters.artist` of a playlist and `artist` of `/v1/tracks` take.
    """
    live = services.live.current()
    tag = snapshot_tag(request, live.id)
    if (known := known_answer(request, tag)) is not None:
        return known
    found = live.artists.find(q)
    page, next_cursor = page_of(found, lambda artist: artist[0], limit, cursor)
    answer = ArtistList(
        snapshot_id=live.id,
        total=len(found),
        items=[ArtistOut(name=n, tracks=t) for n, t in page],
        next_cursor=next_cursor,
    )
    return Response(answer.model_dump_json(), media_type="application/json", headers=tagged(tag))
