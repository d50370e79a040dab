"""`create_app`: wiring and lifespan, nothing else."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import asdict
from typing import Any

import torch
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware

from app import errors
from app.batching import Batcher
from app.clips.analysis_pool import Analyser, AnalysisLimits, DirectAnalyser, PooledAnalyser
from app.clips.clips import Clip, listen_all, written
from app.clips.upload_folder import private_folder
from app.clips.uploads import Places
from app.desk import Desk
from app.http import documentation
from app.http.keys import KeyRing
from app.http.middleware import RequestMiddleware
from app.http.origins import Origins
from app.http.rate_limit import RateLimit
from app.indexing import worker as index_worker
from app.indexing.jobs import IndexJobs, RunExecutor, ThreadExecutor
from app.library.covers import CoverDesk
from app.library.live import LiveIndex
from app.metrics import Metrics
from app.playlists.match import match_all
from app.routes import (
    admin,
    arranged,
    artists,
    covers,
    emotions,
    operation,
    pages,
    playlists,
    tracks,
)
from app.services import Services, State
from app.settings import Settings
from app.stations import endpoints as stations
from app.version import VERSION
from app.wire.responses import PlaylistResponse
from app.wire.schemas import PlaylistRequest
from indexer.catalog.catalog import Catalog, open_catalog
from indexer.folders.watch import FolderWatch
from indexer.isolation.reading import ReadLimits
from indexer.runs.indexer import Indexer
from indexer.runs.worker import Job, ProcessExecutor
from model.emotion_model import EmotionModel

LoadModel = Callable[[Settings], EmotionModel]
Hear = Callable[[Sequence[Clip]], list[str | Exception]]
Match = Callable[[Sequence[PlaylistRequest]], list[PlaylistResponse | Exception]]
UPLOAD_PATHS = frozenset({"/v1/emotions"})
ARRIVING = 4
"""Uploads that may arrive for each that may be analysed or wait for it."""
JOURNEY_PLACES, JOURNEY_S = 16, 15.0


def load_model(settings: Settings) -> EmotionModel:
    """The model that the settings name."""
    if settings.torch_threads:
        torch.set_num_threads(settings.torch_threads)
    return EmotionModel.load(settings.checkpoint, settings.device)


def create_app(
    settings: Settings,
    *,
    load: LoadModel = load_model,
    stopping: threading.Event | None = None,
) -> FastAPI:
    """The service.

    Nothing is opened before the lifespan begins, and everything is closed when it ends.

    Args:
        settings: The configuration.
        load: Loads the model; tests give another one.
        stopping: Set by whoever stops the server, so that event streams end.
    """
    metrics = Metrics()
    app = FastAPI(
        title="Circumplex",
        version=VERSION,
        summary="Search a music library by how it feels over time",
        description=documentation.DESCRIPTION,
        openapi_tags=documentation.TAGS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(settings, load, metrics, stopping or threading.Event()),
    )
    app.root_path = settings.root_path  # FastAPI's argument of this name is deprecated
    errors.install(app)
    for module in (
        playlists,
        arranged,
        stations,
        emotions,
        tracks,
        covers,
        artists,
        admin,
        operation,
    ):
        app.include_router(module.router)
    pages.mount(app)
    _add_middleware(app, settings, metrics)
    _document(app)
    return app


def _add_middleware(app: FastAPI, settings: Settings, metrics: Metrics) -> None:
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Range"],
            expose_headers=["Location", "X-Request-ID", "Content-Range"],
        )
    app.add_middleware(
        RequestMiddleware,
        metrics=metrics,
        max_body_bytes=settings.max_body_bytes,
        upload_paths=UPLOAD_PATHS,
        origins=Origins(settings.resolved_trusted_hosts, settings.cors_origins),
        root_path=settings.root_path,
    )


def _document(app: FastAPI) -> None:
    """Correct the generated OpenAPI document once, when it is first asked for."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        known = app.openapi_schema is not None
        document = generate()
        return document if known else documentation.only_problem_json(document)

    app.openapi = openapi  # type: ignore[method-assign]


