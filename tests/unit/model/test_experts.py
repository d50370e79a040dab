"""Late experts: against the formulas of the posterior and of the likelihood they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from model.arrays import Doubles
from model.checkpoint import LoadedCheckpoint, load_checkpoint, save_checkpoint
from model.curves.curve import EmotionCurve
from model.embedding import Embedding
from model.emotion_model import EmotionModel
from model.errors import CheckpointMismatchError
from model.experts import UNHEARD_VAR, Experts
from model.scoring import Points, score
from tests.unit.checkpoints import FEATURES, small_checkpoint
from tests.unit.model.test_emotion_model import FakeFrontend

EXPERTS = Experts(
    names=("first", "second"),
    columns=("part_1", "part_4"),
    readout=np.array([[2.0, 0.0], [0.5, 3.0]]),
    bias=np.array([-0.4, 0.2]),
    slopes=np.array([[-0.7, 2.0], [1.5, 0.3]]),
    prior=np.array([[0.03, 0.01], [0.01, 0.02]]),
)
ROWS = np.random.default_rng(3).normal(0.0, 0.4, (6, FEATURES)).astype(np.float32)


def _model(experts: Experts | None) -> EmotionModel:
    checkpoint = replace(small_checkpoint(), experts=experts)
    return EmotionModel(LoadedCheckpoint(checkpoint, "x"), FakeFrontend(), torch.device("cpu"))


@pytest.fixture(scope="module")
def model() -> EmotionModel:
    return _model(EXPERTS)


@pytest.fixture(scope="module")
def plain() -> EmotionModel:
    return _model(None)


def scores_of(model: EmotionModel, curves: Sequence[EmotionCurve]) -> Doubles:
    """What `ROWS` score for curves, by the definition in double precision, [curves, rows]."""
    asked, rows = model.embed_emotion(curves), model.embed_analyses(ROWS)
    scoring = model.scoring.to(torch.float64)
    return np.asarray(score(_points(asked), _points(rows), scoring, "e2m").total.numpy())


def _points(embedding: Embedding) -> Points:
    return Points(*(torch.from_numpy(part).double() for part in vars(embedding).values()))


def test_mean_emotion_is_the_posterior(model: EmotionModel, plain: EmotionModel) -> None:
    """The head's estimate and the cues are weighed by their precisions, all at once."""
    head = plain.mean_emotion(plain.embed_analyses(ROWS)).astype(np.float64)
    cues = ROWS[:, [1, 4]].astype(np.float64) @ EXPERTS.readout + EXPERTS.bias
    precision = np.linalg.inv(EXPERTS.prior)
    total = precision + EXPERTS.slopes.T @ EXPERTS.slopes
    expected = np.linalg.solve(total, (head @ precision + cues @ EXPERTS.slopes).T).T

    found = model.mean_emotion(model.embed_analyses(ROWS))

    assert_allclose(found, np.clip(expected, -1, 1), atol=1e-5)


def test_a_cue_counts_with_its_log_likelihood(model: EmotionModel, plain: EmotionModel) -> None:
    """Scores differ from those without experts by what the cues say of the query's emotion."""
    curves = [EmotionCurve.constant(-0.4, 0.3), EmotionCurve.constant(0.6, -0.2)]
    emotion = np.array([[0.3, -0.4], [-0.2, 0.6]])
    cues = ROWS[:, [1, 4]].astype(np.float64) @ EXPERTS.readout + EXPERTS.bias
    away = emotion @ EXPERTS.slopes.T
    likelihood = -0.5 * ((away[:, None] - cues[None]) ** 2).sum(axis=2)

    found, before = scores_of(model, curves), scores_of(plain, curves)

    assert_allclose(found - before, likelihood, atol=1e-4)


def test_what_was_not_measured_changes_little(model: EmotionModel, plain: EmotionModel) -> None:
    """A cue that reads a missing column has the variance of one that was not heard."""
    rows = ROWS.copy()
    cues, var = EXPERTS.heard(np.array([[0.1, np.nan], [0.1, 0.2]], dtype=np.float32))

    assert_allclose(cues[0], 0.0)
    assert_allclose(var, [[UNHEARD_VAR] * 2, [1.0, 1.0]])
    unheard = model.mean_emotion(model.embed_columns(rows))
    assert_allclose(unheard, plain.mean_emotion(plain.embed_columns(rows)), atol=0.02)


def test_music_is_most_like_itself(model: EmotionModel) -> None:
    """Further dimensions leave each row the best answer to itself."""
    rows = _points(model.embed_analyses(ROWS))

    total = score(rows, rows, model.scoring.to(torch.float64), "m2m").neg_kl.numpy()

    assert (total.argmax(axis=1) == np.arange(len(ROWS))).all()


def test_experts_are_part_of_the_checkpoint(tmp_path: Path) -> None:
    """They come back from the file as they were."""
    save_checkpoint(tmp_path / "a.safetensors", replace(small_checkpoint(), experts=EXPERTS))

    found = load_checkpoint(tmp_path / "a.safetensors").checkpoint.experts

    assert found is not None
    assert (found.names, found.columns) == (EXPERTS.names, EXPERTS.columns)
    for name in ("readout", "bias", "slopes", "prior"):
        assert_allclose(getattr(found, name), getattr(EXPERTS, name))


def test_a_frontend_must_give_the_cues() -> None:
    """A checkpoint whose experts read other columns is refused by name."""
    with pytest.raises(CheckpointMismatchError, match="mode"):
        _model(replace(EXPERTS, columns=("part_1", "mode")))


def test_experts_that_agree_add_no_variance() -> None:
    """Cues that say what the head says leave the spread as it is."""
    emotion = np.array([[0.2, -0.3]])
    cues, var = EXPERTS.expected(emotion), np.ones((1, 2))

    assert_allclose(EXPERTS.disagreement(emotion, cues, var), 0.0)


def test_experts_that_contradict_each_other_add_what_noise_does_not_explain() -> None:
    """The square of what they move the head by, less the variance that such a move has."""
    emotion, var = np.array([[0.2, -0.3]]), np.ones((1, 2))
    cues = EXPERTS.expected(emotion) + np.array([[4.0, -9.0]])
    moved = EXPERTS.updated(emotion, cues, var) - emotion
    posterior = np.linalg.inv(np.linalg.inv(EXPERTS.prior) + EXPERTS.slopes.T @ EXPERTS.slopes)

    expected = np.maximum(moved**2 - np.diag(EXPERTS.prior - posterior), 0.0)

    assert expected.max() > 0.01
    assert_allclose(EXPERTS.disagreement(emotion, cues, var), expected, rtol=1e-9)
    unheard = np.full((1, 2), UNHEARD_VAR)
    assert EXPERTS.disagreement(emotion, 0.0 * cues, unheard).max() < 1e-3
