"""A few dozen columns that hold nearly all of the score, and a bound on the rest.

The score is an inner product of long vectors, but real queries and real segments fill few of their
dimensions. Turned onto the axes along which typical queries and segments matter most together,
the first G coordinates carry the score; of the others a row keeps only their norm. As

    |<q_rest, x_rest>| <= |q_rest| |x_rest|,

one more column, |x_rest| for the segment against |q_rest| for the query, makes the scan an
*upper bound* of the score: what ranks below the list's end cannot score more than it (ADR 0022).

Letters: N segments, M typical queries, P raw columns, G sketch columns.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from indexer.snapshot.format import load_array, save_array
from model.arrays import Doubles

_RIDGE = 1e-4  # of the queries' mean variance: no direction is taken for impossible


@dataclass(frozen=True)
class Sketch:
    """The turn onto the sketch's axes.

    Attributes:
        centre: Subtracted from the raw columns, [P].
        items: Centred raw columns to turned ones, [P, P].
        queries: Raw query vectors to turned ones, [P, P].
    """

    centre: Doubles
    items: Doubles
    queries: Doubles

    @classmethod
    def fit(cls, segments: Doubles, typical: Doubles) -> Sketch:
        """The axes for these segments, [N, P], under these typical queries, [M, P]."""
        centre = segments.mean(axis=0)
        scale = segments.std(axis=0) + 1e-9  # [P]
        second = (typical * scale).T @ (typical * scale) / len(typical)  # [P, P]
        ridge = _RIDGE * np.trace(second) / len(second) + 1e-12
        root = np.linalg.cholesky(second + ridge * np.eye(len(second)))  # [P, P]
        turned = ((segments - centre) / scale) @ root
        axes = np.linalg.eigh(turned.T @ turned)[1][:, ::-1]
        return cls(
            centre, (root @ axes) / scale[:, None], np.linalg.solve(root, np.diag(scale)).T @ axes
        )

    def save(self, folder: Path) -> None:
        """Write as `search_axes_*.npy`."""
        for each in fields(self):
            save_array(folder, f"search_axes_{each.name}", getattr(self, each.name))

    @classmethod
    def load(cls, folder: Path) -> Sketch:
        """Read what `save` wrote."""
        return cls(
            *(np.array(load_array(folder, f"search_axes_{each.name}")) for each in fields(cls))
        )