def _lifespan(
    settings: Settings, load: LoadModel, metrics: Metrics, stopping: threading.Event
) -> Callable[[FastAPI], AbstractAsyncContextManager[State]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[State]:
        with ExitStack() as stack:
            services = await run_in_threadpool(_open, settings, load, metrics, stopping, stack)
            gc.collect()
            gc.freeze()  # what stays is not looked through again: that stops everything for 0.1 s
            stack.callback(gc.unfreeze)
            yield {"services": services}
            stopping.set()

    return lifespan


def _open(
    settings: Settings,
    load: LoadModel,
    metrics: Metrics,
    stopping: threading.Event,
    stack: ExitStack,
) -> Services:
    """Open everything the service holds; `stack` closes it in the opposite order."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    catalog = open_catalog(settings.resolved_database_url)
    stack.callback(catalog.close)
    torch.set_num_threads(settings.torch_threads or 1)
    model = load(settings)
    metrics.device.labels(str(model.device)).set(1)
    upload_dir = stack.enter_context(private_folder(settings.data_dir / "uploads"))
    analyser = make_analyser(settings, model)
    stack.callback(analyser.close)
    live = LiveIndex(
        catalog,
        settings.data_dir / "snapshots",
        model_id=model.model_id,
        scoring=model.scoring,
        device=str(model.device),
        metrics=metrics,
    )
    playlists = Batcher(matching(model, live, metrics), metrics.playlists)
    stack.callback(playlists.close)
    uploads = settings.upload_workers + settings.upload_queue
    clips = Batcher(hearing(model, live, metrics), metrics.clips, name="clips", places=uploads)
    stack.callback(clips.close)
    desk = CoverDesk()
    stack.callback(desk.close)
    journeys = Desk(
        "journeys",
        workers=_half_the_cores(),
        places=JOURNEY_PLACES,
        budget_s=JOURNEY_S,
    )
    stack.callback(journeys.close)
    live.refresh()
    live.start(settings.snapshot_poll_s)
    stack.callback(live.stop)
    jobs = IndexJobs(
        catalog,
        make_executor(settings, catalog, model),
        on_finished=live.refresh,
        roots=settings.music_roots,
        rescan_s=settings.rescan_s,
    )
    jobs.start()
    stack.callback(jobs.stop, settings.shutdown_s)
    if settings.watch_s is not None and settings.music_roots:
        watch = FolderWatch(settings.music_roots, jobs.rescan, every_s=settings.watch_s)
        watch.start()
        jobs.rescan()  # what changed while nothing watched
        stack.callback(watch.stop)
    return Services(
        settings=settings,
        catalog=catalog,
        model=model,
        live=live,
        analyser=analyser,
        playlists=playlists,
        clips=clips,
        covers=desk,
        arriving=Places("arriving", ARRIVING * uploads, metrics, ARRIVING * uploads // 2),
        places=Places("held", uploads, metrics),
        journeys=journeys,
        jobs=jobs,
        metrics=metrics,
        keys=KeyRing(settings.data_dir / "keys.json"),
        rate_limit=RateLimit(settings.requests_per_minute),
        upload_dir=upload_dir,
        stopping=stopping,
    )


def _half_the_cores() -> int:
    return max(1, (os.cpu_count() or 1) // 2)


def matching(model: EmotionModel, live: LiveIndex, metrics: Metrics) -> Match:
    """What answers playlist requests that wait together, from one snapshot."""

    def match(requests: Sequence[PlaylistRequest]) -> list[PlaylistResponse | Exception]:
        with metrics.stage("playlist"):
            return match_all(requests, model, live.current())

    return match


def hearing(model: EmotionModel, live: LiveIndex, metrics: Metrics) -> Hear:
    """What answers analysed uploads that wait together, from one snapshot, as JSON."""

    def hear(clips: Sequence[Clip]) -> list[str | Exception]:
        with metrics.stage("embedding"):
            return written(listen_all(clips, model, live.current_or_none()))

    return hear


def make_analyser(settings: Settings, model: EmotionModel) -> Analyser:
    """What analyses uploads: worker processes, or this process where they are switched off."""
    limits = AnalysisLimits(
        max_duration_s=settings.max_upload_duration_s,
        timeout_s=settings.analysis_timeout_s,
        memory_bytes=settings.analysis_memory_bytes,
    )
    if settings.isolate_uploads:
        return PooledAnalyser(model.frontend.name, settings.upload_workers, limits)
    return DirectAnalyser(model, limits)


def make_executor(settings: Settings, catalog: Catalog, model: EmotionModel) -> RunExecutor:
    """What carries out index runs: a process for each, or a thread of this one."""
    if settings.isolate_index_runs:
        job = Job(
            database_url=settings.resolved_database_url,
            data_dir=str(settings.data_dir),
            checkpoint=str(settings.checkpoint) if settings.checkpoint else None,
            device=settings.device,
            keep_snapshots=settings.keep_snapshots,
            keep_analyses_days=settings.keep_analyses_days,
            read_limits=asdict(read_limits(settings)),
        )
        return ProcessExecutor(job, index_worker.COMMAND)
    return ThreadExecutor(
        Indexer(
            catalog,
            model,
            settings.data_dir,
            keep_snapshots=settings.keep_snapshots,
            keep_analyses_days=settings.keep_analyses_days,
            read_limits=read_limits(settings) if settings.isolate_uploads else None,
        )
    )


def read_limits(settings: Settings) -> ReadLimits:
    """What reading one file of the library may take."""
    return ReadLimits(
        max_duration_s=settings.max_track_duration_s,
        timeout_s=settings.track_timeout_s,
        memory_bytes=settings.track_memory_bytes,
    )
