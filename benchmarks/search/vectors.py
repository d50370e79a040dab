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

from model.curves.curve import CURVE_RATE_HZ, EmotionCurve, Keyframe
from model.embedding import Embedding
from model.emotion_model import EmotionModel
from model.learning.datasets import Dataset, load_deam
from model.shipped import FAST_CHECKPOINT

SEGMENTS_PER_TRACK = 14  # a song of three and a half minutes
ROWS_PER_TRACK = SEGMENTS_PER_TRACK + 1
TRACK_NOISE = 0.3  # in standard deviations of each feature
SEGMENT_NOISE = 0.25
_BATCH = 1 << 11  # tracks


def catalogue(
    model: EmotionModel, songs: Dataset, segments: int, seed: int
) -> tuple[Embedding, NDArray[np.int64], NDArray[np.float32]]:
    """Embedded segments of invented tracks near real ones, as the indexer embeds them.

    Each track has a row for each of its segments and one for the whole of it, which is described
    by the mean over them (ADR 0030); the balancing dimension comes later (`balance`).

    Returns:
        The embedding of `segments` rows, the track of each, ascending, and start and end, seconds.
    """
    draws = np.random.default_rng(seed)
    spread = songs.features.std(axis=0)
    tracks = -(-segments // ROWS_PER_TRACK)
    left, right = draws.integers(0, len(songs), (2, tracks))
    share = draws.beta(0.5, 0.5, (tracks, 1)).astype(np.float32)  # mostly near one of the two
    centres = share * songs.features[left] + (1 - share) * songs.features[right]
    centres += (TRACK_NOISE * spread * draws.standard_normal(centres.shape)).astype(np.float32)
    parts = []
    for start in range(0, tracks, _BATCH):
        some = centres[start : start + _BATCH, None]  # [T, 1, F]
        noise = draws.standard_normal(
            (len(some), SEGMENTS_PER_TRACK, some.shape[2]), dtype=np.float32
        )
        rows = some + SEGMENT_NOISE * spread * noise
        rows = np.concatenate([rows.mean(axis=1, keepdims=True), rows], axis=1)
        parts.append(model.embed_columns(rows.reshape(-1, rows.shape[2])))
    track = np.repeat(np.arange(tracks), ROWS_PER_TRACK)
    span_s = np.tile(_spans_s(), (tracks, 1))
    return Embedding.concatenate(parts)[:segments], track[:segments], span_s[:segments]


def _spans_s() -> NDArray[np.float32]:
    """Start and end of a track's rows: the whole first, as sorting by start puts it."""
    start_s = np.arange(SEGMENTS_PER_TRACK) * 15.0
    each = np.stack([start_s, start_s + 30.0], axis=1)
    return np.concatenate([[[0.0, each[-1, 1]]], each]).astype(np.float32)


def queries(model: EmotionModel, songs: Dataset, count: int, seed: int) -> Embedding:
    """`count` embedded curves of real annotators."""
    return model.embed_emotion(annotators_curves(songs, count, seed))


def annotators_curves(songs: Dataset, count: int, seed: int) -> list[EmotionCurve]:
    """`count` curves of real annotators."""
    chosen = np.random.default_rng(seed).choice(len(songs), count, replace=count > len(songs))
    return [_curve(songs.curves[row, : songs.lengths[row]]) for row in chosen]


def songs_and_model(data_dir: Path) -> tuple[Dataset, EmotionModel]:
    """DEAM and the shipped checkpoint, on one thread of the CPU."""
    torch.set_num_threads(1)
    return load_deam(data_dir), EmotionModel.load(FAST_CHECKPOINT, "cpu")


def _curve(values: NDArray[np.float32]) -> EmotionCurve:
    return EmotionCurve(
        tuple(
            Keyframe(t_s=i / CURVE_RATE_HZ, valence=float(valence), arousal=float(arousal))
            for i, (arousal, valence) in enumerate(np.clip(values, -1, 1))
        )
    )
