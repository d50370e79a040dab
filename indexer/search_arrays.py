"""The arrays that engines scan, built once a snapshot: compressed columns with a proven error.

Both halves of the score, except the L1 distance of `paper`, are inner products of a query vector
with a segment's columns `[b, -1/(2 var), mu/var, c_cca, c_kl]`; kind and lambda stand on the
query side alone, so one array serves both kinds and all directions onto music. Columns are centred
and stored in one byte each; the columns that cost most accuracy get a second byte for what the
first one lost. What remains lost is measured here, which turns a scan of these codes into bounds
on the exact score (ADR 0021).

Letters: S segments, K kept CCA dimensions, D Gaussian dimensions, P = K + 2 D + 2 columns,
C >= P coded columns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from indexer.snapshot_format import load_array, save_array
from model.embedding import Embedding
from model.scoring import (
    Direction,
    Points,
    ScoringParams,
    composite_item_vectors,
    composite_query_constant,
    composite_query_vectors,
    kl_item_vectors,
    kl_query_constant,
    kl_query_vectors,
    l1_item_vectors,
    l1_query_vectors,
)

Doubles = NDArray[np.float64]

SHARD_ROWS = 1 << 17  # a multiple of 8: filters are bitmaps
_BLOCK_ROWS = 1 << 14
_ALIGNED = 16  # FAISS scans multiples of 16 columns ten times faster
_SECOND_BYTES = 0.1  # share of columns that get at least a second byte
_SAMPLE = 512


@dataclass(frozen=True)
class Columns:
    """How segments and queries become coded columns.

    Attributes:
        shift: Subtracted from every mu; the divergence does not notice, rounding does, [D].
        centre: Mean of each column, [P].
        refined: Columns with a second byte, [C - P]; C - P may include -1 for padding.
        error: Largest decoding error of each column, [P].
        step: What one code is worth in each column after refinement, [P].
        error_norm: Largest norm of a row's errors in units of `step`.
        magnitude: Largest decoded value of each coded column, [C].
    """

    shift: Doubles
    centre: Doubles
    refined: NDArray[np.int64]
    error: Doubles
    step: Doubles
    error_norm: float
    magnitude: Doubles

    def save(self, folder: Path) -> None:
        """Write as `search_columns_*.npy`."""
        for each in fields(self):
            save_array(folder, f"search_columns_{each.name}", np.asarray(getattr(self, each.name)))

    @classmethod
    def load(cls, folder: Path) -> Columns:
        """Read what `save` wrote."""
        values: dict[str, Any] = {
            each.name: np.array(load_array(folder, f"search_columns_{each.name}"))
            for each in fields(cls)
        }
        return cls(**{**values, "error_norm": float(values["error_norm"].item())})


@dataclass(frozen=True)
class CodedQueries:
    """Q queries against the codes: score = codes @ vector + constant, within `error`.

    Attributes:
        vectors: [Q, C], float32.
        constant: [Q].
        error: How far a scanned score may lie from the exact one, [Q].
    """

    vectors: NDArray[np.float32]
    constant: Doubles
    error: Doubles


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
        shift: Of `Columns`.
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


def code_queries(
    query: Embedding, scoring: ScoringParams, columns: Columns, direction: Direction
) -> CodedQueries:
    """Queries for the coded columns, each with the bound on its scanning error.

    The bound is the smaller of two that always hold (each error at its largest; Cauchy-Schwarz
    over a row's errors) plus the rounding of a float32 sum of C products in any order.
    """
    raw, constant = raw_query(query, scoring, columns.shift, direction)  # [Q, P]
    vectors = raw[:, _sources(columns, raw.shape[1])] * _used(columns, raw.shape[1])  # [Q, C]
    by_largest = np.abs(raw) @ columns.error
    by_norm = np.linalg.norm(raw * columns.step, axis=1) * columns.error_norm
    # Products, sum, the vector's own rounding and the decoder's: at most C + 8 roundings a term.
    relative = (vectors.shape[1] + 8) * float(np.finfo(np.float32).eps)
    rounding = relative * (np.abs(vectors) @ columns.magnitude)
    return CodedQueries(
        vectors.astype(np.float32),
        constant + raw @ columns.centre,
        np.minimum(by_largest, by_norm) + rounding,
    )


def _sources(columns: Columns, plain: int) -> NDArray[np.int64]:
    """For each coded column, the raw column that it codes, [C]."""
    return np.concatenate([np.arange(plain), np.maximum(columns.refined, 0)])


def _used(columns: Columns, plain: int) -> Doubles:
    """0 for padding columns, else 1, [C]."""
    return np.concatenate([np.ones(plain), columns.refined >= 0])


def shard_names(prefix: str, segments: int) -> list[str]:
    """File names of the shards that hold `segments` rows."""
    return [f"{prefix}_{i:04d}.faiss" for i in range(-(-segments // SHARD_ROWS))]


def write_columns(folder: Path, embedding: Embedding, scoring: ScoringParams) -> Columns:
    """Code all segments, write the shards and `Columns`; returns the latter."""
    shift = np.asarray(embedding.mu.mean(axis=0, dtype=np.float64))
    low, high, centre = _ranges(embedding, scoring, shift)
    refined = _worth_refining(embedding, scoring, shift, high - low)
    step = _positive((high - low) / 255.0)
    quantiser = _quantiser(low - centre, step, refined)
    error, worst, magnitude = np.zeros(len(centre)), 0.0, np.zeros(quantiser.d)
    final_step = step.copy()
    final_step[refined[refined >= 0]] /= 255.0
    names = shard_names("search_codes", len(embedding))
    for name, start in zip(names, range(0, len(embedding), SHARD_ROWS), strict=True):
        shard = faiss.clone_index(quantiser)
        for rows in _blocks(start, min(start + SHARD_ROWS, len(embedding))):
            values = raw_columns(embedding[rows], scoring, shift) - centre  # [B, P]
            lost, size = _add(shard, values, step, refined)
            error = np.maximum(error, np.abs(lost).max(axis=0))
            worst = max(worst, float(np.linalg.norm(lost / final_step, axis=1).max()))
            magnitude = np.maximum(magnitude, size)
        faiss.write_index(shard, str(folder / name))
    columns = Columns(shift, centre, refined, error, final_step, worst, magnitude)
    columns.save(folder)
    return columns


def write_l1(folder: Path, embedding: Embedding, scoring: ScoringParams) -> None:
    """Write rho * phi over the kept dimensions as flat L1 shards (`rho_sim` of Eq. 8)."""
    params, largest = doubled(scoring), np.zeros(int(doubled(scoring).kept.sum()))
    names = shard_names("search_l1", len(embedding))
    for name, start in zip(names, range(0, len(embedding), SHARD_ROWS), strict=True):
        phi = np.asarray(embedding.phi[start : start + SHARD_ROWS], dtype=np.float64)
        items = l1_item_vectors(torch.from_numpy(phi), params).numpy()
        largest = np.maximum(largest, np.abs(items).max(axis=0))
        shard = faiss.IndexFlat(items.shape[1], faiss.METRIC_L1)
        shard.add(items.astype(np.float32))
        faiss.write_index(shard, str(folder / name))
    save_array(folder, "search_l1_magnitude", largest)


def code_l1_queries(
    query: Embedding, scoring: ScoringParams, largest: Doubles, direction: Direction
) -> CodedQueries:
    """Queries for the L1 shards: rho_sim = -distance, within the rounding of float32."""
    phi = torch.from_numpy(np.asarray(query.phi, dtype=np.float64))
    vectors = l1_query_vectors(phi, doubled(scoring), direction).numpy()  # [Q, K]
    relative = (vectors.shape[1] + 8) * float(np.finfo(np.float32).eps)
    error = relative * (np.abs(vectors) + largest).sum(axis=1)
    return CodedQueries(vectors.astype(np.float32), np.zeros(len(query)), error)


def _blocks(start: int, end: int) -> Iterator[slice]:
    for first in range(start, end, _BLOCK_ROWS):
        yield slice(first, min(first + _BLOCK_ROWS, end))


def _ranges(
    embedding: Embedding, scoring: ScoringParams, shift: Doubles
) -> tuple[Doubles, Doubles, Doubles]:
    """Smallest, largest and mean value of each column, [P] each."""
    lows, highs, sums = [], [], []
    for rows in _blocks(0, len(embedding)):
        values = raw_columns(embedding[rows], scoring, shift)
        lows.append(values.min(axis=0))
        highs.append(values.max(axis=0))
        sums.append(values.sum(axis=0))
    return np.min(lows, axis=0), np.max(highs, axis=0), np.sum(sums, axis=0) / len(embedding)


def _worth_refining(
    embedding: Embedding, scoring: ScoringParams, shift: Doubles, spans: Doubles
) -> NDArray[np.int64]:
    """Columns whose coding costs typical queries most, padded with -1 to aligned length."""
    rows = np.linspace(0, len(embedding) - 1, min(_SAMPLE, len(embedding))).astype(np.intp)
    raw, _ = raw_query(embedding[rows], scoring.with_kind("gaussian"), shift, "m2m")
    cost = np.sqrt((raw**2).mean(axis=0)) * spans  # [P]
    plain = len(spans)
    wanted = max(2, int(np.ceil(_SECOND_BYTES * plain)))
    total = -(-(plain + wanted) // _ALIGNED) * _ALIGNED
    chosen = np.argsort(-cost, kind="stable")[: total - plain]
    return np.concatenate([chosen, np.full(total - plain - len(chosen), -1)]).astype(np.int64)


def _quantiser(low: Doubles, step: Doubles, refined: NDArray[np.int64]) -> Any:
    """An empty inner-product index that codes the columns and, once more, their errors."""
    finer = np.where(refined >= 0, step[np.maximum(refined, 0)], 1.0)  # [C - P]
    lowest = np.concatenate([low, -0.5 * finer])
    span = np.concatenate([255.0 * step, finer])
    width = len(lowest)
    index = faiss.IndexScalarQuantizer(
        width, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    trained = np.concatenate([lowest, span]).astype(np.float32)
    faiss.copy_array_to_vector(trained, index.sq.trained)
    index.is_trained = True
    return index


def _add(
    shard: Any, values: Doubles, step: Doubles, refined: NDArray[np.int64]
) -> tuple[Doubles, Doubles]:
    """Add rows; returns what decoding loses of each, [B, P], and the decoded magnitude, [C]."""
    plain, used = values.shape[1], refined >= 0
    coded = np.zeros((len(values), plain + len(refined)), dtype=np.float32)
    coded[:, :plain] = values
    first = shard.sa_decode(shard.sa_encode(coded))[:, :plain].astype(np.float64)
    lost = values - first
    coded[:, plain:][:, used] = lost[:, refined[used]]
    decoded = shard.sa_decode(shard.sa_encode(coded)).astype(np.float64)
    shard.add(coded)
    lost[:, refined[used]] -= decoded[:, plain:][:, used]
    return lost, np.abs(decoded).max(axis=0)


def _positive(step: Doubles) -> Doubles:
    """A constant column still needs a step."""
    return np.where(step > 0, step, 1e-12)
