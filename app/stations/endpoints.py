"""`/v1/stations`: saved questions, and their music at addresses that players subscribe to."""

from __future__ import annotations

import json
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.convertors import StringConvertor, register_url_convertor

from app.errors import InvalidRequestError
from app.http.documentation import problems
from app.http.paging import Cursor, Limit, page_of
from app.playlists.formats import DOCUMENTED, MEDIA_TYPES, FormatName, negotiate
from app.routes.access import read_access, seen_by, write_access
from app.routes.playlist_files import file_response
from app.routes.plays import heard_by, listener_of
from app.routes.signing import signed_url
from app.services import Services, ServicesDep
from app.stations.schemas import (
    StationAddresses,
    StationIn,
    StationList,
    StationOut,
    StationPlaylist,
)
from app.stations.variation import Varied, question_of, seed_of, varied
from app.wire.schemas import Locations, PlaylistRequest
from indexer.catalog.stations import Station
from indexer.snapshot.tracks import TrackTable


class _Undotted(StringConvertor):
    """A part of a path without a dot: `a.m3u` is a file of the station `a`, not a station."""

    regex = "[^/.]+"


MOST_QUESTION_BYTES = 64 * 1024  # players' lists read the questions of all stations
register_url_convertor("undotted", _Undotted())
router = APIRouter(prefix="/v1", tags=["stations"])
READ, WRITE = [Depends(read_access)], [Depends(write_access)]
DENIED = (401, 403, 422, 429, 503)

StationId = Annotated[str, Path(max_length=32, pattern=r"^\w+$", description="Id of a station.")]
Seed = Annotated[
    str | None,
    Query(
        max_length=100,
        description="Any text: other music of about equal fit, the same for the same text.",
    ),
]


@router.get(
    "/stations",
    summary="All stations",
    dependencies=READ,
    responses=problems(*DENIED),
)
def list_stations(
    request: Request, services: ServicesDep, limit: Limit = 100, cursor: Cursor = None
) -> StationList:
    """In order of their names."""
    known = services.catalog.list_stations()
    page, next_cursor = page_of(known, lambda station: station.id, limit, cursor)
    return StationList(items=[_shown(request, each) for each in page], next_cursor=next_cursor)


@router.post(
    "/stations",
    status_code=201,
    summary="Save a question",
    dependencies=WRITE,
    responses={
        201: {"headers": {"Location": {"schema": {"type": "string"}, "description": "It."}}},
        **problems(400, 409, 413, *DENIED),
    },
)
def create_station(
    body: StationIn, request: Request, response: Response, services: ServicesDep
) -> StationOut:
    """Under a new id that stays."""
    made = services.catalog.create_station(body.name.strip(), _kept(body.question), body.rhythm)
    response.headers["Location"] = str(request.url_for("get_station", station_id=made.id))
    return _shown(request, made)


@router.get(
    "/stations/{station_id}.m3u8",
    summary="A station as a player loads it",
    response_class=Response,
    dependencies=READ,
    responses={
        200: {
            "description": "The playlist.",
            "content": {MEDIA_TYPES["m3u8"]: DOCUMENTED[MEDIA_TYPES["m3u8"]]},
        },
        **problems(404, *DENIED),
    },
)
async def get_station_m3u8(
    station_id: StationId, request: Request, services: ServicesDep, seed: Seed = None
) -> Response:
    """The address to subscribe to: it stays, and names the audio by addresses that work."""
    return await _file(station_id, request, services, seed)


@router.get(
    "/stations/{station_id}.m3u",
    summary="A station for players that know .m3u",
    response_class=Response,
    dependencies=READ,
    responses={
        200: {
            "description": "The playlist.",
            "content": {"audio/x-mpegurl": {"schema": {"type": "string"}}},
        },
        **problems(404, *DENIED),
    },
)
async def get_station_m3u(
    station_id: StationId, request: Request, services: ServicesDep, seed: Seed = None
) -> Response:
    """The same in UTF-8 under the older name."""
    answer = await _file(station_id, request, services, seed)
    answer.headers["Content-Type"] = "audio/x-mpegurl"
    return answer


@router.get(
    "/stations/{station_id:undotted}",
    summary="One station",
    dependencies=READ,
    responses=problems(404, *DENIED),
)
def get_station(station_id: StationId, request: Request, services: ServicesDep) -> StationOut:
    """What it asks, and where players load it."""
    return _shown(request, services.catalog.station(station_id))


