"""The snapshot that answers, swapped whole while requests run.

A request takes `LiveIndex.current()` once and uses that to its end, so it never sees half of
one snapshot and half of another. A thread looks for a newly activated snapshot (of an index run
here, or of one in another process) and opens it beside the old one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.errors import NotReadyError
from app.library.groups import Grouped
from app.metrics import Metrics
from app.wire.identifiers import IdentifierTable
from app.wire.responses import PersonalOut
from app.wire.schemas import Scale
from app.wire.tracks import ShownTracks
from indexer.catalog.catalog import Catalog
from indexer.catalog.records import SnapshotRow
from indexer.errors import CatalogUnavailableError, IndexerError
from indexer.search.balance import EmotionEmbedder, embedded_bank
from indexer.search.searcher import Hit, SearchRequest, SearchResult, TrackFilter
from indexer.search.tables import Doubles
from indexer.shards.gather import ShardedSearcher
from indexer.shards.local import open_locally
from indexer.snapshot.reader import Snapshot
from indexer.snapshot.verification import verified
from model.embedding import Embedding
from model.scoring import ScoringParams
from model.verdict import KINDS

logger = logging.getLogger("circumplex.snapshot")

WARM_UP_QUERIES = 3
PAUSE_S = 0.005  # between them: requests that come meanwhile go first


_CALLED = {"music": "music", "speech": "speech", "noise": "noise or tone", "short": "too short"}


class TrackSearcher(Protocol):
    """What ranks the tracks of one snapshot: `Searcher`, or all its shards together."""

    snapshot: Snapshot

    def search(self, request: SearchRequest) -> list[SearchResult]:
        """The tracks that score best for each query."""

    def search_union(self, weights: Doubles, request: SearchRequest) -> SearchResult:
        """The tracks that score best for any of several points."""

    def hit_of(self, track_id: int, request: SearchRequest) -> Hit:
        """How one track fits a query."""


OpenSearcher = Callable[[Snapshot, ScoringParams, str], TrackSearcher]
"""Opens what searches a snapshot with the checkpoint's scoring, on a device."""


class EmbeddingModel(EmotionEmbedder, Protocol):
    """A model that has a name."""

    model_id: str


