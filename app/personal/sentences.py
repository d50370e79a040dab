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
_GROUPS = (  # about a third of the plane's side
    ("lively music", _AROUSAL, 1.0),
    ("calm music", _AROUSAL, -1.0),
    ("pleasant music", _VALENCE, 1.0),
    ("dark music", _VALENCE, -1.0),
)
_EDGE = 1.0 / 3.0


def sentences(plane: Plane) -> list[str]:
    """At most three sentences, what moves most tracks farthest first."""
    learned = plane.learned
    if not plane.answers:
        return ["Nothing is learned yet: say where you feel some tracks."]
    if learned.is_nothing:
        return [_nothing(plane)]
    moved = _moved(plane)
    found = [*_overall(moved), *_by_group(moved, plane.basis.heard)]
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


def _overall(moved: np.ndarray) -> Iterator[tuple[float, str]]:
    mean = moved.mean(axis=0)
    for axis, words in _WORDS.items():
        if abs(mean[axis]) >= LEAST:
            yield abs(mean[axis]), f"You hear music as {words[int(mean[axis] > 0)]} than most."


def _by_group(moved: np.ndarray, heard: np.ndarray) -> Iterator[tuple[float, str]]:
    """Where the plane bends: a third of it that is moved otherwise than the whole."""
    mean = moved.mean(axis=0)
    for name, by, side in _GROUPS:
        rows = side * heard[:, by] > _EDGE
        if not rows.any():
            continue
        own = moved[rows].mean(axis=0)
        for axis, words in _WORDS.items():
            if abs(own[axis] - mean[axis]) >= LEAST and abs(own[axis]) >= LEAST:
                yield (
                    abs(own[axis]),
                    f"You hear {name} as {words[int(own[axis] > 0)]} than most.",
                )
