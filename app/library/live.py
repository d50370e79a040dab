"""An open snapshot with its searcher, as requests use it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.library.groups import Grouped
from app.wire.identifiers import IdentifierTable
from app.wire.responses import PersonalOut
from app.wire.schemas import Scale
from app.wire.tracks import ShownTracks
from indexer.search.balance import Bank, EmotionEmbedder, embedded_bank
from indexer.search.request import AnyOf, QueryPlaces
from indexer.search.searcher import Hit, SearchRequest, SearchResult
from indexer.shards.gather import ShardedSearcher
from indexer.snapshot.reader import Snapshot
from model.arrays import Doubles
from model.feelings.moods import plane_words
from model.scoring import ScoringParams
from model.verdict import KINDS

_CALLED = {"music": "music", "speech": "speech", "noise": "noise or tone", "short": "too short"}


class TrackSearcher(Protocol):
    """What ranks the tracks of one snapshot: `Searcher`, or all its shards together."""

    snapshot: Snapshot

    def search(self, request: SearchRequest) -> list[SearchResult]:
        """The tracks that score best for each query."""

    def search_union(self, any_of: AnyOf, request: SearchRequest) -> SearchResult:
        """The tracks that score best for any of several points."""

    def hit_of(self, track_id: int, request: SearchRequest) -> Hit:
        """How one track fits a query."""


OpenSearcher = Callable[[Snapshot, ScoringParams, str], TrackSearcher]
"""Opens what searches a snapshot with the checkpoint's scoring, on a device."""


class EmbeddingModel(EmotionEmbedder, Protocol):
    """A model that has a name."""

    model_id: str


class KeptAnswers:
    """Answers that are written once, however many ask for them together."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, bytes] = {}
        self._lock = threading.Lock()

    def written(self, key: Hashable, write: Callable[[], bytes]) -> bytes:
        """The answer of this key; `write` makes it, in one thread while the others wait."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = write()
            return self._kept[key]


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
    _banks: dict[str, Bank] = field(default_factory=dict, repr=False)

    def replicas_answering(self) -> list[int]:
        """How many processes can answer for each shard of it now."""
        if isinstance(self.searcher, ShardedSearcher):
            return self.searcher.shards.replicas_answering()
        return [1]

    @cached_property
    def shown(self) -> ShownTracks:
        """Its tracks as they go over the wire."""
        return ShownTracks(self.snapshot, self.identifiers)

    def emotion_bank(self, model: EmbeddingModel) -> Bank:
        """What new music is balanced with (`balance.as_music`); embedded once a model."""
        bank = self._banks.get(model.model_id)
        if bank is None:  # two at once make the same
            bank = self._banks[model.model_id] = embedded_bank(self.snapshot, model)
        return bank

    def artists_of(self, hit: Hit) -> tuple[int, ...]:
        """Numbers of a track's artists; none where they are unknown."""
        tracks = self.snapshot.tracks
        return tracks.artist_groups.of(tracks.row_of(hit.track_id))

    @cached_property
    def kept(self) -> KeptAnswers:
        """Large answers that are the same for all who ask."""
        return KeptAnswers()

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

    def shown_at(
        self, heard: ArrayLike, scale: Scale, rows: int | Sequence[int] | None = None
    ) -> Doubles:
        """Places as answers show them: where a listener feels what the model hears there.

        Args:
            heard: (arousal, valence), absolute, [.., 2].
            scale: Of the answer.
            rows: Of the tracks that these are places of, one or as many as places; None: of none.

        Returns:
            [.., 2].
        """
        values = np.asarray(heard, dtype=np.float64)
        return values if scale == "absolute" else self.snapshot.scale.to_relative(values)

    def liked(
        self, scores: NDArray[np.float64], rows: Sequence[int], places: QueryPlaces
    ) -> NDArray[np.float64]:
        """Scores of tracks for music as the question, with what a listener adds to them, [Q, N].

        Args:
            scores: As the model scores them.
            rows: Of the tracks.
            places: Where the questions lie.
        """
        return scores

    def shown_places(self, hits: Sequence[Hit], scale: Scale) -> list[tuple[float, float]]:
        """(arousal, valence) of hits on a scale."""
        heard = np.array([(hit.arousal, hit.valence) for hit in hits]).reshape(-1, 2)
        rows = self.snapshot.tracks.ids.searchsorted([hit.track_id for hit in hits])
        shown = self.shown_at(heard, scale, rows.tolist()).tolist()
        return [(arousal, valence) for arousal, valence in shown]

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
        return self.track_emotion if scale == "absolute" else self._relative_places

    @cached_property
    def _relative_places(self) -> NDArray[np.float64]:
        return self.snapshot.scale.to_relative(self.track_emotion)

    def place_of(self, track_id: int, scale: Scale) -> tuple[float, float]:
        """(arousal, valence) of a track as a whole on a scale.

        Raises:
            TrackNotFoundError: The snapshot lacks it.
        """
        arousal, valence = self.places(scale)[self.snapshot.tracks.row_of(track_id)].tolist()
        return arousal, valence

    @cached_property
    def mood_words(self) -> list[str]:
        """The mood word nearest to each track."""
        places, words = self.places("relative"), plane_words()  # [T, 2]
        nearest, least = np.zeros(len(places), dtype=np.intp), np.full(len(places), np.inf)
        for index, (valence, arousal) in enumerate(words.values()):
            distance = ((places - [arousal, valence]) ** 2).sum(axis=1)
            nearest[distance < least] = index
            least = np.minimum(distance, least)
        names = list(words)
        return [names[index] for index in nearest.tolist()]

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
