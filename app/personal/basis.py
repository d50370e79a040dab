"""What every listener's plane of one snapshot is learned from.

Letters: T tracks, S segments, R features, Q places of a grid.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from app.library.live import Live
from app.personal.recordings import Recordings
from indexer.search.balance import EmotionEmbedder, embedded_bank, unbalanced
from indexer.search.columns import doubled, points
from model.embedding import Embedding
from model.feelings.regions import PLANE_LEVELS
from model.personal.features import features_of
from model.scoring import composite_item_vectors, composite_query_vectors

Doubles = NDArray[np.float64]

_SAMPLE = 2000  # tracks that the fall of scores with distance is measured on
_WIDEST = 100.0  # standard deviation where scores do not fall with distance at all
_SHORTEST_S = 60.0  # of a track that a listener is asked about
_OBSCURE = re.compile(r"\b(intro|outro|interlude|skit|reprise|prelude)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Basis:
    """A snapshot as listeners' planes need it.

    Attributes:
        live: The snapshot.
        heard: (arousal, valence) of each track by the model, relative, [T, 2].
        features: What taste may depend on, [T, R].
        variance: Of the Gaussian on the relative plane that scores fall with, about.
        recordings: Its recordings by what names them.
    """

    live: Live
    heard: Doubles
    features: Doubles
    variance: float
    recordings: Recordings

    @classmethod
    def of(cls, live: Live, model: EmotionEmbedder) -> Basis:
        """Read a snapshot once."""
        heard, bank = live.places("relative"), embedded_bank(live.snapshot, model)
        rows = _whole_rows(live)
        own = live.snapshot.embedding[rows]
        if own.mu.shape[1] == bank.mu.shape[1] + 1:
            own = unbalanced(own)
        variance = _variance(own, bank, heard, model)
        return cls(live, heard, features_of(own), variance, Recordings(live))

    @cached_property
    def may_be_asked(self) -> NDArray[np.bool_]:
        """The tracks that a listener may know: music, no copies, no intros, [T]."""
        tracks = self.live.snapshot.tracks
        allowed = tracks.answering.of_kinds() & tracks.answering.best
        known = np.array(
            [
                record.duration_s >= _SHORTEST_S and not _OBSCURE.search(record.title or "")
                for record in tracks
            ],
            dtype=np.bool_,
        )
        return allowed & known if (allowed & known).any() else allowed


def _whole_rows(live: Live) -> NDArray[np.intp]:
    """The first segment of each track that stands for the whole of it, [T]."""
    first = np.asarray(live.snapshot.track_first)
    whole = np.flatnonzero(live.snapshot.whole)
    return whole[np.searchsorted(whole, first[:-1])]


def _variance(own: Embedding, bank: Embedding, heard: Doubles, model: EmotionEmbedder) -> float:
    """How scores fall with distance on the relative plane: the variance of a Gaussian.

    Once the mean of each question and of each track is taken off, `-|p - y|^2 / (2 v)` leaves
    `p.y / v`, to which the scores of emotions all over the plane are fitted.
    """
    if len(heard) < 2:
        return _WIDEST**2
    rows = np.linspace(0, len(heard) - 1, min(_SAMPLE, len(heard))).astype(np.intp)
    params = doubled(model.scoring).with_kind("gaussian")
    asked = composite_query_vectors(points(bank), params, "e2m")
    items = composite_item_vectors(points(own[rows]), params, "e2m")
    score = (asked @ items.T).numpy()  # [Q, T], up to a constant a question
    grid = np.array([[a, v] for v in PLANE_LEVELS for a in PLANE_LEVELS])  # as `emotion_bank`
    places = heard[rows]
    product = (grid - grid.mean(axis=0)) @ (places - places.mean(axis=0)).T
    score = score - score.mean(axis=1, keepdims=True)
    slope = float((score * product).sum() / max(float((product**2).sum()), 1e-12))
    return 1.0 / max(slope, _WIDEST**-2)
