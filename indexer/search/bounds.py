"""How much any segment of a cell can score at most, without reading the cell (ADR 0023).

The score is an inner product <q, x>. What a cell can score at most as a function of q, its
*support function* H(q) = max <q, x>, is stored for up to a thousand reference queries r. It is
sublinear: for any weights w >= 0,

    q = sum w_i r_i + d   =>   H(q) <= sum w_i H(r_i) + <d, mean> + |d| radius.

Real queries lie on a manifold of few dimensions (an emotion curve's level, spread, slope, bend),
so a few neighbouring references leave little of q over, and the bound is nearly the true maximum.
Norms are taken in a metric in which cells are round; any would be valid.

Letters: C cells, P turned columns, R references of one kind, M neighbours, W codes of a row,
G + 1 sketch columns, K kept CCA dimensions, D Gaussian dimensions.
"""

from __future__ import annotations

import numpy as np

from indexer.search.compiled import compiled
from indexer.search.tables import Axes, Cells, Coded, Coding, Known, PreparedQuery
from model.arrays import Doubles, Floats, Integers

NEIGHBOURS = 16
_EPS = float(np.finfo(np.float32).eps)
_RIDGE = 1e-5
_LARGEST_CODE = 128.0  # of codes less 1/2


@compiled
def columns(asked: PreparedQuery, shift: Doubles) -> tuple[Doubles, float]:
    """What multiplies the raw columns, and what is added: `columns.raw_query`.

    Args:
        asked: The query; with `paper` -KL alone counts, at weight 1.
        shift: What was subtracted from every mu, [D].

    Returns:
        A vector [P] and a constant.
    """
    kept, width = len(asked.near), len(shift)
    lam = 0.0 if asked.l1 else asked.lam
    raw = np.empty(kept + 2 * width + 2)
    for k in range(kept):
        raw[k] = lam * asked.near[k]
    for d in range(width):
        mu = asked.mu[d] - shift[d]
        raw[kept + d] = (1.0 - lam) * (mu * mu + asked.var[d])
        raw[kept + width + d] = (1.0 - lam) * mu
    raw[-2], raw[-1] = lam, 1.0 - lam
    return raw, (1.0 - lam) * 0.5 * asked.own - lam * asked.near_own


@compiled
def _turned(axes: Axes, raw: Doubles) -> Doubles:
    """The query on the sketch's axes, [P]."""
    turned = np.zeros(len(raw))
    for p in range(len(raw)):
        for axis in range(len(raw)):
            turned[axis] += raw[p] * axes.queries[p, axis]
    return turned


@compiled
def _coded(coding: Coding, turned: Doubles, constant: float) -> tuple[Floats, float]:
    """The query for coded rows [W], and what makes a scanned score an upper bound.

    Codes are off by at most `error` a column and by `error_norm` a row, of which the smaller sum
    counts; added to it is the rounding of W float32 products in any order (ADR 0021).
    """
    own, rest = np.empty(len(coding.middle)), 0.0  # the sketch: leading columns, norm of the rest
    for p in range(len(turned)):
        if p < len(own) - 1:
            own[p] = turned[p]
        else:
            rest += turned[p] * turned[p]
    own[-1] = np.sqrt(rest)
    vector, size = np.empty(len(coding.steps), np.float32), 0.0
    for code in range(len(vector)):
        exact = own[coding.columns[code]] * coding.steps[code]
        vector[code] = np.float32(exact)
        size += abs(exact)
        constant += 0.5 * float(vector[code])
    by_largest, by_norm = 0.0, 0.0
    for column in range(len(own)):
        constant += own[column] * coding.middle[column]
        by_largest += abs(own[column]) * coding.error[column]
        by_norm += (own[column] * coding.last_step[column]) ** 2
    error = min(by_largest, float(np.sqrt(by_norm)) * coding.error_norm)
    return vector, constant + error + (len(vector) + 8) * _EPS * _LARGEST_CODE * size


@compiled
def _nearest(known: Known, scaled: Doubles) -> Integers:
    """The references that differ least from a query in the cells' metric, [M]."""
    distance = known.norms.copy()  # [R]
    for p in range(len(known.scaled)):
        factor = np.float32(-2.0 * scaled[p])
        for r in range(len(distance)):
            distance[r] += factor * known.scaled[p, r]
    count = min(NEIGHBOURS, len(distance))
    best = np.arange(count)
    last = best[np.argmax(distance[best])]
    for r in range(count, len(distance)):
        if distance[r] < distance[last]:
            best[best == last] = r
            last = best[np.argmax(distance[best])]
    return best


@compiled
def _products(vectors: Doubles, wanted: Doubles) -> tuple[Doubles, Doubles]:
    """Products of the vectors, [M, P], with each other, [M, M], and with `wanted`, [M]."""
    turned = vectors.T.copy()  # [P, M]
    gram, right = np.zeros((len(vectors), len(vectors))), np.zeros(len(vectors))
    for p in range(len(wanted)):
        for i in range(len(right)):
            right[i] += turned[p, i] * wanted[p]
            for j in range(len(right)):
                gram[i, j] += turned[p, i] * turned[p, j]
    return gram, right


