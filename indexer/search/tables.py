"""What the compiled parts of the search hand to each other: tuples of arrays.

Letters: S segments, C cells, L columns of their means, R references of one kind, K kept CCA
dimensions, D Gaussian dimensions, P = K + 2 D + 2 raw columns or as many turned ones, G + 1 sketch
columns, W codes of a row, T tracks, N tracks on the board, M candidates.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.arrays import Doubles, Floats, Integers


class PreparedQuery(NamedTuple):
    """One query, prepared for scoring.

    Attributes:
        l1: Whether the CCA half is the L1 distance of `paper`; else that of `gaussian`.
        lam: Weight of the CCA half.
        near: `gaussian`: rho a / (1 - rho^2); `paper`: rho g(phi), [K].
        near_own: Subtracted from the CCA half; it depends on the query alone.
        mu: Means, [D].
        var: Variances, [D].
        own: Sum of 1 + ln var.
    """

    l1: bool
    lam: float
    near: Doubles
    near_own: float
    mu: Doubles
    var: Doubles
    own: float


class Items(NamedTuple):
    """The segments of a snapshot and what scoring them takes.

    Attributes:
        phi: CCA projections, [S, any].
        mu: Means, [S, D].
        var: Variances, [S, D].
        kept: The CCA dimensions that count, [K].
        mean: Of the music's phi, [K].
        std: Likewise, [K].
        quadratic: rho^2 / (1 - rho^2), [K].
        rho: Correlations, [K].
        first: First segment of each track, and the end, [T + 1].
        content: Equal for tracks with equal content, [T].
    """

    phi: Floats
    mu: Floats
    var: Floats
    kept: Integers
    mean: Doubles
    std: Doubles
    quadratic: Doubles
    rho: Doubles
    first: Integers
    content: NDArray[np.int32]


class Lists(NamedTuple):
    """Coded rows by cell.

    Attributes:
        codes: Of each cell its codes less 1/2, column by column, [S * W].
        rows: The segment of each coded row, [S].
        first: Where each cell begins, and the end, [C + 1].
    """

    codes: NDArray[np.int8]
    rows: NDArray[np.int32]
    first: Integers


class Axes(NamedTuple):
    """The sketch's axes, for queries.

    Attributes:
        shift: What was subtracted from every mu, [D].
        centre: What was subtracted from the raw columns, [P].
        queries: Raw query vectors to turned ones, [P, P].
    """

    shift: Doubles
    centre: Doubles
    queries: Doubles


class Coding(NamedTuple):
    """How sketches are coded; see `codes.Coder`.

    Attributes:
        middle: Of each column's range, [G + 1].
        error: Largest decoding error of each column, [G + 1].
        last_step: What the last byte of each column is worth, [G + 1].
        error_norm: Largest norm of a row's errors, in units of `last_step`.
        columns: The column that each code belongs to, [W].
        steps: What each code is worth, [W].
    """

    middle: Doubles
    error: Doubles
    last_step: Doubles
    error_norm: float
    columns: Integers
    steps: Doubles


class Cells(NamedTuple):
    """Where the rows of each cell lie; one cell after the other in memory.

    Attributes:
        own: Columns in which the cells' means differ, [L].
        mean: A point of each cell, near all its rows, in these columns, [L, C].
        common: What all cells have for a mean in the other columns, 0 in `own`, [P].
        widest: Largest magnitude of any mean in `own`, else 0, [P].
        radius: Largest distance of a row to its cell's mean, in units of `metric`, [C].
        metric: Typical spread within a cell, [P].
        low: Least rho * phi of each cell, [K, C].
        high: Largest, [K, C].
    """

    own: Integers
    mean: Floats
    common: Doubles
    widest: Doubles
    radius: Doubles
    metric: Doubles
    low: Doubles
    high: Doubles


class Known(NamedTuple):
    """Reference queries of one kind, for which every cell's best score is known.

    Attributes:
        vectors: Turned queries, [R, P].
        scaled: Leading columns in the cells' metric, one query after the other in memory.
        norms: Squared norms of these, [R].
        below: How many steps the best score of each cell lies below `top`, rounded down, [R, C].
        step: What a step is worth, [R].
        top: Best score of any cell, [R].
    """

    vectors: Floats
    scaled: Floats
    norms: Floats
    below: NDArray[np.uint16]
    step: Doubles
    top: Doubles


class Coded(NamedTuple):
    """A query against coded rows.

    Attributes:
        vector: What multiplies the codes, [W].
        added: What makes a scanned score an upper bound: constant and error.
        share: What a scanned score weighs in the total.
        estimate: About what the best row of each cell scores, [C].
        bound: What no row of it exceeds, [C].
        nearest: Weighted L1 distance that no row of it falls below, [C].
    """

    vector: Floats
    added: float
    share: float
    estimate: Doubles
    bound: Doubles
    nearest: Doubles


class Allowed(NamedTuple):
    """Which segments may be answered.

    Attributes:
        mask: Those that pass, [S]; empty where all do.
        without: Those that may not be answered either, ascending.
    """

    mask: NDArray[np.bool_]
    without: Integers


class Wanted(NamedTuple):
    """How many tracks.

    Attributes:
        tracks: Of the answer.
        most: Of one artist; -1 for any number.
        first: Where the artists of each track begin, [T + 1]; empty where nothing is counted.
        artists: Numbers of the artists, track after track.
    """

    tracks: int
    most: int
    first: NDArray[np.int64]
    artists: NDArray[np.int32]


class Added(NamedTuple):
    """What is added to the score of a track's segments for this query.

    Attributes:
        nats: Of each track, [T]; empty where nothing is added.
        counted: How much of each track's own score counts, 0 to 1, likewise.
    """

    nats: Doubles
    counted: Doubles


class Task(NamedTuple):
    """What is asked of which segments."""

    items: Items
    asked: PreparedQuery
    wanted: Wanted
    added: Added


class Sieve(NamedTuple):
    """What says which segments need not be scored.

    Attributes:
        lists: The coded rows.
        coded: The query against them.
        allowed: Which may be answered.
        most: What is added to any row of each cell at most, but for those of `apart`, [C].
        apart: Allowed rows that are not bounded by cell.
        tracks: The track of each coded row, [S]; empty where nothing is added.
    """

    lists: Lists
    coded: Coded
    allowed: Allowed
    most: Doubles
    apart: Integers
    tracks: NDArray[np.int32]


class Found(NamedTuple):
    """Candidates: segments, [M], and what each scores at most, [M]."""

    rows: Integers
    bounds: Doubles


class Board(NamedTuple):
    """The best row of each content so far; a hash table finds a content's place.

    Attributes:
        table: Places by hash, -1 where free; its length is a power of two.
        used: How many places are taken, [1].
        row: [N].
        track: [N].
        content: [N].
        scores: Total, CCA half, -KL, [N, 3].
    """

    table: NDArray[np.int32]
    used: Integers
    row: Integers
    track: Integers
    content: Integers
    scores: Doubles
