"""`/v1/tracks/{id}/cover`: the picture of a track."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from app.errors import NotFoundError
from app.http.documentation import UNCHANGED, problems
from app.http.entity_tags import is_known
from app.library.covers import (
    BLANK_MEDIA_TYPE,
    MAX_SIDE_PX,
    MEDIA_TYPE,
    cover_files,
)
from app.library.live import Live
from app.library.pictures import blank_png
from app.routes.access import read_access
from app.routes.tracks import TrackIdPath
from app.services import Services, ServicesDep

CACHED = "private, max-age=3600"
BLANK_CACHED = "private, max-age=600"

router = APIRouter(
    prefix="/v1",
    tags=["tracks"],
    dependencies=[Depends(read_access)],
    responses=problems(401, 403),
)

PICTURES = {kind: {"schema": {"type": "string"}} for kind in (MEDIA_TYPE, BLANK_MEDIA_TYPE)}


@router.get(
    "/tracks/{track_id}/cover",
    summary="The cover of a track",
    response_class=Response,
    responses={
        200: {"description": "The picture.", "content": PICTURES},
        **UNCHANGED,
        **problems(404, 422, 429, 503),
    },
)
async def get_track_cover(
    track_id: TrackIdPath,
    request: Request,
    services: ServicesDep,
    size: Annotated[
        int, Query(ge=16, le=MAX_SIDE_PX, description="Most pixels of its width and its height.")
    ] = 256,
    placeholder: Annotated[
        bool,
        Query(
            description="Where there is none, answer a transparent picture of one pixel instead "
            "of an error, for pages that show many."
        ),
    ] = False,
) -> Response:
    """The picture inside the file, or else one in its folder, as JPEG.

    In the folder `cover`, `folder`, `front` and `album` are looked for, in this order, as `.jpg`,
    `.jpeg`, `.png` and `.webp`. A picture keeps its shape and is never enlarged.
    """
    live = services.live.current()
    try:
        return await services.covers.do(lambda: _answer(track_id, request, services, live, size))
    except NotFoundError:
        if not placeholder:
            raise
        return Response(
            blank_png(), media_type=BLANK_MEDIA_TYPE, headers={"cache-control": BLANK_CACHED}
        )


def _answer(track_id: int, request: Request, services: Services, live: Live, size: int) -> Response:
    tracks = live.snapshot.tracks
    track = tracks[tracks.row_of(track_id)]
    roots = services.settings.music_roots
    with services.metrics.stage("cover"), cover_files(track, roots) as files:
        tag = files.tag(size)
        headers = {"cache-control": CACHED, "etag": tag}
        if is_known(request, tag):
            return Response(status_code=304, headers=headers)
        content = services.covers.maker.jpeg(files, size)
        return Response(content, media_type=MEDIA_TYPE, headers=headers)
