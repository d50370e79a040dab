"""Fair chances for every track: what keeps a few tracks from answering every query (ADR 0031).

In a catalogue of one style all tracks lie close together, and those that lie in their midst, or
have wide Gaussians, are near to everything. So each row's similarity to a query is read relative to
its similarity to emotions all over the catalogue's own plane: `score - ln mean exp score`, the
log-probability of the emotion given the music.

What is not known well does not win a mood: a track also loses the logarithm of its standard
deviations (ADR 0079).

What is subtracted depends on the row alone. It is kept as one more Gaussian dimension, in which
queries are N(0, 1) and row j is N(m_j, 1): KL is then larger by m_j^2 / 2, and every scoring,
engine and bound stays as it is. Letters: S segments, Q bank queries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from indexer.search.columns import doubled, points
from indexer.snapshot.reader import Snapshot
from model.curves.curve import EmotionCurve, QuantileScale
from model.embedding import Embedding
from model.feelings.regions import PLANE_LEVELS
from model.scoring import (
    ScoringParams,
    composite_item_vectors,
    composite_query_constant,
    composite_query_vectors,
)

_ROWS = 65_536  # scored at once
_LEAST_SD = 1e-3


class EmotionEmbedder(Protocol):
    """What balancing needs of `model.emotion_model.EmotionModel`."""

    scoring: ScoringParams

    def embed_emotion(self, curves: Sequence[EmotionCurve]) -> Embedding:
        """Embed curves of the absolute scale."""


def as_query(embedding: Embedding, candidates: Embedding) -> Embedding:
    """Rows of the model's own spaces as queries to `candidates`, balanced or not."""
    if embedding.mu.shape[1] + 1 != candidates.mu.shape[1]:
        return embedding
    return with_dimension(embedding, np.zeros(len(embedding)))


def embedded_bank(snapshot: Snapshot, model: EmotionEmbedder) -> Embedding:
    """Emotions all over a snapshot's plane, embedded, for `as_music`: the same for all music."""
    return model.embed_emotion(emotion_bank(snapshot.scale))


def as_music(
    embedding: Embedding,
    snapshot: Snapshot,
    model: EmotionEmbedder,
    bank: Callable[[], Embedding],
    sd: NDArray[np.floating[Any]],
) -> Embedding:
    """Rows of new music as the catalogue's own would be, to ask for similar music.

    Args:
        embedding: The rows.
        snapshot: The catalogue.
        model: Embedded both.
        bank: Gives `embedded_bank` of the two; called where rows are balanced.
        sd: Standard deviation of each row's (arousal, valence), [rows, 2].
    """
    rows = snapshot.embedding
    if embedding.mu.shape[1] + 1 != rows.mu.shape[1]:
        return embedding
    anchor = _as_float32(rows[:1])
    both = Embedding.concatenate([unbalanced(anchor), embedding])
    attraction = attraction_of(bank(), both, model.scoring)
    _, _, anchor_sd = snapshot.curve(snapshot.tracks[0].id)
    attraction += np.concatenate([doubt(mean_sd(anchor_sd)[None]), doubt(sd)])
    weight = kl_weight(model.scoring)
    least = attraction[0] - weight * float(anchor.mu[0, -1]) ** 2 / 2.0
    excess = np.maximum(attraction[1:] - least, 0.0)
    return with_dimension(embedding, np.sqrt(2.0 * excess / weight))


def doubt(sd: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """What rows lose because little is known of them, in nats, up to a constant; [N, 2] -> [N].

    The peak of a Gaussian over the plane falls with the product of its standard deviations.
    """
    lost: NDArray[np.float64] = np.log(np.maximum(sd.astype(np.float64), _LEAST_SD)).sum(axis=1)
    return lost


def mean_sd(curve_sd: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """The standard deviation of a whole track, [2], from that of its curve, [T, 2]."""
    root: NDArray[np.float64] = np.sqrt((curve_sd.astype(np.float64) ** 2).mean(axis=0))
    return root


def unbalanced(embedding: Embedding) -> Embedding:
    """Balanced rows as the model embedded them."""
    return Embedding(embedding.phi, embedding.mu[:, :-1], embedding.var[:, :-1])


def kl_weight(scoring: ScoringParams) -> float:
    """What -KL weighs in the score, not less than a thousandth."""
    return max(1.0 - scoring.lambda_gaussian, 1e-3)


def _as_float32(embedding: Embedding) -> Embedding:
    parts = (embedding.phi, embedding.mu, embedding.var)
    return Embedding(*(part.astype(np.float32) for part in parts))


def with_dimension(embedding: Embedding, mean: NDArray[np.float64]) -> Embedding:
    """The rows with one more Gaussian dimension of variance 1 and these means, [S]."""
    column = mean[:, None].astype(np.float32)
    return Embedding(
        embedding.phi,
        np.concatenate([embedding.mu, column], axis=1),
        np.concatenate([embedding.var, np.ones_like(column)], axis=1),
    )


def emotion_bank(scale: QuantileScale) -> list[EmotionCurve]:
    """Steady emotions all over the plane of a relative scale."""
    return [
        EmotionCurve.constant(float(valence), float(arousal)).mapped(scale)
        for valence in PLANE_LEVELS
        for arousal in PLANE_LEVELS
    ]


def attraction_of(bank: Embedding, rows: Embedding, scoring: ScoringParams) -> NDArray[np.float64]:
    """Ln mean exp of each row's composite scores over the bank, [S], in nats."""
    params = doubled(scoring).with_kind("gaussian")
    asked = points(bank)
    queries = composite_query_vectors(asked, params, "e2m")  # [Q, K]
    constant = composite_query_constant(asked, params, "e2m")[:, None]  # [Q, 1]
    parts = []
    for start in range(0, len(rows), _ROWS):
        items = composite_item_vectors(points(rows[start : start + _ROWS]), params, "e2m")
        parts.append(torch.logsumexp(queries @ items.T + constant, dim=0))
    return np.asarray(torch.cat(parts).numpy() - np.log(len(bank)), dtype=np.float64)
