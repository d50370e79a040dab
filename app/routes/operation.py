"""For monitors: is the process alive, can it answer, what does it count."""

from __future__ import annotations

from contextlib import suppress

from fastapi import APIRouter, Depends, Request, Response

from app.http.documentation import problems
from app.metrics import CONTENT_TYPE
from app.routes.access import read_access
from app.services import ServicesDep
from app.version import VERSION
from app.wire.responses import Health, Ready
from indexer.errors import CatalogUnavailableError

OPEN_RUNS = 200  # the newest runs, among which those that are not over lie

router = APIRouter(tags=["operation"])


@router.get("/healthz", summary="The process answers")
async def get_health() -> Health:
    """Always ok while the process runs."""
    return Health(version=VERSION)


@router.get("/readyz", summary="Queries can be answered", responses=problems(503))
def get_readiness(request: Request, services: ServicesDep) -> Ready:
    """503 until a snapshot is live, and while the database is away."""
    services.catalog.ping()
    live = services.live.current()
    replicas = live.replicas_answering()
    note = services.live.note
    return Ready(
        snapshot_id=live.id,
        model_id=live.model_id,
        tracks=live.snapshot.manifest.tracks,
        note=None if note is None else request.app.state.words.of(RuntimeError(note)),
        shards=len(replicas),
        shards_lost=replicas.count(0),
    )


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    response_class=Response,
    dependencies=[Depends(read_access)],
)
def get_metrics(services: ServicesDep) -> Response:
    """Counters and times in Prometheus' text format."""
    with suppress(CatalogUnavailableError):  # the rest is worth having all the more
        runs = services.catalog.list_runs(limit=OPEN_RUNS)
        services.metrics.catalogue_is(services.catalog.counts(), runs)
    live = services.live.current_or_none()
    services.metrics.replicas_are(live.replicas_answering() if live is not None else [])
    return Response(services.metrics.render(), media_type=CONTENT_TYPE)
