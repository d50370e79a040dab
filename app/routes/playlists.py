"""`POST /v1/playlists`."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from app.http.documentation import problems
from app.library.live import Live
from app.playlists.formats import DOCUMENTED, MEDIA_TYPES, FormatName, negotiate
from app.playlists.match import is_large, make_playlist
from app.playlists.phrases import resolved, seeded
from app.playlists.queries import seeds_of
from app.playlists.recency import stepping_back
from app.routes.access import read_access, seen_by
from app.routes.playlist_files import file_response
from app.routes.plays import heard_by, listener_of
from app.services import Services, ServicesDep
from app.wire.responses import PlaylistResponse
from app.wire.schemas import CurveEmotion, Locations, MoodEmotion, PlaylistRequest, TextEmotion

router = APIRouter(
    prefix="/v1",
    tags=["playlists"],
    dependencies=[Depends(read_access)],
    responses=problems(401, 403),
)


@router.post(
    "/playlists",
    response_model=PlaylistResponse,
    summary="Music that feels like this",
    responses={
        200: {
            "description": "The playlist, in the format asked for.",
            "content": DOCUMENTED,
        },
        **problems(400, 404, 406, 413, 422, 429, 503),
    },
)
async def create_playlist(
    body: PlaylistRequest,
    request: Request,
    services: ServicesDep,
    format: Annotated[
        FormatName | None, Query(description="Format of the answer; goes before `Accept`.")
    ] = None,
    locations: Annotated[
        Locations,
        Query(
            description="What files name the tracks by: `path` below the music root, for a file "
            "saved there, or the `url` of the audio on this service."
        ),
    ] = "path",
) -> Response:
    """Rank the catalogue by an emotion, or let a playlist follow it through time.

    Scores are comparable within one answer alone.
    """
    name = negotiate(format, request.headers.get("accept"))
    shared = services.live.current()
    live = await seen_by(request, services, shared)
    body = seeded(resolved(body))
    playlist = await _answered(body, request, services, live, shared=live is shared)
    services.metrics.exact.labels(str(playlist.exact).lower()).inc()
    vary = {"Vary": "Accept"}
    if name == "json":
        content = playlist.model_dump_json(by_alias=True)
        return Response(content, media_type=MEDIA_TYPES[name], headers=vary)
    return file_response(
        request, playlist, name, _title(body), locations, live.snapshot.tracks, vary
    )


async def _answered(
    body: PlaylistRequest, request: Request, services: Services, live: Live, *, shared: bool
) -> PlaylistResponse:
    """The answer, from where such questions are answered: long work keeps no other one waiting."""
    large = is_large(body)
    if body.mode == "match" and shared and not large and not body.not_again_s:
        return await services.playlists.ask(body)
    work, desk = partial(_unheard, body, services, live, listener_of(request)), None
    if large or body.not_again_s:
        desk = services.large_matches
    if body.mode == "journey" and not body.not_again_s:
        desk = services.journeys
    with services.metrics.stage("journey" if desk is services.journeys else "playlist"):
        if desk is None:  # alone: its plane is nobody else's
            return await run_in_threadpool(work)
        return await desk.run(request, work)


def _unheard(
    body: PlaylistRequest, services: Services, live: Live, listener: str | None
) -> PlaylistResponse:
    """The answer without what was heard lately, where that is asked for."""
    heard = heard_by(listener, services, body.not_again_s)
    make = partial(make_playlist, model=services.model_of(live), live=live)
    return stepping_back(body, heard, make)[0]


def _title(body: PlaylistRequest) -> str:
    emotion = body.emotion
    if isinstance(emotion, MoodEmotion):
        return f"Circumplex {emotion.mood.strip().lower()}"
    if isinstance(emotion, TextEmotion):
        return f"Circumplex {emotion.text.strip()}"
    if isinstance(emotion, CurveEmotion):
        return f"Circumplex {body.mode}"
    seeds = seeds_of(emotion)
    return f"Circumplex like track{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
