"""Search in cells: reads the few cells that may hold an answer, and proves it (ADR 0023).

Segments that score alike lie together in a cell, coded in bytes whose scan bounds each score from
above. A query first reads the most promising cells and scores the best of what it finds; the last
answer is then a threshold, and only cells and rows whose bounds reach it are read at all.

Letters: C cells, S segments, P turned columns, G + 1 sketch columns, M rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.errors import SnapshotDamagedError
from indexer.search_bounds import CellBounds
from indexer.search_codes import CodedQueries, Coder, Doubles
from indexer.search_engines import read_index
from indexer.search_scope import Scope
from indexer.search_scores import Asked, Scores
from indexer.search_sketch import Sketch
from indexer.snapshot_format import REBUILD, load_array

Rows = NDArray[np.int64]
Cells = NDArray[np.int64]

_BELOW = np.float32(-np.inf)


@dataclass(frozen=True)
class Reading:
    """How many rows are read before it pays to be choosy.

    Attributes:
        whole: Up to so many rows of a level are all read, without bounds of cells.
        least: The first step reads at least so many.
        factor: And so many for each candidate that it scores.
        few: Up to so many rows that pass a filter are all scored, without reading codes.
    """

    whole: int = 8192
    least: int = 2048
    factor: int = 16
    few: int = 1024


@dataclass(frozen=True)
class Query:
    """One query against the cells.

    Attributes:
        asked: The query as it is scored.
        codes: The query as it is scanned: of `gaussian` the score, of `paper` -KL alone.
        share: What a scanned score weighs in the total.
        scope: What may be answered.
        estimate: About what the best row of each cell scores, [C].
        bound: What no row of it exceeds, [C].
        nearest: `paper`: weighted L1 distance that no row of it falls below, [C]; else 0.
    """

    asked: Asked
    codes: CodedQueries
    share: float
    scope: Scope
    estimate: Doubles
    bound: Doubles
    nearest: Doubles

    @property
    def both_halves(self) -> bool:
        """Whether the L1 half counts beside what is scanned."""
        return self.asked.kind == "paper" and self.asked.lam > 0.0

    @property
    def cells(self) -> int:
        """How many cells hold rows of the query's level: the first ones."""
        return len(self.bound)