@dataclass(frozen=True)
class Live:
    """An open snapshot with its searcher.

    Attributes:
        id: The snapshot's id.
        model_id: The checkpoint that embedded it.
        created_at: When it was made.
        snapshot: Its tracks, curves and scale.
        searcher: Ranks its tracks.
        identifiers: What names its recordings.
        partial: Whether it holds only what an unfinished first run had read.
    """

    id: str
    model_id: str
    created_at: datetime
    snapshot: Snapshot
    searcher: TrackSearcher
    identifiers: IdentifierTable = field(default_factory=IdentifierTable, repr=False)
    partial: bool = False
    _banks: dict[str, Embedding] = field(default_factory=dict, repr=False)

    def replicas_answering(self) -> list[int]:
        """How many processes can answer for each shard of it now."""
        if isinstance(self.searcher, ShardedSearcher):
            return self.searcher.shards.replicas_answering()
        return [1]

    @cached_property
    def shown(self) -> ShownTracks:
        """Its tracks as they go over the wire."""
        return ShownTracks(self.snapshot, self.identifiers)

    def emotion_bank(self, model: EmbeddingModel) -> Embedding:
        """What new music is balanced with (`balance.as_music`); embedded once a model."""
        bank = self._banks.get(model.model_id)
        if bank is None:  # two at once make the same
            bank = self._banks[model.model_id] = embedded_bank(self.snapshot, model)
        return bank

    def artists_of(self, hit: Hit) -> tuple[int, ...]:
        """Numbers of a track's artists; none where they are unknown."""
        tracks = self.snapshot.tracks
        return tracks.artist_groups.of(tracks.row_of(hit.track_id))

    @property
    def version(self) -> str:
        """Another one whenever the places of tracks may be others."""
        return self.id

    @property
    def told(self) -> PersonalOut | None:
        """What of a listener's own plane answers are made with; None here."""
        return None

    def felt_at(self, track_ids: tuple[int, ...]) -> tuple[float, float] | None:
        """Mean (arousal, valence) of tracks where a listener feels them, absolute; None here."""
        return None

    def shown_places(self, hits: Sequence[Hit], scale: Scale) -> list[tuple[float, float]]:
        """(arousal, valence) of hits on a scale."""
        values = np.array([(hit.arousal, hit.valence) for hit in hits]).reshape(-1, 2)
        if scale == "relative":
            values = self.snapshot.scale.to_relative(values)
        return [(float(arousal), float(valence)) for arousal, valence in values]

    @cached_property
    def track_emotion(self) -> NDArray[np.float64]:
        """(arousal, valence) of each track as a whole, absolute, [T, 2]."""
        first = np.asarray(self.snapshot.track_first)  # [T + 1]
        if len(first) == 1:
            return np.empty((0, 2))
        weight = self.snapshot.whole.astype(np.float64)[:, None]  # [S, 1]
        totals = np.add.reduceat(self.snapshot.segment_emotion * weight, first[:-1], axis=0)
        return np.asarray(totals / np.add.reduceat(weight, first[:-1], axis=0))

    def places(self, scale: Scale) -> NDArray[np.float64]:
        """(arousal, valence) of each track as a whole on a scale, [T, 2]."""
        if scale == "absolute":
            return self.track_emotion
        return self.snapshot.scale.to_relative(self.track_emotion)

    def place_of(self, track_id: int, scale: Scale) -> tuple[float, float]:
        """(arousal, valence) of a track as a whole on a scale.

        Raises:
            TrackNotFoundError: The snapshot lacks it.
        """
        emotion = self.track_emotion[self.snapshot.tracks.row_of(track_id)]
        if scale == "relative":
            emotion = self.snapshot.scale.to_relative(emotion)
        return float(emotion[0]), float(emotion[1])

    @cached_property
    def without_music(self) -> str | None:
        """Why all tracks answer: none is taken for music; None where some are."""
        answering = self.snapshot.tracks.answering
        if answering.has_music:
            return None
        counts = np.bincount(answering.kinds, minlength=len(KINDS)).tolist()
        parts = [f"{n} {_CALLED[kind]}" for kind, n in zip(KINDS, counts, strict=True) if n]
        return f"no track is taken for music ({', '.join(parts)}), so all of them answer"

    @cached_property
    def duration_s(self) -> float:
        """Length of all tracks together."""
        return self.snapshot.tracks.total_s

    @cached_property
    def genres(self) -> list[tuple[str, int]]:
        """Each genre with its number of tracks, the largest first."""
        return self.snapshot.tracks.genres()

    @cached_property
    def grouped(self) -> Grouped:
        """Its artists, albums, genres and folders, and its tracks in order."""
        return Grouped(self.snapshot.tracks, self.places("relative"))


