"""Compiled search in cells: read coded rows, score the best exactly, rank their tracks.

`find_in_cells` is the threshold algorithm of ADR 23 without the interpreter (ADR 26).

Letters: S segments, C cells, W codes of a row, K kept CCA dimensions, D Gaussian dimensions,
T tracks, N tracks on the board, M candidates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from indexer.search.compiled import compiled
from indexer.search.tables import (
    Allowed,
    Board,
    Found,
    Items,
    Lists,
    PreparedQuery,
    Sieve,
    Task,
    Wanted,
)
from model.arrays import Doubles, Floats, Integers

TIE_DECIMALS = 9  # scores that agree to 1e-9 nats are equal; the smaller row comes first
TIE = 2.0 * 10.0**-TIE_DECIMALS

_ONE = 10.0**TIE_DECIMALS
_PATIENCE = 16  # rows that are scored at once, before the threshold is looked at again
_AGAIN = 16  # a large board is ranked anew once a sixteenth of it was scored since
_WIDEN, _STEPS = 4, 512
_HASH = 2654435761
_FAR = 1e250  # a product that any float32 number may still be multiplied with


@compiled
def _board(room: int) -> Board:
    """An empty board for so many contents."""
    length = 16
    while length < 2 * room:
        length *= 2
    table, used = np.full(length, -1, np.int32), np.zeros(1, np.int64)
    row, track, content = np.empty((3, room), np.int64)
    return Board(table, used, row, track, content, np.empty((room, 3)))


@compiled
def _at(table: NDArray[np.int32], contents: Integers, content: int) -> int:
    """Where a board's table holds a content, or where it belongs."""
    last = len(table) - 1
    at = (content * _HASH) & last
    while table[at] >= 0 and contents[table[at]] != content:
        at = (at + 1) & last
    return at


@compiled
def _with_room(board: Board, more: int) -> Board:
    """The board, or a copy of it that has room for so many more contents."""
    used = board.used[0]
    if used + more <= len(board.row):
        return board
    larger = _board(2 * (used + more))
    larger.used[0] = used
    for place in range(used):
        larger.table[_at(larger.table, board.content, board.content[place])] = place
        larger.row[place], larger.track[place] = board.row[place], board.track[place]
        larger.content[place] = board.content[place]
        larger.scores[place] = board.scores[place]
    return larger


@compiled
def _cca(items: Items, asked: PreparedQuery, row: int) -> float:
    """The CCA half of one row."""
    total = -asked.near_own
    for k in range(len(items.kept)):
        phi = np.float64(items.phi[row, items.kept[k]])
        if asked.l1:
            total -= abs(asked.near[k] - items.rho[k] * phi)
        else:
            b = (phi - items.mean[k]) / items.std[k]
            total += b * (asked.near[k] - 0.5 * b * items.quadratic[k])
    return total


@compiled
def _neg_kl(items: Items, asked: PreparedQuery, row: int, terms: Doubles) -> float:
    """-KL of one row; `terms` is room for D numbers.

    The logarithm is taken of the variances' product, in parts where it would leave float64's range.
    """
    mu, var = items.mu[row], items.var[row]
    for d in range(len(terms)):
        off = asked.mu[d] - np.float64(mu[d])
        terms[d] = (off * off + asked.var[d]) / np.float64(var[d])
    total, product = 0.0, 1.0
    for d in range(len(terms)):
        total += terms[d]
        product *= float(var[d])
        if not 1.0 / _FAR < product < _FAR:
            total += float(np.log(product))
            product = 1.0
    return 0.5 * (asked.own - total - float(np.log(product)))


@compiled
def scored(items: Items, asked: PreparedQuery, rows: Integers) -> Doubles:
    """Total, CCA half and -KL of these segments, [3, M]; see `model.scoring.score`."""
    scores, terms = np.empty((3, len(rows))), np.empty(len(asked.mu))
    for i in range(len(rows)):
        scores[1, i] = _cca(items, asked, rows[i])
        scores[2, i] = _neg_kl(items, asked, rows[i], terms)
        scores[0, i] = asked.lam * scores[1, i] + (1.0 - asked.lam) * scores[2, i]
    return scores


