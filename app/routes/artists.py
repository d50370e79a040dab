"""`/v1/artists`: whose music is indexed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from app.http.documentation import problems
from app.routes.access import read_access
from app.services import ServicesDep
from app.wire.responses import ArtistList, ArtistOut

router = APIRouter(
    prefix="/v1",
    tags=["tracks"],
    dependencies=[Depends(read_access)],
    responses=problems(401, 403),
)


@router.get("/artists", summary="Whose music is indexed", responses=problems(422, 429, 503))
def list_artists(
    services: ServicesDep,
    q: Annotated[str, Query(max_length=200, description="Words that the name contains.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000, description="Most items.")] = 100,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1, description="Items to leave out.")] = 0,
) -> ArtistList:
    """Those with the most tracks first; with `q` names that begin with its words before others.

    The name is what `filters.artist` of a playlist and `artist` of `/v1/tracks` take.
    """
    live = services.live.current()
    found = live.artists.find(q)
    return ArtistList(
        snapshot_id=live.id,
        total=len(found),
        items=[ArtistOut(name=n, tracks=t) for n, t in found[offset : offset + limit]],
    )
