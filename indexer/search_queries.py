"""Typical emotion queries, made by rule: what search arrays are made for and measured with."""

from __future__ import annotations

import numpy as np

from model.curves import EmotionCurve, Keyframe

_LEVELS = (-0.8, -0.4, 0.0, 0.4, 0.8)
_REACH = 0.95
_WALKS = 1200
_DURATION_S = 30.0
_KEYFRAMES = 16


def typical_curves() -> list[EmotionCurve]:
    """1,225 curves in the absolute scale: a grid of constants and random walks on the plane."""
    constants = [
        EmotionCurve.constant(valence, arousal, _DURATION_S)
        for valence in _LEVELS
        for arousal in _LEVELS
    ]
    return constants + [_walk(np.random.default_rng(seed)) for seed in range(_WALKS)]


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
