"""Regions of the valence-arousal plane, and the points that stand for them in a search.

A region is a Gaussian around a place, wide or narrow, of which other regions may be taken away.
All on the relative scale of a catalogue. Letters: K points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.arrays import Doubles

MOST = 0.97  # of either axis: beyond it a catalogue has next to nothing
_ENDS = 0.95  # what degrees may reach
_WIDE = 0.3  # a spread from which an axis takes five points instead of three
_AWAY = 1.5  # how many spreads of a region count as it, where it is taken away
_LEAST_AWAY = 0.3  # spread that is taken away at least: "not sad" means not a little sad either
PLANE_LEVELS = np.linspace(-0.8, 0.8, 9)
"""Of each axis: the 81 points of the whole plane. The index makes rows equal over the same points
(ADR 31), so that what a negation leaves ranks just as the reverse of what it takes away."""

_LEAST_SPREAD = 0.05
_LEFT = 0.2  # of a point, below which it belongs to what is taken away
_LEAST_WEIGHT = 1e-9  # where all of a region is taken away, what is furthest from that stays


@dataclass(frozen=True)
class WeightedPoints:
    """Weighted points of the plane.

    Attributes:
        places: (valence, arousal), [K, 2].
        weights: [K], >= 0, sum 1.
        among: Of the points that the weighted ones are a part of, [K], >= 0, sum 1, where what is
            meant is a part of the plane that lies beside something; None: it has a place itself.
    """

    places: Doubles
    weights: Doubles
    among: Doubles | None = None

    @property
    def centre(self) -> tuple[float, float]:
        """Mean (valence, arousal)."""
        valence, arousal = self.weights @ self.places
        return float(valence), float(arousal)

    @property
    def spread(self) -> tuple[float, float]:
        """Standard deviation of (valence, arousal)."""
        off = self.places - self.weights @ self.places
        valence, arousal = np.sqrt(self.weights @ off**2)
        return float(valence), float(arousal)


@dataclass(frozen=True)
class Region:
    """A part of the plane.

    Attributes:
        valence: Of its centre, in [-1, 1].
        arousal: Likewise.
        spread_valence: Standard deviation, > 0.
        spread_arousal: Likewise.

    Raises:
        ValueError: A number out of range.
    """

    valence: float
    arousal: float
    spread_valence: float
    spread_arousal: float

    def __post_init__(self) -> None:
        if not (abs(self.valence) <= 1.0 and abs(self.arousal) <= 1.0):
            raise ValueError(f"({self.valence:g}, {self.arousal:g}) is not in [-1, 1]")
        if not (0.0 < self.spread_valence <= 1.0 and 0.0 < self.spread_arousal <= 1.0):
            raise ValueError(
                f"spreads {self.spread_valence:g} and {self.spread_arousal:g} are not in (0, 1]"
            )

    def scaled(self, degree: float) -> Region:
        """More or less of it: its centre moved away from the middle of the plane, or toward it.

        What is said with a degree is meant more narrowly.

        Args:
            degree: Factor, > 0; 1 changes nothing.
        """
        if degree == 1.0:
            return self
        ends = np.clip([self.valence * degree, self.arousal * degree], -_ENDS, _ENDS)
        narrow = 0.85 if degree > 1.0 else 0.9
        return replace(
            self,
            valence=float(ends[0]),
            arousal=float(ends[1]),
            spread_valence=max(self.spread_valence * narrow, _LEAST_SPREAD),
            spread_arousal=max(self.spread_arousal * narrow, _LEAST_SPREAD),
        )

    def share(self, places: Doubles) -> Doubles:
        """How far places belong to the region when it is taken away, [K], in [0, 1]."""
        spreads = np.maximum([self.spread_valence, self.spread_arousal], _LEAST_AWAY)
        off = (places - [self.valence, self.arousal]) / (_AWAY * spreads)
        return np.asarray(np.exp(-0.5 * (off**2).sum(axis=1)), dtype=np.float64)


def blend(regions: Sequence[Region], weights: Sequence[float]) -> Region:
    """What lies between regions: a narrow one holds its axis more firmly than a wide one.

    The mean of the centres, each axis weighted by how narrow a region is on it: "sad and
    energetic" takes its valence from "sad" and its arousal from "energetic". The spread is the
    mean one likewise.

    Args:
        regions: At least one.
        weights: How much each counts, > 0.
    """
    if len(regions) == 1:
        return regions[0]
    centres = np.array([(each.valence, each.arousal) for each in regions])
    spreads = np.array([(each.spread_valence, each.spread_arousal) for each in regions])
    firm = np.asarray(weights)[:, None] / spreads**2
    valence, arousal = (firm * centres).sum(axis=0) / firm.sum(axis=0)
    wide_v, wide_a = np.sqrt(np.sum(weights) / firm.sum(axis=0))
    return Region(float(valence), float(arousal), float(wide_v), float(wide_a))


def points_of(regions: Sequence[Region], away: Sequence[Region]) -> WeightedPoints:
    """The points of a union of regions, without those that are taken away.

    Where there are no regions, those of the whole plane are all kept, some with weight 0: a track
    then counts by the share of the plane that is left (ADR 83).

    Args:
        regions: Any of these; none: the whole plane.
        away: What must not be.
    """
    parts = [_points(region) for region in regions] or [_whole_plane()]
    places = np.concatenate([part.places for part in parts])
    weights = np.concatenate([part.weights / len(parts) for part in parts])
    if away:
        left = np.prod([1.0 - region.share(places) for region in away], axis=0)
        kept = left >= min(_LEFT, left.max())
        if not regions:
            rest = np.where(kept, weights * left, 0.0)
            return WeightedPoints(places, rest / rest.sum(), among=weights)
        places, weights = places[kept], np.maximum(weights * left, _LEAST_WEIGHT)[kept]
    return WeightedPoints(places, weights / weights.sum())


def _points(region: Region) -> WeightedPoints:
    """Gauss-Hermite points of the region, [9], [15] or [25]."""
    axes = [
        _axis(region.valence, region.spread_valence),
        _axis(region.arousal, region.spread_arousal),
    ]
    places = np.array([(v, a) for v in axes[0][0] for a in axes[1][0]])
    weights = np.array([v * a for v in axes[0][1] for a in axes[1][1]])
    return WeightedPoints(places, weights / weights.sum())


def _axis(centre: float, spread: float) -> tuple[Doubles, Doubles]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(5 if spread >= _WIDE else 3)
    return np.clip(centre + spread * nodes, -MOST, MOST), weights


def _whole_plane() -> WeightedPoints:
    places = np.array([(v, a) for v in PLANE_LEVELS for a in PLANE_LEVELS])
    return WeightedPoints(places, np.full(len(places), 1.0 / len(places)))
