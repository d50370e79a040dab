"""`POST /v1/playlists/files`: a playlist as its listener arranged it, as a file."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from app.http.documentation import problems
from app.library.live import Live
from app.playlists.formats import DOCUMENTED, ArrangedList, ArrangedPlace
from app.routes.access import read_access
from app.routes.playlist_files import file_response
from app.services import ServicesDep
from app.wire.responses import SegmentOut
from app.wire.schemas import (
    SCALE_NOTE,
    AffectValue,
    FileFormat,
    Locations,
    Mode,
    Scale,
    Strict,
    TrackId,
)

router = APIRouter(
    prefix="/v1",
    tags=["playlists"],
    dependencies=[Depends(read_access)],
    responses=problems(401, 403),
)

Seconds = Annotated[float, Field(ge=0.0, le=1e6, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class ArrangedItem(Strict):
    """One place of the list: a track, and what the playlist said of it."""

    track_id: TrackId
    start_s: Seconds = Field(description="Where the best segment begins.")
    end_s: Seconds = Field(description="Where it ends.")
    score: Finite | None = Field(None, description="None where the item was not ranked.")
    rho_sim: Finite | None = None
    neg_kl: Finite | None = None
    valence: AffectValue
    arousal: AffectValue


class Arranged(Strict):
    """A playlist that was reordered or shortened after it was made."""

    title: Annotated[str, Field(max_length=200)] = "Circumplex"
    mode: Mode = "match"
    scale: Scale = Field("relative", description=SCALE_NOTE)
    items: list[ArrangedItem] = Field(max_length=500, description="In the order wanted.")


@router.post(
    "/playlists/files",
    summary="An arranged playlist as a file",
    response_class=Response,
    responses={
        200: {
            "description": "The file.",
            "content": DOCUMENTED,
        },
        **problems(400, 404, 413, 422, 429, 503),
    },
)
def create_playlist_file(
    body: Arranged,
    request: Request,
    services: ServicesDep,
    format: Annotated[FileFormat, Query(description="Format of the file.")] = "m3u8",
    locations: Annotated[
        Locations,
        Query(
            description="Name tracks by their `path` below the music root or by the `url` of "
            "their audio here."
        ),
    ] = "path",
) -> Response:
    """Write items in the order given, for a listener who moved some and removed others.

    Names and paths come from the index; nothing but ids and figures is taken from the request.
    """
    live = services.live.current()
    arranged = ArrangedList(
        live.id,
        live.model_id,
        body.scale,
        [_item(rank, item, live) for rank, item in enumerate(body.items, start=1)],
    )
    return file_response(request, arranged, format, body.title, locations, live.snapshot.tracks)


def _item(rank: int, item: ArrangedItem, live: Live) -> ArrangedPlace:
    return ArrangedPlace(
        rank=rank,
        track=live.shown[item.track_id],
        segment=SegmentOut(start_s=item.start_s, end_s=item.end_s),
        score=item.score,
        rho_sim=item.rho_sim,
        neg_kl=item.neg_kl,
        valence=item.valence,
        arousal=item.arousal,
    )
