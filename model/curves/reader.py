"""The emotion side of the networks for a few curves at a time, in few operations.

A query is one curve. `Side.forward` spends its time on the overhead of some eighty small torch
operations; this is the same arithmetic for encoders that read statistics of the frames. Products
and functions are computed a row at a time, so a curve's embedding is the same to the last bit
whatever it is embedded together with, on every processor (ADR 0041). Tests hold it to
`Side.forward`.

Letters: B curves, T frames, V encoder outputs, D numbers of all heads, S statistics, K points of a
quantile table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from model.arrays import Floats
from model.emer import Emer, EmerWithKernel, Heads, Side
from model.kernel import CurveKernel, bent_statistics
from model.transforms import MAX_DEVIATION, MAX_NORMAL, StandardTransform

_POOLINGS = ("mean", "statistics")
_HALF = np.float32(0.5)
_LEAST_WIDTH = np.finfo(np.float32).tiny
_LEAST_VARIANCE = 1e-8  # as in `encoders`: a steady curve still has a root with a slope


@dataclass(frozen=True)
class _Networks:
    """The emotion side of one model as plain arrays.

    Attributes:
        mean: Of the axes, [2].
        std: Of the axes, [2].
        pooling: How frames become one vector.
        layers: Weights [in, out] and biases [out] of the encoder.
        activation: After each layer.
        heads: Weights [V, D] and biases [D] of z, mu and log_var side by side.
        widths: Where mu and log_var begin among the D columns.
        log_var: Centre and reach of the bounded log_var.
    """

    mean: Floats
    std: Floats
    pooling: str
    layers: tuple[tuple[Floats, Floats], ...]
    activation: Callable[[Tensor], Tensor]
    heads: tuple[Floats, Floats]
    widths: tuple[int, int]
    log_var: tuple[float, float]

    @classmethod
    def of(cls, side: Side) -> _Networks:
        """The arrays of a side that `CurveReader` can read."""
        transform = cast(StandardTransform, side.transform)
        modules = list(cast(nn.Sequential, side.encoder.get_submodule("mlp")))
        heads = [_linear(head) for head in (side.z, side.mu, side.log_var)]
        return cls(
            mean=_array(transform.mean),
            std=_array(transform.std),
            pooling=side.encoder.config.pooling,
            layers=tuple(_linear(each) for each in modules if isinstance(each, nn.Linear)),
            activation=next(each for each in modules if not isinstance(each, nn.Linear)),
            heads=(
                np.concatenate([weights for weights, _ in heads], axis=1),
                np.concatenate([biases for _, biases in heads]),
            ),
            widths=(side.z.out_features, side.z.out_features + side.mu.out_features),
            log_var=(side.log_var_centre, side.log_var_reach),
        )

    def read(self, curves: Sequence[Floats]) -> tuple[Floats, Floats, Floats]:
        """Z, mu and log_var of curves [T, 2]: [B, ..] each."""
        values = np.stack([self._pooled(frames) for frames in curves])[:, None]  # [B, 1, F]
        for weights, biases in self.layers:
            values = self._activated(values @ weights + biases)
        z, mu, raw = np.split((values @ self.heads[0] + self.heads[1])[:, 0], self.widths, axis=1)
        centre, reach = self.log_var
        return z, mu, np.float32(centre) + np.float32(reach) * np.tanh(raw / np.float32(reach))

    def _pooled(self, frames: Floats) -> Floats:
        """Statistics of one curve's frames, [T, 2] -> [F]; see `encoders`."""
        values = np.clip((frames - self.mean) / self.std, -MAX_DEVIATION, MAX_DEVIATION)
        if self.pooling == "mean":
            return np.asarray(values.mean(axis=0))
        return _statistics(values)

    def _activated(self, values: Floats) -> Floats:
        """The activation of each row by itself, [B, 1, V].

        Torch computes what does not fill a vector register by another formula, so a number's last
        bit depends on its place in the whole array.
        """
        rows = torch.from_numpy(values)
        return torch.stack([self.activation(row) for row in rows]).numpy()


