"""Tracks of several segments have a row of their own, and playlists rank it."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.runs.embed import Analysed, BlockBuilder
from indexer.snapshot.reader import whole_tracks
from model.analysis import Analysis
from tests.fakes import FakeModel


def analysis(*features: tuple[float, float]) -> Analysis:
    """A track whose segments have these features, 15 s apart."""
    starts = 15.0 * np.arange(len(features))
    spans = np.stack([starts, starts + 30.0], axis=1).astype(np.float32)
    rows = np.array(features, dtype=np.float32)
    return Analysis("fake-1", float(spans[-1, 1]), spans, rows, rows, -16.0)


def block_of(one: Analysis):  # type: ignore[no-untyped-def]  # a Block, private to the builder
    """What the index keeps of it."""
    builder = BlockBuilder(FakeModel())
    builder.add("content", Analysed(one, np.zeros((1, 4), np.float16)))
    return builder.blocks["content"]


def test_a_long_track_gets_a_row_for_the_whole() -> None:
    """It spans the track, and its features are the segments' mean."""
    block = block_of(analysis((0.1, 0.2), (0.3, 0.4), (0.5, 0.6)))

    expected = FakeModel().embed_analyses(np.array([[0.3, 0.4]], dtype=np.float32))
    np.testing.assert_array_equal(block.segment_s[-1], [0.0, 60.0])
    np.testing.assert_allclose(block.embedding.mu[-1], expected.mu[0], rtol=1e-5)


def test_a_short_track_is_its_one_segment() -> None:
    """Nothing is stored twice."""
    assert len(block_of(analysis((0.1, 0.2))).segment_s) == 1


@pytest.mark.parametrize(
    ("spans", "first", "expected"),
    [
        ([[0, 30], [15, 45], [0, 45], [0, 20]], [0, 3, 4], [False, False, True, True]),
        ([[0, 30], [15, 45]], [0, 2], [True, True]),
        (np.zeros((0, 2)), [0], []),
    ],
    ids=["a long and a short track", "a track without a row for the whole", "no tracks"],
)
def test_which_rows_stand_for_tracks(
    spans: list[list[int]], first: list[int], expected: list[bool]
) -> None:
    """The one that reaches from start to end; all of them where none does."""
    mask = whole_tracks(np.array(spans, dtype=np.float32), np.array(first, dtype=np.int64))

    assert mask.tolist() == expected