class LiveIndex:
    """Holds the live snapshot and replaces it when another is activated."""

    def __init__(
        self,
        catalog: Catalog,
        snapshots: Path,
        *,
        model_id: str,
        scoring: ScoringParams,
        device: str,
        metrics: Metrics,
        open_searcher: OpenSearcher = open_locally,
    ) -> None:
        """Hold nothing yet.

        Args:
            catalog: Says which snapshot is active.
            snapshots: Folder that holds the snapshots by id.
            model_id: The loaded checkpoint: a snapshot of another one cannot answer.
            scoring: Its scoring parameters.
            device: Where searches run.
            metrics: Told of every swap.
            open_searcher: Opens what ranks the tracks of a snapshot.
        """
        self._catalog, self._folder = catalog, snapshots
        self._model_id, self._scoring, self._device = model_id, scoring, device
        self._metrics, self._open_searcher = metrics, open_searcher
        self._live: Live | None = None
        self._why_not = "nothing is indexed yet: run `circumplex index DIR`"
        self._refused: str | None = None  # the snapshot that could not be opened
        self._refreshing = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def current(self) -> Live:
        """The snapshot that answers now.

        Raises:
            NotReadyError: There is none; says why and what to do.
        """
        live = self._live
        if live is None:
            raise NotReadyError(self._why_not, headers={"Retry-After": "5"})
        return live

    def current_or_none(self) -> Live | None:
        """The snapshot that answers now, if there is one."""
        return self._live

    def trouble(self, snapshot_id: str) -> str | None:
        """Why the snapshot cannot answer, if it was tried last and cannot."""
        return self._why_not if self._refused == snapshot_id else None

    def refresh(self) -> None:
        """Look for the active snapshot and open it if it is another one."""
        with self._refreshing:
            row = self._catalog.active_snapshot()
            if row is None:
                self._retire()
                return
            if self._live is not None and row.id == self._live.id:
                if self._live.partial != row.partial:  # its run came to its end with nothing more
                    self._live = replace(self._live, partial=row.partial)
                return
            if row.model_id != self._model_id:
                self._refuse(
                    f"snapshot {row.id} was made with model {row.model_id}, but {self._model_id} "
                    "is loaded: run `circumplex index`"
                )
                return
            try:
                self._open(row)
            except IndexerError as exc:
                self._refused = row.id
                self._refuse(f"snapshot {row.id} cannot be opened: {exc}")

    def start(self, poll_s: float) -> None:
        """Refresh every `poll_s` seconds until `stop`."""
        self._thread = threading.Thread(
            target=self._poll, args=(poll_s,), name="snapshot-poll", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End the polling."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10.0)

    def _open(self, row: SnapshotRow) -> None:
        # Every byte is checked first, so that nothing is hashed where requests are answered.
        manifest = verified(self._folder / row.id, in_process=self._live is not None)
        snapshot = Snapshot(self._folder / row.id, manifest)
        searcher = self._open_searcher(snapshot, self._scoring, self._device)
        _warm_up(searcher)
        self._refused = None
        identifiers = IdentifierTable(self._catalog.identifiers())
        opened = Live(row.id, row.model_id, row.created_at, snapshot, searcher, identifiers)
        self._live = replace(opened, partial=row.partial)
        self._metrics.is_live(row, snapshot.manifest)
        logger.info("snapshot is live", extra={"snapshot_id": row.id})

    def _retire(self) -> None:
        """Answer no more from an index that has lost its last track."""
        if self._live is not None:
            self._refuse("no track is in the index any more: run `circumplex index DIR`")
            self._live = None

    def _refuse(self, reason: str) -> None:
        if reason != self._why_not:
            logger.warning(reason)
        self._why_not = reason

    def _poll(self, poll_s: float) -> None:
        away = False  # whether the database was, the last time
        while not self._stop.wait(poll_s):
            try:
                self.refresh()
            except CatalogUnavailableError as exc:  # the old snapshot goes on answering
                if not away:
                    logger.warning("no new snapshot is noticed for now: %s", exc)
                away = True
                continue
            except Exception:  # the next round tries again
                logger.exception("looking for a new snapshot failed")
            away = False


def _warm_up(searcher: TrackSearcher) -> None:
    """Compile what is not compiled yet, and touch the arrays with a few of their own segments."""
    nothing = TrackFilter(duration_max_s=0.0)
    for row in range(min(WARM_UP_QUERIES, searcher.snapshot.manifest.segments)):
        own = SearchRequest(searcher.snapshot.embedding[row : row + 1], 10, direction="m2m")
        for request in (own, replace(own, level="track"), replace(own, filters=nothing)):
            searcher.search(request)
        time.sleep(PAUSE_S)
