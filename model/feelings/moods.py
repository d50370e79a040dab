"""Single mood words as points of the plane, and those that are drawn on it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from model.curves.curve import EmotionCurve
from model.errors import UnknownMoodError
from model.feelings.lexicon import lexicon
from model.feelings.once import once


@once
def plane_words() -> Mapping[str, tuple[float, float]]:
    """Word -> (valence, arousal), of the words to draw on the plane.

    They are those whose places come from the literature: the circumplex of affect (Russell 1980,
    Fig. 2-4), its extension by Scherer (2005) and GEMS, the emotions that listeners name for music
    (Zentner, Grandjean & Scherer 2008), rounded to 0.05. They are ordinal in meaning: on the
    relative scale 0.9 asks for the top 5 % of a catalogue.
    """
    return MappingProxyType(
        {
            entry.name: (entry.region.valence, entry.region.arousal)
            for entry in lexicon().entries
            if not entry.why.startswith("judgement")
        }
    )


def mood_curve(word: str) -> EmotionCurve:
    """The constant curve of a word of the lexicon, in any of its languages, relative scale.

    Raises:
        UnknownMoodError: The lexicon lacks the word; the message suggests near ones.
    """
    entry = lexicon().find(word)
    if entry is None:
        near = lexicon().near(word)
        hint = f"did you mean {', '.join(near)}?" if near else f"try {', '.join(_SOME)}"
        raise UnknownMoodError(f"unknown mood {word.strip()[:40]!r}; {hint}", tuple(near))
    return EmotionCurve.constant(entry.region.valence, entry.region.arousal)


_SOME = ("calm", "happy", "sad", "angry", "tense")
