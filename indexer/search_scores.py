"""The scores of one query with many segments, in numpy float64: `model.scoring` without torch.

A search scores a few hundred segments exactly. Torch spends longer on starting its operations than
on these few numbers, so the vector forms of `model.scoring` are written out here once more, with
everything that depends on the checkpoint alone computed when a searcher opens. `model.scoring`
stays the definition: `tests/unit/test_search_scores.py` holds both equal.

Letters: M segments, K kept CCA dimensions, D Gaussian dimensions, P = K + 2 D + 2 raw columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.search_arrays import doubled
from indexer.search_codes import Doubles
from model.embedding import Embedding
from model.scoring import MAX_RHO, Direction, Kind, ScoringParams


@dataclass(frozen=True)
class Asked:
    """One query, prepared for scoring.

    Attributes:
        kind: The CCA half.
        lam: Its weight.
        near: `gaussian`: the standardised variates a; `paper`: rho * g(phi), [K].
        mu: Means, [D].
        var: Variances, [D].
        own: Sum of 1 + ln var.
    """

    kind: Kind
    lam: float
    near: Doubles
    mu: Doubles
    var: Doubles
    own: float


class Scores:
    """Scores segments of one snapshot; arrays may be memory-mapped."""

    def __init__(self, items: Embedding, scoring: ScoringParams) -> None:
        """Prepare what depends on the checkpoint alone.

        Args:
            items: The segments.
            scoring: The checkpoint's scoring.
        """
        params = doubled(scoring)
        self._items = Embedding(*(np.asarray(p) for p in (items.phi, items.mu, items.var)))
        self._kept = np.flatnonzero(params.kept.numpy())
        self._weight: dict[Kind, float] = {
            kind: params.with_kind(kind).lam for kind in ("gaussian", "paper")
        }
        keep = params.kept
        self._rho = params.rho[keep].numpy()
        rho = self._rho.clip(0.0, MAX_RHO)
        self._clamped, self._rest = rho, 1.0 - rho**2
        self._log_rest = float(np.log(self._rest).sum())
        self._quadratic = rho**2 / self._rest
        self._music = params.music_mean[keep].numpy(), params.music_std[keep].numpy()
        self._emotion = params.emotion_mean[keep].numpy(), params.emotion_std[keep].numpy()
        self._lines = {d: tuple(x[keep].numpy() for x in params.line(d)) for d in ("e2m", "m2m")}

    def ask(self, query: Embedding, kind: Kind, direction: Direction) -> Asked:
        """Prepare a query, one row."""
        phi = np.asarray(query.phi[0], dtype=np.float64)[self._kept]
        if kind == "paper":
            slope, intercept = self._lines[direction]
            near = self._rho * (slope * phi + intercept)
        elif direction == "e2m":
            near = (phi - self._emotion[0]) / self._emotion[1]
        else:
            near = self._clamped * (phi - self._music[0]) / self._music[1]
        mu, var = (np.asarray(part[0], dtype=np.float64) for part in (query.mu, query.var))
        own = float(np.log(var).sum()) + len(var)
        return Asked(kind, self._weight[kind], near, mu, var, own)

    def score(self, asked: Asked, rows: NDArray[np.int64]) -> Doubles:
        """Total, CCA half and -KL of these segments, [3, M]; see `model.scoring.score`."""
        mu, var = self._items.mu[rows], self._items.var[rows].astype(np.float64)  # [M, D]
        terms = asked.mu - mu
        terms *= terms
        terms += asked.var
        terms /= var
        terms += np.log(var)
        scores = np.empty((3, len(rows)))
        scores[1] = self.cca(asked, rows)
        scores[2] = 0.5 * (asked.own - terms.sum(axis=1))
        scores[0] = asked.lam * scores[1] + (1.0 - asked.lam) * scores[2]
        return scores

    def cca(self, asked: Asked, rows: NDArray[np.int64]) -> Doubles:
        """The CCA half of these segments, [M]."""
        phi = self._items.phi[rows].astype(np.float64)[:, self._kept]  # [M, K]
        if asked.kind == "paper":
            distance: Doubles = np.abs(asked.near - self._rho * phi).sum(axis=1)
            return -distance
        b = (phi - self._music[0]) / self._music[1]
        # Sums, not products of matrices: a row's score must not depend on which others are scored.
        terms = b * (asked.near * self._clamped / self._rest - 0.5 * b * self._quadratic)
        own = 0.5 * (float(asked.near**2 @ self._quadratic) + self._log_rest)
        similarity: Doubles = terms.sum(axis=1) - own
        return similarity

    def columns(self, asked: Asked, shift: Doubles) -> tuple[Doubles, float]:
        """What multiplies the raw columns, and what is added: `search_arrays.raw_query`.

        Args:
            asked: The query; with `paper` -KL alone counts, at weight 1.
            shift: What was subtracted from every mu, [D].

        Returns:
            A vector [P] and a constant.
        """
        mu, cca = asked.mu - shift, np.zeros(len(self._kept))
        lam = asked.lam if asked.kind == "gaussian" else 0.0
        constant = (1.0 - lam) * 0.5 * asked.own
        if asked.kind == "gaussian":
            cca = lam * asked.near * self._clamped / self._rest
            own = float(asked.near**2 @ self._quadratic) + self._log_rest
            constant -= 0.5 * lam * own
        kl = (1.0 - lam) * np.concatenate([mu**2 + asked.var, mu])
        return np.concatenate([cca, kl, [lam, 1.0 - lam]]), constant