@compiled
def _add(task: Task, rows: Integers, values: Doubles) -> None:
    """Add to scores of rows, or to their bounds, [M], what their tracks have added."""
    nats, counted = task.added.nats, task.added.counted
    for i in range(len(rows) if len(nats) else 0):
        track = np.searchsorted(task.items.first, rows[i], side="right") - 1
        values[i] = counted[track] * values[i] + nats[track]


@compiled
def _apart(task: Task, rows: Integers) -> Found:
    """Rows that stand apart: where their own score counts nothing, what is added is all of it."""
    tracks = np.searchsorted(task.items.first, rows, side="right") - 1
    own = np.where(task.added.counted[tracks] > 0.0, np.inf, 0.0)
    return Found(rows, own + task.added.nats[tracks])


@compiled
def _next_batch(
    board: Board, items: Items, found: Found, order: Integers, start: int, threshold: float
) -> tuple[Integers, int]:
    """The next few rows that may score the threshold and more than their content has.

    They are taken in `order`, [M], from `start` on; returned with where to begin next.
    """
    batch, count = np.empty(_PATIENCE, np.int64), 0
    table, contents, scores = board.table, board.content, board.scores
    first, content_of, rows, bounds = items.first, items.content, found.rows, found.bounds
    while start < len(order) and count < _PATIENCE:
        at = order[start]
        start += 1
        if bounds[at] < threshold:
            continue
        track = np.searchsorted(first, rows[at], side="right") - 1
        place = table[_at(table, contents, int(content_of[track]))]
        if place < 0 or bounds[at] >= scores[place, 0] - TIE:
            batch[count] = rows[at]
            count += 1
    return batch[:count], start


@compiled
def _before(key: float, row: int, other_key: float, other_row: int) -> bool:
    """Whether a row ranks before another: by rounded score, where that ties by row."""
    return bool(key > other_key or (key == other_key and row < other_row))


@compiled
def _enter(board: Board, items: Items, rows: Integers, scores: Doubles) -> None:
    """Put scored rows, scores [3, M], on the board where they are the best of their content."""
    for i in range(len(rows)):
        track = np.searchsorted(items.first, rows[i], side="right") - 1
        content = int(items.content[track])
        at = _at(board.table, board.content, content)
        place = board.table[at]
        if place < 0:
            place = board.used[0]
            board.table[at] = place
            board.used[0] += 1
        else:
            ours, theirs = np.rint(scores[0, i] * _ONE), np.rint(board.scores[place, 0] * _ONE)
            if not _before(ours, rows[i], theirs, board.row[place]):
                continue
        board.row[place], board.track[place], board.content[place] = rows[i], track, content
        board.scores[place] = scores[:, i]


@compiled
def _sink(keys: Doubles, rows: Integers, places: Integers, at: int, length: int) -> None:
    """Move a place down a heap that has what ranks last on top."""
    moved = places[at]
    while 2 * at + 1 < length:
        below = 2 * at + 1
        one, two = places[below], places[min(below + 1, length - 1)]
        if _before(keys[one], rows[one], keys[two], rows[two]):
            below, one = below + 1, two
        if not _before(keys[moved], rows[moved], keys[one], rows[one]):
            break
        places[at], at = one, below
    places[at] = moved


