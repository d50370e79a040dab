"""What Prometheus may ask (`/metrics`)."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from indexer.catalog.records import Counts, IndexRun, SnapshotRow
from indexer.snapshot.format import Manifest

CONTENT_TYPE = CONTENT_TYPE_LATEST
KINDS = ("gaussian", "paper")
OPEN_STATES = ("queued", "running")
OUTCOMES = ("succeeded", "failed", "cancelled")
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(frozen=True)
class Together:
    """What is counted of requests that are answered together.

    Attributes:
        held: How many are being answered or wait.
        batch: How many are answered at a time.
        waiting: How long each waited, seconds.
    """

    held: Gauge
    batch: Histogram
    waiting: Histogram


class Metrics:
    """Counters of one service; each service has a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._created_s = math.nan
        self.requests = Counter(
            "circumplex_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "circumplex_request_seconds",
            "Time to answer.",
            ("method", "route"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "circumplex_requests_in_flight", "Requests being answered.", registry=self.registry
        )
        self.stage_seconds = Histogram(
            "circumplex_stage_seconds",
            "Time of one stage of the work.",
            ("stage",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.uploads = Gauge(
            "circumplex_uploads",
            "Uploads being analysed or waiting.",
            ("state",),
            registry=self.registry,
        )
        self.playlists = self._together("playlist", "Playlist requests", "waiting")
        self.clips = self._together("clip", "Analysed uploads", "clip waiting")
        self.refused = Counter(
            "circumplex_uploads_refused",
            "Uploads refused because all places were taken.",
            registry=self.registry,
        )
        self.exact = Counter(
            "circumplex_searches",
            "Searches by whether the ranking is proven exact.",
            ("exact",),
            registry=self.registry,
        )
        self.shard_replicas = Gauge(
            "circumplex_shard_replicas",
            "Processes that can answer for a shard of the snapshot; 0: it is lost.",
            ("shard",),
            registry=self.registry,
        )
        self.snapshot = Gauge(
            "circumplex_snapshot_info",
            "1 for the snapshot that answers.",
            ("snapshot_id", "model_id"),
            registry=self.registry,
        )
        self.snapshot_created = Gauge(
            "circumplex_snapshot_created_seconds",
            "When it was made, seconds since 1970.",
            registry=self.registry,
        )
        self.snapshot_age = Gauge(
            "circumplex_snapshot_age_seconds",
            "Time since the snapshot that answers was made; NaN before there is one.",
            registry=self.registry,
        )
        self.snapshot_age.set_function(self._age_s)
        self.recall = Gauge(
            "circumplex_search_recall",
            "Share of the exhaustive ranking that the engine finds, measured when the snapshot was "
            "built; 1 where answers are proven.",
            ("kind",),
            registry=self.registry,
        )
        self.index_runs = Gauge(
            "circumplex_index_runs",
            "Index runs that are queued or running.",
            ("state",),
            registry=self.registry,
        )
        self.catalogue = Gauge(
            "circumplex_catalogue_tracks",
            "Tracks of the catalogue: ok, failed (cannot be indexed) or missing (file gone).",
            ("status",),
            registry=self.registry,
        )
        self.last_run = Gauge(
            "circumplex_last_index_run_info",
            "1 for the outcome of the index run that ended last.",
            ("state",),
            registry=self.registry,
        )
        self.last_run_ended = Gauge(
            "circumplex_last_index_run_ended_seconds",
            "When it ended, seconds since 1970; NaN before the first.",
            registry=self.registry,
        )
        self.last_run_failed = Gauge(
            "circumplex_last_index_run_files_failed",
            "Files that it could not index.",
            registry=self.registry,
        )
        self.tracks = Gauge("circumplex_tracks", "Tracks of the snapshot.", registry=self.registry)
        self.segments = Gauge(
            "circumplex_segments", "Segments of the snapshot.", registry=self.registry
        )
        self.device = Gauge(
            "circumplex_device_info",
            "1 for the device the model runs on.",
            ("device",),
            registry=self.registry,
        )

        self.last_run_ended.set(math.nan)
        ProcessCollector(registry=self.registry)  # memory, processor time, open files

    def _together(self, name: str, what: str, stage: str) -> Together:
        return Together(
            Gauge(
                f"circumplex_{name}s_held",
                f"{what} being answered or waiting.",
                registry=self.registry,
            ),
            Histogram(
                f"circumplex_{name}_batch",
                f"{what} answered together.",
                buckets=(1, 2, 4, 8, 16),
                registry=self.registry,
            ),
            self.stage_seconds.labels(stage),
        )

    def is_live(self, row: SnapshotRow, manifest: Manifest) -> None:
        """Another snapshot answers from now on."""
        self.snapshot.clear()
        self.snapshot.labels(row.id, row.model_id).set(1)
        self._created_s = row.created_at.timestamp()
        self.snapshot_created.set(self._created_s)
        self.tracks.set(manifest.tracks)
        self.segments.set(manifest.segments)
        for kind in KINDS:
            measured = manifest.recall.value.get(kind) if manifest.recall else None
            self.recall.labels(kind).set(1.0 if measured is None else measured)

    def replicas_are(self, counts: Sequence[int]) -> None:
        """So many processes can answer for each shard of the snapshot."""
        self.shard_replicas.clear()
        for shard, count in enumerate(counts):
            self.shard_replicas.labels(str(shard)).set(count)

    def catalogue_is(self, counts: Counts, runs: Sequence[IndexRun]) -> None:
        """So many tracks have each status, and these are the newest index runs."""
        for status, count in vars(counts).items():
            self.catalogue.labels(status).set(count)
        states: list[str] = [run.state for run in runs]
        for state in OPEN_STATES:
            self.index_runs.labels(state).set(states.count(state))
        ended = [run for run in runs if run.finished_at is not None]
        last = max(ended, key=lambda run: (run.finished_at, run.id), default=None)
        for state in OUTCOMES:
            self.last_run.labels(state).set(last is not None and last.state == state)
        if last is not None and last.finished_at is not None:
            self.last_run_ended.set(last.finished_at.timestamp())
            self.last_run_failed.set(last.progress.files_failed)

    def _age_s(self) -> float:
        return time.time() - self._created_s

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self.requests.labels(method, route, str(status)).inc()
        self.request_seconds.labels(method, route).observe(seconds)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage of the work."""
        started_s = time.perf_counter()
        try:
            yield
        finally:
            self.stage_seconds.labels(name).observe(time.perf_counter() - started_s)

    def render(self) -> bytes:
        """The exposition text."""
        return generate_latest(self.registry)
