"""Agreement with listeners, and what lists of tracks are like.

Valence is judged beyond arousal: what a line through arousal leaves of it, in the prediction and in
the ratings. N tracks; (arousal, valence) are [N, 2].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata  # type: ignore[import-untyped]

from benchmarks.listening.studies import Emotify, Muse
from model.arrays import Doubles

MOODS: Mapping[str, tuple[str, tuple[float, float]]] = {
    "joyful": ("joyful_activation", (0.5, 0.85)),
    "calm": ("calmness", (-0.75, 0.55)),
    "sad": ("sadness", (-0.45, -0.75)),
    "tense": ("tension", (0.7, -0.5)),
    "tender": ("tenderness", (-0.45, 0.5)),
}
"""Word -> the feeling that raters name, and (arousal, valence) of the word, relative."""

DEPTHS = (10, 40)


def spearman(left: Doubles, right: Doubles) -> float:
    """Rank correlation."""
    return float(np.corrcoef(rankdata(left), rankdata(right))[0, 1])


def beyond(valence: Doubles, arousal: Doubles) -> Doubles:
    """Valence less what a least-squares line through arousal gives, [N]."""
    centred = arousal - arousal.mean()
    rest = valence - valence.mean()
    return np.asarray(rest - centred * (centred @ rest) / (centred @ centred), dtype=np.float64)


def centred(values: Doubles, groups: NDArray[np.str_]) -> Doubles:
    """Values less the mean of their group, [N]."""
    found = np.array(values, dtype=np.float64)
    for group in np.unique(groups):
        found[groups == group] -= found[groups == group].mean()
    return found


def emotify_figures(study: Emotify, emotion: Doubles) -> dict[str, float]:
    """Rank correlations, over all tracks and within genres."""
    found = {}
    for suffix, shift in (("", np.asarray), (" within genre", lambda x: centred(x, study.genres))):
        arousal, valence = shift(emotion[:, 0]), shift(emotion[:, 1])
        truth_a, truth_v = shift(study.arousal), shift(study.valence)
        found |= {
            f"arousal{suffix}": spearman(arousal, truth_a),
            f"valence with joy{suffix}": spearman(
                valence, shift(study.feelings["joyful_activation"])
            ),
            f"valence with sadness{suffix}": spearman(valence, shift(study.feelings["sadness"])),
            f"valence beyond arousal{suffix}": spearman(
                beyond(valence, arousal), beyond(truth_v, truth_a)
            ),
        }
    return found


def muse_figures(study: Muse, emotion: Doubles) -> dict[str, float]:
    """Rank correlations."""
    arousal, valence = study.emotion.T
    return {
        "arousal": spearman(emotion[:, 0], arousal),
        "valence": spearman(emotion[:, 1], valence),
        "valence beyond arousal": spearman(
            beyond(emotion[:, 1], emotion[:, 0]), beyond(valence, arousal)
        ),
    }


def lifts(study: Emotify, order: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """Mean rating of the first tracks of a list over the mean of all, for each mood and depth.

    Args:
        study: Knows the ratings.
        order: Tracks of the study, best first, for each word of `MOODS`.
    """
    found = {}
    for word, (feeling, _) in MOODS.items():
        ratings = study.feelings[feeling]
        for depth in DEPTHS:
            chosen = list(order[word])[:depth]
            found[f"{word} {depth}"] = float(ratings[chosen].mean() / ratings.mean())
    return found
