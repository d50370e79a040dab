"""How a long file is cut into blocks, each of which holds whole segments with their context."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from model.frontends import Frontend

SEGMENT_S = 30.0
"""Length of a segment."""


@dataclass(frozen=True)
class BlockPlan:
    """How a file is cut into blocks that start on the grid and share what segments need."""

    overlap_s: float
    step_s: float
    context_s: float
    grid_s: float

    @classmethod
    def of(cls, frontend: Frontend, longest_s: float, lead_s: float = 0.0) -> BlockPlan:
        """The plan for a frontend and its cues, with blocks of at most about `longest_s`.

        Args:
            frontend: What describes the blocks.
            longest_s: Seconds.
            lead_s: Seconds at the start of each block that are not described.
        """
        listeners = (frontend, *frontend.cues)
        context_s = max(one.context_s for one in listeners)
        grid_s = _common_multiple(one.grid_s for one in listeners)
        overlap_s = math.ceil((SEGMENT_S + 2 * context_s + lead_s) / grid_s) * grid_s
        step_s = max(1, math.floor((longest_s - overlap_s) / grid_s)) * grid_s
        return cls(overlap_s, step_s, context_s, grid_s)

    @property
    def block_s(self) -> float:
        """Length of a block in seconds."""
        return self.overlap_s + self.step_s


def _common_multiple(grids_s: Iterable[float]) -> float:
    """The shortest time that is a multiple of all grids, which are multiples of a microsecond."""
    return math.lcm(*(round(grid_s * 1e6) for grid_s in grids_s)) / 1e6
