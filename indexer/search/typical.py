"""Typical emotion queries, made by rule: what search arrays are made for and measured with.

People ask on the relative scale, whose places lie where the catalogue is dense; annotators and
programs ask on the absolute one. A search is quick near the queries it was made for, so both kinds
are among them (ADR 0045).
"""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np

from model.curves.curve import EmotionCurve, Keyframe, QuantileScale

_LEVELS = 20  # of each axis, relative: what a tap on the page, a mood or a calm journey asks for
_WALKS = 400  # of each scale
_REACH = 0.95
_DURATION_S = 30.0
_KEYFRAMES = 16


def typical_curves(scale: QuantileScale) -> list[EmotionCurve]:
    """1,200 absolute curves: constants and walks of a catalogue's relative scale, absolute walks.

    They are shuffled, the same way each time, so that any even choice of them holds all kinds.

    Args:
        scale: The catalogue's relative scale.
    """
    return list(_curves_of(scale.quantiles.tobytes(), scale.slope))


@lru_cache(maxsize=1)  # a catalogue is asked for them more than once
def _curves_of(quantiles: bytes, slope: float) -> tuple[EmotionCurve, ...]:
    scale = QuantileScale(np.frombuffer(quantiles).reshape(-1, 2), slope)
    relative, absolute = _by_rule()
    curves = [*(curve.mapped(scale) for curve in relative), *absolute]
    return tuple(curves[row] for row in np.random.default_rng(0).permutation(len(curves)))


@cache
def _by_rule() -> tuple[tuple[EmotionCurve, ...], tuple[EmotionCurve, ...]]:
    """Curves to be read on the relative scale, and on the absolute one."""
    levels = np.linspace(-1.0, 1.0, _LEVELS).tolist()
    places = [(valence, arousal) for valence in levels for arousal in levels]
    walks = tuple(_walk(np.random.default_rng(seed)) for seed in range(2 * _WALKS))
    constants = tuple(EmotionCurve.constant(*place, _DURATION_S) for place in places)
    return constants + walks[:_WALKS], walks[_WALKS:]


def _walk(draws: np.random.Generator) -> EmotionCurve:
    """From a random point, in steps of a random size: nearly constant to restless."""
    step = draws.uniform(0.005, 0.15)
    start = draws.uniform(-0.8, 0.8, 2)
    places = start + np.cumsum(draws.normal(0.0, step, (_KEYFRAMES, 2)), axis=0)
    valence, arousal = np.clip(places, -_REACH, _REACH).T.tolist()
    times_s = np.linspace(0.0, _DURATION_S, _KEYFRAMES).tolist()
    return EmotionCurve(tuple(map(Keyframe, times_s, valence, arousal)))
