"""Search for a region of emotions: any of several weighted points will do (ADR 0083).

A row's score for the region is `ln sum_k w_k exp(p score_k) / p`. Scores are log-likelihood ratios
of the pair, of which the power p counts (ADR 0100), so this is the one of the music and "the
emotion is one of these": a wide region asks for less of each point and for more of them, and acts
like no single point. What lies beside something ("not sad") has no place itself: a row then scores
`(ln sum_k w_k exp(p score_k) - ln sum_k v_k exp(p score_k)) / p`, the share of the weighted points
among all, so that what is not known of a row (ADR 79) counts neither for nor against it. Neither is
linear in the query, so cells do not bound them; every row that may be answered is scored. One
matrix product in single precision finds those that may be among the best, and these are scored in
double precision.

Letters: N rows, K points, C columns of the composite.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from indexer.search.balance import LIKELIHOOD_POWER
from indexer.search.columns import doubled, points
from indexer.search.rank_cells import TIE_DECIMALS
from indexer.search.request import AnyOf, Ranked, RankedAnswer, Ranker, Terms
from indexer.search.scope import Level, Scopes
from indexer.search.tables import PreparedQuery
from indexer.snapshot.reader import Snapshot
from model.arrays import Doubles, Floats
from model.embedding import Embedding
from model.scoring import (
    ScoringParams,
    composite_item_vectors,
    composite_query_constant,
    composite_query_vectors,
)

_ROWS = 65_536  # scored at once
_KEPT_ROWS = 400_000  # rows of whole tracks whose columns are kept in memory
_FIRST = 64  # rows that are scored exactly at first, at least
_WIDEN = 4
_ROUNDING = 2.0 * float(np.finfo(np.float32).eps)


class UnionSearch:
    """Ranks rows for weighted points; safe to use from many threads."""

    def __init__(
        self, snapshot: Snapshot, scoring: ScoringParams, ranker: Ranker, scopes: Scopes
    ) -> None:
        self._snapshot, self._ranker, self._scopes = snapshot, ranker, scopes
        self._scoring = doubled(scoring)
        self._whole: tuple[NDArray[np.int64], Floats] | None = None
        self._lock = threading.Lock()

    def answer(self, queries: Embedding, any_of: AnyOf, terms: Terms) -> RankedAnswer:
        """The wanted ranks for the union of K points; always proven.

        Args:
            queries: The points, as the catalogue's rows are embedded, K rows.
            any_of: What the points count.
            terms: What is asked for.
        """
        asked = [self._ranker.task(queries[k : k + 1], terms).asked for k in range(len(queries))]
        rows, most = self._bounds(queries, asked, any_of, terms)
        order = np.argsort(-most, kind="stable")
        count = max(_FIRST, 2 * terms.wanted)
        while True:
            chosen = order[:count]
            best = self._ranked(rows[chosen], asked, any_of, terms)
            left = most[order[count]] if count < len(order) else -np.inf
            full = len(best.rows) >= terms.wanted
            if left == -np.inf or (full and best.scores[-1, 0] > left):
                return best, True
            count *= _WIDEN

    def _bounds(
        self, queries: Embedding, asked: list[PreparedQuery], any_of: AnyOf, terms: Terms
    ) -> tuple[NDArray[np.int64], Doubles]:
        """The rows that may be answered and what they score at most, [N]."""
        mask = self._scopes.mask(terms.scope)
        if terms.scoring.kind == "paper":
            rows = self._all(mask)
            exact = _scores(self._scored(rows, asked, terms)[0], any_of)
            return rows, exact + 10.0**-TIE_DECIMALS
        params = self._scoring.with_kind("gaussian")
        at = points(queries)
        vectors = composite_query_vectors(at, params, terms.direction).numpy()  # [K, C]
        constants = composite_query_constant(at, params, terms.direction).numpy()
        found, high = [], []
        for rows, columns in self._columns(terms.scope.level, mask):
            score = columns @ vectors.T.astype(np.float32) + constants.astype(np.float32)
            norms = np.linalg.norm(columns, axis=1) * np.linalg.norm(vectors, axis=1).max()
            error = _ROUNDING * (columns.shape[1] + 2) * (norms + np.abs(constants).max())
            near = _scores(self._totalled(score.T.astype(np.float64), rows, terms), any_of)
            found.append(rows)
            high.append(near + (error if any_of.among is None else 2.0 * error))
        if not found:
            return np.empty(0, np.int64), np.empty(0)
        return np.concatenate(found), np.concatenate(high)

    def _all(self, mask: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        if mask is None:
            return np.arange(self._snapshot.manifest.segments)
        return np.flatnonzero(mask)

    def _columns(
        self, level: Level, mask: NDArray[np.bool_] | None
    ) -> Iterator[tuple[NDArray[np.int64], Floats]]:
        """The rows of a mask with their columns, [N, C], some at a time."""
        whole = self._whole_columns() if level == "track" else None
        if whole is not None:
            rows, columns = whole
            kept = slice(None) if mask is None else np.flatnonzero(mask[rows])
            yield rows[kept], columns[kept]
            return
        rows = self._all(mask)
        for start in range(0, len(rows), _ROWS):
            part = rows[start : start + _ROWS]
            yield part, self._columns_of(part)

    def _whole_columns(self) -> tuple[NDArray[np.int64], Floats] | None:
        """Those of all rows that stand for whole tracks; None where they are too many to keep."""
        with self._lock:
            if self._whole is None:
                rows = np.flatnonzero(self._snapshot.whole)
                if len(rows) > _KEPT_ROWS:
                    return None
                parts = [
                    self._columns_of(rows[start : start + _ROWS])
                    for start in range(0, len(rows), _ROWS)
                ]
                self._whole = rows, np.concatenate(parts)
            return self._whole

    def _columns_of(self, rows: NDArray[np.int64]) -> Floats:
        items = points(self._snapshot.embedding[rows])
        params = self._scoring.with_kind("gaussian")
        return composite_item_vectors(items, params, "e2m").numpy().astype(np.float32)

    def _scored(self, rows: NDArray[np.int64], asked: list[PreparedQuery], terms: Terms) -> Doubles:
        """Total, CCA half and -KL of each point, [3, K, N], in double precision."""
        scores = np.stack([self._ranker.scores.score(each, rows) for each in asked], axis=1)
        scores[0] = self._totalled(scores[0], rows, terms)
        return scores

    def _totalled(self, scores: Doubles, rows: NDArray[np.int64], terms: Terms) -> Doubles:
        """The scores of each point, [K, N], with what is added to them."""
        if terms.addition is None:
            return scores
        return terms.addition.totalled(scores, rows, self._snapshot.track_first)

    def _ranked(
        self, rows: NDArray[np.int64], asked: list[PreparedQuery], any_of: AnyOf, terms: Terms
    ) -> Ranked:
        """The wanted tracks among these rows, scored exactly, best first."""
        total, cca, _ = self._scored(rows, asked, terms)  # [K, N]
        best = _scores(total, any_of)
        share = _shares(total, any_of.weights)  # [K, N], what each point explains
        halves = self._halves(best, (share * cca).sum(axis=0), terms.scoring.lam)
        order = np.lexsort((rows, -best.round(TIE_DECIMALS)))
        first = self._snapshot.track_first
        tracks = np.searchsorted(first, rows, side="right") - 1
        taken = self._taken(order, tracks, terms)
        return Ranked(rows[taken], tracks[taken], np.stack([best, *halves], axis=1)[taken])

    def _taken(
        self, order: NDArray[np.intp], tracks: NDArray[np.int64], terms: Terms
    ) -> NDArray[np.intp]:
        """The first of each content, no artist too often, as many as are wanted."""
        content = self._snapshot.tracks.content_codes
        artists, cap = self._snapshot.tracks.artist_groups, terms.max_per_artist
        seen: set[int] = set()
        counts: Counter[int] = Counter()
        taken: list[int] = []
        for place in order.tolist():
            if len(taken) == terms.wanted:
                break
            track = int(tracks[place])
            names = artists.of(track) if cap is not None else ()
            if int(content[track]) in seen:
                continue
            seen.add(int(content[track]))
            if cap is not None and any(counts[name] >= cap for name in names):
                continue
            counts.update(names)
            taken.append(place)
        return np.array(taken, dtype=np.intp)

    @staticmethod
    def _halves(union: Doubles, cca: Doubles, lam: float) -> tuple[Doubles, Doubles]:
        """The two halves of a union's score: what the points do not explain is the second's."""
        if lam >= 1.0:
            return union, np.zeros_like(union)
        return cca, (union - lam * cca) / (1.0 - lam)


def _scores(scores: Doubles, any_of: AnyOf) -> Doubles:
    """What rows score for a union, from what they score for its points; [K, N] -> [N]."""
    best = _union(scores, any_of.weights)
    return best if any_of.among is None else best - _union(scores, any_of.among)


def _shares(scores: Doubles, weights: Doubles) -> Doubles:
    """How much of a union each point explains, [K, N]; columns sum to 1."""
    shares = np.zeros_like(scores)
    counted = weights > 0.0
    union = _union(scores, weights)
    above = LIKELIHOOD_POWER * (scores[counted] - union)
    shares[counted] = weights[counted, None] * np.exp(above)
    return shares


def _union(scores: Doubles, weights: Doubles) -> Doubles:
    """Ln sum_k w_k exp(p score_k) / p, [K, N] -> [N]."""
    top = scores[weights > 0.0].max(axis=0)
    below = LIKELIHOOD_POWER * np.minimum(scores - top, 0.0)
    return np.asarray(top + np.log(weights @ np.exp(below)) / LIKELIHOOD_POWER, np.float64)
