"""What was learned of a listener, in sentences.

Letters: N placed tracks.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from app.personal.plane import Plane

LEAST = 0.05  # on the plane: less is not worth a sentence
_AROUSAL, _VALENCE = 0, 1
_WORDS = {
    _AROUSAL: ("calmer", "livelier"),
    _VALENCE: ("less pleasant", "more pleasant"),
}
GROUPS = (  # about a third of the plane's side
    ("lively music", _AROUSAL, 1.0),
    ("calm music", _AROUSAL, -1.0),
    ("pleasant music", _VALENCE, 1.0),
    ("dark music", _VALENCE, -1.0),
)
_EDGE = 1.0 / 3.0


def sentences(plane: Plane) -> list[str]:
    """At most three sentences, what moves tracks farthest first; no two say the same of them."""
    learned = plane.learned
    if not plane.answers:
        return ["Nothing is learned yet: say where you feel some tracks."]
    if learned.is_nothing:
        return [_nothing(plane)]
    moved = _moved(plane)
    groups = _groups(moved, plane.basis.heard)
    found = [told for axis in _WORDS for told in told_of_axis(axis, moved.mean(axis=0), groups)]
    found.sort(reverse=True)
    told = [text for _, text in found[:3]]
    return told or ["You hear music about as the model does."]


def _nothing(plane: Plane) -> str:
    placed = sum(each.valence is not None for _, each in plane.answers)
    if placed < 5:
        return (
            f"{placed} track{'' if placed == 1 else 's'} placed: they stay where you put them; "
            "a few more are needed to learn from them."
        )
    return (
        "What you said does not change what is expected of other tracks: they stay where the "
        "model puts them."
    )


def _moved(plane: Plane) -> np.ndarray:
    """How far tracks that were not placed are moved, [T, 2]."""
    moved = plane.learned.places(plane.basis.heard, plane.basis.features) - plane.basis.heard
    return np.asarray(plane.profile.weight * moved)


def _groups(moved: np.ndarray, heard: np.ndarray) -> dict[str, np.ndarray]:
    """How far each third of the plane is moved, [2]; those without tracks are left out."""
    rows = {name: side * heard[:, by] > _EDGE for name, by, side in GROUPS}
    return {name: moved[those].mean(axis=0) for name, those in rows.items() if those.any()}


def told_of_axis(
    axis: int, mean: np.ndarray, groups: dict[str, np.ndarray]
) -> Iterator[tuple[float, str]]:
    """What is told of one axis, with how far it moves: the whole plane, and where it bends.

    A third that goes the way of the whole, only farther, is named in the sentence about the whole.
    """
    whole, words = float(mean[axis]), _WORDS[axis]
    bent = {name: float(own[axis]) for name, own in groups.items()}
    bent = {n: own for n, own in bent.items() if min(abs(own), abs(own - whole)) >= LEAST}
    if abs(whole) >= LEAST:
        most = max(bent, key=lambda name: bent[name] * np.sign(whole), default=None)
        farther = most is not None and bent[most] * np.sign(whole) > abs(whole)
        above_all = f", {most} above all" if farther else ""
        word = words[int(whole > 0)]
        yield abs(whole), f"You hear music as {word} than most{above_all}."
        bent = {name: own for name, own in bent.items() if own * whole < 0}
    for up, word in enumerate(words):
        names = [name for name, own in bent.items() if (own > 0) == bool(up)]
        if names:
            far = max(abs(bent[name]) for name in names)
            yield far, f"You hear {' and '.join(names)} as {word} than most."
