"""A head taught by another: it says what its teacher says, at the level of the first ear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from model.errors import TrainingError
from model.experts import Experts
from model.frontends.musicnn import N_EMBEDDING, TAGS, Musicnn, MusicnnNetwork
from model.learning.second_ear import NAMES, with_second_ear
from tests.unit.checkpoints import small_checkpoint

MODE = Experts(
    names=("mode",),
    columns=("mode",),
    readout=np.array([[2.0]]),
    bias=np.array([-1.0]),
    slopes=np.array([[-1.0, 3.0]]),
    prior=np.array([[0.03, 0.01], [0.01, 0.02]]),
)
BASE = replace(small_checkpoint(), frontend_id="descriptors34-2", experts=MODE)
LEVEL = np.array([0.1, -0.05])


@pytest.fixture(scope="module")
def ear() -> Musicnn:
    return Musicnn(MusicnnNetwork())


def _rows(count: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, N_EMBEDDING + len(TAGS))).astype(np.float32)


def _music(rows: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Files of ten patches that the first ear hears differently, about `LEVEL`."""
    parts = np.split(rows, len(rows) // 10)
    away = np.linspace(-0.2, 0.2, len(parts))
    return [(part, LEVEL + shift) for part, shift in zip(parts, away, strict=True)]


def test_its_cues_are_its_emotion_in_units_of_noise(ear: Musicnn) -> None:
    """Unwhitened, they follow the teacher, with the first ear's mean."""
    rows = _rows(900)
    teacher = np.random.default_rng(2).normal(size=(N_EMBEDDING, 2)) / 20
    taught = rows[:, :N_EMBEDDING] @ teacher

    made = with_second_ear(BASE, ear, _music(rows), taught)
    experts = made.experts
    assert experts is not None
    heard = np.concatenate([np.full((900, 1), 0.5), rows[:, :N_EMBEDDING]], axis=1)
    cues, var = experts.heard(heard.astype(np.float32))
    said = np.linalg.solve(experts.slopes[1:], cues[:, 1:].T).T

    assert made.frontend_id == "descriptors34-2+musicnn-1"
    assert experts.names == ("mode", *NAMES)
    np.testing.assert_allclose(cues[:, 0], 0.0)
    np.testing.assert_allclose(var, 1.0)
    np.testing.assert_allclose(said.mean(axis=0), LEVEL, atol=1e-6)
    assert np.corrcoef(said[:, 0], taught[:, 0])[0, 1] > 0.9
    assert np.corrcoef(said[:, 1], taught[:, 1])[0, 1] > 0.8


def test_valence_beyond_arousal_is_what_both_ears_hear(ear: Musicnn) -> None:
    """The line is drawn through files, as the mean of the two ears has them."""
    rows, music = _rows(900), _music(_rows(900))
    taught = rows[:, :2].astype(np.float64) / 20

    made = with_second_ear(BASE, ear, music, taught)
    experts = made.experts
    assert experts is not None
    assert made.emphasis is not None
    both = []
    for patches, first in music:
        heard = np.concatenate([[0.5], patches[:, :N_EMBEDDING].mean(axis=0)])
        cues, _ = experts.heard(heard[None].astype(np.float32))
        both.append((first + np.linalg.solve(experts.slopes[1:], cues[0, 1:])) / 2.0)

    rest = np.array(both) @ made.emphasis
    assert abs(np.corrcoef(rest, np.array(both)[:, 0])[0, 1]) < 1e-3


def test_too_little_music_is_refused(ear: Musicnn) -> None:
    """A ridge on 200 columns needs more patches than that."""
    rows = _rows(300)

    with pytest.raises(TrainingError, match="300 patches"):
        with_second_ear(BASE, ear, _music(rows), np.zeros((300, 2)))
