"""A smooth warp of the emotion plane: how a listener uses arousal and valence.

Places are (arousal, valence) on the relative scale, in [-1, 1]. Letters: N places, B terms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.arrays import Doubles

TERMS = ("1", "arousal", "valence", "arousal^2", "valence^2", "arousal * valence")
STEEPEST = 0.8
"""Most that the displacement changes from place to place: less than 1, so that it can be undone."""

_CORNERS = np.array([[a, v] for a in (-1.0, 1.0) for v in (-1.0, 1.0)])
_STEPS = 100  # of the inverse at most; the error falls by STEEPEST or less with each
_NEAR = 1e-10  # of each other: places between which the inverse makes no further step


@dataclass(frozen=True)
class Warp:
    """`place -> place + terms(place) @ coefficients`, kept inside the plane.

    Attributes:
        coefficients: One row a term, one column an axis, [B, 2]; zeros are the identity.
    """

    coefficients: Doubles

    @classmethod
    def identity(cls) -> Warp:
        """The warp that moves nothing."""
        return cls(np.zeros((len(TERMS), 2)))

    @property
    def is_identity(self) -> bool:
        """Whether it moves nothing."""
        return not self.coefficients.any()

    def scaled(self, weight: float) -> Warp:
        """The warp with so much of its displacement."""
        return Warp(weight * self.coefficients)

    def tamed(self) -> Warp:
        """The warp, weakened where it would fold the plane: then no inverse exists."""
        steepest = max(np.linalg.norm(self._slopes(corner), 2) for corner in _CORNERS)
        return self if steepest <= STEEPEST else self.scaled(STEEPEST / float(steepest))

    def displacement(self, places: Doubles) -> Doubles:
        """How far places are moved, [.., 2]."""
        arousal, valence = places[..., :1], places[..., 1:]
        one, a, v, a2, v2, av = self.coefficients
        moved = one + a * arousal + v * valence  # a few short operations: questions are few
        return np.asarray(moved + a2 * arousal**2 + v2 * valence**2 + av * (arousal * valence))

    def __call__(self, places: Doubles) -> Doubles:
        """Where places are moved to, [.., 2], inside the plane."""
        return np.clip(places + self.displacement(places), -1.0, 1.0)

    def inverse(self, places: Doubles) -> Doubles:
        """The places that are moved there, [.., 2]; the nearest edge where none is.

        Found by repeated substitution, which converges because the warp is `tamed`.
        """
        if self.is_identity:
            return np.asarray(places, dtype=np.float64)
        found = np.array(places, dtype=np.float64)
        for _ in range(_STEPS):
            before, found = found, (places - self.displacement(found)).clip(-1.0, 1.0)
            if np.abs(found - before).max(initial=0.0) < _NEAR:
                break
        return found

    def _slopes(self, place: Doubles) -> Doubles:
        """Derivative of the displacement at one place, [axis moved along, axis moved], [2, 2]."""
        arousal, valence = place
        by_arousal = np.array([0.0, 1.0, 0.0, 2.0 * arousal, 0.0, valence])
        by_valence = np.array([0.0, 0.0, 1.0, 0.0, 2.0 * valence, arousal])
        return np.stack([by_arousal, by_valence]) @ self.coefficients


def terms(places: Doubles) -> Doubles:
    """The terms of places, [.., 2] -> [.., B]."""
    arousal, valence = places[..., 0], places[..., 1]
    one = np.ones_like(arousal)
    columns = [one, arousal, valence, arousal**2, valence**2, arousal * valence]
    return np.stack(columns, axis=-1)
