"""Fair chances for every track: what keeps a few tracks from answering every query (ADR 0031).

In a catalogue of one style all tracks lie close together, and those that lie in their midst, or
have wide Gaussians, are near to everything. So each row's similarity to a query is read relative to
its similarity to emotions all over the catalogue's own plane: `score - ln sum w exp(p score) / p`,
the log-probability of the emotion given the music. The places' weights w are such that over all
tracks each place is as probable as any other; the power p says how much of a likelihood counts (ADR
0100).

What is not known well does not win a mood: a track also loses the logarithm of its standard
deviations (ADR 0079). And valence counts by how far the catalogue's own music spreads in it: the
model's dimension of valence is made as wide as that (ADR 0098).

What is subtracted depends on the row alone. It is kept as one more Gaussian dimension, in which
queries are N(0, 1) and row j is N(m_j, 1): KL is then larger by m_j^2 / 2, and every scoring,
engine and bound stays as it is. Letters: S segments, Q bank queries, N tracks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from indexer.search.columns import doubled, points
from indexer.snapshot.reader import Snapshot
from model.analysis import SEGMENT_S
from model.arrays import Doubles
from model.curves.curve import EmotionCurve, QuantileScale
from model.embedding import Embedding
from model.feelings.regions import PLANE_LEVELS
from model.late_dimensions import EMPHASIS_VAR
from model.scoring import (
    ScoringParams,
    composite_item_vectors,
    composite_query_constant,
    composite_query_vectors,
)

_ROWS = 65_536  # scored at once
_LEAST_SD = 1e-3
_LEAST_S = 1.0
STRETCH_VAR = np.array([0.0097, 0.0065])
"""Variance of the model's (arousal, valence) of `SEGMENT_S` about that of the piece: measured on 98
pieces of Emotify and 28 of Wesnoth (.0117, .0079), less what people's own moves within a clip."""

CALIBRATED_S = 45.0
"""Length of the songs that stated standard deviations are calibrated on."""

FEW_TRACKS = 5.0
"""So many tracks say as much of a catalogue's spread in valence as the training music does."""

LIKELIHOOD_POWER = 0.65
"""How much of a likelihood counts. Networks and experts hear the same music, so that their errors
go together and their sum claims too much: what raters of Emotify and MuSe say is most probable with
a power of .5, what annotators of DEAM say with one of .65 to .8 (ADR 0100)."""

_ROUNDS = 50  # of Sinkhorn's iteration; the weights hardly move after ten
_TRACKS = 4096  # that the weights of places are found with, at most
_LEAST_LOG = -500.0  # of a likelihood that still counts, to the track's largest


class EmotionEmbedder(Protocol):
    """What balancing needs of `model.emotion_model.EmotionModel`."""

    scoring: ScoringParams

    @property
    def emphasises(self) -> bool:
        """Whether the last dimension of its rows is that of valence."""

    def embed_emotion(self, curves: Sequence[EmotionCurve]) -> Embedding:
        """Embed curves of the absolute scale."""


def as_query(embedding: Embedding, candidates: Embedding) -> Embedding:
    """Rows of the model's own spaces as queries to `candidates`, balanced or not."""
    if embedding.mu.shape[1] + 1 != candidates.mu.shape[1]:
        return embedding
    return with_dimension(embedding, np.zeros(len(embedding)))


@dataclass(frozen=True)
class Bank:
    """Emotions all over a catalogue's plane, and what each counts.

    Attributes:
        emotions: Embedded, Q rows.
        log_weights: [Q]; the weights sum to 1.
    """

    emotions: Embedding
    log_weights: Doubles

    @classmethod
    def of(cls, scale: QuantileScale, rows: Embedding, model: EmotionEmbedder) -> Bank:
        """The bank of a catalogue.

        Were all places to count alike, the tracks at the ends of a plane would be taken to lie
        beyond it, and the next ones to lie at the ends: an estimate of emotion is drawn to the
        mean, a likelihood is not. So places are weighted until each has as much of all tracks'
        probability as any other.

        Args:
            scale: Of the catalogue.
            rows: Of the N tracks that answer, balanced or not.
            model: Embedded them.
        """
        emotions = model.embed_emotion(emotion_bank(scale))
        own = rows[np.linspace(0, len(rows) - 1, min(_TRACKS, len(rows))).astype(np.intp)]
        if own.mu.shape[1] == emotions.mu.shape[1] + 1:
            own = unbalanced(own)
        scores = torch.cat(list(_scores(emotions, own, model.scoring)), dim=1).numpy()
        return cls(emotions, _even_log_weights(LIKELIHOOD_POWER * scores))


def _even_log_weights(log_likelihood: Doubles) -> Doubles:
    """Weights of places with which all have equal shares of all tracks, [Q, N] -> [Q].

    Rows and columns are brought to equal sums in turn (Sinkhorn & Knopp 1967).
    """
    places, tracks = log_likelihood.shape
    weights = np.full(places, 1.0 / places)
    if tracks:
        below = log_likelihood - log_likelihood.max(axis=0)
        likelihood = np.exp(np.maximum(below, _LEAST_LOG))  # [Q, N]
        for _ in range(_ROUNDS):
            weights = 1.0 / (likelihood @ (1.0 / (weights @ likelihood)))
            weights /= weights.sum()
    return np.asarray(np.log(weights), dtype=np.float64)


