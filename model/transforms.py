"""Input transforms that are fitted on training data and stored with the weights.

Letters: N rows, F features, K points of a quantile table.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

MAX_DEVIATION = 4.0  # standardised inputs are held within this many standard deviations
MAX_NORMAL = 3.0  # quantile-normalised inputs end here: the 0.13 % tails


class QuantileTransform(nn.Module):
    """Each feature to a standard normal through a stored table of its quantiles.

    Values beyond the table end at +-MAX_NORMAL; a value that many training rows share goes to the
    middle of its quantiles.
    """

    table: Tensor

    def __init__(self, features: int, quantiles: int) -> None:
        super().__init__()
        levels = torch.linspace(0.0, 1.0, quantiles)
        self.register_buffer("table", levels.repeat(features, 1))  # [F, K]

    def fit(self, features: Tensor) -> None:
        """Store the quantiles of training rows [N, F]."""
        levels = torch.linspace(0.0, 1.0, self.table.shape[1], dtype=torch.float64)
        quantiles = torch.quantile(features.double(), levels.to(features.device), dim=0)  # [K, F]
        self.table.copy_(quantiles.T)

    def forward(self, features: Tensor) -> Tensor:
        """[.., F] -> [.., F], in [-MAX_NORMAL, MAX_NORMAL]."""
        columns = features.reshape(-1, self.table.shape[0]).T.contiguous()  # [F, M]
        level = 0.5 * (self._level(columns, right=False) + self._level(columns, right=True))
        tail = torch.special.ndtr(torch.tensor(-MAX_NORMAL, device=features.device))
        normal: Tensor = torch.special.ndtri(level.clamp(tail, 1.0 - tail))
        return normal.T.reshape(features.shape)

    def _level(self, columns: Tensor, *, right: bool) -> Tensor:
        last = self.table.shape[1] - 1
        upper = torch.searchsorted(self.table, columns, right=right).clamp(1, last)  # [F, M]
        low = self.table.gather(1, upper - 1)
        high = self.table.gather(1, upper)
        width = (high - low).clamp(min=torch.finfo(columns.dtype).tiny)
        part = ((columns - low) / width).clamp(0.0, 1.0)
        if right:  # a tie that ends the table is passed whole
            part = part.masked_fill(columns >= high, 1.0)
        return (upper - 1 + part) / last


class StandardTransform(nn.Module):
    """Each column to mean 0 and standard deviation 1, held within +-MAX_DEVIATION."""

    mean: Tensor
    std: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))

    def fit(self, features: Tensor) -> None:
        """Store mean and standard deviation of training rows [N, F]."""
        self.mean.copy_(features.double().mean(dim=0))
        self.std.copy_(features.double().std(dim=0, correction=0).clamp(min=1e-6))

    def forward(self, features: Tensor) -> Tensor:
        """[.., F] -> [.., F]."""
        return ((features - self.mean) / self.std).clamp(-MAX_DEVIATION, MAX_DEVIATION)


class NoTransform(nn.Module):
    """Features as they come, for frontends that normalise themselves."""

    def fit(self, features: Tensor) -> None:
        """Nothing to store."""

    def forward(self, features: Tensor) -> Tensor:
        """[.., F] unchanged."""
        return features
