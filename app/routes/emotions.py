"""`POST /v1/emotions`."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from app.clips.clips import Clip
from app.clips.emotions import chosen_scale
from app.clips.uploads import UploadLimits, drain, received_file
from app.errors import BusyError, StorageFullError
from app.http.clients import address_of
from app.http.documentation import problems
from app.routes.access import owner_of, upload_access
from app.services import Services, ServicesDep
from app.wire.responses import EmotionResponse
from app.wire.schemas import Scale
from model.analysis import Analysis
from model.errors import AudioError

router = APIRouter(
    prefix="/v1",
    tags=["emotions"],
    dependencies=[Depends(upload_access)],
    responses=problems(401, 403),
)

FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "MP3, FLAC, WAV, OGG, Opus, M4A, WMA, AIFF, …",
                        }
                    },
                }
            }
        },
    }
}


@router.post(
    "/emotions",
    response_model=EmotionResponse,
    summary="The emotion of a clip over time",
    openapi_extra=FORM,
    responses=problems(408, 413, 415, 422, 429, 503, 507),
)
async def create_emotion(
    request: Request,
    services: ServicesDep,
    scale: Annotated[
        Scale | None,
        Query(description="`relative` by default, `absolute` while nothing is indexed."),
    ] = None,
    similar: Annotated[int, Query(ge=0, le=50, description="How many similar tracks.")] = 10,
) -> Response:
    """Listen to an uploaded clip.

    The answer holds its emotion each half second with the uncertainty, the mean, and the tracks of
    the catalogue that sound most like it; on the relative scale as the listener feels it who asks.
    The clip is not kept.
    """
    settings = services.settings
    limits = UploadLimits(settings.max_upload_bytes, settings.upload_timeout_s)
    try:
        async with AsyncExitStack() as stack:
            async with services.arriving.taking_one(address_of(request)):
                await run_in_threadpool(services.analyser.prepare)  # while the file arrives
                upload = received_file(request, services.upload_dir, limits)
                path = await stack.enter_async_context(upload)
            await stack.enter_async_context(services.places.taking_one())
            chosen_scale(scale, services.live.current_or_none())  # refused before the work
            analysis = await run_in_threadpool(_analysed, services, path)
            felt = partial(services.planes.live_of, owner_of(request, services))
            body = await services.clips.ask(Clip(analysis, scale, similar, felt))
    except (BusyError, StorageFullError):
        await drain(request, limits)
        raise
    return Response(body, media_type="application/json")


def _analysed(services: Services, path: Path) -> Analysis:
    """The analysis; what is wrong with the file is said without its temporary name."""
    try:
        with services.metrics.stage("analysis"):
            return services.analyser.analyse(path)
    except AudioError as exc:
        raise type(exc)(str(exc).replace(path.name, "the upload")) from exc
