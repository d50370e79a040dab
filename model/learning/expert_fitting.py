"""Experts of a checkpoint: what its training tables cannot teach.

The tables hold no mode: their key descriptors are turned to the key. How far mode goes with valence
is taken from listening studies instead (`docs/benchmarks/listening.md`), which agree with each
other and with the literature (Gabrielsson & Lindstrom 2010; Eerola, Friberg & Bresin 2013).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from model.experts import Experts
from model.frontends.tonality import MODE_NAMES

MODE_MEAN, MODE_SD = 0.45, 0.32
"""Of `mode` over the tracks of both studies; each of them has nearly these."""

MODE_CORRELATION = 0.5
"""Of mode and valence beyond arousal, by listeners."""


def mode_expert(targets: ArrayLike, errors: ArrayLike) -> Experts:
    """Mode as an expert on valence beyond arousal.

    It hears what valence has beyond the valence that an error of the head's arousal brings along,
    so that the head's arousal stays as it is.

    Args:
        targets: Mean (arousal, valence) of the training songs, [N, 2].
        errors: What the regression head misses on songs it was not fitted to, [N, 2].
    """
    missed = np.asarray(errors, dtype=np.float64)
    prior = missed.T @ missed / len(missed)
    along = np.array([-prior[0, 1] / prior[0, 0], 1.0])  # times (arousal, valence)
    beyond = np.asarray(targets, dtype=np.float64) @ along  # [N]
    change = MODE_CORRELATION * MODE_SD / float(beyond.std())  # of mode, with one unit of `beyond`
    noise = MODE_SD * math.sqrt(1.0 - MODE_CORRELATION**2)
    neutral = MODE_MEAN - change * float(beyond.mean())  # mode of a neutral emotion
    return Experts(
        names=MODE_NAMES,
        columns=MODE_NAMES,
        readout=np.array([[1.0 / noise]]),
        bias=np.array([-neutral / noise]),
        slopes=along[None] * (change / noise),
        prior=prior,
    )
