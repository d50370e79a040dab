"""Writes what `cells` reads.

Letters: S segments, C cells, P raw or turned columns, R references, B rows of a block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from indexer.search.axes import Sketch
from indexer.search.codes import CodeWriter
from indexer.search.columns import KINDS, doubled, raw_columns, raw_query, spread, typical_queries
from indexer.search.references import References
from indexer.snapshot.format import save_array
from model.arrays import Doubles, Floats
from model.embedding import Embedding
from model.scoring import Direction, Kind, ScoringParams, l1_item_vectors

COLUMNS = 39  # of the sketch; with the norm of the rest 40, and 8 second bytes: 48 codes
SECOND_BYTES = 8
_CLUSTERED = 12  # leading turned columns that say which rows lie together
_CENTRED = 24  # leading turned columns in which each cell has its own mean
_TRAINING_ROWS = 32  # a cell
_SAMPLE = 20_000
_BLOCK_ROWS = 1 << 13
_STEP_BYTES = 2  # of a best score, for either kind
_EPS = float(np.finfo(np.float32).eps)

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """How finely a catalogue is parted.

    Attributes:
        rows_per_cell: Of small catalogues; C grows with the square root of S for others.
        rows_per_reference: Of small catalogues, so that their tables stay small.
        bytes_per_row: Of the best scores of all references in all cells, at most.
        most_references: Of each kind.
    """

    rows_per_cell: int = 128
    rows_per_reference: int = 128
    bytes_per_row: float = 15.0
    most_references: int = 1024

    def references(self, rows: int, cells: int) -> int:
        """How many references of each kind."""
        if cells < 3:  # all of it is read anyway
            return 0
        affordable = int(self.bytes_per_row * rows / (2 * _STEP_BYTES * cells))
        return min(self.most_references, rows // self.rows_per_reference, affordable)


@dataclass(frozen=True)
class _Source:
    """The rows on their way into cells."""

    embedding: Embedding
    scoring: ScoringParams
    shift: Doubles
    axes: Sketch
    layout: Layout

    def turned(self, rows: slice | Rows) -> Doubles:
        """Turned columns of some rows, [B, P]."""
        raw = raw_columns(self.embedding[rows], self.scoring, self.shift)
        return (raw - self.axes.centre) @ self.axes.items


@dataclass(frozen=True)
class _Cells:
    """Rows in order of cell: which, and where each cell begins; whole tracks' cells first."""

    order: Rows  # [S]
    first: Rows  # [C + 1]
    whole: int

    def blocks(self) -> Iterator[tuple[slice, Rows]]:
        """Runs of whole cells of about `_BLOCK_ROWS` rows: the cells, and their rows."""
        start = 0
        while start < len(self.first) - 1:
            reach = int(np.searchsorted(self.first, self.first[start] + _BLOCK_ROWS, side="right"))
            end = max(start + 1, reach - 1)
            yield slice(start, end), self.order[self.first[start] : self.first[end]]
            start = end

    def within(self, cells: slice) -> Rows:
        """Where the cells begin in their block."""
        first: Rows = self.first[cells] - self.first[cells.start]
        return first

    def sizes(self, cells: slice = slice(None)) -> Rows:
        """Rows of each cell."""
        sizes: Rows = np.diff(self.first)[cells]
        return sizes


def write_cells(
    folder: Path,
    embedding: Embedding,
    whole: NDArray[np.bool_],
    scoring: ScoringParams,
    queries: Embedding | None,
    layout: Layout | None = None,
) -> None:
    """Part S segments into cells, code them and bound the cells.

    Args:
        folder: The snapshot being written.
        embedding: The segments.
        whole: Which of them stand for whole tracks, [S]; they get cells of their own.
        scoring: The checkpoint's scoring; both kinds will be searched.
        queries: Typical emotion queries, what cells and bounds are best for; else music.
        layout: How finely to part.
    """
    shift = np.asarray(embedding.mu.mean(axis=0, dtype=np.float64))
    save_array(folder, "search_shift", shift)
    typical = typical_queries(embedding, scoring, shift, queries)  # [M, P]
    sample = raw_columns(embedding[spread(len(embedding), _SAMPLE)], scoring, shift)
    source = _Source(embedding, scoring, shift, Sketch.fit(sample, typical), layout or Layout())
    source.axes.save(folder)
    columns = min(COLUMNS, sample.shape[1])
    sketched = split(typical @ source.axes.queries, columns)
    writer = CodeWriter(folder, "search_codes", _size(sketched), SECOND_BYTES)
    cells = _parted(source, whole, writer, columns)
    mean, metric = _means(source, cells)
    references = {kind: _references(source, queries, kind, cells) for kind in KINDS}
    _write_rows(folder, source, cells, writer, columns)
    _write_bounds(folder, source, cells, (mean, metric), references)


