"""What a louder part of a piece adds to arousal, learned from songs of different level (ADR 79).

Letters: N songs, F columns.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from model.audio.dynamics import Dynamics
from model.embedding import Embedding
from model.kernel import exponential_kernel
from model.learning.datasets import Dataset
from model.learning.kernel_machine import KernelConfig, ridge
from model.regression import MeanHead
from model.transforms import QuantileTransform

_STEP = 1e-3


def arousal_per_db(data: Dataset) -> float:
    """What a decibel of level tells of arousal that all other columns do not.

    The slope of arousal on level, both less what the columns tell of them for songs that were left
    out (Robinson, "Root-N-consistent semiparametric regression", Econometrica 1988); 0 where the
    dataset knows no level.
    """
    if data.level_db is None:
        return 0.0
    rows = torch.from_numpy(data.mean_features)
    transform = QuantileTransform(data.feature_count, 201)
    transform.fit(rows)
    x = transform(rows).double()
    config = KernelConfig()
    scales = torch.full(
        (data.feature_count,), config.width / math.sqrt(data.feature_count)
    ).double()
    both = np.column_stack([data.level_db, data.mean_emotion[:, 0]]).astype(np.float64)
    target = torch.from_numpy(both - both.mean(axis=0))
    _, left_out = ridge(exponential_kernel(x, x, scales), target, config.penalties)
    level, arousal = (target - left_out).T
    return float((level @ arousal) / (level @ level))


def fit_dynamics(inside: Embedding, head: MeanHead, slope: float) -> Dynamics:
    """The direction in which embeddings of more arousal differ, as long as the slope asks.

    Args:
        inside: Embeddings of training songs.
        head: Tells their mean emotion.
        slope: Arousal per dB.

    Returns:
        Dynamics under which the head's arousal moves by the slope, on average over the songs.
    """
    parts = np.concatenate([inside.phi, inside.mu], axis=1).astype(np.float64)
    emotion = head.predict(inside).astype(np.float64)
    centred = emotion - emotion.mean(axis=0)
    direction = np.linalg.lstsq(centred, parts - parts.mean(axis=0), rcond=None)[0][0]
    columns = inside.phi.shape[1]
    unit = Dynamics(direction[:columns], direction[columns:])
    moved = head.predict(unit.apply(inside, np.full(len(inside), _STEP)))
    gained = float((moved[:, 0] - emotion[:, 0]).mean()) / _STEP
    scale = slope / gained if gained > 0 else 0.0
    return Dynamics(scale * unit.phi, scale * unit.mu)
