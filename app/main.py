"""`create_app`: wiring and lifespan, nothing else."""

from __future__ import annotations

import gc
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware

from app.compat import wiring
from app.errors import AppError, one_line
from app.http import documentation, problems
from app.http.head import HeadMiddleware
from app.http.middleware import RequestMiddleware
from app.http.origins import Origins
from app.metrics import Metrics
from app.public_words import PublicWords
from app.routes import (
    admin,
    arranged,
    browsing,
    covers,
    emotions,
    feelings,
    operation,
    pages,
    playlists,
    plays,
    profile,
    tracks,
)
from app.services import LoadModel, State, load_and_keep, open_services
from app.settings import Settings
from app.stations import endpoints as stations
from app.subsonic import endpoints as subsonic
from app.version import VERSION
from indexer.errors import IndexerError
from model.errors import ModelError

UPLOAD_PATHS = frozenset({"/v1/emotions"})


def create_app(
    settings: Settings,
    *,
    load: LoadModel = load_and_keep,
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
        generate_unique_id_function=lambda route: route.name,
    )
    app.root_path = settings.root_path  # FastAPI's argument of this name is deprecated
    problems.install(app, PublicWords((settings.data_dir, *settings.music_roots)))
    for module in (
        playlists,
        arranged,
        stations,
        profile,
        emotions,
        feelings,
        tracks,
        plays,
        covers,
        browsing,
        admin,
        operation,
    ):
        app.include_router(module.router)
    if settings.subsonic:
        app.include_router(subsonic.make_router())
    for router in wiring.routers(settings):
        app.include_router(router)
    pages.mount(app)
    _add_middleware(app, settings, metrics)
    _document(app)
    return app


def _add_middleware(app: FastAPI, settings: Settings, metrics: Metrics) -> None:
    app.add_middleware(HeadMiddleware)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "HEAD", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Range", "If-None-Match"],
            expose_headers=["Location", "X-Request-ID", "Content-Range", "ETag"],
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
        return document if known else documentation.corrected(document)

    app.openapi = openapi  # type: ignore[method-assign]


def _lifespan(
    settings: Settings, load: LoadModel, metrics: Metrics, stopping: threading.Event
) -> Callable[[FastAPI], AbstractAsyncContextManager[State]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[State]:
        with ExitStack() as stack:
            try:
                services = await run_in_threadpool(
                    open_services, settings, load, metrics, stopping, stack
                )
            except (AppError, IndexerError, ModelError) as exc:
                app.state.not_started = one_line(str(exc))  # for the command line to tell
                raise
            companion = wiring.companion(settings, services.catalog, services.model, services.live)
            if companion is not None:
                companion.start()
                stack.callback(companion.stop)
            gc.collect()
            gc.freeze()  # what stays is not looked through again: that stops everything for 0.1 s
            stack.callback(gc.unfreeze)
            yield {"services": services}
            stopping.set()

    return lifespan
