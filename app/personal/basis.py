"""What every listener's plane of one snapshot is learned from.

Letters: T tracks, S segments, R features, Q places of a grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from app.library.live import EmbeddingModel, Live
from app.personal.recordings import Recordings
from indexer.search.balance import as_query, unbalanced
from indexer.search.columns import doubled, points
from indexer.snapshot.filters import TrackFilter, TrackTerms
from model.arrays import Doubles
from model.embedding import Embedding
from model.feelings.regions import PLANE_LEVELS
from model.personal.features import features_of
from model.scoring import (
    composite_item_vectors,
    composite_query_constant,
    composite_query_vectors,
)

GRID = np.array(PLANE_LEVELS)  # of each axis, as `emotion_bank` asks
_SAMPLE = 2000  # tracks that the fall of scores with distance is measured on
_WIDEST = 100.0  # standard deviation where scores do not fall with distance at all
_SHORTEST_S = 60.0  # of a track that a listener is asked about
_OBSCURE = ("intro", "outro", "interlude", "skit", "reprise", "prelude")


@dataclass(frozen=True)
class Basis:
    """A snapshot as listeners' planes need it.

    Attributes:
        live: The snapshot.
        heard: (arousal, valence) of each track by the model, relative, [T, 2].
        features: What taste may depend on, [T, R].
        variance: Of the Gaussian on the relative plane that scores fall with, about.
        best: About what the best track scores where a place of `GRID` is asked for, [G, G]
            (arousal, valence).
        recordings: Its recordings by what names them.
    """

    live: Live
    heard: Doubles
    features: Doubles
    variance: float
    best: Doubles
    recordings: Recordings

    @classmethod
    def of(cls, live: Live, model: EmbeddingModel) -> Basis:
        """Read a snapshot once."""
        heard, bank = live.places("relative"), live.emotion_bank(model).emotions
        rows = _whole_rows(live)
        own = live.snapshot.embedding[rows]
        if own.mu.shape[1] == bank.mu.shape[1] + 1:
            own = unbalanced(own)
        score, sampled = _scores(live, bank, rows, model)
        variance, best = _variance(score, heard[sampled]), _best(score)
        return cls(live, heard, features_of(own), variance, best, Recordings(live))

    def best_at(self, places: Doubles) -> Doubles:
        """About what the best track scores where places are asked for, [Q]: between the grid's."""
        at = np.interp(places, GRID, np.arange(len(GRID)))  # [Q, 2]
        low = np.minimum(at.astype(np.intp), len(GRID) - 2)
        along, across = (at - low).T
        a, v = low.T
        near = (1.0 - across) * self.best[a, v] + across * self.best[a, v + 1]
        far = (1.0 - across) * self.best[a + 1, v] + across * self.best[a + 1, v + 1]
        return np.asarray((1.0 - along) * near + along * far)

    @cached_property
    def may_be_asked(self) -> NDArray[np.bool_]:
        """The tracks that a listener may know: music, one of each recording, no intros, [T]."""
        tracks = self.live.snapshot.tracks
        obscure = TrackTerms(title=_OBSCURE)
        known = tracks.passing(TrackFilter(duration_min_s=_SHORTEST_S, exclude=obscure))
        return known if known.any() else tracks.passing(TrackFilter())


def _whole_rows(live: Live) -> NDArray[np.intp]:
    """The first segment of each track that stands for the whole of it, [T]."""
    first = np.asarray(live.snapshot.track_first)
    whole = np.flatnonzero(live.snapshot.whole)
    return whole[np.searchsorted(whole, first[:-1])]


def _scores(
    live: Live, bank: Embedding, rows: NDArray[np.intp], model: EmbeddingModel
) -> tuple[Doubles, NDArray[np.intp]]:
    """What tracks score for emotions all over the plane, [Q, tracks], and which tracks."""
    sampled = np.linspace(0, len(rows) - 1, min(_SAMPLE, len(rows))).astype(np.intp)
    params = doubled(model.scoring).with_kind("gaussian")
    own = live.snapshot.embedding
    asked, items = points(as_query(bank, own)), points(own[rows[sampled]])
    vectors = composite_query_vectors(asked, params, "e2m")
    constant = composite_query_constant(asked, params, "e2m")[:, None]
    score = vectors @ composite_item_vectors(items, params, "e2m").T + constant
    return np.asarray(score.numpy()), sampled


def _best(score: Doubles) -> Doubles:
    """The best score of each emotion of the bank, as a grid, [arousal, valence]."""
    if not score.shape[1]:
        return np.zeros((len(GRID), len(GRID)))
    best = score.max(axis=1).reshape(len(GRID), len(GRID))  # the bank has valence outside
    return np.asarray(best.T.copy())


def _variance(score: Doubles, heard: Doubles) -> float:
    """How scores fall with distance on the relative plane: the variance of a Gaussian.

    Once the mean of each question and of each track is taken off, `-|p - y|^2 / (2 v)` leaves
    `p.y / v`, to which the scores of emotions all over the plane are fitted.
    """
    if len(heard) < 2:
        return _WIDEST**2
    grid = np.array([(arousal, valence) for valence in GRID for arousal in GRID])
    product = (grid - grid.mean(axis=0)) @ (heard - heard.mean(axis=0)).T  # [Q, tracks]
    centred = score - score.mean(axis=1, keepdims=True)
    slope = float((centred * product).sum() / max(float((product**2).sum()), 1e-12))
    return 1.0 / max(slope, _WIDEST**-2)
