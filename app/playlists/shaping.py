"""Playlists as they go over the wire."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from app.library.live import Live
from app.playlists.queries import EmbeddedQuery
from app.wire.fit import Place, fit, reason
from app.wire.responses import (
    ExplanationOut,
    PlaylistItem,
    ScoringOut,
    SegmentOut,
)
from app.wire.schemas import Scale
from indexer.search.searcher import Hit
from model.scoring import ScoringParams


class Shape:
    """Turns hits into items of a response."""

    def __init__(
        self,
        live: Live,
        scale: Scale,
        scoring: ScoringParams,
        *,
        explain: bool,
    ) -> None:
        self._live, self._tracks = live, live.shown
        self._scale, self._scoring = scale, scoring
        self._explain = explain

    def items(self, hits: Sequence[Hit], asked: Sequence[EmbeddedQuery]) -> list[PlaylistItem]:
        """One item a hit; `asked` is what each of them answers."""
        places = self._live.shown_places(hits, self._scale)
        wanted = self._wanted(places, asked)
        return [
            PlaylistItem(
                rank=rank,
                track=self._tracks[hit.track_id],
                segment=SegmentOut(start_s=hit.start_s, end_s=hit.end_s),
                fit=fit(place, want),
                reason=reason(place, want),
                score=hit.score,
                rho_sim=hit.cca,
                neg_kl=hit.neg_kl,
                arousal=place[0],
                valence=place[1],
                explanation=self._explanation(hit, want, query.at_s) if self._explain else None,
            )
            for rank, (hit, place, want, query) in enumerate(
                zip(hits, places, wanted, asked, strict=False), start=1
            )
        ]

    def _wanted(self, places: Sequence[Place], asked: Sequence[EmbeddedQuery]) -> list[Place]:
        """What was asked for each place; of a region, its point nearest to the track."""
        wanted = self._shown([(each.arousal, each.valence) for each in asked[: len(places)]])
        region = asked[0].points if asked else None
        if region is None:
            return wanted
        any_of = asked[0].any_of
        points = self._shown(region if any_of is None else region[any_of.weights > 0.0])
        return [min(points, key=partial(math.dist, place)) for place in places]

    def scoring(self, asked: Sequence[EmbeddedQuery]) -> ScoringOut:
        """How the scores were made."""
        direction = asked[0].direction if asked else "e2m"
        return ScoringOut(kind=self._scoring.kind, lam=self._scoring.lam, direction=direction)

    def _explanation(self, hit: Hit, wanted: Place, at_s: float | None) -> ExplanationOut:
        lam = self._scoring.lam
        cca, kl = lam * hit.cca, (1.0 - lam) * hit.neg_kl
        personal = 0.0 if self._live.told is None else hit.score - cca - kl
        return ExplanationOut(
            cca_contribution=cca,
            kl_contribution=kl,
            personal_contribution=personal,
            asked_arousal=wanted[0],
            asked_valence=wanted[1],
            at_s=at_s,
        )

    def _shown(self, emotions: ArrayLike) -> list[Place]:
        """Absolute (arousal, valence) pairs as the response shows them."""
        heard = np.asarray(emotions, dtype=np.float64).reshape(-1, 2)
        shown = self._live.shown_at(heard, self._scale).tolist()
        return [(arousal, valence) for arousal, valence in shown]
