"""What requests share: made at start, taken down at the end, reached through one dependency."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypedDict

from fastapi import Depends, Request

from app.batching import Batcher
from app.clips.analysis_pool import Analyser
from app.clips.clips import Clip
from app.clips.uploads import Places
from app.desk import Desk
from app.http.keys import KeyRing
from app.http.rate_limit import RateLimit
from app.indexing.jobs import IndexJobs
from app.library.covers import CoverDesk
from app.library.live import LiveIndex
from app.metrics import Metrics
from app.settings import Settings
from app.wire.responses import PlaylistResponse
from app.wire.schemas import PlaylistRequest
from indexer.catalog.catalog import Catalog
from model.emotion_model import EmotionModel


@dataclass(frozen=True)
class Services:
    """Everything a route may use.

    Attributes:
        settings: The configuration.
        catalog: The database.
        model: The music-emotion model.
        live: The snapshot that answers.
        analyser: Turns uploads into features.
        playlists: Answers playlist requests that wait together.
        clips: Hears analysed uploads that wait together; answers in JSON.
        covers: Makes covers small, one after the other.
        arriving: Bounds the uploads that arrive.
        places: Bounds the uploads that are analysed or wait for it.
        journeys: Plans journeys, apart from all other work.
        jobs: Carries out index runs.
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
    analyser: Analyser
    playlists: Batcher[PlaylistRequest, PlaylistResponse]
    clips: Batcher[Clip, str]
    covers: CoverDesk
    arriving: Places
    places: Places
    journeys: Desk
    jobs: IndexJobs
    metrics: Metrics
    keys: KeyRing
    rate_limit: RateLimit
    upload_dir: Path
    stopping: threading.Event


class State(TypedDict):
    """The lifespan state of the application."""

    services: Services


async def get_services(request: Request) -> Services:
    """The services of the application that handles `request`."""
    services: Services = request.state.services
    return services


ServicesDep = Annotated[Services, Depends(get_services)]