def embedded_bank(snapshot: Snapshot, model: EmotionEmbedder) -> Bank:
    """The bank that a snapshot was balanced with, for `as_music`: the same for all music."""
    standing = snapshot.tracks.answering.standing(snapshot.whole, snapshot.track_first)
    return Bank.of(snapshot.scale, snapshot.embedding[np.flatnonzero(standing)], model)


def as_music(
    embedding: Embedding,
    snapshot: Snapshot,
    model: EmotionEmbedder,
    bank: Callable[[], Bank],
    sd: NDArray[np.floating[Any]],
) -> Embedding:
    """Rows of new music as the catalogue's own would be, to ask for similar music.

    Args:
        embedding: The rows.
        snapshot: The catalogue.
        model: Embedded both.
        bank: Gives `embedded_bank` of the two; called where rows are balanced.
        sd: `piece_sd` of each row, [rows, 2].
    """
    rows = snapshot.embedding
    if embedding.mu.shape[1] + 1 != rows.mu.shape[1]:
        return embedding
    anchor = _as_float32(rows[:1])
    if model.emphasises:
        embedding = with_valence_var(embedding, float(anchor.var[0, -2]))
    both = Embedding.concatenate([unbalanced(anchor), embedding])
    attraction = attraction_of(bank(), both, model.scoring)
    first = snapshot.tracks[0]
    _, _, curve_sd = snapshot.curve(first.id)
    anchor_sd = piece_sd(curve_sd, first.duration_s)
    attraction += np.concatenate([doubt(anchor_sd[None]), doubt(sd)])
    weight = kl_weight(model.scoring)
    least = attraction[0] - weight * float(anchor.mu[0, -1]) ** 2 / 2.0
    excess = np.maximum(attraction[1:] - least, 0.0)
    return with_dimension(embedding, np.sqrt(2.0 * excess / weight))


def doubt(sd: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """What rows lose because little is known of them, up to a constant; [N, 2] -> [N].

    The peak of a Gaussian over the plane falls with the product of its standard deviations. In nats
    of the score, so that as much of it counts as of a likelihood (ADR 0100).
    """
    lost: NDArray[np.float64] = np.log(np.maximum(sd.astype(np.float64), _LEAST_SD)).sum(axis=1)
    return lost


def piece_sd(curve_sd: NDArray[np.floating[Any]], duration_s: float) -> NDArray[np.float64]:
    """The standard deviation of a whole piece's (arousal, valence), [2].

    The model errs anew in each stretch of music, so that more is known of a piece of many stretches
    than of a short one (ADR 0079).

    Args:
        curve_sd: Of its curve, [T, 2].
        duration_s: How long it is.
    """
    own = (curve_sd.astype(np.float64) ** 2).mean(axis=0)
    stretches = SEGMENT_S / max(duration_s, _LEAST_S) - SEGMENT_S / CALIBRATED_S
    root: NDArray[np.float64] = np.sqrt(np.maximum(own + STRETCH_VAR * stretches, own / 4.0))
    return root


def valence_var(rows: Embedding, scoring: ScoringParams) -> float:
    """Variance of the dimension of valence in a catalogue, whose tracks' rows are given.

    It is the tracks' own over that of the model's training music, whose dimension has 1, and drawn
    to 1 where there are few tracks.
    """
    values = rows.mu[:, -1].astype(np.float64)
    own = EMPHASIS_VAR * kl_weight(scoring) * ((values - values.mean()) ** 2).sum()
    return float((own + FEW_TRACKS) / (len(values) + FEW_TRACKS))


def with_valence_var(embedding: Embedding, var: float) -> Embedding:
    """Rows of the model whose dimension of valence, the last, has this variance."""
    changed = np.array(embedding.var)
    changed[:, -1] = var
    return Embedding(embedding.phi, embedding.mu, changed)


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


def attraction_of(bank: Bank, rows: Embedding, scoring: ScoringParams) -> Doubles:
    """Ln sum w exp(p score) / p of each row's composite scores over the bank, [S], in nats."""
    weights = torch.from_numpy(bank.log_weights)[:, None]
    parts = [
        torch.logsumexp(LIKELIHOOD_POWER * scores + weights, dim=0)
        for scores in _scores(bank.emotions, rows, scoring)
    ]
    return np.asarray(torch.cat(parts).numpy() / LIKELIHOOD_POWER, dtype=np.float64)


def _scores(emotions: Embedding, rows: Embedding, scoring: ScoringParams) -> Iterator[Tensor]:
    """What rows score for each emotion, some rows at a time, [Q, S]."""
    params = doubled(scoring).with_kind("gaussian")
    asked = points(emotions)
    queries = composite_query_vectors(asked, params, "e2m")  # [Q, K]
    constant = composite_query_constant(asked, params, "e2m")[:, None]  # [Q, 1]
    for start in range(0, max(len(rows), 1), _ROWS):
        items = composite_item_vectors(points(rows[start : start + _ROWS]), params, "e2m")
        yield queries @ items.T + constant