@router.put(
    "/stations/{station_id:undotted}",
    summary="Change a station",
    dependencies=WRITE,
    responses=problems(400, 404, 413, *DENIED),
)
def change_station(
    station_id: StationId, body: StationIn, request: Request, services: ServicesDep
) -> StationOut:
    """Replace name, question and rhythm; its id and addresses stay."""
    changed = services.catalog.change_station(
        station_id, body.name.strip(), _kept(body.question), body.rhythm
    )
    return _shown(request, changed)


@router.delete(
    "/stations/{station_id:undotted}",
    status_code=204,
    response_class=Response,
    summary="Delete a station",
    dependencies=WRITE,
    responses=problems(404, *DENIED),
)
def delete_station(station_id: StationId, services: ServicesDep) -> None:
    """Its addresses answer 404 from now on."""
    services.catalog.delete_station(station_id)


@router.get(
    "/stations/{station_id:undotted}/playlist",
    summary="The music of a station",
    response_model=StationPlaylist,
    dependencies=READ,
    responses={
        200: {"description": "The playlist, in the format asked for.", "content": DOCUMENTED},
        **problems(404, 406, *DENIED),
    },
)
async def get_station_playlist(
    station_id: StationId,
    request: Request,
    services: ServicesDep,
    format: Annotated[
        FormatName | None, Query(description="Format of the answer; goes before `Accept`.")
    ] = None,
    locations: Annotated[Locations, Query(description="As of `POST /v1/playlists`.")] = "url",
    seed: Seed = None,
) -> Response:
    """What it asks for, answered from the index of now."""
    name = negotiate(format, request.headers.get("accept"))
    station, answer, tracks = await _answer(station_id, request, services, seed)
    if name != "json":
        return file_response(
            request, answer.playlist, name, station.name, locations, tracks, _stated(answer)
        )
    shown = StationPlaylist(
        **dict(answer.playlist),
        station_id=station.id,
        seed=answer.seed,
        below_best=answer.below_best,
    )
    return Response(shown.model_dump_json(by_alias=True), media_type="application/json")


async def _file(
    station_id: str, request: Request, services: Services, seed: str | None
) -> Response:
    station, answer, tracks = await _answer(station_id, request, services, seed)
    stated = _stated(answer)
    return file_response(request, answer.playlist, "m3u8", station.name, "url", tracks, stated)


async def _answer(
    station_id: str, request: Request, services: Services, seed: str | None
) -> tuple[Station, Varied, TrackTable]:
    """The station, its music, and the tracks of the snapshot that this was found in."""
    station = await run_in_threadpool(services.catalog.station, station_id)
    question, shared = question_of(station), services.live.current()
    live = await seen_by(request, services, shared)
    chosen = seed_of(station, seed, datetime.now().astimezone())
    listener = listener_of(request)
    heard = await run_in_threadpool(heard_by, listener, services, question.not_again_s)
    work = partial(varied, question, chosen, services.model_of(live), live, heard)
    with services.metrics.stage("station"):
        if question.mode == "match":
            answer = await run_in_threadpool(work)
        else:
            answer = await services.journeys.run(request, work)
    return station, answer, live.snapshot.tracks


def _kept(question: PlaylistRequest) -> dict[str, object]:
    """A question as it was given: defaults may change, what was asked for may not."""
    kept: dict[str, object] = question.model_dump(mode="json", exclude_unset=True)
    size = len(json.dumps(kept))
    if size > MOST_QUESTION_BYTES:
        raise InvalidRequestError(
            f"the question has {size} bytes, a station keeps {MOST_QUESTION_BYTES}: ask with fewer "
            "keyframes or ids"
        )
    return kept


def _stated(answer: Varied) -> dict[str, str]:
    return {"Circumplex-Below-Best": f"{answer.below_best:.4f}"}


def _shown(request: Request, station: Station) -> StationOut:
    m3u8, m3u = (
        signed_url(request, route, lasting=True, station_id=station.id)
        for route in ("get_station_m3u8", "get_station_m3u")
    )
    return StationOut(**vars(station), addresses=StationAddresses(m3u8=m3u8, m3u=m3u))
