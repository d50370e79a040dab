"""Mood words as points of Russell's circumplex, on the relative scale.

Positions follow the circumplex of affect (Russell 1980, Fig. 2-4), its extension by Scherer (2005)
and GEMS, the emotions that listeners name for music (Zentner, Grandjean & Scherer 2008), rounded to
0.05. They are ordinal in meaning: on the relative scale 0.9 asks for the top 5 % of a catalogue.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from model.errors import UnknownMoodError

MOODS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        # (valence, arousal): pleasant and active
        "happy": (0.85, 0.35),
        "joyful": (0.85, 0.5),
        "cheerful": (0.8, 0.45),
        "delighted": (0.85, 0.6),
        "excited": (0.65, 0.8),
        "ecstatic": (0.8, 0.85),
        "euphoric": (0.85, 0.8),
        "energetic": (0.4, 0.85),
        "upbeat": (0.65, 0.6),
        "playful": (0.65, 0.4),
        "amused": (0.6, 0.3),
        "triumphant": (0.65, 0.75),
        "powerful": (0.3, 0.8),
        "heroic": (0.5, 0.75),
        "passionate": (0.4, 0.65),
        "confident": (0.55, 0.35),
        "hopeful": (0.55, 0.2),
        "inspired": (0.6, 0.4),
        "surprised": (0.2, 0.75),
        # pleasant and quiet
        "content": (0.7, -0.3),
        "pleased": (0.75, 0.1),
        "relaxed": (0.6, -0.6),
        "calm": (0.55, -0.75),
        "peaceful": (0.65, -0.7),
        "serene": (0.65, -0.75),
        "tender": (0.5, -0.45),
        "gentle": (0.5, -0.55),
        "romantic": (0.6, -0.2),
        "dreamy": (0.4, -0.6),
        "nostalgic": (0.1, -0.35),
        "warm": (0.6, -0.35),
        "contemplative": (0.1, -0.55),
        "sleepy": (0.05, -0.9),
        # unpleasant and quiet
        "sad": (-0.75, -0.45),
        "melancholic": (-0.5, -0.5),
        "gloomy": (-0.7, -0.4),
        "depressed": (-0.85, -0.6),
        "lonely": (-0.6, -0.5),
        "wistful": (-0.25, -0.45),
        "mournful": (-0.75, -0.6),
        "bored": (-0.4, -0.75),
        "tired": (-0.15, -0.85),
        "somber": (-0.55, -0.55),
        # unpleasant and active
        "tense": (-0.5, 0.7),
        "nervous": (-0.5, 0.6),
        "anxious": (-0.6, 0.6),
        "afraid": (-0.7, 0.7),
        "scary": (-0.75, 0.65),
        "angry": (-0.75, 0.8),
        "aggressive": (-0.6, 0.9),
        "furious": (-0.85, 0.9),
        "frustrated": (-0.7, 0.5),
        "agitated": (-0.35, 0.75),
        "restless": (-0.25, 0.6),
        "dark": (-0.7, 0.2),
        "suspenseful": (-0.4, 0.5),
        # the middle
        "neutral": (0.0, 0.0),
    }
)
"""Word -> (valence, arousal)."""

SYNONYMS: Mapping[str, str] = MappingProxyType(
    {
        "glad": "happy",
        "fun": "playful",
        "energised": "energetic",
        "energized": "energetic",
        "lively": "energetic",
        "party": "ecstatic",
        "epic": "heroic",
        "victorious": "triumphant",
        "chill": "relaxed",
        "mellow": "relaxed",
        "tranquil": "peaceful",
        "soothing": "gentle",
        "loving": "tender",
        "pensive": "contemplative",
        "drowsy": "sleepy",
        "unhappy": "sad",
        "sorrowful": "sad",
        "melancholy": "melancholic",
        "blue": "melancholic",
        "sombre": "somber",
        "stressed": "tense",
        "scared": "afraid",
        "fearful": "afraid",
        "mad": "angry",
    }
)
"""Other spellings and near words -> their word in `MOODS`."""


def mood_position(word: str) -> tuple[float, float]:
    """(valence, arousal) of a mood word, whatever its case and surrounding blanks.

    Raises:
        UnknownMoodError: Neither a mood nor a synonym; the message suggests near words.
    """
    key = word.strip().lower()
    key = SYNONYMS.get(key, key)
    if key in MOODS:
        return MOODS[key]
    near = near_moods(key)
    hint = f"did you mean {', '.join(near)}?" if near else f"known are {', '.join(sorted(MOODS))}"
    raise UnknownMoodError(f"unknown mood {word.strip()[:40]!r}; {hint}", near)


def near_moods(word: str) -> tuple[str, ...]:
    """At most three words of the vocabulary that look like `word`, best first."""
    known = [*MOODS, *SYNONYMS]
    return tuple(difflib.get_close_matches(word.lower()[:40], known, n=3, cutoff=0.6))