@compiled
def _ranking(board: Board, wanted: Wanted) -> Integers:
    """Places of the wanted tracks in order: no artist too often, ties by row; heapsort."""
    places, rows = np.arange(board.used[0]), board.row
    keys = np.rint(board.scores[: len(places), 0] * _ONE)
    for at in range(len(places) // 2 - 1, -1, -1):
        _sink(keys, rows, places, at, len(places))
    for end in range(len(places) - 1, 0, -1):
        places[0], places[end] = places[end], places[0]
        _sink(keys, rows, places, 0, end)
    if wanted.most < 0:
        return places[: wanted.tracks]
    seen = np.zeros(wanted.artists.max() + 1 if len(wanted.artists) else 0, np.int64)
    kept = 0
    for i in range(len(places)):
        track = board.track[places[i]]
        artists = wanted.artists[wanted.first[track] : wanted.first[track + 1]]
        if len(artists) == 0 or seen[artists].max() < wanted.most:
            seen[artists] += 1
            places[kept] = places[i]
            kept += 1
    return places[: min(kept, wanted.tracks)]


@compiled
def _threshold(board: Board, wanted: Wanted) -> float:
    """What every row of the answer scores at least; -inf until there are enough tracks."""
    if board.used[0] < wanted.tracks:
        return -np.inf
    if wanted.most < 0:
        at = board.used[0] - wanted.tracks
        return float(np.partition(board.scores[: board.used[0], 0], at)[at]) - TIE
    places = _ranking(board, wanted)
    return float(board.scores[places[-1], 0]) - TIE if len(places) == wanted.tracks else -np.inf


@compiled
def _order(keys: Doubles) -> Integers:
    """Positions of `keys`, the largest first, nearly in order: keys above their mean by steps."""
    if not len(keys):
        return np.empty(0, np.int64)
    top = keys.max()
    scale = _STEPS / max(top - keys.mean(), 1e-300)
    step, begin = np.empty(len(keys), np.int64), np.zeros(_STEPS + 2, np.int64)
    for i in range(len(keys)):
        below = (top - keys[i]) * scale  # not a number where all are infinite
        step[i] = np.int64(below) if below < _STEPS else _STEPS
        begin[step[i] + 1] += 1
    begin, order = np.cumsum(begin), np.empty(len(keys), np.int64)
    for i in range(len(keys)):
        order[begin[step[i]]] = i
        begin[step[i]] += 1
    return order


@compiled
def _scan(lists: Lists, vector: Floats, cell: int, scores: Floats) -> None:
    """Products of a cell's rows with the query: a column at a time, many rows at once."""
    begin, rows = lists.first[cell], lists.first[cell + 1] - lists.first[cell]
    scores[:rows] = 0.0
    for column in range(len(vector)):
        factor = vector[column]
        start = begin * len(vector) + column * rows
        codes = lists.codes[start : start + rows]
        for i in range(rows):
            scores[i] += factor * np.float32(codes[i])


@compiled
def _sifted(task: Task, allowed: Allowed, rows: Integers, bounds: Doubles, threshold: float) -> int:
    """Move the rows that may reach the threshold to the front, L1 half included; how many."""
    items, asked = task.items, task.asked
    lam = asked.lam if asked.l1 else 0.0
    mask, without, kept = allowed.mask, allowed.without, 0
    for i in range(len(rows)):
        row, bound = rows[i], bounds[i]
        if len(mask) and not mask[row]:
            continue
        if len(without):
            at = np.searchsorted(without, row)
            if at < len(without) and without[at] == row:
                continue
        if lam > 0.0:
            bound += lam * _cca(items, asked, row)
        if bound >= threshold:
            rows[kept], bounds[kept] = row, bound
            kept += 1
    return kept


@compiled
def _reaches(task: Task, sieve: Sieve, cell: int, threshold: float) -> bool:
    """Whether a cell's bound and what is added to one of its rows, none apart, reach so much."""
    nats, counted, least = task.added.nats, task.added.counted, threshold - sieve.coded.bound[cell]
    for i in range(sieve.lists.first[cell], sieve.lists.first[cell + 1]):
        if len(nats) == 0 or (nats[sieve.tracks[i]] >= least and counted[sieve.tracks[i]] == 1.0):
            return True
    return False


@compiled
def _candidates(task: Task, sieve: Sieve, cells: Integers, threshold: float) -> Found:
    """The rows of these cells that may score `threshold`, and what they score at most."""
    lists, coded = sieve.lists, sieve.coded
    first, ids, share, added = lists.first, lists.rows, coded.share, coded.added
    sizes, found = first[cells + 1] - first[cells], 0
    rows, bounds = np.empty(sizes.sum(), np.int64), np.empty(sizes.sum())
    scores = np.empty(sizes.max() if len(cells) else 0, np.float32)
    for cell in cells:
        if not _reaches(task, sieve, cell, threshold):
            continue
        _scan(lists, coded.vector, cell, scores)
        begin, least = first[cell], threshold + coded.nearest[cell] - sieve.most[cell]
        low = least / share - added if share > 0.0 else -np.inf
        low = np.nextafter(np.float32(low), np.float32(-np.inf))
        for i in range(first[cell + 1] - begin):
            bound = share * (float(scores[i]) + added) if scores[i] >= low else -np.inf
            if len(sieve.tracks):  # what stands apart is scored already, whatever this says
                bound += task.added.nats[sieve.tracks[begin + i]]
            if bound >= threshold:
                rows[found], bounds[found] = ids[begin + i], bound
                found += 1
    found = _sifted(task, sieve.allowed, rows[:found], bounds[:found], threshold)
    return Found(rows[:found], bounds[:found])


@compiled
def _score_down(board: Board, task: Task, found: Found, threshold: float) -> tuple[Board, float]:
    """Score rows from the highest bound down to the threshold, which rises on the way."""
    board, order, start, since = _with_room(board, len(found.rows)), _order(found.bounds), 0, 0
    while start < len(order):
        batch, start = _next_batch(board, task.items, found, order, start, threshold)
        scores = scored(task.items, task.asked, batch)
        _add(task, batch, scores[0])
        _enter(board, task.items, batch, scores)
        since += len(batch)
        if start == len(order) or _AGAIN * since >= board.used[0]:
            threshold, since = max(threshold, _threshold(board, task.wanted)), 0
    return board, threshold


@compiled
def _promising(
    lists: Lists, estimate: Doubles, cells: Integers, rows: float
) -> tuple[Integers, Integers]:
    """The cells with the best estimates that hold so many rows, and the other cells."""
    ordered = cells[_order(estimate[cells])]
    count, held = 0, 0
    while count < len(ordered) and held < rows:
        held += lists.first[ordered[count] + 1] - lists.first[ordered[count]]
        count += 1
    return ordered[:count], ordered[count:]


@compiled
def _answer(board: Board, wanted: Wanted) -> tuple[Integers, Integers, Doubles]:
    """Rows, tracks and scores [N, 3] of the wanted tracks in order."""
    places = _ranking(board, wanted)
    return board.row[places], board.track[places], board.scores[places]


@compiled
def ranked(task: Task, rows: Integers) -> tuple[Integers, Integers, Doubles]:
    """The wanted tracks among these segments: rows, tracks and scores [N, 3], best first."""
    board, _ = _score_down(_board(16), task, Found(rows, np.full(len(rows), np.inf)), -np.inf)
    return _answer(board, task.wanted)


@compiled
def find_in_cells(
    task: Task, sieve: Sieve, read: float, budget: float, floor: float
) -> tuple[Integers, Integers, Doubles, bool]:
    """The wanted tracks among all segments that may be answered.

    Args:
        task: What is asked of which segments.
        sieve: What says which segments need not be scored.
        read: Rows to read at first.
        budget: Most rows to read then, whatever the bounds say; infinite for a proof.
        floor: Tracks that score less need not be answered; -inf where all are wanted.

    Returns:
        Rows, tracks, scores [N, 3], best first, and whether they are proven.
    """
    estimate, bound = sieve.coded.estimate + sieve.most, sieve.coded.bound + sieve.most
    board, threshold = _score_down(_board(64), task, _apart(task, sieve.apart), floor)
    left, begun = np.flatnonzero(bound >= threshold), False
    while len(left) and (threshold == -np.inf or not begun):
        cells, left = _promising(sieve.lists, estimate, left, read)
        found = _candidates(task, sieve, cells, threshold)
        board, threshold = _score_down(board, task, found, threshold)
        read, begun = read * _WIDEN, True
    left = left[bound[left] >= threshold]
    cells, left = _promising(sieve.lists, estimate, left, budget)
    board, _ = _score_down(board, task, _candidates(task, sieve, cells, threshold), threshold)
    rows, tracks, scores = _answer(board, task.wanted)
    return rows, tracks, scores, len(left) == 0
