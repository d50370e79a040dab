"""Columns in one byte each, with a proven error: what exhaustive scans read.

Each column of a matrix is centred and coded in 256 steps; the columns that cost a typical query
most accuracy get a second byte for what the first one lost. What remains lost is measured while
coding, which turns a scan of the codes into bounds on the true inner products (ADR 0021).

Letters: S rows, P columns, C >= P coded columns, B rows of a block, Q queries.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.snapshot_format import load_array, save_array

Doubles = NDArray[np.float64]

SHARD_ROWS = 1 << 17  # a multiple of 8: filters are bitmaps
_ALIGNED = 16  # FAISS scans multiples of 16 columns ten times faster


@dataclass(frozen=True)
class CodedQueries:
    """Q queries against the codes: score = codes @ vector + constant, within `error`.

    Attributes:
        vectors: [Q, C], float32.
        constant: [Q].
        error: How far a scanned score may lie from the true one, [Q].
    """

    vectors: NDArray[np.float32]
    constant: Doubles
    error: Doubles


@dataclass(frozen=True)
class Coder:
    """How the columns of a matrix were coded, and what that lost.

    Attributes:
        centre: Mean of each column, [P].
        refined: Columns with a second byte, [C - P]; -1 for padding.
        error: Largest decoding error of each column, [P].
        step: What one code is worth in each column after refinement, [P].
        error_norm: Largest norm of a row's errors in units of `step`.
        magnitude: Largest decoded value of each coded column, [C].
    """

    centre: Doubles
    refined: NDArray[np.int64]
    error: Doubles
    step: Doubles
    error_norm: float
    magnitude: Doubles

    def queries(self, raw: Doubles, constant: Doubles) -> CodedQueries:
        """Queries for the codes of the matrix X, each with the bound on its error.

        The bound is the smaller of two that always hold (each error at its largest;
        Cauchy-Schwarz over a row's errors) plus the rounding of a float32 sum of C products in
        any order.

        Args:
            raw: What multiplies the rows of X, [Q, P].
            constant: What is added to the products, [Q].
        """
        again = raw[:, np.maximum(self.refined, 0)] * (self.refined >= 0)
        vectors = np.concatenate([raw, again], axis=1)  # [Q, C]
        by_largest = np.abs(raw) @ self.error
        by_norm = np.linalg.norm(raw * self.step, axis=1) * self.error_norm
        # Products, sum, the vector's own rounding and the decoder's: at most C + 8 a term.
        relative = (vectors.shape[1] + 8) * float(np.finfo(np.float32).eps)
        rounding = relative * (np.abs(vectors) @ self.magnitude)
        error = np.minimum(by_largest, by_norm) + rounding
        return CodedQueries(vectors.astype(np.float32), constant + raw @ self.centre, error)

    def save(self, folder: Path, name: str) -> None:
        """Write as `<name>_*.npy`."""
        for each in fields(self):
            save_array(folder, f"{name}_{each.name}", np.asarray(getattr(self, each.name)))

    @classmethod
    def load(cls, folder: Path, name: str) -> Coder:
        """Read what `save` wrote."""
        values: dict[str, Any] = {
            each.name: np.array(load_array(folder, f"{name}_{each.name}")) for each in fields(cls)
        }
        return cls(**{**values, "error_norm": float(values["error_norm"].item())})


class CodeWriter:
    """Codes a matrix in two passes over its blocks: `measure` each, then `add` each."""

    def __init__(self, folder: Path, name: str, cost: Doubles, second_bytes: int) -> None:
        """Begin.

        Args:
            folder: Where the shards go.
            name: Prefix of their names.
            cost: How large a typical query's factor of each column is, [P].
            second_bytes: How many columns get a second byte, at least.
        """
        self._folder, self._name, self._cost = folder, name, cost
        self._second_bytes = second_bytes
        self._low, self._high = np.full(len(cost), np.inf), np.full(len(cost), -np.inf)
        self._sum, self._rows, self._shards = np.zeros(len(cost)), 0, 0
        self._lost, self._worst = np.zeros(len(cost)), 0.0
        self._coded: _Coded | None = None

    def measure(self, values: Doubles) -> None:
        """First pass: the range of each column, values [B, P]."""
        self._low = np.minimum(self._low, values.min(axis=0))
        self._high = np.maximum(self._high, values.max(axis=0))
        self._sum += values.sum(axis=0)
        self._rows += len(values)

    def add(self, values: Doubles) -> None:
        """Second pass: code rows, [B, P], B dividing SHARD_ROWS except at the end."""
        coded = self._coded or self._start()
        lost = coded.add(values)
        self._lost = np.maximum(self._lost, np.abs(lost).max(axis=0))
        self._worst = max(self._worst, float(np.linalg.norm(lost / coded.finest, axis=1).max()))
        if coded.shard.ntotal == SHARD_ROWS:
            self._write_shard(coded)

    def finish(self) -> Coder:
        """Write what remains and the coder."""
        coded = self._coded or self._start()
        if coded.shard.ntotal:
            self._write_shard(coded)
        coder = Coder(
            coded.centre, coded.refined, self._lost, coded.finest, self._worst, coded.magnitude
        )
        coder.save(self._folder, self._name)
        return coder

    def _start(self) -> _Coded:
        step = (self._high - self._low) / 255.0
        step = np.where(step > 0, step, 1e-12)  # a constant column still needs one
        plain = len(step)
        total = -(-(plain + self._second_bytes) // _ALIGNED) * _ALIGNED
        refined = np.full(total - plain, -1, dtype=np.int64)
        chosen = np.argsort(-self._cost * step, kind="stable")[: total - plain]
        refined[: len(chosen)] = chosen
        centre = self._sum / self._rows
        self._coded = _Coded(centre, self._low - centre, step, refined)
        return self._coded

    def _write_shard(self, coded: _Coded) -> None:
        path = self._folder / f"{self._name}_{self._shards:04d}.faiss"
        faiss.write_index(coded.shard, str(path))
        coded.shard.reset()
        self._shards += 1


class _Coded:
    """The shard that is being filled."""

    def __init__(
        self, centre: Doubles, low: Doubles, step: Doubles, refined: NDArray[np.int64]
    ) -> None:
        self.centre, self.refined = centre, refined
        self.used = refined >= 0
        self.finest = step.copy()
        self.finest[refined[self.used]] /= 255.0
        second = np.where(self.used, step[np.maximum(refined, 0)], 1.0)  # [C - P]
        lowest = np.concatenate([low, -0.5 * second])
        self.shard: Any = faiss.IndexScalarQuantizer(
            len(lowest), faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        )
        trained = np.concatenate([lowest, 255.0 * step, second]).astype(np.float32)
        faiss.copy_array_to_vector(trained, self.shard.sq.trained)
        self.shard.is_trained = True
        self.magnitude = np.zeros(len(lowest))

    def add(self, values: Doubles) -> Doubles:
        """Code rows; returns what decoding loses, [B, P]."""
        plain = values.shape[1]
        coded = np.zeros((len(values), plain + len(self.refined)), dtype=np.float32)
        centred = values - self.centre
        coded[:, :plain] = centred
        lost = centred - self._decoded(coded)[:, :plain]
        coded[:, plain:][:, self.used] = lost[:, self.refined[self.used]]
        decoded = self._decoded(coded)
        self.shard.add(coded)
        self.magnitude = np.maximum(self.magnitude, np.abs(decoded).max(axis=0))
        lost[:, self.refined[self.used]] -= decoded[:, plain:][:, self.used]
        return lost

    def _decoded(self, coded: NDArray[np.float32]) -> Doubles:
        decoded: Doubles = self.shard.sa_decode(self.shard.sa_encode(coded)).astype(np.float64)
        return decoded


def shard_names(name: str, rows: int) -> list[str]:
    """File names of the shards that hold `rows` rows."""
    return [f"{name}_{i:04d}.faiss" for i in range(-(-rows // SHARD_ROWS))]
