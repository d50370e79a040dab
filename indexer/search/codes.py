"""Columns in one byte each, with a proven error: what a search reads of the rows of a cell.

Each column of a matrix is coded in 256 steps; the columns that cost a typical query
most accuracy get a second byte for what the first one lost. What remains lost is measured while
coding, which turns a scan of the codes into bounds on the true inner products (ADR 0021).

Letters: P columns, C >= P coded columns, B rows of a block.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.search.tables import Coding
from indexer.snapshot.format import load_array, save_array
from model.arrays import Doubles

_LARGEST_CODE = 127.5
_KIND = faiss.ScalarQuantizer.QT_8bit_uniform, faiss.METRIC_INNER_PRODUCT
_ALIGNED = 16  # FAISS scans multiples of 16 columns ten times faster


@dataclass(frozen=True)
class Coder:
    """How the columns of a matrix were coded, and what that lost.

    A value is `middle + step * code + finer * second code`, codes being -127.5, -126.5,
    .. 127.5; the factors go into the query, so a scan multiplies nothing but codes.

    Attributes:
        middle: Of each column's range, [P].
        step: What one code is worth, [P].
        refined: Columns with a second byte, [C - P]; -1 for padding.
        finer: What one second code is worth, [C - P]; 0 for padding.
        error: Largest decoding error of each column, [P].
        error_norm: Largest norm of a row's errors, each in units of its column's last step.
    """

    middle: Doubles
    step: Doubles
    refined: NDArray[np.int64]
    finer: Doubles
    error: Doubles
    error_norm: float

    @property
    def width(self) -> int:
        """Codes of a row, C."""
        return len(self.step) + len(self.refined)

    @cached_property
    def _columns(self) -> NDArray[np.int64]:
        """The column that each code belongs to, [C]."""
        return np.concatenate([np.arange(len(self.step)), np.maximum(self.refined, 0)])

    @cached_property
    def _steps(self) -> Doubles:
        """What each code is worth, [C]."""
        return np.concatenate([self.step, self.finer])

    @cached_property
    def last_step(self) -> Doubles:
        """What the last byte of each column is worth, [P]."""
        last, used = self.step.copy(), self.refined >= 0
        last[self.refined[used]] = self.finer[used]
        return last

    @property
    def coding(self) -> Coding:
        """What a compiled search reads of it."""
        return Coding(
            *(self.middle, self.error, self.last_step, self.error_norm),
            *(self._columns, self._steps),
        )

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
    """Codes a matrix in two passes over its blocks: `measure` each, then add each to its lists."""

    def __init__(self, folder: Path, name: str, cost: Doubles, second_bytes: int) -> None:
        """Begin.

        Args:
            folder: Where the codes go.
            name: Prefix of their names.
            cost: How large a typical query's factor of each column is, [P].
            second_bytes: How many columns get a second byte, at least.
        """
        self._folder, self._name, self._cost = folder, name, cost
        self._second_bytes = second_bytes
        self._low, self._high = np.full(len(cost), np.inf), np.full(len(cost), -np.inf)
        self._lost, self._worst = np.zeros(len(cost)), 0.0
        self._coder: Coder | None = None

    def measure(self, values: Doubles) -> None:
        """First pass: the range of each column, values [B, P]."""
        self._low = np.minimum(self._low, values.min(axis=0))
        self._high = np.maximum(self._high, values.max(axis=0))

    def start_lists(self, count: int) -> Any:
        """Begin the second pass, with `count` lists."""
        total = self._start().width
        lists: Any = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(total), total, count, *_KIND, False
        )
        return _fixed(lists)

    def add_to_lists(
        self, lists: Any, values: Doubles, rows: NDArray[np.int64], labels: NDArray[np.int64]
    ) -> None:
        """Second pass: code rows, [B, P], into the lists `labels` under the ids `rows`, [B]."""
        codes = self._code(values)
        ids, where = np.ascontiguousarray(rows), np.ascontiguousarray(labels)
        pointers = (faiss.swig_ptr(each) for each in (codes, ids, where))
        lists.add_core(len(codes), *pointers, None)

    def finish_lists(self, lists: Any) -> Coder:
        """Write the lists and the coder."""
        faiss.write_index(lists, str(self._folder / f"{self._name}.faiss"))
        return self._finished()

    def _code(self, values: Doubles) -> NDArray[np.float32]:
        """Codes of rows, [B, C], noting what they lose."""
        coder = self._coder or self._start()
        codes, lost = _coded(coder, values)
        self._lost = np.maximum(self._lost, np.abs(lost).max(axis=0))
        norms = np.linalg.norm(lost / coder.last_step, axis=1)
        self._worst = max(self._worst, float(norms.max()))
        return codes

    def _finished(self) -> Coder:
        coder = replace(self._coder or self._start(), error=self._lost, error_norm=self._worst)
        coder.save(self._folder, self._name)
        return coder

    def _start(self) -> Coder:
        step = (self._high - self._low) / (2 * _LARGEST_CODE)
        step = np.where(step > 0, step, 1e-12)  # a constant column still needs one
        plain = len(step)
        total = -(-(plain + self._second_bytes) // _ALIGNED) * _ALIGNED
        refined = np.full(total - plain, -1, dtype=np.int64)
        chosen = np.argsort(-self._cost * step, kind="stable")[: total - plain]
        refined[: len(chosen)] = chosen
        finer = np.where(refined >= 0, step[np.maximum(refined, 0)], 0.0) / (2 * _LARGEST_CODE)
        middle = (self._low + self._high) / 2.0
        self._coder = Coder(middle, step, refined, finer, self._lost, 0.0)
        return self._coder


def _fixed(index: Any) -> Any:
    """A scalar quantizer whose bytes decode to the codes themselves."""
    # Byte k decodes to -128 + (k + 0.5). The `direct` kinds would do too, but round the query to
    # bytes at widths that are multiples of 16 or 32.
    faiss.copy_array_to_vector(np.array([-128.0, 255.0], np.float32), index.sq.trained)
    index.is_trained = True
    return index


def _coded(coder: Coder, values: Doubles) -> tuple[NDArray[np.float32], Doubles]:
    """Codes of rows [B, P], [B, C] in float32, and what decoding loses, [B, P]."""
    plain, used = values.shape[1], coder.refined >= 0
    columns = coder.refined[used]
    codes = np.zeros((len(values), plain + len(coder.refined)), dtype=np.float32)
    first = _nearest((values - coder.middle) / coder.step)
    lost = values - coder.middle - coder.step * first
    second = _nearest(lost[:, columns] / coder.finer[used])
    lost[:, columns] -= coder.finer[used] * second
    codes[:, :plain] = first
    codes[:, plain:][:, used] = second
    return codes, lost


def _nearest(values: Doubles) -> Doubles:
    """The nearest of the 256 codes -127.5, -126.5, .. 127.5."""
    return np.clip(np.rint(values + _LARGEST_CODE), 0.0, 2 * _LARGEST_CODE) - _LARGEST_CODE
