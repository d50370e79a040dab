"""Means and quantiles of frame values over many windows at once.

F frames, C channels, W windows, L frames of the longest window.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_EPSILON = 1e-6  # frames; absorbs rounding of times that lie on a frame
_CHUNK = 32


@dataclass(frozen=True)
class FrameSpans:
    """Which frames belong to each window.

    Attributes:
        first: First frame of each window, [W] int64.
        count: Number of its frames, [W] int64, >= 1.
    """

    first: Tensor
    count: Tensor

    @classmethod
    def between(cls, low: Tensor, high: Tensor, n_frames: int) -> FrameSpans:
        """The whole frames in [low, high], clipped to those that exist, at least one.

        Args:
            low: Lower ends in frames, [W] float64.
            high: Upper ends in frames, [W] float64.
            n_frames: F, >= 1.
        """
        first = (low - _EPSILON).ceil().long().clamp(0, n_frames - 1)
        last = (high + _EPSILON).floor().long().clamp(0, n_frames - 1)
        return cls(first, (last - first + 1).clamp(min=1))

    def indices(self) -> tuple[Tensor, Tensor]:
        """Frame numbers [W, L], and which of them are inside their window, [W, L] bool."""
        steps = torch.arange(int(self.count.max()), device=self.first.device)
        inside = steps < self.count[:, None]
        return self.first[:, None] + torch.where(inside, steps, 0), inside

    def __getitem__(self, rows: Tensor | slice) -> FrameSpans:
        return FrameSpans(self.first[rows], self.count[rows])


class FrameLevels:
    """Levels in dB, [F, C], whose mean over any window is quick to take."""

    def __init__(self, levels_db: Tensor) -> None:
        self._levels_db = levels_db
        self._loudest = levels_db.amax(1)
        self._softest = levels_db.amin(1)
        start = levels_db.new_zeros(1, levels_db.shape[1], dtype=torch.float64)
        self._sums = torch.cat([start, levels_db.cumsum(0, dtype=torch.float64)])  # [F + 1, C]

    def __len__(self) -> int:
        return len(self._levels_db)

    def floored_means(self, spans: FrameSpans, range_db: float) -> Tensor:
        """Mean level of each window, with a floor `range_db` under the window's maximum.

        It is what librosa's `power_to_db(top_db=range_db)` and a mean give for the window alone.

        Args:
            spans: The frames of the W windows.
            range_db: How far the floor lies under the maximum over frames and channels.

        Returns:
            [W, C].
        """
        index, inside = spans.indices()
        loudest = self._loudest[index].masked_fill(~inside, -torch.inf).amax(1)
        softest = self._softest[index].masked_fill(~inside, torch.inf).amin(1)
        total = self._sums[spans.first + spans.count] - self._sums[spans.first]
        floor = loudest - range_db
        for rows in torch.split((softest < floor).nonzero()[:, 0], _CHUNK):
            lift = (floor[rows][:, None, None] - self._levels_db[index[rows]]).clamp(min=0)
            total[rows] += lift.masked_fill(~inside[rows][:, :, None], 0.0).sum(1)  # [rows, C]
        return (total / spans.count[:, None]).to(self._levels_db.dtype)


def quantiles(values: Tensor, spans: FrameSpans, fractions: tuple[float, ...]) -> Tensor:
    """Quantiles of each window, linearly interpolated between order statistics.

    Args:
        values: [F].
        spans: The frames of the W windows.
        fractions: The wanted quantiles, each in [0, 1].

    Returns:
        [W, len(fractions)].
    """
    index, inside = spans.indices()
    ordered = values[index].masked_fill(~inside, torch.inf).sort(1).values  # [W, L]
    places = torch.tensor(fractions, dtype=torch.float64, device=values.device)
    places = places * (spans.count[:, None] - 1)  # [W, fractions]
    below = places.floor().long()
    weight = (places - below).to(values.dtype)
    low = ordered.gather(1, below)
    high = ordered.gather(1, torch.minimum(below + 1, spans.count[:, None] - 1))
    return low + weight * (high - low)
