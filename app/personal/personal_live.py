"""The live snapshot as one listener sees it: their scale, their tracks' places, their ranking."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.library.groups import Grouped
from app.library.live import EmbeddingModel, Live, TrackSearcher
from app.personal.plane import Plane
from app.wire.responses import PersonalOut
from app.wire.schemas import Scale
from app.wire.tracks import ShownTracks
from indexer.search.balance import Bank
from indexer.search.request import AnyOf, QueryPlaces
from indexer.search.searcher import Hit, SearchRequest, SearchResult
from model.arrays import Doubles


@dataclass(frozen=True)
class PersonalLive(Live):
    """A snapshot on a listener's plane; see `Live`.

    Attributes:
        plane: Of the listener.
    """

    plane: Plane = field(kw_only=True)

    @cached_property
    def shown(self) -> ShownTracks:
        """Its tracks as they go over the wire, which are no other ones here."""
        return self.plane.basis.live.shown

    @cached_property
    def grouped(self) -> Grouped:
        """Its artists, albums, genres and folders, where the listener feels them."""
        common = self.plane.basis.live.grouped
        return Grouped(self.snapshot.tracks, self.plane.places, common)

    def emotion_bank(self, model: EmbeddingModel) -> Bank:
        """Of the catalogue's own plane, on which its rows were balanced."""
        return self.plane.basis.live.emotion_bank(model)

    @property
    def version(self) -> str:
        """Of the snapshot and of the profile."""
        return f"{self.id} {self.plane.profile.owner} {self.plane.profile.version}"

    @property
    def told(self) -> PersonalOut | None:
        """What of the plane answers are made with."""
        return PersonalOut(
            weight=self.plane.profile.weight,
            placed=len(self.plane.said),
            warped=not self.plane.warp.is_identity,
            residual=bool(self.plane.learned.direction.any()),
        )

    def felt_at(self, track_ids: tuple[int, ...]) -> tuple[float, float] | None:
        """Mean (arousal, valence) of tracks as the listener feels them, absolute."""
        rows = [self.snapshot.tracks.row_of(track) for track in track_ids]
        arousal, valence = self.snapshot.scale.to_absolute(self.plane.places[rows].mean(axis=0))
        return float(arousal), float(valence)

    def shown_at(
        self, heard: ArrayLike, scale: Scale, rows: int | Sequence[int] | None = None
    ) -> Doubles:
        """See `Live.shown_at`."""
        felt = self.snapshot.scale.to_relative(heard)
        if rows is not None:
            felt = np.clip(felt + self.plane.moved[rows], -1.0, 1.0)
        return felt if scale == "relative" else self.plane.scale.felt(felt)

    def liked(
        self, scores: NDArray[np.float64], rows: Sequence[int], places: QueryPlaces
    ) -> NDArray[np.float64]:
        """See `Live.liked`."""
        relative = self.plane.basis.live.snapshot.scale.to_relative
        added = self.plane.addition(relative(places.felt), relative(places.heard))
        every = np.arange(len(self.snapshot.tracks) + 1)  # a track a row
        return added.totalled(scores, np.asarray(rows, dtype=np.int64), every)

    def shown_places(self, hits: Sequence[Hit], scale: Scale) -> list[tuple[float, float]]:
        """(arousal, valence) of hits; tracks that the listener placed lie where they were put."""
        shown = super().shown_places(hits, scale)
        for at, hit in enumerate(hits):
            row = self.snapshot.tracks.row_of(hit.track_id)
            if row in self.plane.said_rows:
                shown[at] = self.place_of(hit.track_id, scale)
        return shown

    def places(self, scale: Scale) -> NDArray[np.float64]:
        """(arousal, valence) of each track as the listener feels it, [T, 2]."""
        if scale == "relative":
            return self.plane.places
        return self._absolute_places

    @cached_property
    def _absolute_places(self) -> NDArray[np.float64]:
        return self.plane.scale.felt(self.plane.places)


class PersonalSearcher:
    """Ranks tracks on a listener's plane, with the same proof (ADR 0092)."""

    def __init__(self, plain: TrackSearcher, plane: Plane) -> None:
        self.snapshot = plain.snapshot
        self._plain, self._plane = plain, plane

    def search(self, request: SearchRequest) -> list[SearchResult]:
        """As `Searcher.search`; places of the answer are the model's."""
        return self._plain.search(self._added(request))

    def search_union(self, any_of: AnyOf, request: SearchRequest) -> SearchResult:
        """As `Searcher.search_union`; places of the answer are the model's."""
        return self._plain.search_union(any_of, self._added(request))

    def hit_of(self, track_id: int, request: SearchRequest) -> Hit:
        """As `Searcher.hit_of`; its place is the model's."""
        return self._plain.hit_of(track_id, self._added(request))

    def _added(self, request: SearchRequest) -> SearchRequest:
        if request.places is None:
            return request
        relative = self._plane.basis.live.snapshot.scale.to_relative
        heard = relative(request.places.heard) if request.direction == "m2m" else None
        asked = relative(request.places.felt)
        return replace(request, addition=self._plane.addition(asked, heard))


def on_plane(live: Live, plane: Plane) -> PersonalLive:
    """The snapshot on one listener's plane."""
    snapshot = copy.copy(live.snapshot)
    snapshot.scale = plane.scale
    searcher: TrackSearcher = PersonalSearcher(live.searcher, plane)
    return PersonalLive(
        live.id,
        live.model_id,
        live.created_at,
        snapshot,
        searcher,
        live.identifiers,
        live.partial,
        plane=plane,
    )