def _parted(source: _Source, whole: NDArray[np.bool_], writer: CodeWriter, columns: int) -> _Cells:
    """Put rows that score alike into one cell; whole tracks apart from segments."""
    rows = len(source.embedding)
    leading = np.empty((rows, min(_CLUSTERED, len(source.axes.centre))), dtype=np.float32)
    for start in range(0, rows, _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        turned = source.turned(block)
        writer.measure(split(turned, columns))
        leading[block] = turned[:, : leading.shape[1]]
    labels, count, wholes = np.empty(rows, dtype=np.int64), 0, 0
    for group in (whole, ~whole):
        members = np.flatnonzero(group)
        if len(members):
            found = _clusters(leading[members], source.layout.rows_per_cell)
            labels[members] = count + found
            count += int(found.max()) + 1
        wholes = wholes or count
    first = np.concatenate([[0], np.cumsum(np.bincount(labels, minlength=count))])
    return _Cells(np.argsort(labels, kind="stable"), first.astype(np.int64), wholes)


def _clusters(points: Floats, rows_per_cell: int) -> Rows:
    """A cluster of each point, numbered without gaps, [N]."""
    count = min(len(points) // rows_per_cell, 4 * isqrt(len(points)))
    if count < 2:
        return np.zeros(len(points), dtype=np.int64)
    means: Any = faiss.Kmeans(
        points.shape[1],
        count,
        niter=8,
        seed=1,
        max_points_per_centroid=_TRAINING_ROWS,
        min_points_per_centroid=1,
    )
    means.train(points)
    nearest = means.index.search(points, 1)[1][:, 0]
    return np.unique(nearest, return_inverse=True)[1].astype(np.int64)


def _means(source: _Source, cells: _Cells) -> tuple[Floats, Doubles]:
    """About the mean of each cell, [C, P], and the typical spread around it, [P].

    Cells differ in their leading columns; in the others all have one, which costs a query less.
    """
    width = len(source.axes.centre)
    mean, squares = np.empty((len(cells.sizes()), width), dtype=np.float32), np.zeros(width)
    for some, rows in cells.blocks():
        turned, sizes = source.turned(rows), cells.sizes(some)
        mean[some] = np.add.reduceat(turned, cells.within(some), axis=0) / sizes[:, None]
        squares += ((turned - np.repeat(mean[some], sizes, axis=0)) ** 2).sum(axis=0)
    mean[:, _CENTRED:] = mean[:, _CENTRED:].mean(axis=0)
    return mean, np.sqrt(squares / len(source.embedding)) + 1e-9


def _references(source: _Source, queries: Embedding | None, kind: Kind, cells: _Cells) -> Floats:
    """Turned queries to know every cell's best score for, [R, P]; none for few rows."""
    count = source.layout.references(len(source.embedding), len(cells.sizes()))
    asked: list[tuple[Embedding, Direction, int]] = [(source.embedding, "m2m", count)]
    if queries is not None and len(queries):
        some = count // 4
        asked = [(source.embedding, "m2m", some), (queries, "e2m", count - some)]
    found = [
        raw_query(
            group[spread(len(group), most)], source.scoring.with_kind(kind), source.shift, direction
        )[0]
        for group, direction, most in asked
    ]
    return (np.concatenate(found) @ source.axes.queries).astype(np.float32)


def _write_rows(
    folder: Path, source: _Source, cells: _Cells, writer: CodeWriter, columns: int
) -> None:
    """The coded rows as the lists of a FAISS index, one for each cell."""
    lists = writer.start_lists(len(cells.sizes()))
    for some, rows in cells.blocks():
        labels = np.repeat(np.arange(some.start, some.stop), cells.sizes(some))
        writer.add_to_lists(lists, split(source.turned(rows), columns), rows, labels)
    writer.finish_lists(lists)
    save_array(folder, "search_cells_rows", cells.sizes())
    save_array(folder, "search_cells_whole", np.array([cells.whole]))


def _write_bounds(
    folder: Path,
    source: _Source,
    cells: _Cells,
    centres: tuple[Floats, Doubles],
    references: dict[Kind, Floats],
) -> None:
    """Radius, box of rho * phi, and best scores of each cell."""
    (mean, metric), count = centres, len(cells.sizes())
    params = doubled(source.scoring)
    radius, near = np.empty(count), np.empty((2, count, max(1, int(params.kept.sum()))))
    support = {kind: np.empty((count, len(each))) for kind, each in references.items()}
    for some, rows in cells.blocks():
        turned, begins = source.turned(rows), cells.within(some)
        away = (turned - np.repeat(mean[some], cells.sizes(some), axis=0)) / metric
        radius[some] = np.maximum.reduceat(np.linalg.norm(away, axis=1), begins)
        phi = torch.from_numpy(np.asarray(source.embedding.phi[rows], dtype=np.float64))
        points = l1_item_vectors(phi, params).numpy()
        if points.shape[1]:
            near[0, some] = np.minimum.reduceat(points, begins, axis=0)
            near[1, some] = np.maximum.reduceat(points, begins, axis=0)
        for kind, vectors in references.items():
            support[kind][some] = _best(turned, vectors, begins)
    save_array(folder, "search_cells_mean", mean)
    save_array(folder, "search_cells_radius", radius * (1.0 + 1e-9))
    save_array(folder, "search_cells_metric", metric)
    save_array(folder, "search_cells_near", near[:, :, : int(params.kept.sum())])
    for kind, values in support.items():
        References.of(references[kind], values.T).save(folder, kind)


def _best(turned: Doubles, vectors: Floats, begins: Rows) -> Doubles:
    """What no row of each cell exceeds for each reference, [cells, R]."""
    products = turned.astype(np.float32) @ vectors.T  # [B, R]
    longest = np.maximum.reduceat(np.linalg.norm(turned, axis=1), begins)
    rounding = (turned.shape[1] + 8) * _EPS * longest[:, None] * np.linalg.norm(vectors, axis=1)
    best: Doubles = np.maximum.reduceat(products, begins, axis=0) + rounding
    return best


def _size(vectors: Doubles) -> Doubles:
    """Root mean square of each column."""
    size: Doubles = np.sqrt((vectors**2).mean(axis=0))
    return size


def split(turned: Doubles, columns: int) -> Doubles:
    """The first turned columns and the norm of the rest, [N, P] to [N, G + 1]."""
    rest = np.linalg.norm(turned[:, columns:], axis=1, keepdims=True)
    return np.concatenate([turned[:, :columns], rest], axis=1)
