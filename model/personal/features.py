"""What of a track's embedding a listener's taste may depend on.

Letters: T tracks, P columns of the embedding, R features.
"""

from __future__ import annotations

import numpy as np

from model.arrays import Doubles
from model.embedding import Embedding

MOST = 24
_LEAST_SD = 1e-6


def features_of(embedding: Embedding) -> Doubles:
    """The principal components of tracks' projections and means, [T, R], each row of length 1.

    Each column counts the same before they are found. Their inner products, the cosines of the
    angles between tracks, are the covariance of the Gaussian process over the music: it is bounded,
    so that an odd track neither decides what is learned nor is asked about first.

    Args:
        embedding: A row a track, as the model embeds music, without further dimensions.
    """
    columns = np.concatenate([embedding.phi, embedding.mu], axis=1).astype(np.float64)  # [T, P]
    if len(columns) < 2:
        return np.zeros((len(columns), MOST))
    centred = columns - columns.mean(axis=0)
    spread = centred.std(axis=0)
    standard = centred / np.where(spread > _LEAST_SD, spread, np.inf)
    _, axes = np.linalg.eigh(standard.T @ standard)  # ascending
    found = standard @ axes[:, ::-1][:, :MOST]  # [T, R]
    length = np.sqrt((found**2).sum(axis=1, keepdims=True))
    padded = np.zeros((len(columns), MOST))
    padded[:, : found.shape[1]] = found / np.maximum(length, _LEAST_SD)
    return padded