class CellIndex:
    """The coded rows of a snapshot by cell, those of whole tracks in the first cells."""

    def __init__(self, folder: Path, segments: int, reading: Reading | None = None) -> None:
        """Map a snapshot's cells into memory.

        Args:
            folder: The snapshot.
            segments: S.
            reading: When to be choosy.

        Raises:
            SnapshotDamagedError: The arrays do not belong together.
        """
        self.segments, self.reading = segments, reading or Reading()
        self._shift = np.array(load_array(folder, "search_shift"))
        self._axes, self._coder = Sketch.load(folder), Coder.load(folder, "search_codes")
        self._bounds = CellBounds.load(folder)
        self._near = np.asarray(load_array(folder, "search_cells_near"))  # [2, C, K]
        self._sizes = np.asarray(load_array(folder, "search_cells_rows"))  # [C]
        self._whole_cells = int(load_array(folder, "search_cells_whole", rows=1)[0])
        self._lists = read_index(folder / "search_codes.faiss")
        found = {self._lists.ntotal, int(self._sizes.sum())}
        if found != {segments} or self._lists.nlist != len(self._sizes):
            raise SnapshotDamagedError(
                f"{folder / 'search_codes.faiss'} holds {self._lists.ntotal} rows in "
                f"{self._lists.nlist} cells, not {segments} in {len(self._sizes)}: {REBUILD}"
            )

    def query(self, asked: Asked, scores: Scores, scope: Scope) -> Query:
        """Bound every cell of the query's level."""
        raw, constant = scores.columns(asked, self._shift)
        turned = raw @ self._axes.queries  # [P]
        constant += float(raw @ self._axes.centre)
        codes = self._coder.queries(split(turned[None], self._columns), np.array([constant]))
        cells = self._whole_cells if scope.level == "track" else len(self._sizes)
        if self._sizes[:cells].sum() <= self.reading.whole:
            estimate, bound = np.zeros(cells), np.full(cells, np.inf)
        else:
            estimate, bound = self._bounds.of(turned, asked.kind, cells)
        lam = asked.lam if asked.kind == "paper" else 0.0
        nearest = self._nearest(asked.near, lam, cells) if lam else np.zeros(cells)
        share = 1.0 - lam
        estimate = share * (estimate + constant) - nearest
        total = share * (bound + constant) if share else np.zeros(cells)
        return Query(asked, codes, share, scope, estimate, total - nearest, nearest)

    @property
    def _columns(self) -> int:
        """Turned columns of a sketch, G."""
        return len(self._coder.middle) - 1

    def _nearest(self, near: Doubles, lam: float, cells: int) -> Doubles:
        """Lambda times the L1 distance from a point to the box of each cell, rounded down."""
        low, high = self._near[0, :cells], self._near[1, :cells]
        outside = np.maximum(np.maximum(low - near, near - high), 0.0).sum(axis=1)
        distance: Doubles = lam * outside * (1.0 - 1e-12)
        return distance

    def promising(self, query: Query, rows: int) -> Cells:
        """The cells with the best estimates that hold about this many passing rows."""
        passing = query.scope.passing
        share = 1.0 if passing is None else max(passing.count, 1) / self.segments
        return self.within(query, np.arange(query.cells), rows / share)

    def within(self, query: Query, cells: Cells, rows: float) -> Cells:
        """Of these cells the best, as many as hold `rows` rows or just more."""
        sizes = self._sizes[cells]
        held = float(sizes.sum())
        if held <= rows:
            return cells
        estimate = query.estimate[cells]
        some = min(len(cells), 16 + int(2.0 * rows * len(cells) / held))  # sorting all takes long
        for count in (some, len(cells)):
            best = np.argpartition(-estimate, count - 1)[:count]
            best = best[np.argsort(-estimate[best], kind="stable")]
            reached = np.cumsum(sizes[best])
            if reached[-1] >= rows:
                break
        return cells[best[: int(np.searchsorted(reached, rows)) + 1]]

    def best(self, query: Query, cells: Cells, count: int) -> tuple[Rows, Doubles, float]:
        """The `count` rows of these cells with the highest bounds, best first.

        Returns:
            Rows, their bounds, and the bound of all other rows of the cells, -inf where there are
            none; bounds are on the total but for the L1 half of `paper`.
        """
        scores, rows = np.empty((1, count), np.float32), np.empty((1, count), np.int64)
        lists, zeros, params = self._asked(query, cells)
        faiss.omp_set_num_threads(1)  # of this thread alone
        self._lists.search_preassigned_c(
            1,
            faiss.swig_ptr(query.codes.vectors),
            count,
            faiss.swig_ptr(lists),
            faiss.swig_ptr(zeros),
            faiss.swig_ptr(scores),
            faiss.swig_ptr(rows),
            False,
            params,
            None,
        )
        ended = rows[0, -1] < 0 or count >= int(self._sizes[cells].sum())
        found = int(np.count_nonzero(rows[0] >= 0))
        bounds = query.share * (scores[0, :found].astype(np.float64) + self._added(query))
        kept = allowed(rows[0, :found], query.scope.without)
        others = -np.inf if ended else float(bounds[-1])
        return rows[0, :found][kept], bounds[kept], others

    def above(self, query: Query, cells: Cells, threshold: float) -> tuple[Rows, Doubles]:
        """The rows of these cells that may score `threshold` or more, and their bounds.

        Bounds, [M], are on the total but for the L1 half of `paper`.
        """
        if not len(cells):
            return np.empty(0, dtype=np.int64), np.empty(0)
        radius, added = _BELOW, self._added(query)
        if np.isfinite(threshold) and query.share > 0.0:
            least = (threshold + float(query.nearest[cells].min())) / query.share - added
            radius = np.nextafter(np.float32(least - 1e-6 * abs(least)), _BELOW)
        lists, zeros, params = self._asked(query, cells)
        found = faiss.RangeSearchResult(1)
        faiss.omp_set_num_threads(1)
        self._lists.range_search_preassigned_c(
            1,
            faiss.swig_ptr(query.codes.vectors),
            float(radius),
            faiss.swig_ptr(lists),
            faiss.swig_ptr(zeros),
            found,
            False,
            params,
            None,
        )
        count = int(faiss.rev_swig_ptr(found.lims, 2)[1])
        if not count:
            return np.empty(0, dtype=np.int64), np.empty(0)
        rows: Rows = faiss.rev_swig_ptr(found.labels, count).copy()
        scanned = faiss.rev_swig_ptr(found.distances, count).astype(np.float64)
        kept = allowed(rows, query.scope.without)
        return rows[kept], (query.share * (scanned + added))[kept]

    def _asked(
        self, query: Query, cells: Cells
    ) -> tuple[Cells, NDArray[np.float32], faiss.SearchParametersIVF]:
        """FAISS's view of the cells to read and of the filter."""
        passing, lists = query.scope.passing, np.ascontiguousarray(cells)
        selector = None if passing is None else passing.selector
        params: Any = faiss.SearchParametersIVF(  # type: ignore[call-arg]
            nprobe=len(lists), sel=selector
        )
        return lists, np.zeros(len(lists), dtype=np.float32), params

    @staticmethod
    def _added(query: Query) -> float:
        """What makes a scanned score an upper bound."""
        return float(query.codes.constant[0] + query.codes.error[0])


def allowed(rows: Rows, without: Rows) -> slice | NDArray[np.bool_]:
    """Which of `rows` are not in `without`."""
    return ~np.isin(rows, without) if len(without) else slice(None)


def split(turned: Doubles, columns: int) -> Doubles:
    """The first turned columns and the norm of the rest, [N, P] to [N, G + 1]."""
    rest = np.linalg.norm(turned[:, columns:], axis=1, keepdims=True)
    return np.concatenate([turned[:, :columns], rest], axis=1)
