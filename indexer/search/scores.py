"""One query, prepared for scoring in float64: what `model.scoring` makes of it, without torch.

A search scores a few hundred segments exactly. Torch spends longer on starting its operations than
on these few numbers, so the vector forms of `model.scoring` are written out here and in
`rank_cells`, with everything that depends on the checkpoint alone computed when a searcher opens.
`model.scoring` stays the definition: `tests/unit/indexer/search/test_scores.py` holds both equal.

Letters: M segments, K kept CCA dimensions, D Gaussian dimensions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from indexer.search.columns import doubled
from indexer.search.rank_cells import scored
from indexer.search.tables import Items, PreparedQuery
from model.arrays import Doubles
from model.embedding import Embedding
from model.scoring import MAX_RHO, Direction, Kind, ScoringParams

_ASKING: tuple[Direction, ...] = ("e2m", "m2m")


class Scorer:
    """Scores segments of one snapshot; arrays may be memory-mapped.

    Attributes:
        items: The segments and their tables, as compiled functions read them.
    """

    def __init__(
        self,
        items: Embedding,
        scoring: ScoringParams,
        first: NDArray[np.int64],
        content: NDArray[np.int32],
    ) -> None:
        """Prepare what depends on the checkpoint alone.

        Args:
            items: The segments.
            scoring: The checkpoint's scoring.
            first: First segment of each track, and the end, [T + 1].
            content: Equal for tracks with equal content, [T].
        """
        params = doubled(scoring)
        keep, self._kept = params.kept, np.flatnonzero(params.kept.numpy())
        self._weight: dict[Kind, float] = {
            kind: params.with_kind(kind).lam for kind in ("gaussian", "paper")
        }
        correlation = params.rho[keep].numpy()
        rho = correlation.clip(0.0, MAX_RHO)
        rest = 1.0 - rho**2
        self._joint, self._log_rest = rho / rest, float(np.log(rest).sum())
        mean, std = params.music_mean[keep].numpy(), params.music_std[keep].numpy()
        self.items = Items(
            phi=np.asarray(items.phi),
            mu=np.asarray(items.mu),
            var=np.asarray(items.var),
            kept=self._kept,
            mean=mean,
            std=std,
            quadratic=rho**2 / rest,
            rho=correlation,
            first=np.asarray(first),
            content=np.asarray(content),
        )
        emotion = params.emotion_mean[keep].numpy(), params.emotion_std[keep].numpy()
        self._lines: dict[tuple[Kind, Direction], tuple[Doubles, Doubles]] = {
            ("gaussian", "e2m"): (1.0 / emotion[1], -emotion[0] / emotion[1]),
            ("gaussian", "m2m"): (rho / std, -rho * mean / std),
        }
        for direction in _ASKING:
            slope, intercept = (line[keep].numpy() for line in params.line(direction))
            self._lines["paper", direction] = correlation * slope, correlation * intercept

    def ask(self, query: Embedding, kind: Kind, direction: Direction) -> PreparedQuery:
        """Prepare a query, one row, `e2m` or `m2m`."""
        slope, intercept = self._lines[kind, direction]
        near: Doubles = slope * query.phi[0, self._kept] + intercept  # [K]
        near_own = 0.0
        if kind == "gaussian":
            near_own = 0.5 * (float(near * near @ self.items.quadratic) + self._log_rest)
            near = near * self._joint
        mu, var = query.mu[0].astype(np.float64), query.var[0].astype(np.float64)
        own = float(np.log(var).sum()) + len(var)
        return PreparedQuery(kind == "paper", self._weight[kind], near, near_own, mu, var, own)

    def score(self, asked: PreparedQuery, rows: NDArray[np.int64]) -> Doubles:
        """Total, CCA half and -KL of these segments, [3, M]; see `model.scoring.score`."""
        return scored(self.items, asked, rows)
