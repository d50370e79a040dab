"""Engines: from a query to the segments that may be best, and a bound on all others.

Every engine answers the same question: which segments are worth scoring exactly, and how much can
any other segment score at most? The searcher scores the candidates exactly and stops when its
last answer beats the bound (Fagin's threshold algorithm, carried over to scans with an error).

Letters: Q queries, S segments, M candidates.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.errors import SnapshotDamagedError
from indexer.search_arrays import (
    SHARD_ROWS,
    CodedQueries,
    Columns,
    code_l1_queries,
    code_queries,
    shard_names,
)
from indexer.snapshot_format import REBUILD, load_array
from model.embedding import Embedding
from model.scoring import Direction, ScoringParams

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Candidates:
    """Segments to score exactly.

    Attributes:
        rows: Rows of the snapshot's segments, distinct, [M].
        bound: No passing segment outside `rows` scores more; -inf when there is none outside;
            NaN when the engine cannot say.
    """

    rows: Rows
    bound: float


class Engine(Protocol):
    """Finds candidates."""

    def candidates(
        self,
        query: Embedding,
        scoring: ScoringParams,
        direction: Direction,
        count: int,
        passing: Mask | None,
    ) -> list[Candidates]:
        """Candidates of each of Q queries.

        Args:
            query: Q queries.
            scoring: `kind` says which score.
            direction: `e2m` or `m2m`.
            count: About how many candidates a query (of each half, where there are two).
            passing: Mask of the segments that may be answered, [S]; None for all.
        """
        ...


@dataclass(frozen=True)
class _Lists:
    """The best of one half, best first: scores [Q, M] and rows [Q, M], -1 past the end."""

    scores: NDArray[np.float64]
    rows: Rows

    def last(self, query: int) -> float:
        """What no row outside the list exceeds: its last score, -inf if it ran out of rows."""
        return -np.inf if self.rows[query, -1] < 0 else float(self.scores[query, -1])


class Scan:
    """Exhaustive search over FAISS shards, one thread a shard."""

    def __init__(self, folder: Path, prefix: str, segments: int, threads: int | None) -> None:
        self._shards = [read_index(folder / name) for name in shard_names(prefix, segments)]
        self._threads = threads

    @property
    def width(self) -> int:
        """Columns of a stored row."""
        return int(self._shards[0].d)

    def best(self, vectors: NDArray[np.float32], count: int, passing: Mask | None) -> _Lists:
        """The `count` best rows of each query; L1 distances come back negated."""
        sign = -1.0 if self._shards[0].metric_type == faiss.METRIC_L1 else 1.0

        def search(shard: int) -> tuple[NDArray[np.float32], Rows]:
            faiss.omp_set_num_threads(1)  # of this thread alone
            index, start = self._shards[shard], shard * SHARD_ROWS
            kept = None if passing is None else passing[start : start + SHARD_ROWS]
            only = faiss.SearchParameters(sel=selector(kept))  # type: ignore[call-arg]
            scores, rows = index.search(vectors, min(count, index.ntotal), params=only)
            return sign * scores, np.where(rows >= 0, rows + start, -1)

        found = list(_each(search, range(len(self._shards)), self._threads))
        return _merged(found, count)


class ExactEngine:
    """Exhaustive scans whose errors are bounded, so that answers can be certified."""

    def __init__(self, folder: Path, segments: int, threads: int | None = None) -> None:
        self._columns = Columns.load(folder)
        self._largest = np.array(load_array(folder, "search_l1_magnitude"))
        self._codes = Scan(folder, "search_codes", segments, threads)
        self._l1 = Scan(folder, "search_l1", segments, threads)

    def candidates(
        self,
        query: Embedding,
        scoring: ScoringParams,
        direction: Direction,
        count: int,
        passing: Mask | None,
    ) -> list[Candidates]:
        """See `Engine`; `gaussian` is one list, `paper` the union of two."""
        coded = code_queries(query, scoring, self._columns, direction)
        lists = self._codes.best(coded.vectors, count, passing)
        if scoring.kind == "gaussian":
            return [
                Candidates(_real(lists.rows[q]), lists.last(q) + coded.constant[q] + coded.error[q])
                for q in range(len(query))
            ]
        near = code_l1_queries(query, scoring, self._largest, direction)
        return [
            _union(lists, coded, nearest, near, scoring.lam, q)
            for nearest in [self._l1.best(near.vectors, count, passing)]
            for q in range(len(query))
        ]


def _real(rows: Rows) -> Rows:
    return rows[rows >= 0]


def _union(
    kl: _Lists, kl_query: CodedQueries, cca: _Lists, cca_query: CodedQueries, lam: float, q: int
) -> Candidates:
    """Both lists of one query; a row in neither is below both last values (Fagin)."""
    rows = np.union1d(_real(kl.rows[q]), _real(cca.rows[q]))
    kl_last = kl.last(q) + kl_query.constant[q] + kl_query.error[q]
    cca_last = cca.last(q) + cca_query.error[q]
    if np.isneginf(kl_last) or np.isneginf(cca_last):  # one list holds every row
        return Candidates(rows, -np.inf)
    return Candidates(rows, lam * cca_last + (1.0 - lam) * kl_last)


def _merged(found: list[tuple[NDArray[np.float32], Rows]], count: int) -> _Lists:
    """The shards' lists as one, best first, ties by row."""
    scores = np.concatenate([each[0] for each in found], axis=1).astype(np.float64)
    rows = np.concatenate([each[1] for each in found], axis=1)
    scores[rows < 0] = -np.inf
    order = np.lexsort((rows, -scores))[:, :count]  # [Q, M]
    scores, rows = np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)
    if rows.shape[1] < count:  # fewer rows than asked for: the list holds them all
        scores = np.pad(scores, ((0, 0), (0, 1)), constant_values=-np.inf)
        rows = np.pad(rows, ((0, 0), (0, 1)), constant_values=-1)
    return _Lists(scores, rows)


def selector(passing: Mask | None) -> Any:
    """FAISS's view of a mask of rows; it holds the bitmap as long as it lives."""
    if passing is None:
        return None
    bits: Any = np.packbits(passing, bitorder="little")
    return faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg]


def _each(task: Callable[[int], Any], items: Iterable[int], threads: int | None) -> Iterable[Any]:
    """Run `task` on every item, on as many threads as the machine has or `threads` says."""
    work = list(items)
    workers = min(len(work), threads or os.cpu_count() or 1)
    if workers <= 1:
        return [task(item) for item in work]
    return _pool(workers).map(task, work)


@lru_cache(maxsize=4)
def _pool(workers: int) -> ThreadPoolExecutor:
    """Threads shared by all searchers of the process."""
    return ThreadPoolExecutor(workers, thread_name_prefix="circumplex-scan")


def read_index(path: Path) -> Any:
    """Map a FAISS index into memory."""
    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as exc:
        raise SnapshotDamagedError(f"{path} is no index ({exc}): {REBUILD}") from exc
