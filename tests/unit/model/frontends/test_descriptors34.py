"""The frontend with mode: its columns, and its windows in one piece and in blocks."""

from __future__ import annotations

import io

import numpy as np
import torch

from model.analysis import analyse
from model.frontends import frontend_id, get_frontend
from model.frontends.descriptors import Descriptors33, Descriptors34
from model.frontends.tonality import PitchFrames
from tests.unit.encoded_audio import wav
from tests.unit.music import music

RATE_HZ = 22_050


def test_has_mode_after_the_columns_of_descriptors33() -> None:
    """The first 33 are those, to the bit; the last is what `PitchFrames` hears."""
    samples = torch.from_numpy(music(40.0, RATE_HZ, 4))
    windows = torch.tensor([[0.0, 30.0], [12.0, 14.0]], dtype=torch.float64)

    rows = Descriptors34().describe(samples, RATE_HZ, windows)

    assert Descriptors34.feature_names == (*Descriptors33.feature_names, "mode")
    assert torch.equal(rows[:, :33], Descriptors33().describe(samples, RATE_HZ, windows))
    assert torch.equal(rows[:, 33:], PitchFrames(samples).mode(windows))


def test_blocks_do_not_matter() -> None:
    """A long file read in blocks has the modes that it has in one piece."""
    content = wav([music(95.0, RATE_HZ, 9)], RATE_HZ)

    whole = analyse(io.BytesIO(content), Descriptors34(), block_s=1000.0)
    pieces = analyse(io.BytesIO(content), Descriptors34(), block_s=82.0)

    for ours, theirs in (
        (pieces.segment_features, whole.segment_features),
        (pieces.window_features, whole.window_features),
    ):
        np.testing.assert_allclose(ours[:, 33], theirs[:, 33], atol=0.02)


def test_is_found_by_name() -> None:
    """Checkpoints find it."""
    assert frontend_id(get_frontend("descriptors34")) == "descriptors34-2"