@compiled
def _solve(gram: Doubles, right: Doubles, used: Integers, lower: Doubles, x: Doubles) -> None:
    """Solve `gram` x = `right` in the rows and columns `used`, by Cholesky's decomposition.

    `lower`, [M, M], is room to work in; x, [M], holds the solution in its first places.
    """
    for i in range(len(used)):
        x[i] = right[used[i]]
        for j in range(i + 1):
            rest = gram[used[i], used[j]]
            for k in range(j):
                rest -= lower[i, k] * lower[j, k]
            lower[i, j] = np.sqrt(rest) if i == j else rest / lower[j, j]
        for k in range(i):
            x[i] -= lower[i, k] * x[k]
        x[i] /= lower[i, i]
    for i in range(len(used) - 1, -1, -1):
        for k in range(i + 1, len(used)):
            x[i] -= lower[k, i] * x[k]
        x[i] /= lower[i, i]


@compiled
def combination(vectors: Doubles, wanted: Doubles) -> Doubles:
    """Weights >= 0, float32 numbers, whose sum of `vectors`, [M, P], comes near to `wanted`, [P].

    Least squares, dropping negative weights until none is left. Any answer is a valid one.
    """
    count = len(vectors)
    gram, right = _products(vectors, wanted)
    ridge = _RIDGE * np.trace(gram) / count + 1e-30
    for i in range(count):
        gram[i, i] += ridge
    weights, lower, x = np.zeros(count), np.empty((count, count)), np.empty(count)
    used = np.arange(count)
    while len(used):
        _solve(gram, right, used, lower, x)
        found = x[: len(used)]
        if found.min() >= 0.0:
            for i in range(len(used)):
                weights[used[i]] = np.float32(found[i])
            break
        used = used[found > 0.0]
    return weights


@compiled
def bounded(cells: Cells, known: Known, turned: Doubles, count: int) -> tuple[Doubles, Doubles]:
    """Estimate and upper bound of the best score of each of the first `count` cells.

    Sums in float32 are rounded to the safe side by more than they can be off: a sum of M
    non-negative steps by a relative (M + 8) eps, one of P products by as much of its largest.

    Args:
        cells: Their means and radii.
        known: The references; at least one.
        turned: The query on the sketch's axes, [P].
        count: How many cells.
    """
    near = _nearest(known, turned * cells.metric)
    vectors = known.vectors[near].astype(np.float64)  # [M, P]
    weights = combination(vectors * cells.metric, turned * cells.metric)
    left, top = turned.copy(), 0.0  # exact: float32 numbers in float64
    below = np.zeros(count, np.float32)
    for i in range(len(near)):
        left -= weights[i] * vectors[i]
        top += weights[i] * known.top[near[i]]
        least = weights[i] * known.step[near[i]] * (1.0 - (len(near) + 8) * _EPS)
        factor = np.float32(least)
        steps = known.below[near[i]]
        for cell in range(count):
            below[cell] += factor * np.float32(steps[cell])
    for p in range(len(left)):
        top += left[p] * cells.common[p]
    moved = np.zeros(count, np.float32)
    for p in range(len(cells.own)):
        factor, mean = np.float32(left[cells.own[p]]), cells.mean[p]
        for cell in range(count):
            moved[cell] += factor * mean[cell]
    rounding = (len(left) + 8) * _EPS * (cells.widest * np.abs(left)).sum()
    length = np.sqrt(((left * cells.metric) ** 2).sum())
    estimate = (moved.astype(np.float64) - below.astype(np.float64)) + top
    slack = cells.radius[:count] * length + rounding + 1e-9 * np.abs(estimate)
    return estimate, estimate + slack


@compiled
def _box_distance(cells: Cells, near: Doubles, lam: float, count: int) -> Doubles:
    """Lambda times the L1 distance from a point to the box of each cell, rounded down, [C]."""
    distance = np.zeros(count)
    for k in range(len(near)):
        low, high = cells.low[k], cells.high[k]
        for cell in range(count):
            distance[cell] += max(low[cell] - near[k], near[k] - high[cell], 0.0)
    return lam * distance * (1.0 - 1e-12)


@compiled
def aim(
    axes: Axes,
    coding: Coding,
    cells: Cells,
    known: Known,
    asked: PreparedQuery,
    count: int,
    choosy: bool,
) -> Coded:
    """Turn and code a query, and bound the first `count` cells for it.

    Args:
        axes: The sketch's axes.
        coding: How rows are coded.
        cells: The cells.
        known: References of the query's kind; without any, nothing is bounded.
        asked: The query.
        count: How many cells hold rows of its level.
        choosy: Whether to bound them; else every cell may hold the answer.
    """
    raw, constant = columns(asked, axes.shift)
    constant += (raw * axes.centre).sum()
    turned = _turned(axes, raw)
    vector, added = _coded(coding, turned, constant)
    lam = asked.lam if asked.l1 else 0.0
    estimate, bound, nearest = np.zeros(count), np.full(count, np.inf), np.zeros(count)
    if lam > 0.0:
        nearest = _box_distance(cells, asked.near, lam, count)
    if choosy and len(known.norms):
        estimate, bound = bounded(cells, known, turned, count)
    estimate = (1.0 - lam) * (estimate + constant) - nearest
    bound = (1.0 - lam) * (bound + constant) - nearest if lam < 1.0 else -nearest
    return Coded(vector, added, 1.0 - lam, estimate, bound, nearest)
