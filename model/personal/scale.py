"""The relative scale as a listener uses it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from model.arrays import Doubles
from model.curves.curve import QuantileScale
from model.personal.warp import Warp


@dataclass(frozen=True)
class PersonalScale(QuantileScale):
    """A catalogue's relative scale behind a listener's warp of it.

    What they ask for lies elsewhere on the model's plane, and what the model hears elsewhere on
    theirs, so that every question and every answer is translated where scales are.

    Attributes:
        warp: From the catalogue's relative plane to the listener's.
    """

    warp: Warp = field(default_factory=Warp.identity)

    @classmethod
    def of(cls, scale: QuantileScale, warp: Warp) -> PersonalScale:
        """The scale of a catalogue for a listener."""
        return cls(scale.quantiles, scale.slope, warp)

    def to_absolute(self, values: ArrayLike) -> Doubles:
        """The listener's (arousal, valence) as absolute, [.., 2]."""
        return super().to_absolute(self.warp.inverse(np.asarray(values, dtype=np.float64)))

    def to_relative(self, values: ArrayLike) -> Doubles:
        """Absolute (arousal, valence) as the listener's, [.., 2]."""
        return self.warp(super().to_relative(values))

    def heard(self, values: ArrayLike) -> Doubles:
        """Where the model hears what the listener feels there, both absolute, [.., 2]."""
        return self.to_absolute(super().to_relative(values))

    def felt(self, values: ArrayLike) -> Doubles:
        """Relative (arousal, valence) of the listener as absolute, as they feel it, [.., 2]."""
        return super().to_absolute(values)
