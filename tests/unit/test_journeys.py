"""Journeys: a curve cut into pieces."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from app.journeys import PIECE_S, _piece
from model.curves import EmotionCurve, Keyframe


@pytest.mark.parametrize("places", range(1, 10))
def test_keyframes_at_the_edges_of_pieces_do_no_harm(places: int) -> None:
    """A keyframe that falls on an edge but for rounding is the edge: no piece is refused."""
    curve = EmotionCurve(tuple(Keyframe(round(0.1 * i, 1), 0.01 * i, 0.0) for i in range(19)))
    edges = np.linspace(0.0, curve.duration_s, places + 1).tolist()

    pieces = [_piece(curve, start, end) for start, end in pairwise(edges)]

    assert all(piece.duration_s == PIECE_S for piece in pieces)
    assert pieces[-1].at(np.array([PIECE_S]))[0, 1] == pytest.approx(0.18)
