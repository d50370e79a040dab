"""One number and one sentence for how a track fits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.wire.fit import fit, reason

PLACES = st.tuples(st.floats(-1.0, 1.0), st.floats(-1.0, 1.0))


@pytest.mark.parametrize(
    ("place", "asked", "words"),
    [
        ((-0.6, -0.5), (-0.6, -0.5), "as calm and dark as asked"),
        ((-0.6, -0.65), (-0.6, -0.5), "as calm as asked, a little darker"),
        ((0.5, 0.4), (0.5, 0.0), "as lively as asked, brighter"),
        ((0.9, 0.3), (0.2, 0.3), "as bright as asked, much livelier"),
        ((-0.3, 0.6), (0.0, 0.0), "calmer and much brighter than asked"),
        ((0.0, 0.0), (0.0, 0.0), "just as asked"),
        ((0.0, 0.3), (0.0, 0.0), "brighter than asked"),
        ((0.6, 0.0), (0.6, 0.0), "as lively as asked"),
    ],
)
def test_the_sentence_says_how_they_differ(
    place: tuple[float, float], asked: tuple[float, float], words: str
) -> None:
    """On both axes, in everyday words."""
    assert reason(place, asked) == words


@given(PLACES, PLACES)
def test_the_number_falls_with_the_distance(
    place: tuple[float, float], asked: tuple[float, float]
) -> None:
    """From 1 where they coincide; half way back is never worse."""
    half = ((place[0] + asked[0]) / 2, (place[1] + asked[1]) / 2)

    assert fit(asked, asked) == 1.0
    assert 0.0 <= fit(place, asked) <= fit(half, asked) <= 1.0
