"""The live snapshot as one listener sees it: their scale, their tracks' places, their ranking."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from app.library.live import EmbeddingModel, Live, TrackSearcher
from app.personal.plane import Plane
from app.wire.responses import PersonalOut
from app.wire.schemas import Scale
from app.wire.tracks import ShownTracks
from indexer.search.balance import Bank
from indexer.search.request import AnyOf, QueryPlaces
from indexer.search.searcher import Hit, SearchRequest, SearchResult


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

    def moved(self, row: int) -> tuple[float, float]:
        """See `Live.moved`."""
        arousal, valence = self.plane.moved[row].tolist()
        return arousal, valence

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
        if scale == "absolute":
            return shown
        for at, hit in enumerate(hits):
            row = self.snapshot.tracks.row_of(hit.track_id)
            if row in self.plane.said_rows:
                arousal, valence = self.plane.places[row].tolist()
                shown[at] = arousal, valence
        return shown

    def places(self, scale: Scale) -> NDArray[np.float64]:
        """(arousal, valence) of each track as the listener feels it, [T, 2]."""
        if scale == "relative":
            return self.plane.places
        return self.plane.basis.live.snapshot.scale.to_absolute(self.plane.places)


class PersonalSearcher:
    """Ranks tracks on a listener's plane, with the same proof (ADR 0092)."""

    def __init__(self, plain: TrackSearcher, plane: Plane) -> None:
        self.snapshot = plain.snapshot
        self._plain, self._plane = plain, plane
        self._scale, self._moved = plane.scale, plane.moved

    def search(self, request: SearchRequest) -> list[SearchResult]:
        """As `Searcher.search`; places of the answer are the listener's."""
        found = self._plain.search(self._added(request))
        return [replace(result, hits=self._felt(result.hits)) for result in found]

    def search_union(self, any_of: AnyOf, request: SearchRequest) -> SearchResult:
        """As `Searcher.search_union`; places of the answer are the listener's."""
        found = self._plain.search_union(any_of, self._added(request))
        return replace(found, hits=self._felt(found.hits))

    def hit_of(self, track_id: int, request: SearchRequest) -> Hit:
        """As `Searcher.hit_of`; its place is the listener's."""
        return self._felt((self._plain.hit_of(track_id, self._added(request)),))[0]

    def _added(self, request: SearchRequest) -> SearchRequest:
        if request.places is None:
            return request
        relative = self._plane.basis.live.snapshot.scale.to_relative
        heard = relative(request.places.heard) if request.direction == "m2m" else None
        asked = relative(request.places.felt)
        return replace(request, addition=self._plane.addition(asked, heard))

    def _felt(self, hits: tuple[Hit, ...]) -> tuple[Hit, ...]:
        rows = self.snapshot.tracks.ids.searchsorted([hit.track_id for hit in hits])
        moved = self._moved[rows]
        elsewhere = np.flatnonzero(moved.any(axis=1))
        if not len(elsewhere):  # the scale alone translates what the model hears
            return hits
        heard = np.array([(hits[at].arousal, hits[at].valence) for at in elsewhere])
        places = np.clip(self._scale.to_relative(heard) + moved[elsewhere], -1.0, 1.0)
        felt = self._scale.to_absolute(places).tolist()
        shown = list(hits)
        for at, (arousal, valence) in zip(elsewhere.tolist(), felt, strict=True):
            shown[at] = hits[at]._replace(arousal=arousal, valence=valence)
        return tuple(shown)


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
