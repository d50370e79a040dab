"""How much any segment of a cell can score at most, without reading the cell (ADR 0023).

The score is an inner product <q, x>. What a cell can score at most as a function of q, its
*support function* H(q) = max <q, x>, is stored for a thousand reference queries r. It is sublinear:
for any weights w >= 0,

    q = sum w_i r_i + d   =>   H(q) <= sum w_i H(r_i) + <d, mean> + |d| radius.

Real queries lie on a manifold of few dimensions (an emotion curve's level, spread, slope, bend),
so a few neighbouring references leave little of q over, and the bound is nearly the true maximum.
Norms are taken in a metric in which cells are round; any would be valid.

Letters: C cells, P turned columns, R references of one kind.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.search_codes import Doubles
from indexer.snapshot_format import load_array, save_array
from model.scoring import Kind

Singles = NDArray[np.float32]
Steps = NDArray[np.uint16]

NEIGHBOURS = 16
_SPAN = 4.0  # times the median distance from the best cell; what is farther counts as this far
_MOST_STEPS = 65_535
_EPS = float(np.finfo(np.float32).eps)
_RIDGE = 1e-5
_NAME = "search_cells"


@dataclass(frozen=True)
class References:
    """Queries of one kind for which every cell's best score is known.

    Attributes:
        vectors: Turned queries, [R, P].
        below: How many steps the best score of each cell lies below `top`, rounded down, [R, C].
        step: What a step is worth, [R].
        top: Best score of any cell, [R].
    """

    vectors: Singles
    below: Steps
    step: Doubles
    top: Doubles

    @classmethod
    def of(cls, vectors: Singles, best: Doubles) -> References:
        """From the best score of each cell for each reference, [R, C]."""
        if not best.size:
            return cls(vectors, np.empty(best.shape, np.uint16), *np.ones((2, len(best))))
        top = best.max(axis=1)
        distance = top[:, None] - best
        span = np.maximum(_SPAN * np.median(distance, axis=1), 1e-3)
        step = span / _MOST_STEPS
        steps = np.floor(np.minimum(distance / step[:, None], _MOST_STEPS) * (1.0 - 1e-12))
        return cls(vectors, steps.astype(np.uint16), step, top)

    def save(self, folder: Path, kind: Kind) -> None:
        """Write as `search_cells_*_<kind>.npy`."""
        for each in fields(self):
            save_array(folder, f"{_NAME}_{each.name}_{kind}", getattr(self, each.name))

    @classmethod
    def load(cls, folder: Path, kind: Kind) -> References:
        """Read what `save` wrote."""
        names = (f"{_NAME}_{each.name}_{kind}" for each in fields(cls))
        return cls(*(np.asarray(load_array(folder, name)) for name in names))


class CellBounds:
    """Bounds of all cells for one query."""

    def __init__(
        self, mean: Singles, radius: Doubles, metric: Doubles, references: dict[Kind, References]
    ) -> None:
        """Prepare what every query needs.

        Args:
            mean: A point of each cell, near all its rows, [C, P].
            radius: Largest distance of a row to it, in units of `metric`, [C].
            metric: Typical spread within a cell, [P].
            references: Of each kind; without any, nothing is bounded.
        """
        self._mean, self._radius, self._metric = mean, radius, metric
        self._references = references
        self._widest = np.abs(mean).max(axis=0, initial=0.0).astype(np.float64)  # [P]
        self._scaled = {
            kind: each.vectors * metric.astype(np.float32) for kind, each in references.items()
        }
        self._norms = {kind: (each**2).sum(axis=1) for kind, each in self._scaled.items()}

    @classmethod
    def load(cls, folder: Path) -> CellBounds:
        """Open the bounds of a snapshot."""
        mean, radius, metric = (
            np.asarray(load_array(folder, f"{_NAME}_{part}"))
            for part in ("mean", "radius", "metric")
        )
        kinds: tuple[Kind, ...] = ("gaussian", "paper")
        return cls(mean, radius, metric, {kind: References.load(folder, kind) for kind in kinds})

    def of(self, turned: Doubles, kind: Kind, cells: int) -> tuple[Doubles, Doubles]:
        """Estimate and upper bound of the best score of each of the first `cells` cells.

        Args:
            turned: The query on the sketch's axes, [P].
            kind: Whose references to use.
            cells: How many cells.

        Returns:
            Both [cells]; the bounds are infinite where there are no references.
        """
        known = self._references[kind]
        if not len(known.vectors):
            return np.zeros(cells), np.full(cells, np.inf)
        near = self._nearest(turned, kind)
        weights = _combination(self._scaled[kind][near], turned * self._metric)
        left = turned - weights @ known.vectors[near]  # exact: float32 numbers in float64
        least = weights * known.step[near] * (1.0 - (len(near) + 8) * _EPS)  # despite rounding
        below = least.astype(np.float32) @ known.below[near, :cells].astype(np.float32)
        moved = self._mean[:cells] @ left.astype(np.float32)
        estimate: Doubles = moved.astype(np.float64) - below + float(weights @ known.top[near])
        rounding = (len(left) + 8) * _EPS * float(self._widest @ np.abs(left))
        slack = self._radius[:cells] * float(np.linalg.norm(left * self._metric)) + rounding
        return estimate, estimate + slack + 1e-9 * np.abs(estimate)

    def _nearest(self, turned: Doubles, kind: Kind) -> NDArray[np.intp]:
        """The references that differ least from the query."""
        scaled = (turned * self._metric).astype(np.float32)
        distance = self._norms[kind] - 2.0 * (self._scaled[kind] @ scaled)  # [R]
        count = min(NEIGHBOURS, len(distance))
        return np.argpartition(distance, count - 1)[:count]


def _combination(vectors: Singles, wanted: Doubles) -> Doubles:
    """Weights >= 0, float32 numbers, whose sum of `vectors`, [M, P], comes near to `wanted`, [P].

    Least squares, dropping negative weights until none is left. Any answer is a valid one.
    """
    at = vectors.astype(np.float64)
    gram, right = at @ at.T, at @ wanted
    gram[np.diag_indices_from(gram)] += _RIDGE * gram.trace() / len(gram) + 1e-30
    weights, used = np.zeros(len(at)), np.arange(len(at))
    while len(used):
        found = np.linalg.solve(gram[np.ix_(used, used)], right[used])
        if found.min() >= 0.0:
            weights[used] = found
            break
        used = used[found > 0.0]
    return weights.astype(np.float32).astype(np.float64)
