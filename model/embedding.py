"""The embedding of a batch of segments or curves, as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.errors import ShapeError


@dataclass(frozen=True)
class Embedding:
    """N points of the CCA space and N Gaussians of the KL space.

    Attributes:
        phi: CCA projections, [N, Dc], float32.
        mu: Gaussian means, [N, Dk], float32.
        var: Gaussian variances (not log, not std), [N, Dk], float32, > 0.
    """

    phi: NDArray[np.float32]
    mu: NDArray[np.float32]
    var: NDArray[np.float32]

    def __post_init__(self) -> None:
        rows = {self.phi.shape[0], self.mu.shape[0], self.var.shape[0]}
        if len(rows) != 1 or self.mu.shape != self.var.shape:
            raise ShapeError(
                f"phi {self.phi.shape}, mu {self.mu.shape} and var {self.var.shape} "
                "must have equal rows, and mu and var equal columns"
            )

    def __len__(self) -> int:
        return int(self.phi.shape[0])

    def __getitem__(self, rows: slice | NDArray[np.intp]) -> Embedding:
        """The embedding of a slice or an index array of rows."""
        return Embedding(self.phi[rows], self.mu[rows], self.var[rows])

    @staticmethod
    def concatenate(parts: Sequence[Embedding]) -> Embedding:
        """All rows of `parts`, in order; `parts` holds at least one embedding."""
        return Embedding(
            np.concatenate([part.phi for part in parts]),
            np.concatenate([part.mu for part in parts]),
            np.concatenate([part.var for part in parts]),
        )
