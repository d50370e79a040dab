"""The cells of a snapshot: segments that score alike, coded together, each cell bounded (ADR 0023).

Letters: C cells, S segments, P turned columns, G + 1 sketch columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from indexer.errors import SnapshotDamagedError
from indexer.search.axes import Sketch
from indexer.search.bounds import aim
from indexer.search.codes import Coder
from indexer.search.columns import KINDS
from indexer.search.references import References
from indexer.search.scope import Level
from indexer.search.tables import Axes, Cells, Coded, Lists, PreparedQuery
from indexer.snapshot.format import REBUILD, load_array
from model.arrays import Doubles, Floats


@dataclass(frozen=True)
class ReadingLimits:
    """How many rows are read before it pays to be choosy.

    Attributes:
        whole: Up to so many rows of a level are all read, without bounds of cells.
        least: The first step reads at least so many.
        factor: And so many for each track that is wanted.
        few: Up to so many rows that pass a filter are all scored, without reading codes.
    """

    whole: int = 2048
    least: int = 512
    factor: int = 16
    few: int = 1024


class CellIndex:
    """The coded rows of a snapshot by cell, those of whole tracks in the first cells."""

    def __init__(self, folder: Path, segments: int, reading: ReadingLimits | None = None) -> None:
        """Map a snapshot's cells into memory.

        Args:
            folder: The snapshot.
            segments: S.
            reading: When to be choosy.

        Raises:
            SnapshotDamagedError: The arrays do not belong together.
        """
        self.segments, self.reading = segments, reading or ReadingLimits()
        shift, axes = np.array(load_array(folder, "search_shift")), Sketch.load(folder)
        self._axes = Axes(shift, axes.centre, axes.queries)
        self._coding = Coder.load(folder, "search_codes").coding
        parts = ("mean", "radius", "metric", "near")
        stored = (np.asarray(load_array(folder, f"search_cells_{part}")) for part in parts)
        self._cells = cells_of(*stored)
        self._known = {
            kind: References.load(folder, kind).known(self._cells.metric) for kind in KINDS
        }
        self._whole_cells = int(load_array(folder, "search_cells_whole", rows=1)[0])
        self.lists = _lists(folder, segments, len(self._coding.steps))
        sizes = np.diff(self.lists.first)
        self._rows = {"track": int(sizes[: self._whole_cells].sum()), "segment": segments}

    def aim(self, asked: PreparedQuery, level: Level) -> Coded:
        """Code a query and bound every cell of its level."""
        known = self._known["paper" if asked.l1 else "gaussian"]
        cells = self._whole_cells if level == "track" else len(self._cells.radius)
        choosy = self._rows[level] > self.reading.whole
        return aim(self._axes, self._coding, self._cells, known, asked, cells, choosy)


def cells_of(mean: Floats, radius: Doubles, metric: Doubles, near: Doubles) -> Cells:
    """What a search reads of C cells, one or more.

    Args:
        mean: A point of each, [C, P].
        radius: Largest distance of a row to it, [C].
        metric: The unit of that, [P].
        near: Least and largest rho * phi of each, [2, C, K].
    """
    differs = (mean != mean[0]).any(axis=0)
    own = np.flatnonzero(differs)
    common = np.where(differs, 0.0, mean[0].astype(np.float64))
    widest = np.where(differs, np.abs(mean).max(axis=0).astype(np.float64), 0.0)
    low, high = near.transpose(0, 2, 1).copy()  # [K, C]
    columns = np.ascontiguousarray(mean[:, own].T)  # [L, C]
    return Cells(own, columns, common, widest, radius, metric, low, high)


def _lists(folder: Path, segments: int, width: int) -> Lists:
    """The coded rows: a FAISS index whose lists are the cells."""
    sizes = np.asarray(load_array(folder, "search_cells_rows"))  # [C]
    index = _mapped_index(folder / "search_codes.faiss")
    found = {index.ntotal, int(sizes.sum())}
    if found != {segments} or index.nlist != len(sizes):
        raise SnapshotDamagedError(
            f"{folder / 'search_codes.faiss'} holds {index.ntotal} rows in "
            f"{index.nlist} cells, not {segments} in {len(sizes)}: {REBUILD}"
        )
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    codes, rows = np.empty(segments * width, np.int8), np.empty(segments, np.int32)
    for cell, size in enumerate(sizes.tolist()):
        if size:
            inside = slice(first[cell], first[cell + 1])
            ids = faiss.rev_swig_ptr(index.invlists.get_ids(cell), size)
            stored = faiss.rev_swig_ptr(index.invlists.get_codes(cell), size * width)
            rows[inside] = ids
            own = codes[first[cell] * width : first[cell + 1] * width].reshape(width, size)
            own[:] = stored.reshape(size, width).T ^ np.uint8(128)
    return Lists(codes, rows, first)


def _mapped_index(path: Path) -> Any:
    """Map a FAISS index into memory."""
    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as exc:
        raise SnapshotDamagedError(f"{path} is no index ({exc}): {REBUILD}") from exc
