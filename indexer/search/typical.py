"""Typical emotion queries, made by rule: what search arrays are made for and measured with.

People ask on the relative scale, whose places lie where the catalogue is dense; annotators and
programs ask on the absolute one. A search is quick near the queries it was made for, so both kinds
are among them (ADR 0045).
"""

from __future__ import annotations

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
    levels = np.linspace(-1.0, 1.0, _LEVELS).tolist()
    places = [(valence, arousal) for valence in levels for arousal in levels]
    relative = [EmotionCurve.constant(*place, _DURATION_S) for place in places]
    relative += [_walk(np.random.default_rng(seed)) for seed in range(_WALKS)]
    curves = [curve.mapped(scale) for curve in relative]
    curves += [_walk(np.random.default_rng(_WALKS + seed)) for seed in range(_WALKS)]
    return [curves[row] for row in np.random.default_rng(0).permutation(len(curves))]


def _walk(draws: np.random.Generator) -> EmotionCurve:
    """From a random point, in steps of a random size: nearly constant to restless."""
    step = draws.uniform(0.005, 0.15)
    start = draws.uniform(-0.8, 0.8, 2)
    places = start + np.cumsum(draws.normal(0.0, step, (_KEYFRAMES, 2)), axis=0)
    times_s = np.linspace(0.0, _DURATION_S, _KEYFRAMES)
    return EmotionCurve(
        tuple(
            Keyframe(t_s=float(t_s), valence=float(valence), arousal=float(arousal))
            for t_s, (valence, arousal) in zip(
                times_s, np.clip(places, -_REACH, _REACH), strict=True
            )
        )
    )
