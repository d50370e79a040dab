"""`/v1/profile`: where a listener feels tracks, and what is learned from it."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.http.documentation import problems
from app.personal.profile import answer_of, forgotten, next_tracks, profile_out, spoken_of
from app.routes.access import owner_of, read_access, write_access
from app.services import ServicesDep
from app.wire.profile import FeltIn, FeltOut, NextOut, ProfileIn, ProfileOut

router = APIRouter(prefix="/v1/profile", tags=["profile"])
READ, WRITE = [Depends(read_access)], [Depends(write_access)]
DENIED = (401, 403, 422, 429, 503)
TrackIdPath = Annotated[int, Path(ge=1, le=2**31 - 1, description="Id of a track.")]


@router.get(
    "",
    summary="The listener's own plane",
    dependencies=READ,
    responses=problems(401, 403, 429, 503),
)
async def get_profile(request: Request, services: ServicesDep) -> ProfileOut:
    """What was said, what was learned from it in sentences, and the plane before and after."""
    live, owner = services.live.current(), owner_of(request, services)
    work = partial(profile_out, owner, live, services.planes)
    return await services.lists.run(request, work)


@router.put(
    "",
    summary="How much of what was learned counts",
    dependencies=WRITE,
    responses=problems(400, 413, *DENIED),
)
def weigh_profile(body: ProfileIn, request: Request, services: ServicesDep) -> ProfileOut:
    """0 leaves the model's plane as it is and forgets nothing."""
    live, owner = services.live.current(), owner_of(request, services)
    services.catalog.weigh_profile(owner, body.weight)
    return profile_out(owner, live, services.planes)


@router.delete(
    "",
    status_code=204,
    response_class=Response,
    summary="Forget the listener",
    dependencies=WRITE,
    responses=problems(401, 403, 429, 503),
)
def delete_profile(request: Request, services: ServicesDep) -> None:
    """Everything they said, and all that was learned from it."""
    services.catalog.forget_listener(owner_of(request, services))


@router.get(
    "/next",
    summary="What to ask the listener about",
    dependencies=READ,
    responses=problems(*DENIED),
)
async def get_next_tracks(
    request: Request,
    services: ServicesDep,
    limit: Annotated[int, Query(ge=1, le=20, description="How many tracks.")] = 1,
) -> NextOut:
    """The tracks whose answers teach most about all others, the best first.

    Tracks that were placed or skipped do not come again.
    """
    live, owner = services.live.current(), owner_of(request, services)
    work = partial(next_tracks, owner, live, services.planes, limit)
    return await services.lists.run(request, work)


@router.get(
    "/tracks/{track_id}",
    summary="Where the listener feels a track",
    dependencies=READ,
    responses=problems(404, *DENIED),
)
def get_felt_track(track_id: TrackIdPath, request: Request, services: ServicesDep) -> FeltOut:
    """Where they put it, or where it is expected to be felt."""
    live, owner = services.live.current(), owner_of(request, services)
    return answer_of(track_id, owner, live, services.planes)


@router.put(
    "/tracks/{track_id}",
    summary="Say where a track is felt",
    dependencies=WRITE,
    responses=problems(400, 404, 413, *DENIED),
)
async def feel_track(
    track_id: TrackIdPath, body: FeltIn, request: Request, services: ServicesDep
) -> FeltOut:
    """The track lies there from now on, and the plane follows in the next answer."""
    live, owner = services.live.current(), owner_of(request, services)

    def feel() -> FeltOut:
        placement, replaced = spoken_of(track_id, body, live, services.planes)
        services.catalog.place(owner, placement, replaced)
        return answer_of(track_id, owner, live, services.planes)

    return await services.lists.run(request, feel)


@router.delete(
    "/tracks/{track_id}",
    summary="Forget what was said of a track",
    dependencies=WRITE,
    responses=problems(404, *DENIED),
)
def forget_track(track_id: TrackIdPath, request: Request, services: ServicesDep) -> FeltOut:
    """The track is felt where it is expected to be; one that was never placed stays there."""
    live, owner = services.live.current(), owner_of(request, services)
    services.catalog.unplace(owner, forgotten(track_id, owner, live, services.planes))
    return answer_of(track_id, owner, live, services.planes)
