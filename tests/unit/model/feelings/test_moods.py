"""Single mood words."""

from __future__ import annotations

import numpy as np
import pytest

from model.errors import UnknownMoodError
from model.feelings.moods import mood_curve, plane_words


def test_words_lie_in_the_plane_and_in_the_right_quadrants() -> None:
    """Every drawn word is in [-1, 1] twice; the landmarks are where Russell has them."""
    words = plane_words()
    assert len(words) >= 54
    assert all(abs(v) <= 1.0 and abs(a) <= 1.0 for v, a in words.values())
    signs = {word: tuple(np.sign(words[word])) for word in ("excited", "calm", "sad", "tense")}
    assert signs == {"excited": (1, 1), "calm": (1, -1), "sad": (-1, -1), "tense": (-1, 1)}


@pytest.mark.parametrize("word", ["calm", " Calm ", "CALM", "kalm"])
def test_mood_words_ignore_case_and_blanks(word: str) -> None:
    """The curve is constant at the word's place, whatever its language."""
    valence, arousal = plane_words()["calm"]

    np.testing.assert_array_equal(mood_curve(word).values(), np.tile([arousal, valence], (60, 1)))


def test_a_synonym_is_its_mood() -> None:
    """`melancholy` finds what `melancholic` finds."""
    assert mood_curve("melancholy") == mood_curve("melancholic")


@pytest.mark.parametrize(
    ("word", "message"),
    [("clam", "did you mean .*calm"), ("energetik", "energetic"), ("xqzw", "try calm")],
)
def test_unknown_moods_suggest_near_ones(word: str, message: str) -> None:
    """A slip gets its correction; nonsense gets a few words to try."""
    with pytest.raises(UnknownMoodError, match=message):
        mood_curve(word)
