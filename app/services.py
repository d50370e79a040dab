"""What requests and commands share: opened once, closed at the end; the only place that wires it.

A route reaches it through one dependency, `ServicesDep`; a command opens `opened_library`.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import torch
from fastapi import Depends, Request

from app.batching import Batcher
from app.clips.analysis_pool import Analyser, AnalysisLimits, DirectAnalyser, PooledAnalyser
from app.clips.clips import Clip, clip_emotions, written
from app.clips.upload_folder import private_folder
from app.clips.uploads import UploadPlaces
from app.desk import Desk, Places
from app.http.keys import KeyRing
from app.http.rate_limit import RateLimit
from app.indexing import worker as index_worker
from app.indexing.jobs import IndexJobs, RunExecutor, ThreadExecutor
from app.kept_models import KeptModels
from app.library.covers import CoverDesk
from app.library.live import Live, OpenSearcher
from app.library.live_index import LiveIndex
from app.library.stored_audio import StoredAudio
from app.metrics import Metrics
from app.on_ray import ray_pool, ray_search
from app.opening import opened_catalog
from app.personal.planes import Planes
from app.playlists.match import match_all
from app.settings import Settings
from app.wire.responses import PlaylistResponse
from app.wire.schemas import PlaylistRequest
from indexer.catalog.catalog import Catalog
from indexer.folders.watch import FolderWatch
from indexer.isolation.limits import ReadLimits
from indexer.runs.options import RunOptions
from indexer.runs.worker import Job, ProcessExecutor
from indexer.shards.local import open_locally
from indexer.storage import may_write
from model.emotion_model import EmotionModel
from model.frontends import frontend_id
from model.judge import Judge

logger = logging.getLogger("circumplex.service")

if TYPE_CHECKING:
    from indexer.runs.indexer import Indexer

LoadModel = Callable[[Settings], EmotionModel]
Embed = Callable[[Sequence[Clip]], list[str | Exception]]
Match = Callable[[Sequence[PlaylistRequest]], list[PlaylistResponse | Exception]]
ARRIVING = 4
"""Uploads that may arrive for each that may be analysed or wait for it."""
JOURNEY_PLACES, JOURNEY_S = 16, 15.0
LARGE_PLACES, LARGE_S = 16, 15.0
LIST_PLACES, FOLLOWERS = 64, 64


@dataclass(frozen=True)
class Services:
    """Everything a route may use.

    Attributes:
        settings: The configuration.
        catalog: The database.
        model: The music-emotion model.
        live: The snapshot that answers.
        planes: Listeners' own planes of it.
        analyser: Turns uploads into features.
        playlists: Answers playlist requests that wait together.
        clips: Answers analysed uploads that wait together, in JSON.
        covers: Makes covers small, one after the other.
        stored: Gives audio of object stores.
        arriving: Bounds the uploads that arrive.
        places: Bounds the uploads that are analysed or wait for it.
        journeys: Plans journeys, apart from all other work.
        large_matches: Answers playlist requests that are large, apart from the others.
        lists: Makes players' lists and listeners' planes, one after the other.
        jobs: Carries out index runs.
        followers: Bounds the streams of events.
        metrics: Counters.
        keys: API keys.
        rate_limit: Requests a minute.
        upload_dir: Private folder of uploads.
        stopping: Set when the service is asked to stop.
    """

    settings: Settings
    catalog: Catalog
    model: EmotionModel
    live: LiveIndex
    planes: Planes
    analyser: Analyser
    playlists: Batcher[PlaylistRequest, PlaylistResponse]
    clips: Batcher[Clip, str]
    covers: CoverDesk
    stored: StoredAudio
    arriving: UploadPlaces
    places: UploadPlaces
    journeys: Desk
    large_matches: Desk
    lists: Desk
    jobs: IndexJobs
    followers: Places
    metrics: Metrics
    keys: KeyRing
    rate_limit: RateLimit
    upload_dir: Path
    stopping: threading.Event

    def model_of(self, live: Live | None) -> EmotionModel:
        """The model that a snapshot is asked with: `model`, unless another one made it."""
        return self.live.model_of(live, self.model)


class State(TypedDict):
    """The lifespan state of the application."""

    services: Services


async def get_services(request: Request) -> Services:
    """The services of the application that handles `request`."""
    services: Services = request.state.services
    return services


ServicesDep = Annotated[Services, Depends(get_services)]


@dataclass(frozen=True)
class Library:
    """The catalogue of a data folder with the model that answers from it.

    Attributes:
        catalog: The database.
        model: The music-emotion model that the snapshot is asked with.
        live: The snapshot that answers; it may hold nothing yet.
        loaded: The model that the settings name: another one only after an upgrade.
    """

    catalog: Catalog
    model: EmotionModel
    live: LiveIndex
    loaded: EmotionModel


def load_model(settings: Settings) -> EmotionModel:
    """The model that the settings name."""
    if settings.torch_threads:
        torch.set_num_threads(settings.torch_threads)
    return EmotionModel.load(
        settings.checkpoint, settings.device, judge=Judge(settings.least_track_s)
    )


def load_and_keep(settings: Settings) -> EmotionModel:
    """The same, kept in the data folder for the time after an upgrade."""
    model = load_model(settings)
    KeptModels.of(settings).keep(model)
    return model


@contextmanager
def opened_library(settings: Settings) -> Iterator[Library]:
    """Catalogue, model and the active snapshot, for one command."""
    with opened_catalog(settings) as catalog:
        model = load_model(settings)
        live = live_index(settings, catalog, model, Metrics())
        live.refresh()
        yield Library(catalog, live.model_of(live.current_or_none(), model), live, model)


def live_index(
    settings: Settings, catalog: Catalog, model: EmotionModel, metrics: Metrics
) -> LiveIndex:
    """What holds the live snapshot; nothing yet."""
    return LiveIndex(
        catalog,
        settings.data_dir / "snapshots",
        model_id=model.model_id,
        scoring=model.scoring,
        device=str(model.device),
        metrics=metrics,
        open_searcher=searching(settings),
        older=KeptModels.of(settings).find,
        remedy=_remedy(settings),
    )


def _remedy(settings: Settings) -> str:
    if settings.music_roots:
        return "the service queues one, or run `circumplex index`"
    return "run `circumplex index DIR`"


def searching(settings: Settings) -> OpenSearcher:
    """What opens a searcher of a snapshot: in this process, or on Ray."""
    return ray_search(settings) if settings.search == "ray" else open_locally


def open_services(
    settings: Settings,
    load: LoadModel,
    metrics: Metrics,
    stopping: threading.Event,
    stack: ExitStack,
) -> Services:
    """Open everything the service holds; `stack` closes it in the opposite order."""
    catalog = stack.enter_context(opened_catalog(settings))
    torch.set_num_threads(settings.torch_threads or 1)
    model = load(settings)
    metrics.device.labels(str(model.device)).set(1)
    uploads_in = settings.data_dir / "uploads"
    if not may_write(settings.data_dir):
        uploads_in = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="circumplex-")))
    upload_dir = stack.enter_context(private_folder(uploads_in))
    analyser = make_analyser(settings, model)
    stack.callback(analyser.close)
    live = live_index(settings, catalog, model, metrics)
    playlists = Batcher(matching(model, live, metrics), metrics.playlists)
    stack.callback(playlists.close)
    uploads = settings.upload_workers + settings.upload_queue
    clips = Batcher(embedding(model, live, metrics), metrics.clips, name="clips", places=uploads)
    stack.callback(clips.close)
    desk = CoverDesk()
    stack.callback(desk.close)
    stored = stack.enter_context(closing(StoredAudio(settings.music_roots)))
    journeys = Desk(
        "journeys",
        workers=_half_the_cores(),
        places=JOURNEY_PLACES,
        budget_s=JOURNEY_S,
    )
    stack.callback(journeys.close)
    large_matches = Desk("large-matches", workers=1, places=LARGE_PLACES, budget_s=LARGE_S)
    stack.callback(large_matches.close)
    lists = Desk("lists", workers=1, places=LIST_PLACES, budget_s=LARGE_S)
    stack.callback(lists.close)
    planes = Planes(catalog, lambda shown: live.model_of(shown, model))
    live.refresh()
    live.follow(planes.serve)
    live.start(settings.snapshot_poll_s, settings.verify_s)
    stack.callback(live.stop)
    jobs = _start_jobs(settings, catalog, model, live, stack)
    return Services(
        settings=settings,
        catalog=catalog,
        model=model,
        live=live,
        planes=planes,
        analyser=analyser,
        playlists=playlists,
        clips=clips,
        covers=desk,
        stored=stored,
        arriving=UploadPlaces("arriving", ARRIVING * uploads, metrics, ARRIVING * uploads // 2),
        places=UploadPlaces("held", uploads, metrics),
        journeys=journeys,
        large_matches=large_matches,
        lists=lists,
        jobs=jobs,
        followers=Places(FOLLOWERS, "streams of events are open"),
        metrics=metrics,
        keys=KeyRing(settings.data_dir / "keys.json"),
        rate_limit=RateLimit(settings.requests_per_minute),
        upload_dir=upload_dir,
        stopping=stopping,
    )


def _start_jobs(
    settings: Settings, catalog: Catalog, model: EmotionModel, live: LiveIndex, stack: ExitStack
) -> IndexJobs:
    """The queue of index runs and, where it is wanted, the look for changed files."""
    jobs = IndexJobs(
        catalog,
        make_executor(settings, catalog, model),
        on_finished=live.refresh,
        roots=settings.music_roots,
        rescan_s=settings.rescan_s,
    )
    if not may_write(settings.data_dir):  # an index is answered from, and none can be made
        return jobs
    jobs.start()
    stack.callback(jobs.stop, settings.shutdown_s)
    active = catalog.active_snapshot()
    if active is not None and active.model_id != model.model_id and settings.music_roots:
        logger.info("an index run with model %s is queued", model.model_id)
        jobs.rescan()
    if settings.watch_s is not None and settings.music_roots:
        watch = FolderWatch(settings.music_roots, jobs.rescan, every_s=settings.watch_s)
        watch.start()
        jobs.rescan()  # what changed while nothing watched
        stack.callback(watch.stop)
    return jobs


def _half_the_cores() -> int:
    return max(1, (os.cpu_count() or 1) // 2)


def matching(model: EmotionModel, live: LiveIndex, metrics: Metrics) -> Match:
    """What answers playlist requests that wait together, from one snapshot."""

    def match(requests: Sequence[PlaylistRequest]) -> list[PlaylistResponse | Exception]:
        with metrics.stage("playlist"):
            current = live.current()
            return match_all(requests, live.model_of(current, model), current)

    return match


def embedding(model: EmotionModel, live: LiveIndex, metrics: Metrics) -> Embed:
    """What answers analysed uploads that wait together, from one snapshot, as JSON."""

    def embed(clips: Sequence[Clip]) -> list[str | Exception]:
        with metrics.stage("embedding"):
            current = live.current_or_none()
            made_by = live.model_of(current, model)
            if frontend_id(made_by.frontend) != frontend_id(model.frontend):
                current, made_by = None, model  # what was heard cannot be compared with it
            return written(clip_emotions(clips, made_by, current))

    return embed


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
            least_track_s=settings.least_track_s,
            options=run_options(settings),
        )
        return ProcessExecutor(job, index_worker.COMMAND, catalog.is_late)
    return ThreadExecutor(make_indexer(settings, catalog, model))


def make_indexer(
    settings: Settings, catalog: Catalog, model: EmotionModel, *, on_ray: bool = False
) -> Indexer:
    """What brings the catalogue and its snapshot up to date, from this process.

    Args:
        settings: The configuration.
        catalog: The database.
        model: The music-emotion model.
        on_ray: Whether files are examined on a Ray cluster.
    """
    from indexer.runs.indexer import Indexer  # not where runs have processes of their own
    from indexer.runs.pools import Threads

    options = run_options(settings)
    pool = ray_pool(settings, options) if on_ray else Threads()
    return Indexer(catalog, model, settings.data_dir, options, pool=pool)


def run_options(settings: Settings) -> RunOptions:
    """How index runs are carried out, in this process or in another."""
    limits = ReadLimits(
        max_duration_s=settings.max_track_duration_s,
        timeout_s=settings.track_timeout_s,
        memory_bytes=settings.track_memory_bytes,
    )
    return RunOptions(
        keep_snapshots=settings.keep_snapshots,
        shards=settings.shards,
        keep_analyses_days=settings.keep_analyses_days,
        read_limits=limits if settings.isolate_uploads else None,
    )
