"""What a checkpoint that ships holds beside its networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from model.checkpoint import load_checkpoint
from model.learning.datasets import load_deam
from model.learning.shipping import highest_read
from model.shipped import FAST_CHECKPOINT, FULL_CHECKPOINT


def test_a_contrast_is_read_as_far_as_nearly_all_songs_have_it(shared_data: Path) -> None:
    """The checkpoints that ship bound it at the songs' .95 quantile, and no other column."""
    songs = load_deam(shared_data)
    bounded = [name == "spectral_contrast_3" for name in songs.feature_names]
    quantile = np.quantile(songs.features, 0.95, axis=0)

    for path in (FAST_CHECKPOINT, FULL_CHECKPOINT):
        highest = load_checkpoint(path).checkpoint.highest
        assert highest is not None
        np.testing.assert_allclose(highest, np.where(bounded, quantile, np.inf), rtol=1e-6)


def test_other_columns_have_no_bound() -> None:
    """A table of other columns is read as it is."""
    assert highest_read(np.eye(3, dtype=np.float32), ("a", "b", "c")) is None
