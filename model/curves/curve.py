"""Emotion curves: keyframes in Russell's plane, and the relative scale.

Arrays put arousal first: `AXES`. Letters: T frames, K quantiles, N segments.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from model.arrays import Doubles
from model.errors import CurveError, ShapeError

__all__ = [
    "AXES",
    "CURVE_RATE_HZ",
    "MAX_CURVE_S",
    "MAX_KEYFRAMES",
    "EmotionCurve",
    "Keyframe",
    "QuantileScale",
]


AXES = ("arousal", "valence")
CURVE_RATE_HZ = 2.0
MAX_KEYFRAMES = 10_000
MAX_CURVE_S = 24 * 3600.0
MIN_STEP_S = 1e-12  # between keyframes; the slope between much closer ones overflows
DEFAULT_DURATION_S = 30.0
MIN_FRAMES = 2
MAPPED_FRAMES = 61  # points at which a bent line of the relative scale is followed
MIN_SPAN = 0.02  # narrowest relative scale, in absolute units
SLOPE_PRIOR_TRACKS = 10  # how many tracks of that span speak for no slope


@dataclass(frozen=True)
class Keyframe:
    """One point of a curve: seconds from its start, valence and arousal in [-1, 1]."""

    t_s: float
    valence: float
    arousal: float


@dataclass(frozen=True)
class EmotionCurve:
    """Valence and arousal over time, straight lines between keyframes.

    The first and last keyframe's values hold before and after them; a single keyframe is a
    constant curve of 30 s.

    Raises:
        CurveError: No or too many keyframes, a value that is not finite or out of range, times
            that do not increase, or hardly; the message names the keyframe.
    """

    keyframes: tuple[Keyframe, ...]

    def __post_init__(self) -> None:
        if not self.keyframes:
            raise CurveError("an emotion curve needs at least one keyframe")
        if len(self.keyframes) > MAX_KEYFRAMES:
            raise CurveError(
                f"{len(self.keyframes)} keyframes; at most {MAX_KEYFRAMES} make a curve"
            )
        for index, keyframe in enumerate(self.keyframes):
            _check_keyframe(index, keyframe)
        for index, (before, after) in enumerate(pairwise(self.keyframes), start=1):
            if after.t_s <= before.t_s:
                raise CurveError(
                    f"keyframe {index}: t {after.t_s:g} s does not come after "
                    f"{before.t_s:g} s of keyframe {index - 1}; times must increase"
                )
            if after.t_s - before.t_s < MIN_STEP_S:
                raise CurveError(
                    f"keyframe {index}: t {after.t_s:g} s comes less than {MIN_STEP_S:g} s after "
                    f"keyframe {index - 1}; times must increase by that at least"
                )

    @classmethod
    def constant(
        cls, valence: float, arousal: float, duration_s: float = DEFAULT_DURATION_S
    ) -> EmotionCurve:
        """The same emotion for `duration_s` seconds.

        Raises:
            CurveError: A value is not in [-1, 1], or the duration is not positive.
        """
        return cls((Keyframe(0.0, valence, arousal), Keyframe(duration_s, valence, arousal)))

    @classmethod
    def from_values(cls, values: ArrayLike, rate_hz: float = CURVE_RATE_HZ) -> EmotionCurve:
        """The curve through (arousal, valence) samples, [T, 2], from t = 0.

        Raises:
            CurveError: Values out of range.
            ShapeError: Not [T, 2].
        """
        samples = _emotions(values)
        return cls(
            tuple(
                Keyframe(index / rate_hz, float(valence), float(arousal))
                for index, (arousal, valence) in enumerate(samples)
            )
        )

    @property
    def duration_s(self) -> float:
        """Time of the last keyframe; 30 s for a single keyframe."""
        return DEFAULT_DURATION_S if len(self.keyframes) == 1 else self.keyframes[-1].t_s

    def values(self, rate_hz: float = CURVE_RATE_HZ) -> Doubles:
        """The curve sampled from t = 0, [T, 2] (arousal, valence), T >= 2.

        Args:
            rate_hz: Frames a second, > 0. A curve shorter than two frames is sampled at its start
                and its end.
        """
        frames = max(MIN_FRAMES, math.floor(self.duration_s * rate_hz + 1e-9))
        step = min(1.0 / rate_hz, self.duration_s / (MIN_FRAMES - 1))
        return self.at(np.arange(frames) * step)

    def at(self, t_s: ArrayLike) -> Doubles:
        """(arousal, valence) at the given times in seconds, [T] -> [T, 2]."""
        times = [keyframe.t_s for keyframe in self.keyframes]
        axes = [
            np.interp(np.asarray(t_s, dtype=np.float64), times, column)
            for column in (
                [keyframe.arousal for keyframe in self.keyframes],
                [keyframe.valence for keyframe in self.keyframes],
            )
        ]
        return np.stack(axes, axis=-1)

    def sampled(self, frames: int) -> Doubles:
        """`frames` values evenly spaced over the whole curve, ends included, [frames, 2]."""
        return self.at(np.linspace(0.0, self.duration_s, frames))

    def mapped(self, scale: QuantileScale) -> EmotionCurve:
        """The absolute curve of a curve on the relative scale.

        A straight line of one scale bends on the other, so that a moving curve gets further
        keyframes between its own.
        """
        return self.translated(scale.to_absolute)

    def translated(self, translate: Callable[[Doubles], Doubles]) -> EmotionCurve:
        """The curve with its places elsewhere, followed between its keyframes as by `mapped`.

        Args:
            translate: (arousal, valence) to where they lie, both [T, 2].
        """
        times = self._followed_times()
        arousal, valence = translate(self.at(times)).T.tolist()
        return EmotionCurve(tuple(map(Keyframe, times.tolist(), valence, arousal)))

    def _followed_times(self) -> Doubles:
        own = np.array([keyframe.t_s for keyframe in self.keyframes], dtype=np.float64)
        moving = len({(keyframe.valence, keyframe.arousal) for keyframe in self.keyframes}) > 1
        if not moving or len(own) > MAX_KEYFRAMES - MAPPED_FRAMES:
            return own
        return np.union1d(own, np.linspace(own[0], own[-1], MAPPED_FRAMES))


@dataclass(frozen=True)
class QuantileScale:
    """The relative scale: -1..1 are the quantiles 0..1 of a catalogue.

    Arousal is ranked as it is, valence among music of like arousal: the quantiles of its second
    column are those of `valence - slope * arousal`. Valence and arousal of real music go together
    (r = .5 to .8), so ranked apart they would leave two corners of the plane, calm and tense, with
    nothing in them (ADR 0030).

    Attributes:
        quantiles: Arousal, and what is left of valence, at K evenly spaced quantiles, [K, 2],
            K >= 2, strictly increasing, in [-1, 1] and [-2, 2].
        slope: Valence that comes with a unit of arousal, in [-1, 1].

    Raises:
        ShapeError: Not [K >= 2, 2].
        CurveError: Not finite, not increasing, or out of range.
    """

    quantiles: Doubles
    slope: float = 0.0

    def __post_init__(self) -> None:
        table = np.asarray(self.quantiles)
        if table.ndim != 2 or table.shape[0] < 2 or table.shape[1] != len(AXES):
            raise ShapeError(f"quantiles are {table.shape}; expected [K >= 2, {len(AXES)}]")
        if not (np.isfinite(table).all() and (np.diff(table, axis=0) > 0).all()):
            raise CurveError("quantiles of a scale must be finite and strictly increasing")
        if not -1.0 <= self.slope <= 1.0:
            raise CurveError(f"the slope of a scale is {self.slope:g}, not in [-1, 1]")
        if (np.abs(table).max(axis=0) > [1.0, 1.0 + abs(self.slope)]).any():
            raise CurveError(
                f"quantiles from {table.min():g} to {table.max():g} leave the range [-1, 1]"
            )

    @classmethod
    def fit(cls, values: ArrayLike, points: int = 101) -> QuantileScale:
        """The scale of a catalogue.

        Args:
            values: (arousal, valence) of every track, [N, 2], in [-1, 1].
            points: K.

        Returns:
            The quantiles by linear interpolation. No tracks: the absolute scale itself. A
            catalogue whose middle is narrower than MIN_SPAN (one track, copies of one track) is
            widened around its median, so that the ends of the scale stay apart.

        Raises:
            ShapeError: Not [N, 2].
        """
        samples = np.clip(_emotions(values), -1.0, 1.0)
        levels = np.linspace(0.0, 1.0, points)
        even = 2.0 * levels - 1.0
        if len(samples) == 0:
            return cls(np.stack([even, even], axis=1))
        slope = _slope(samples)
        arousal, valence = samples.T
        columns = [
            _widened(np.quantile(column, levels), even, reach)
            for column, reach in ((arousal, 1.0), (valence - slope * arousal, 1.0 + abs(slope)))
        ]
        return cls(np.stack(columns, axis=1), slope)

    def to_absolute(self, values: ArrayLike) -> Doubles:
        """Relative (arousal, valence) as absolute in [-1, 1], [.., 2].

        Monotone in arousal, and in valence at each arousal.
        """
        relative = _pairs(values)
        levels = np.linspace(-1.0, 1.0, len(self.quantiles))
        arousal = np.interp(relative[..., 0], levels, self.quantiles[:, 0])
        rest = np.interp(relative[..., 1], levels, self.quantiles[:, 1])
        return np.clip(np.stack([arousal, rest + self.slope * arousal], axis=-1), -1.0, 1.0)

    def to_relative(self, values: ArrayLike) -> Doubles:
        """Absolute (arousal, valence) as relative, [.., 2]; beyond the catalogue: -1 or 1."""
        absolute = _pairs(values)
        levels = np.linspace(-1.0, 1.0, len(self.quantiles))
        rest = absolute[..., 1] - self.slope * absolute[..., 0]
        arousal = np.interp(absolute[..., 0], self.quantiles[:, 0], levels)
        return np.stack([arousal, np.interp(rest, self.quantiles[:, 1], levels)], axis=-1)


def _check_keyframe(index: int, keyframe: Keyframe) -> None:
    if not (math.isfinite(keyframe.t_s) and 0.0 <= keyframe.t_s <= MAX_CURVE_S):
        raise CurveError(f"keyframe {index}: t {keyframe.t_s:g} s is not in [0, {MAX_CURVE_S:g}]")
    for axis in AXES:
        value: float = getattr(keyframe, axis)
        if not (math.isfinite(value) and -1.0 <= value <= 1.0):
            raise CurveError(f"keyframe {index}: {axis} {value:g} is not in [-1, 1]")


def _emotions(values: ArrayLike) -> Doubles:
    samples = np.asarray(values, dtype=np.float64)
    if samples.ndim != 2 or samples.shape[1] != len(AXES):
        raise ShapeError(f"values are {samples.shape}; expected [rows, {len(AXES)}]")
    return samples


def _pairs(values: ArrayLike) -> Doubles:
    points = np.asarray(values, dtype=np.float64)
    if points.shape[-1:] != (len(AXES),):
        raise ShapeError(f"values are {points.shape}; expected [.., {len(AXES)}]")
    return points


def _slope(samples: Doubles) -> float:
    """Least-squares slope of valence on arousal, drawn to 0 where there are few tracks."""
    arousal, valence = (samples - samples.mean(axis=0)).T
    few = MIN_SPAN**2 * SLOPE_PRIOR_TRACKS
    return float(np.clip(arousal @ valence / (arousal @ arousal + few), -1.0, 1.0))


def _widened(quantiles: Doubles, even: Doubles, reach: float) -> Doubles:
    """Strictly increasing quantiles of at least MIN_SPAN, inside [-reach, reach].

    Ties (copies of a track) are spread by a ramp far below anything audible.
    """
    if quantiles[-1] - quantiles[0] < MIN_SPAN:
        middle = np.clip(np.median(quantiles), -reach + MIN_SPAN / 2, reach - MIN_SPAN / 2)
        return np.asarray(middle + MIN_SPAN / 2 * even, dtype=np.float64)
    ramp = 1e-6 * even
    return np.asarray((quantiles + ramp) / (1.0 + 1e-6), dtype=np.float64)
