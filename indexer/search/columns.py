"""The columns of a segment that cells are written from, and the queries that go with them.

Both halves of the score, except the L1 distance of `paper`, are inner products of a query vector
with a segment's columns `[b, -1/(2 var), mu/var, c_cca, c_kl]`; kind and lambda stand on the
query side alone, so one array serves both kinds and all directions onto music.

Letters: S segments, K kept CCA dimensions, D Gaussian dimensions, P = K + 2 D + 2 columns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import torch
from numpy.typing import NDArray

from model.arrays import Doubles
from model.embedding import Embedding
from model.scoring import (
    Direction,
    Kind,
    Points,
    ScoringParams,
    composite_item_vectors,
    composite_query_constant,
    composite_query_vectors,
    kl_item_vectors,
    kl_query_constant,
    kl_query_vectors,
)

KINDS: tuple[Kind, ...] = ("gaussian", "paper")

_TYPICAL = 500


def scoring_id(scoring: ScoringParams) -> str:
    """Digest of what the columns depend on; lambda and kind are free to change."""
    digest = hashlib.sha256(np.float64(scoring.min_rho).tobytes())
    for values in (scoring.rho, scoring.music_mean, scoring.music_std):
        digest.update(values.detach().cpu().numpy().astype(np.float32).tobytes())
    return digest.hexdigest()[:16]


def doubled(scoring: ScoringParams) -> ScoringParams:
    """The parameters on the CPU in float64, for exact scores."""
    tensors = {
        each.name: getattr(scoring, each.name).detach().cpu().double()
        for each in fields(scoring)
        if isinstance(getattr(scoring, each.name), torch.Tensor)
    }
    return replace(scoring, **tensors)


def points(embedding: Embedding) -> Points:
    """An embedding as float64 tensors."""
    return Points(
        *(torch.from_numpy(np.asarray(values, dtype=np.float64)) for values in _parts(embedding))
    )


def _parts(embedding: Embedding) -> tuple[NDArray[np.float32], ...]:
    return embedding.phi, embedding.mu, embedding.var


def _shifted(at: Points, shift: Doubles) -> Points:
    return replace(at, mu=at.mu - torch.from_numpy(shift))


def raw_columns(embedding: Embedding, scoring: ScoringParams, shift: Doubles) -> Doubles:
    """The P columns of music segments, not centred, [S, P]."""
    music = _shifted(points(embedding), shift)
    cca_only = replace(doubled(scoring), kind="gaussian", lambda_gaussian=1.0)
    composite = composite_item_vectors(music, cca_only, "e2m")  # [S, K + 2 D + 1]
    kl_constant = kl_item_vectors(music.mu, music.var)[:, -1:]
    return torch.cat([composite, kl_constant], dim=1).numpy()


def raw_query(
    query: Embedding, scoring: ScoringParams, shift: Doubles, direction: Direction
) -> tuple[Doubles, Doubles]:
    """What the inner-product part of a query multiplies the raw columns with.

    Args:
        query: Q queries.
        scoring: With `gaussian` the whole composite, with `paper` -KL alone (weight 1).
        shift: Subtracted from every mu; the divergence does not notice, rounding does, [D].
        direction: `e2m` or `m2m`.

    Returns:
        Vectors [Q, P] and constants [Q].
    """
    at, params = _shifted(points(query), shift), doubled(scoring)
    rows, kept = len(query), int(params.kept.sum())
    if params.kind == "gaussian":
        body = composite_query_vectors(at, params, direction)[:, :-1]  # [Q, K + 2 D]
        weights = torch.tensor([[params.lam, 1.0 - params.lam]]).double().expand(rows, 2)
        constant = composite_query_constant(at, params, direction)
    else:
        kl = kl_query_vectors(at.mu, at.var)[:, :-1]  # [Q, 2 D]
        body = torch.cat([torch.zeros(rows, kept).double(), kl], dim=1)
        weights = torch.tensor([[0.0, 1.0]]).double().expand(rows, 2)
        constant = kl_query_constant(at.var)
    return torch.cat([body, weights], dim=1).numpy(), constant.numpy()


def typical_queries(
    embedding: Embedding, scoring: ScoringParams, shift: Doubles, queries: Embedding | None
) -> Doubles:
    """Raw query vectors of given emotions and of the catalogue's own music, [M, P]."""
    music = embedding[spread(len(embedding), _TYPICAL)]
    asked: Sequence[tuple[Embedding, Direction]] = [(music, "m2m")]
    if queries is not None and len(queries):
        asked = [*asked, (queries[spread(len(queries), _TYPICAL)], "e2m")]
    weighted = [
        raw_query(query, scoring.with_kind(kind), shift, direction)[0] / np.sqrt(len(query))
        for query, direction in asked
        for kind in KINDS
    ]
    total = sum(len(each) for each in weighted)
    alike: Doubles = np.concatenate(weighted) * np.sqrt(total / len(weighted))
    return alike  # each group counts as much as any other


def spread(rows: int, most: int) -> NDArray[np.intp]:
    """Up to `most` rows, evenly spread."""
    return np.linspace(0, rows - 1, min(most, rows)).astype(np.intp)
