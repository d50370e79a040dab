"""How well a track fits what was asked, in one number and one sentence.

Both are read off the plane alone: where the track lies, and where the question lies, on the scale
of the answer. The order of a playlist also weighs how the whole of the music matches (the score).
"""

from __future__ import annotations

import math

NEAR = 0.12
"""Less apart than this on an axis, and two feelings are called alike."""
FAR = 0.45
"""From here on a difference is called large."""
CLEAR = 0.25
"""From here on a feeling has a name on an axis."""

Place = tuple[float, float]
"""(arousal, valence) on the scale of the answer."""


def fit(place: Place, asked: Place) -> float:
    """1 where the track lies on what was asked, 0 where it lies at a distance of 1 or more."""
    return max(0.0, 1.0 - math.dist(place, asked))


def reason(place: Place, asked: Place) -> str:
    """How the track differs from what was asked, such as "as calm as asked, a little darker"."""
    axes = [
        (place[0] - asked[0], asked[0], ("calm", "calmer"), ("lively", "livelier")),
        (place[1] - asked[1], asked[1], ("dark", "darker"), ("bright", "brighter")),
    ]
    alike = [_name(at, low, high) for by, at, low, high in axes if abs(by) < NEAR]
    names = " and ".join(filter(None, alike))
    differences = " and ".join(_more(by, low, high) for by, _, low, high in axes if abs(by) >= NEAR)
    if not differences:
        return f"as {names} as asked" if names else "just as asked"
    return f"as {names} as asked, {differences}" if names else f"{differences} than asked"


def _name(asked: float, low: tuple[str, str], high: tuple[str, str]) -> str:
    """What a feeling is called on one axis; "" in the middle of it."""
    return low[0] if asked < -CLEAR else high[0] if asked > CLEAR else ""


def _more(by: float, low: tuple[str, str], high: tuple[str, str]) -> str:
    """A difference on one axis: "a little darker", "much livelier"."""
    word = high[1] if by > 0 else low[1]
    return f"much {word}" if abs(by) >= FAR else f"a little {word}" if abs(by) < FAR / 2 else word
