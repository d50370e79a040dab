"""Catalogues for the search benchmark, drawn from the shipped checkpoint's own distribution.

Feature rows of real songs (DEAM's 1744) are perturbed and embedded by the shipped checkpoint: a
track is a random mixture of two songs plus noise, its segments are the track plus less noise. The
queries are the annotators' real curves, embedded by the same checkpoint.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from model.curves import CURVE_RATE_HZ, EmotionCurve, Keyframe
from model.embedding import Embedding
from model.emotion_model import EmotionModel
from model.learning.datasets import Dataset, load_deam

SEGMENTS_PER_TRACK = 14  # a song of three and a half minutes
TRACK_NOISE = 0.3  # in standard deviations of each feature
SEGMENT_NOISE = 0.25
_BATCH = 1 << 15


def catalogue(
    model: EmotionModel, songs: Dataset, segments: int, seed: int
) -> tuple[Embedding, NDArray[np.int64]]:
    """Embedded segments of invented tracks near real ones.

    Returns:
        The embedding of `segments` rows and the track of each, ascending.
    """
    draws = np.random.default_rng(seed)
    spread = songs.features.std(axis=0)
    track = np.arange(segments) // SEGMENTS_PER_TRACK
    tracks = int(track[-1]) + 1
    left, right = draws.integers(0, len(songs), (2, tracks))
    share = draws.beta(0.5, 0.5, (tracks, 1)).astype(np.float32)  # mostly near one of the two
    centres = share * songs.features[left] + (1 - share) * songs.features[right]
    centres += (TRACK_NOISE * spread * draws.standard_normal(centres.shape)).astype(np.float32)
    parts = []
    for start in range(0, segments, _BATCH):
        rows = centres[track[start : start + _BATCH]]
        noise = draws.standard_normal(rows.shape, dtype=np.float32)
        parts.append(model.embed_analyses(rows + (SEGMENT_NOISE * spread * noise)))
    return Embedding.concatenate(parts), track


def queries(model: EmotionModel, songs: Dataset, count: int, seed: int) -> Embedding:
    """`count` embedded curves of real annotators."""
    chosen = np.random.default_rng(seed).choice(len(songs), count, replace=count > len(songs))
    curves = [_curve(songs.curves[row, : songs.lengths[row]]) for row in chosen]
    return model.embed_emotion(curves)


def songs_and_model(data_dir: Path) -> tuple[Dataset, EmotionModel]:
    """DEAM and the shipped checkpoint, on one thread of the CPU."""
    torch.set_num_threads(1)
    return load_deam(data_dir), EmotionModel.load(device="cpu")


def _curve(values: NDArray[np.float32]) -> EmotionCurve:
    return EmotionCurve(
        tuple(
            Keyframe(t_s=i / CURVE_RATE_HZ, valence=float(valence), arousal=float(arousal))
            for i, (arousal, valence) in enumerate(np.clip(values, -1, 1))
        )
    )
