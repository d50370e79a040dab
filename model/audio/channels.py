"""From a decoder's samples to one clean channel: mended, without offset, mixed.

C channels, N samples of a block.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.arrays import Doubles

MAX_AMPLITUDE = 1e9
"""Largest believable |sample|; full scale is 1, integers mistaken for floats reach 2^31."""

OPPOSITE = -0.5
"""Channels whose correlation so far is below this are opposite in phase: their mean would hold less
than a quarter of their power. The widest of 89 recordings at hand has -.36."""

OFFSET_SHARE = 0.01
"""Of the power of late: a constant above it is taken out. Music has none; it comes from converters,
nobody hears it, and it would count as bass."""

_PLANAR = {"u8p": "u1", "s16p": "i2", "s32p": "i4", "s64p": "i8", "fltp": "f4", "dblp": "f8"}
_MEMORY = 1 << 18  # samples that tell the offset

Samples = NDArray[np.float32]


def channels_of(block: Any) -> Samples:
    """The channels of a decoder's frame with full scale 1, [C, N] float32."""
    count = block.layout.nb_channels
    if not block.format.is_planar:
        values = block.to_ndarray().reshape(-1, count).T  # [C, N]
    else:  # PyAV's own conversion reads behind the last of eight planes or more, and crashes
        dtype = _PLANAR[block.format.name]
        planes = [np.frombuffer(block.planes[i], dtype, block.samples) for i in range(count)]
        values = np.stack(planes)
    if values.dtype == np.uint8:
        return np.asarray((values.astype(np.float32) - 128.0) / 128.0)
    if values.dtype.kind == "i":
        scale = 1.0 / (1 << (8 * values.dtype.itemsize - 1))
        return np.asarray(np.multiply(values, np.float32(scale), dtype=np.float32))
    return np.asarray(values, dtype=np.float32)


class Mended:
    """Makes samples silent that are NaN, infinite or beyond `MAX_AMPLITUDE`.

    Attributes:
        samples: How many there were, of all channels.
        lost: Samples of the mix that lack a channel for it. A channel that holds nothing else
            in a block is a dead one, which the others do without.
    """

    def __init__(self) -> None:
        self.samples = self.lost = 0

    def __call__(self, channels: Samples) -> Samples:
        """[C, N] -> [C, N]."""
        if np.abs(channels).max(initial=0.0) <= MAX_AMPLITUDE:  # NaN compares false
            return channels
        bad = ~(np.abs(channels) <= MAX_AMPLITUDE)
        counts = bad.sum(axis=1)
        living = counts[counts < channels.shape[1]]
        self.samples += int(counts.sum())
        self.lost += int(living.max(initial=0)) if len(living) else channels.shape[1]
        return np.where(bad, np.float32(0.0), channels)


class Centred:
    """Takes a constant offset out of each channel that has one, told by the samples of late."""

    def __init__(self) -> None:
        self._samples = 0.0
        self._sums: Doubles = np.zeros(0)
        self._power: Doubles = np.zeros(0)

    def __call__(self, channels: Samples) -> Samples:
        """[C, N] -> [C, N]."""
        if len(self._sums) != len(channels):
            self._samples, self._sums, self._power = 0.0, *np.zeros((2, len(channels)))
        kept = math.exp(-channels.shape[1] / _MEMORY)
        self._samples = kept * self._samples + channels.shape[1]
        self._sums = kept * self._sums + channels.sum(axis=1, dtype=np.float64)
        self._power = kept * self._power + np.einsum("cn,cn->c", channels, channels)
        offset = self._sums / max(self._samples, 1.0)
        constant = np.square(offset) * self._samples > OFFSET_SHARE * self._power
        if not constant.any():
            return channels
        return channels - np.where(constant, offset, 0.0).astype(np.float32)[:, None]


class MonoMix:
    """Mean of the channels, those that run against the loudest one turned over.

    Which ones do is told by all that came before, so that the mix hardly ever changes within a
    recording; where it does, it changes at a block of the decoder.
    """

    def __init__(self) -> None:
        self._products = np.zeros((0, 0))

    def __call__(self, channels: Samples) -> Samples:
        """[C, N] -> [N]."""
        if len(channels) == 1:
            return np.asarray(channels[0])
        products = (channels @ channels.T).astype(np.float64)
        if products.shape == self._products.shape:
            products = products + self._products
        self._products = products
        opposite = self._opposite()
        turned = np.where(opposite[:, None], -channels, channels) if opposite.any() else channels
        return np.asarray(turned.mean(axis=0), dtype=np.float32)

    def _opposite(self) -> NDArray[np.bool_]:
        power = self._products.diagonal()
        loudest = int(power.argmax())
        limit = OPPOSITE * np.sqrt(power * power[loudest])
        opposite: NDArray[np.bool_] = (self._products[loudest] < limit) & (limit < 0)
        return opposite
