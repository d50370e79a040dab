"""Playlists as they go over the wire."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.playlists.queries import Asked
from app.wire.responses import (
    ExplanationOut,
    PlaylistItem,
    ScoringOut,
    SegmentOut,
)
from app.wire.schemas import Scale
from app.wire.tracks import ShownTracks
from indexer.search.searcher import Hit
from indexer.snapshot.reader import Snapshot
from model.scoring import ScoringParams


class Shape:
    """Turns hits into items of a response."""

    def __init__(
        self,
        snapshot: Snapshot,
        tracks: ShownTracks,
        scale: Scale,
        scoring: ScoringParams,
        *,
        explain: bool,
    ) -> None:
        self._snapshot, self._tracks = snapshot, tracks
        self._scale, self._scoring = scale, scoring
        self._explain = explain

    def items(self, hits: Sequence[Hit], asked: Sequence[Asked]) -> list[PlaylistItem]:
        """One item a hit; `asked` is what each of them answers."""
        places = self._on_scale([(hit.arousal, hit.valence) for hit in hits])
        wanted = places
        if self._explain:
            wanted = self._on_scale([(each.arousal, each.valence) for each in asked[: len(hits)]])
        return [
            PlaylistItem(
                rank=rank,
                track=self._tracks[hit.track_id],
                segment=SegmentOut(start_s=hit.start_s, end_s=hit.end_s),
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

    def scoring(self, asked: Sequence[Asked]) -> ScoringOut:
        """How the scores were made."""
        direction = asked[0].direction if asked else "e2m"
        return ScoringOut(kind=self._scoring.kind, lam=self._scoring.lam, direction=direction)

    def _explanation(
        self, hit: Hit, wanted: tuple[float, float], at_s: float | None
    ) -> ExplanationOut:
        lam = self._scoring.lam
        return ExplanationOut(
            cca_contribution=lam * hit.cca,
            kl_contribution=(1.0 - lam) * hit.neg_kl,
            asked_arousal=wanted[0],
            asked_valence=wanted[1],
            at_s=at_s,
        )

    def _on_scale(self, emotions: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """Absolute (arousal, valence) pairs on the scale of the response."""
        values = np.asarray(emotions, dtype=np.float64).reshape(-1, 2)
        if self._scale == "relative":
            values = self._snapshot.scale.to_relative(values)
        return [(float(arousal), float(valence)) for arousal, valence in values]
