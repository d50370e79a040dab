"""The shipped model hears in the demo catalogue what its recipes intend."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from app.demo.catalogue import render
from app.demo.recipes import RECIPES
from benchmarks.listening.places import lists
from indexer.runs.embed import stretches
from model.analysis import Analysis
from model.emotion_model import EmotionModel
from model.feelings.moods import plane_words
from model.shipped import FAST_CHECKPOINT

MIN_AROUSAL_SPEARMAN = 0.8
MIN_VALENCE_SPEARMAN = 0.5
AXES = ("arousal", "valence")


@pytest.fixture(scope="module")
def model() -> EmotionModel:
    """The shipped model that needs no other package."""
    return EmotionModel.load(FAST_CHECKPOINT, "cpu")


@pytest.fixture(scope="module")
def analyses(model: EmotionModel, tmp_path_factory: pytest.TempPathFactory) -> list[Analysis]:
    """Of the piece of each recipe."""
    pieces = render(tmp_path_factory.mktemp("demo"))
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        return list(workers.map(lambda piece: model.analyse(piece.path), pieces))


@pytest.fixture(scope="module")
def heard(model: EmotionModel, analyses: list[Analysis]) -> NDArray[np.float64]:
    """What the model predicts for each recipe, (arousal, valence), [40, 2]."""
    emotions = [model.mean_emotion(model.embed_segments(each)) for each in analyses]
    return np.stack([emotion.astype(np.float64).mean(axis=0) for emotion in emotions])


@pytest.fixture(scope="module")
def intended() -> NDArray[np.float64]:
    """What the recipes ask for, (arousal, valence), [40, 2]."""
    return np.array([(recipe.arousal, recipe.valence) for recipe in RECIPES])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks, ties averaged, [N]."""
    below = (values[None, :] < values[:, None]).sum(axis=1)
    equal = (values[None, :] == values[:, None]).sum(axis=1)
    return below + (equal - 1) / 2.0


def _spearman(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    return float(np.corrcoef(_ranks(left), _ranks(right))[0, 1])


@pytest.mark.parametrize(
    ("axis", "least"), [("arousal", MIN_AROUSAL_SPEARMAN), ("valence", MIN_VALENCE_SPEARMAN)]
)
def test_predictions_follow_the_recipes(
    heard: NDArray[np.float64],
    intended: NDArray[np.float64],
    axis: str,
    least: float,
    record_property: pytest.RecordProperty,
) -> None:
    """Ranked by the model and by the recipe, the pieces come in much the same order."""
    column = AXES.index(axis)
    figure = _spearman(heard[:, column], intended[:, column])
    record_property(f"demo_{axis}_spearman", round(figure, 3))
    print(f"demo catalogue: {axis} Spearman {figure:.3f} over {len(intended)} pieces")

    assert figure >= least


def test_the_axes_are_not_mistaken_for_each_other(
    heard: NDArray[np.float64], intended: NDArray[np.float64]
) -> None:
    """Each prediction follows its own axis of the recipes more than the other one."""
    arousal, valence = heard.T

    assert _spearman(arousal, intended[:, 0]) > _spearman(arousal, intended[:, 1])
    assert _spearman(valence, intended[:, 1]) > _spearman(arousal, intended[:, 1])


@pytest.mark.parametrize(
    ("pleasant", "unpleasant"),
    [("dance", "industrial"), ("pop", "thriller"), ("pastoral", "elegy"), ("lullaby", "elegy")],
)
def test_pleasant_genres_are_heard_as_more_pleasant(
    heard: NDArray[np.float64], pleasant: str, unpleasant: str
) -> None:
    """At similar arousal too, valence tells the pleasant pieces from the unpleasant ones."""
    valence = {
        genre: np.mean([heard[i, 1] for i, r in enumerate(RECIPES) if r.genre == genre])
        for genre in (pleasant, unpleasant)
    }

    assert valence[pleasant] > valence[unpleasant]


@pytest.mark.parametrize("word", ["calm", "sad", "happy", "tense"])
def test_a_mood_begins_with_pieces_of_its_quarter(
    model: EmotionModel, analyses: list[Analysis], intended: NDArray[np.float64], word: str
) -> None:
    """The first three are composed to be as lively or quiet, and as pleasant or not, as it is."""
    valence, arousal = plane_words()[word]
    rows = np.concatenate([stretches(each)[1][-1:] for each in analyses])

    lengths = np.array([each.duration_s for each in analyses])
    (order,) = lists(model, rows, [(arousal, valence)], lengths)

    assert (np.sign(intended[order[:3]]) == np.sign([arousal, valence])).all()
