"""Lists as the service ranks them, for places all over the plane, and where raters put them.

N tracks, Q places (arousal, valence) on the relative plane.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.listening.studies import EMOTIFY_S, MUSE_S, Doubles, Emotify, Muse
from benchmarks.service.catalogue import content_of, known_as
from indexer.runs.balance import balanced
from indexer.runs.snapshot_writer import write_snapshot
from indexer.search.request import SearchRequest
from indexer.search.searcher import Searcher
from indexer.snapshot.reader import Snapshot
from model.curves.curve import EmotionCurve, QuantileScale
from model.emotion_model import EmotionModel
from model.feelings.moods import plane_words
from model.feelings.regions import PLANE_LEVELS

Rows = NDArray[np.float32]

TOP = 10
LIVELY = ("happy", "angry", "tense", "energetic")
"""Words of much arousal, which valence must tell apart."""


def lists(
    model: EmotionModel,
    rows: Rows,
    places: Sequence[tuple[float, float]],
    length_s: float | Doubles,
) -> list[list[int]]:
    """All tracks in the order that the service answers each place in: indexed and searched.

    Args:
        model: Embeds.
        rows: Of whole tracks, [N, Dx + K].
        places: Q (arousal, valence).
        length_s: Of all tracks, or of each, [N].
    """
    count, embedded = len(rows), model.embed_analyses(rows)
    lasting = np.broadcast_to(np.asarray(length_s, dtype=np.float64), count)
    spans = np.stack([np.zeros(count), lasting], axis=1).astype(np.float32)
    sd = model.emotion_sd(rows, spans[:, 1], model.disagreement(embedded))
    content = content_of(model, (embedded, np.arange(count), spans))
    content = known_as(content, sd, lasting)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "snapshot"
        write_snapshot(
            folder, balanced(content, model), model_id=model.model_id, scoring=model.scoring
        )
        snapshot = Snapshot.open(folder)
        curves = [EmotionCurve.constant(v, a).mapped(snapshot.scale) for a, v in places]
        request = SearchRequest(model.embed_emotion(curves), count, level="track")
        found = Searcher(snapshot, model.scoring).search(request)
    return [[hit.track_id - 1 for hit in each.hits] for each in found]


def placed(ratings: Doubles) -> Doubles:
    """Where raters put tracks on the relative plane, [N, 2], each axis in its own units."""
    scaled = ratings / (np.abs(ratings).max(axis=0) + 1e-9)
    return QuantileScale.fit(scaled).to_relative(scaled)


def distance(
    model: EmotionModel, rows: Rows, ratings: Doubles, length_s: float, top: int = TOP
) -> float:
    """From 81 places to where raters put the `top` tracks that answer each, in the mean."""
    places = [(float(a), float(v)) for v in PLANE_LEVELS for a in PLANE_LEVELS]
    # [Q, top]
    chosen = np.array([order[:top] for order in lists(model, rows, places, length_s)])
    away = placed(ratings)[chosen] - np.array(places)[:, None]
    return float(np.linalg.norm(away, axis=2).mean())


def place_figures(
    model: EmotionModel, emotify: tuple[Emotify, Rows], muse: tuple[Muse, Rows]
) -> dict[str, float]:
    """Distances in each study, within Emotify's genres, and what lists of lively words share."""
    study, rows = emotify
    ratings = np.stack([study.arousal, study.valence], axis=1)
    within = [
        distance(model, rows[own], ratings[own], EMOTIFY_S, TOP // 2)
        for own in (study.genres == genre for genre in np.unique(study.genres))
    ]
    return {
        "emotify": distance(model, rows, ratings, EMOTIFY_S),
        "emotify within genre": float(np.mean(within)),
        "muse": distance(model, muse[1], muse[0].emotion, MUSE_S),
        "emotify shared": shared(model, rows, EMOTIFY_S),
        "emotify shared within genre": float(
            np.mean(
                [
                    shared(model, rows[study.genres == genre], EMOTIFY_S, TOP // 2)
                    for genre in np.unique(study.genres)
                ]
            )
        ),
        "muse shared": shared(model, muse[1], MUSE_S),
    }


def shared(model: EmotionModel, rows: Rows, length_s: float, top: int = TOP) -> float:
    """Share of the first tracks that two lists of `LIVELY` have in common, in the mean."""
    places = [plane_words()[word][::-1] for word in LIVELY]
    first = [set(order[:top]) for order in lists(model, rows, places, length_s)]
    return float(np.mean([len(a & b) / top for a, b in combinations(first, 2)]))
