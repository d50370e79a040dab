"""`/v1/admin`: index runs and snapshots, with the admin token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi import Path as PathParameter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from app.errors import ConflictError, UnknownRootError
from app.http.clients import address_of
from app.http.documentation import problems
from app.http.paging import Cursor, Limit, page_of
from app.http.streams import EndedResponse
from app.routes.access import admin_access
from app.services import Services, ServicesDep
from app.wire.run_responses import (
    FailureList,
    FailureOut,
    IndexRunList,
    IndexRunOut,
    PassedOverList,
    PassedOverOut,
    SnapshotList,
    SnapshotOut,
)
from app.wire.schemas import IndexRunRequest
from indexer.catalog.pages import cursor_of, numbers_of
from indexer.catalog.records import IndexRun, SnapshotRow, TrackQuery
from indexer.errors import CatalogUnavailableError
from indexer.folders.roots import MusicRoot, StoreRoot, music_root

router = APIRouter(prefix="/v1/admin", tags=["admin"], dependencies=[Depends(admin_access)])

RunId = Annotated[int, PathParameter(ge=1, le=2**31 - 1, description="Id of an index run.")]
EVENT_S = 0.5  # how often a run's progress is looked at
PING_S = 15.0
EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"enum": ["progress", "end"]},
        "data": {"type": "string", "description": "The run as JSON."},
    },
}
EVERYTHING = IndexRunRequest.model_validate({})
DENIED = (401, 403, 422, 429, 503)


@router.post(
    "/index-runs",
    status_code=202,
    summary="Index the library anew",
    responses={
        202: {"headers": {"Location": {"schema": {"type": "string"}, "description": "The run."}}},
        **problems(400, 413, *DENIED),
    },
)
def create_index_run(
    request: Request,
    response: Response,
    services: ServicesDep,
    body: IndexRunRequest = EVERYTHING,
) -> IndexRunOut:
    """Queue an index run. The service answers from the old index until the new one is whole."""
    roots = _allowed_roots(body.roots, services.settings.music_roots)
    run = services.jobs.submit(
        roots, full=body.full, only=body.only, allow_shrink=body.allow_shrink
    )
    response.headers["Location"] = str(request.url_for("get_index_run", run_id=run.id))
    return run_out(run)


@router.get("/index-runs", summary="Index runs, the newest first", responses=problems(*DENIED))
def list_index_runs(
    services: ServicesDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> IndexRunList:
    """Index runs, also those of the command line."""
    before_id = None if cursor is None else numbers_of("run", cursor)[0]
    found = services.catalog.list_runs(limit=limit + 1, before_id=before_id)
    runs = found[:limit]
    older = cursor_of("run", [runs[-1].id]) if len(found) > limit else None
    return IndexRunList(items=[run_out(run) for run in runs], next_cursor=older)


@router.get("/index-runs/{run_id}", summary="One index run", responses=problems(404, *DENIED))
def get_index_run(run_id: RunId, services: ServicesDep) -> IndexRunOut:
    """State and progress of a run."""
    return run_out(_run(run_id, services))


@router.delete("/index-runs/{run_id}", summary="Cancel a run", responses=problems(404, *DENIED))
def cancel_index_run(run_id: RunId, services: ServicesDep) -> IndexRunOut:
    """End a run before its next file; what it has analysed is kept. One that is over stays so.

    The run itself can still be read: how it ended, and that it was cancelled.
    """
    return run_out(services.catalog.cancel_run(run_id))


@router.get(
    "/index-runs/{run_id}/events",
    summary="Follow a run",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events: `progress` with the run, at last `end`.",
            "content": {"text/event-stream": {"schema": EVENT}},
        },
        **problems(404, *DENIED),
    },
)
async def follow_index_run(
    run_id: RunId, request: Request, services: ServicesDep
) -> StreamingResponse:
    """The run each time it changes, until it is over."""
    run = await run_in_threadpool(_run, run_id, services)
    client = address_of(request)
    services.followers.take(client)
    return EndedResponse(
        _events(run, request, services),
        partial(services.followers.leave, client),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


@router.get("/failures", summary="Files that could not be indexed", responses=problems(*DENIED))
def list_failures(
    services: ServicesDep,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> FailureList:
    """Each with its reason, in order of id."""
    page = services.catalog.list_tracks(TrackQuery(status="failed"), limit=limit, cursor=cursor)
    return FailureList(
        items=[
            FailureOut(track_id=t.id, path=t.path, reason=t.failure_reason or "unknown")
            for t in page.items
        ],
        next_cursor=page.next_cursor,
    )


@router.get("/passed-over", summary="What the last run passed over", responses=problems(*DENIED))
def list_passed_over(
    services: ServicesDep, limit: Limit = 100, cursor: Cursor = None
) -> PassedOverList:
    """Links, hidden files and formats that are not read, ten thousand of each reason at most.

    Files that were read but could not be indexed stand under `/v1/admin/failures`, and what is
    indexed but no music under `/v1/tracks?verdict=`.
    """
    after = 0 if cursor is None else numbers_of("passed-over", cursor)[0]
    found = services.catalog.list_passed_over(limit=limit + 1, after=after)
    return PassedOverList(
        counts=services.catalog.count_passed_over(),
        items=[PassedOverOut(path=one.address, reason=one.reason) for one in found[:limit]],
        next_cursor=cursor_of("passed-over", [after + limit]) if len(found) > limit else None,
    )


@router.get("/snapshots", summary="Snapshots, the newest first", responses=problems(*DENIED))
def list_snapshots(
    services: ServicesDep, limit: Limit = 100, cursor: Cursor = None
) -> SnapshotList:
    """The indexes that are kept."""
    known = services.catalog.list_snapshots()
    page, next_cursor = page_of(known, lambda row: row.id, limit, cursor)
    shown = [_snapshot_out(row, services) for row in page]
    return SnapshotList(items=shown, next_cursor=next_cursor)


@router.post(
    "/snapshots/{snapshot_id}/activate",
    summary="Answer from this snapshot",
    responses=problems(404, 409, *DENIED),
)
def activate_snapshot(
    snapshot_id: Annotated[str, PathParameter(max_length=64, pattern=r"^[\w.-]+$")],
    services: ServicesDep,
) -> SnapshotOut:
    """Roll back, or forward again. Requests that run end on the snapshot they began with."""
    known = {row.id: row for row in services.catalog.list_snapshots()}
    row = known.get(snapshot_id)
    if row is not None and row.model_id != services.model.model_id:
        raise ConflictError(
            f"snapshot {row.id} was made with model {row.model_id}, but {services.model.model_id} "
            "is loaded: index again instead"
        )
    before = next((each.id for each in known.values() if each.active), None)
    active = services.catalog.activate_snapshot(snapshot_id)
    services.live.refresh()
    trouble = services.live.trouble(snapshot_id)
    if trouble is not None:
        if before is not None:
            services.catalog.activate_snapshot(before)
        raise ConflictError(f"{trouble}; the index of before stays")
    return _snapshot_out(active, services)


def run_out(run: IndexRun) -> IndexRunOut:
    """An index run as it goes over the wire."""
    progress = run.progress
    return IndexRunOut(
        id=run.id,
        state=run.state,
        stage=progress.stage,
        roots=list(run.roots),
        full=run.full,
        only=run.only,
        allow_shrink=run.allow_shrink,
        files_total=progress.files_total,
        files_done=progress.files_done,
        files_failed=progress.files_failed,
        files_per_s=progress.files_per_s,
        seconds_left=progress.seconds_left,
        current_file=progress.current_file,
        cancel_requested=run.cancel_requested,
        attempts=run.attempts,
        requested_at=run.requested_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        model_id=run.model_id,
        snapshot_id=run.snapshot_id,
        error=run.error,
        notes=list(run.notes),
    )


def _run(run_id: int, services: Services) -> IndexRun:
    """A run; one that is said to have succeeded is also what queries are answered from."""
    run = services.catalog.run(run_id)
    live = services.live.current_or_none()
    if run.state == "succeeded" and (live is None or live.id != run.snapshot_id):
        services.live.refresh()
    return run


def _snapshot_out(row: SnapshotRow, services: Services) -> SnapshotOut:
    return SnapshotOut(
        id=row.id,
        model_id=row.model_id,
        created_at=row.created_at,
        active=row.active,
        partial=row.partial,
        usable=row.model_id == services.model.model_id,
        tracks=row.track_count,
        segments=row.segment_count,
    )


def _allowed_roots(asked: list[str] | None, music_roots: tuple[MusicRoot, ...]) -> list[MusicRoot]:
    """What to index: all music roots, or those asked for that lie inside them."""
    if not music_roots:
        raise UnknownRootError("no music roots are configured: set CIRCUMPLEX_MUSIC_ROOTS")
    stores = [root for root in music_roots if isinstance(root, StoreRoot)]
    folders = [root.expanduser().resolve() for root in music_roots if isinstance(root, Path)]
    if asked is None:
        return [*folders, *stores]
    chosen: list[MusicRoot] = []
    for name in asked:
        try:
            root = music_root(name)
            if isinstance(root, StoreRoot):
                known = any(map(root.is_inside, stores))
            else:
                root = root.resolve(strict=True)
                known = root.is_dir() and any(map(root.is_relative_to, folders))
        except (OSError, RuntimeError, ValueError):
            known = False
        if not known:
            raise UnknownRootError(f"{name!r} is no folder inside the music roots")
        chosen.append(root)
    return chosen


async def _events(run: IndexRun, request: Request, services: Services) -> AsyncIterator[str]:
    shown: str | None = None
    spoke_s = time.monotonic()
    while True:
        state = run_out(run).model_dump_json()
        if state != shown:
            shown, spoke_s = state, time.monotonic()
            yield f"event: {'end' if run.is_over else 'progress'}\ndata: {state}\n\n"
        elif time.monotonic() - spoke_s > PING_S:
            spoke_s = time.monotonic()
            yield ": still here\n\n"
        if run.is_over or services.stopping.is_set() or await request.is_disconnected():
            return
        await asyncio.sleep(EVENT_S)
        try:
            run = await run_in_threadpool(_run, run.id, services)
        except CatalogUnavailableError:  # the run waits for the database too
            yield ": the database does not answer\n\n"
