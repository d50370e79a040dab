"""Frames of a waveform; sums, means and quantiles of their values over many windows at once.

N samples, F frames, C channels, W windows, L frames of the longest window.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

_EPSILON = 1e-6  # frames; absorbs rounding of times that lie on a frame
_CHUNK = 32


def centred_frames(samples: Tensor, n_fft: int, hop: int) -> Tensor:
    """Frame k is centred on sample k * `hop`; beyond its ends the waveform counts as silence.

    Args:
        samples: [N].
        n_fft: Samples of a frame.
        hop: Samples from one frame to the next.

    Returns:
        [F, n_fft], a view.
    """
    return pad(samples, (n_fft // 2, n_fft // 2)).unfold(0, n_fft, hop)


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


class RunningSums:
    """Values of frames, [F, C], whose sum over any window is quick to take."""

    def __init__(self, values: Tensor) -> None:
        self._sums = pad(values.cumsum(0, dtype=torch.float64), (0, 0, 1, 0))  # [F + 1, C]

    def __len__(self) -> int:
        return len(self._sums) - 1

    def over(self, spans: FrameSpans) -> Tensor:
        """Sum over the frames of each window, [W, C] float64."""
        return self._sums[spans.first + spans.count] - self._sums[spans.first]


class FrameLevels:
    """Levels in dB, [F, C], whose mean over any window is quick to take."""

    def __init__(self, levels_db: Tensor) -> None:
        self._levels_db = levels_db
        self._loudest = levels_db.amax(1)
        self._softest = levels_db.amin(1)
        self._sums = RunningSums(levels_db)

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
        total = self._sums.over(spans)
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