class CurveReader:
    """The emotion side of a model on the CPU."""

    def __init__(self, side: Side, kernel: CurveKernel | None) -> None:
        self._networks = _Networks.of(side)
        self._table = None if kernel is None else _array(kernel.statistics.table)

    @classmethod
    def of(cls, model: Emer) -> CurveReader | None:
        """The reader of this model; None where its encoder is of another kind."""
        kernel = model.kernel if isinstance(model, EmerWithKernel) else None
        networks = model.networks if isinstance(model, EmerWithKernel) else model
        side = networks.emotion_side
        readable = (
            side.encoder.config.kind == "mean_mlp"
            and side.encoder.config.pooling in _POOLINGS
            and not side.encoder.config.resample_frames
            and isinstance(side.transform, StandardTransform)
        )
        return cls(side, kernel) if readable else None

    @torch.inference_mode()
    def heads(self, curves: Sequence[Floats]) -> Heads:
        """What `Side.forward` makes of curves of any lengths, each [T, 2], T >= 1."""
        z, mu, log_var = (torch.from_numpy(each) for each in self._networks.read(curves))
        if self._table is not None:
            z = torch.cat([_course(self._table, curves), z], dim=1)
        return Heads(z, mu, log_var)


def _course(table: Floats, curves: Sequence[Floats]) -> Tensor:
    """What `CurveKernel.emotion` makes of the curves, [B, S], from its quantile table, [S, K]."""
    statistics = [torch.from_numpy(_statistics(frames)[None]) for frames in curves]
    columns = torch.cat([bent_statistics(row) for row in statistics]).numpy().T  # [S, B]
    level = (_level(table, columns, right=False) + _level(table, columns, right=True)) * _HALF
    variates: Tensor = torch.special.ndtri(torch.from_numpy(level.T.copy()))
    return variates.clamp(-MAX_NORMAL, MAX_NORMAL)


def _level(table: Floats, columns: Floats, *, right: bool) -> Floats:
    """`QuantileTransform`'s share of the training songs below each value, [S, B]."""
    last, values = table.shape[1] - 1, columns[:, :, None]
    below = table[:, None, :] <= values if right else table[:, None, :] < values  # [S, B, K]
    upper = below.sum(axis=2).clip(1, last)
    low, high = (np.take_along_axis(table, at, axis=1) for at in (upper - 1, upper))
    part = ((columns - low) / np.maximum(high - low, _LEAST_WIDTH)).clip(0.0, 1.0)
    if right:
        part[columns >= high] = 1.0
    level: Floats = ((upper - 1 + part) / last).astype(np.float32)
    return level


def _statistics(values: Floats) -> Floats:
    """Mean, standard deviation, slope and curvature of one curve, [T, 2] -> [8]."""
    moments = _moments(len(values))  # [3, T]
    mean = moments[0] @ values
    centred = values - mean  # [T, 2]
    shape = moments[1:] @ centred  # [2, 2]
    std = np.sqrt(moments[0] @ centred**2 + np.float32(_LEAST_VARIANCE))
    return np.concatenate([mean, std, shape.reshape(-1)])


@lru_cache(maxsize=256)
def _moments(frames: int) -> Floats:
    """What frames are multiplied with: their mean, slope and curvature, [3, T]."""
    time = np.linspace(-1.0, 1.0, frames) if frames > 1 else np.zeros(1)
    rows = np.stack([np.ones(frames), 3.0 * time, 5.0 * (1.5 * time**2 - 0.5)])
    return np.asarray(rows / frames, dtype=np.float32)


def _linear(layer: nn.Linear) -> tuple[Floats, Floats]:
    return np.ascontiguousarray(_array(layer.weight).T), _array(layer.bias)


def _array(tensor: Tensor) -> Floats:
    values: Floats = tensor.detach().cpu().numpy()
    return values
