"""Valence once more: against the formula of what it adds to scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from model.checkpoint import LoadedCheckpoint, load_checkpoint, save_checkpoint
from model.curves.curve import EmotionCurve
from model.emotion_model import EmotionModel
from model.experts import Experts
from model.late_dimensions import EMPHASIS_VAR, emphasis_of
from tests.unit.checkpoints import small_checkpoint
from tests.unit.model.test_emotion_model import FakeFrontend
from tests.unit.model.test_experts import EXPERTS, ROWS, scores_of

ALONG = np.array([-4.0, 6.0])


def _model(experts: Experts | None, emphasis: np.ndarray | None) -> EmotionModel:
    checkpoint = replace(small_checkpoint(), experts=experts, emphasis=emphasis)
    return EmotionModel(LoadedCheckpoint(checkpoint, "x"), FakeFrontend(), torch.device("cpu"))


def test_valence_is_what_a_line_through_arousal_leaves() -> None:
    """It does not go with arousal, and its spread in the music is set by the noise."""
    emotion = np.random.default_rng(0).multivariate_normal(
        [0.1, -0.2], [[0.04, 0.03], [0.03, 0.05]], 500
    )

    rest = emotion @ emphasis_of(emotion.astype(np.float32))

    assert abs(np.corrcoef(rest, emotion[:, 0])[0, 1]) < 1e-5
    assert EMPHASIS_VAR * rest.var() == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize("experts", [None, EXPERTS])
def test_valence_counts_by_its_distance(experts: Experts | None) -> None:
    """Scores differ from those without it by half the squared distance in noise."""
    emphasised, plain = _model(experts, ALONG), _model(experts, None)
    curves = [EmotionCurve.constant(-0.4, 0.3), EmotionCurve.constant(0.6, -0.2)]
    asked = np.array([[0.3, -0.4], [-0.2, 0.6]]) @ ALONG
    heard = plain.mean_emotion(plain.embed_analyses(ROWS)).astype(np.float64) @ ALONG

    found, before = scores_of(emphasised, curves), scores_of(plain, curves)

    assert_allclose(found - before, -0.5 * (asked[:, None] - heard[None]) ** 2, atol=1e-3)


@pytest.mark.parametrize("experts", [None, EXPERTS])
def test_what_is_heard_stays_the_same(experts: Experts | None) -> None:
    """Mean emotion and disagreement do not read the dimension of valence."""
    emphasised, plain = _model(experts, ALONG), _model(experts, None)
    rows, before = emphasised.embed_analyses(ROWS), plain.embed_analyses(ROWS)

    assert rows.mu.shape[1] == before.mu.shape[1] + 1
    assert (emphasised.emphasises, plain.emphasises) == (True, False)
    assert_allclose(emphasised.mean_emotion(rows), plain.mean_emotion(before), atol=1e-6)
    if experts is not None:
        added = emphasised.disagreement(rows), plain.disagreement(before)
        assert_allclose(added[0], added[1], atol=1e-6)


def test_the_dimension_is_part_of_the_checkpoint(tmp_path: Path) -> None:
    """It comes back from the file; a file without it has none."""
    save_checkpoint(tmp_path / "a.safetensors", replace(small_checkpoint(), emphasis=ALONG))
    save_checkpoint(tmp_path / "b.safetensors", replace(small_checkpoint(), emphasis=None))

    assert_allclose(load_checkpoint(tmp_path / "a.safetensors").checkpoint.emphasis, ALONG)
    assert load_checkpoint(tmp_path / "b.safetensors").checkpoint.emphasis is None
