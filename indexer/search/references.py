"""Reference queries and the best score of every cell for each of them (ADR 0023).

Letters: C cells, P turned columns, R references of one kind.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.search.tables import Known
from indexer.snapshot.format import load_array, save_array
from model.arrays import Doubles, Floats
from model.scoring import Kind

Steps = NDArray[np.uint16]

_COMPARED = 40  # leading columns that say which references are near to a query
_SPAN = 4.0  # times the median distance from the best cell; what is farther counts as this far
_MOST_STEPS = 65_535


@dataclass(frozen=True)
class References:
    """Queries of one kind for which every cell's best score is known.

    Attributes:
        vectors: Turned queries, [R, P].
        below: How many steps the best score of each cell lies below `top`, rounded down, [R, C].
        step: What a step is worth, [R].
        top: Best score of any cell, [R].
    """

    vectors: Floats
    below: Steps
    step: Doubles
    top: Doubles

    @classmethod
    def of(cls, vectors: Floats, best: Doubles) -> References:
        """From the best score of each cell for each reference, [R, C]."""
        if not best.size:
            return cls(vectors, np.empty(best.shape, np.uint16), *np.ones((2, len(best))))
        top = best.max(axis=1)
        distance = top[:, None] - best
        span = np.maximum(_SPAN * np.median(distance, axis=1), 1e-3)
        step = span / _MOST_STEPS
        steps = np.floor(np.minimum(distance / step[:, None], _MOST_STEPS) * (1.0 - 1e-12))
        return cls(vectors, steps.astype(np.uint16), step, top)

    def known(self, metric: Doubles) -> Known:
        """What a search reads of them, with `metric`, [P], the typical spread within a cell."""
        scaled = self.vectors[:, :_COMPARED] * metric[:_COMPARED].astype(np.float32)
        columns = np.ascontiguousarray(scaled.T)
        norms = (scaled**2).sum(axis=1)
        return Known(self.vectors, columns, norms, self.below, self.step, self.top)

    def save(self, folder: Path, kind: Kind) -> None:
        """Write as `search_cells_*_<kind>.npy`."""
        for each in fields(self):
            save_array(folder, f"search_cells_{each.name}_{kind}", getattr(self, each.name))

    @classmethod
    def load(cls, folder: Path, kind: Kind) -> References:
        """Read what `save` wrote."""
        names = (f"search_cells_{each.name}_{kind}" for each in fields(cls))
        return cls(*(np.asarray(load_array(folder, name)) for name in names))
