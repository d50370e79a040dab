"""Engines: from a query to the segments that may be best, and a bound on all others.

Every engine answers the same question: which segments are worth scoring exactly, and how much can
any other segment score at most? The searcher scores the candidates exactly and stops when its
last answer beats the bound (Fagin's threshold algorithm, carried over to scans with an error).

Letters: Q queries, S segments, M candidates.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.errors import SnapshotDamagedError
from indexer.search.axes import Sketch
from indexer.search.codes import SHARD_ROWS, CodedQueries, Coder, shard_names
from indexer.search.columns import CODES, L1, SKETCH, l1_queries, raw_query
from indexer.snapshot.format import REBUILD, load_array
from model.embedding import Embedding
from model.scoring import Direction, ScoringParams

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

SKETCH_SHARE = 16  # a list of more than S / 16 costs more than a scan of all columns
SKETCH_MOST = 8192
FIRST_COUNT, FIRST_FACTOR = 256, 16
LEAST_COUNT = 64


@dataclass(frozen=True)
class Candidates:
    """Segments to score exactly.

    Attributes:
        rows: Rows of the snapshot's segments, distinct, [M].
        bound: No passing segment outside `rows` scores more; -inf when there is none outside.
        final: The engine would not look further, whether or not the bound proves the answer.
    """

    rows: Rows
    bound: float
    final: bool = False


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

    def first_count(self, wanted: int, scoring: ScoringParams) -> int:
        """How many candidates to ask for first when `wanted` tracks are to be answered."""
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

    def __init__(self, folder: Path, name: str, segments: int, threads: int | None) -> None:
        self._shards = [read_index(folder / each) for each in shard_names(name, segments)]
        self._threads = threads
        found = sum(shard.ntotal for shard in self._shards)
        if found != segments:
            raise SnapshotDamagedError(
                f"{folder / name}* hold {found} rows, not {segments}: {REBUILD}"
            )

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
            only = faiss.SearchParameters(sel=_selector(kept))  # type: ignore[call-arg]
            scores, rows = index.search(vectors, min(count, index.ntotal), params=only)
            return sign * scores, np.where(rows >= 0, rows + start, -1)

        found = list(_each(search, range(len(self._shards)), self._threads))
        return _merged(found, count)


class ExactEngine:
    """Exhaustive scans whose errors are bounded: first of the sketches, then of all columns."""

    def __init__(
        self,
        folder: Path,
        segments: int,
        threads: int | None = None,
        *,
        sketch_first: bool | None = None,
    ) -> None:
        """Open the scanned arrays of a snapshot.

        Args:
            folder: The snapshot.
            segments: S.
            threads: Of one scan; default: the machine's cores.
            sketch_first: Begin with the sketches; default: where they are half as wide or less.
        """
        self._segments, self._shift = segments, np.array(load_array(folder, "search_shift"))
        self._largest = np.array(load_array(folder, "search_l1_magnitude"))
        self._codes = Scan(folder, CODES, segments, threads), Coder.load(folder, CODES)
        self._l1 = Scan(folder, L1, segments, threads)
        self._axes: Sketch | None = None
        if (folder / f"{SKETCH}_0000.faiss").exists():
            self._axes = Sketch.load(folder)
            self._sketch = Scan(folder, SKETCH, segments, threads), Coder.load(folder, SKETCH)
            if sketch_first is None:
                sketch_first = self._codes[0].width >= 2 * self._sketch[0].width
        self._sketch_first = bool(sketch_first) and self._axes is not None

    def candidates(
        self,
        query: Embedding,
        scoring: ScoringParams,
        direction: Direction,
        count: int,
        passing: Mask | None,
    ) -> list[Candidates]:
        """See `Engine`; `gaussian` is one list, `paper` the union of two."""
        raw, constant = raw_query(query, scoring, self._shift, direction)  # [Q, P]
        scan, coder = self._codes
        longest = min(SKETCH_MOST, self._segments // SKETCH_SHARE)
        if self._sketch_first and self._axes is not None and count <= longest:
            raw, constant = self._axes.bounds(raw, constant)
            scan, coder = self._sketch
        coded = coder.queries(raw, constant)
        lists = scan.best(coded.vectors, count, passing)
        if scoring.kind == "gaussian" or scoring.lam == 0.0:
            share = 1.0 if scoring.kind == "gaussian" else 1.0 - scoring.lam
            return [
                Candidates(_real(lists.rows[q]), share * _ceiling(lists, coded, q))
                for q in range(len(query))
            ]
        near = l1_queries(query, scoring, self._largest, direction)
        nearest = self._l1.best(near.vectors, count, passing)
        return [_union(lists, coded, nearest, near, scoring.lam, q) for q in range(len(query))]

    def first_count(self, wanted: int, scoring: ScoringParams) -> int:
        """See `Engine`: what proved most answers in the benchmark."""
        return max(FIRST_COUNT, FIRST_FACTOR * wanted)


class SinglePass:
    """The approximate engine: one scan of the sketches, as long as its recall was measured."""

    def __init__(self, exact: ExactEngine, counts: Mapping[str, int]) -> None:
        """Shorten the lists of an exact engine.

        Args:
            exact: What scans.
            counts: Candidates a track of the answer that reached the wanted recall, by kind.
        """
        self._exact, self._counts = exact, counts

    def candidates(
        self,
        query: Embedding,
        scoring: ScoringParams,
        direction: Direction,
        count: int,
        passing: Mask | None,
    ) -> list[Candidates]:
        """See `Engine`; the first list is final, proven or not, unless a filter is set.

        Recall was measured without filters; with one, answers are proven like the exact engine's,
        and so are those of `paper` with both halves, whose union of short lists misses too much.
        """
        found = self._exact.candidates(query, scoring, direction, count, passing)
        one_list = scoring.kind == "gaussian" or scoring.lam == 0.0
        return [replace(each, final=passing is None and one_list) for each in found]

    def first_count(self, wanted: int, scoring: ScoringParams) -> int:
        """See `Engine`: as measured when the snapshot was written."""
        return max(LEAST_COUNT, self._counts[scoring.kind] * wanted)


def _ceiling(lists: _Lists, coded: CodedQueries, q: int) -> float:
    """What no row outside a query's list scores more than."""
    return float(lists.last(q) + coded.constant[q] + coded.error[q])


def _real(rows: Rows) -> Rows:
    return rows[rows >= 0]


def _union(
    kl: _Lists, kl_query: CodedQueries, cca: _Lists, cca_query: CodedQueries, lam: float, q: int
) -> Candidates:
    """Both lists of one query; a row in neither is below both last values (Fagin)."""
    rows = np.union1d(_real(kl.rows[q]), _real(cca.rows[q]))
    kl_last, cca_last = _ceiling(kl, kl_query, q), _ceiling(cca, cca_query, q)
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


def _selector(passing: Mask | None) -> Any:
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
