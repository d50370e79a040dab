"""Recipes by name: the shape of a model, how it is trained, how its scoring is fitted."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from model.emer import EmerConfig
from model.encoders import ATTENTION, DEFAULT_EMOTION, DEFAULT_MUSIC, PAPER_GRU, EncoderConfig
from model.errors import TrainingError
from model.learning.augmentation import NO_AUGMENTATION
from model.learning.baselines import REG_BIGRU, REG_MLP
from model.learning.datasets import Dataset
from model.learning.fitting import FitConfig
from model.learning.kernel_machine import KernelConfig
from model.learning.training import PAPER_TRAINING, TrainingConfig

TEXTURE = replace(DEFAULT_EMOTION, pooling="texture")

CCA_WEIGHT = 0.7
"""Lambda of the scoring beside a kernel machine, from validation inside training parts."""

FIGURES_VERSION = 1
"""Raised when code changes figures without a change of any recipe."""

SEQUENCE_ENCODERS = {"paper": PAPER_GRU, "attention": ATTENTION}

PRESETS = (
    *("default", "networks", "unaugmented", "texture", "paper", "attention"),
    *("paper-brief", "attention-brief"),
)

BRIEF = replace(
    PAPER_TRAINING, epochs=10, batch=128, learning_rate=1e-3, schedule="cosine", save_every=5
)
"""What an hour of a core can train of preset `paper`: as printed, 5001 epochs at 1e-5, it needs
two days of a core, and moves nothing in ten epochs."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run beside the data."""

    shape: EmerConfig
    training: TrainingConfig
    fit: FitConfig

    def with_seed(self, seed: int) -> Recipe:
        """The recipe with another seed for weights, batches and folds."""
        return replace(
            self, training=replace(self.training, seed=seed), fit=replace(self.fit, seed=seed)
        )

    def with_epochs(self, epochs: int | None) -> Recipe:
        """The recipe with another number of epochs; None leaves it as it is."""
        if epochs is None:
            return self
        return replace(self, training=replace(self.training, epochs=epochs))


def recipe_id(chosen: Recipe, family: str) -> str:
    """Eight digits that change with everything that decides the figures of a family of rows.

    Args:
        chosen: The recipe of the run.
        family: `composite` or one of `model.learning.experiments.FAMILIES`. Baselines depend on no
            recipe, regressors on their own, and what is trained on KL alone on no cross-fit.
    """
    parts: dict[str, Any] = {"family": family, "figures": FIGURES_VERSION}
    if family == "regressors":
        parts["regressors"] = [asdict(REG_MLP), asdict(REG_BIGRU)]
    elif family != "baselines":
        parts.update(shape=asdict(chosen.shape), training=asdict(chosen.training))
        parts["fit"] = None if family == "kl" else asdict(chosen.fit)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]


def recipe(preset: str, features: int) -> Recipe:
    """The recipe called `preset` for music of `features` numbers a frame.

    `default` is what ships, `paper` Section IV-C, `attention` its future work, `texture` reads how
    rough a curve is: for measuring on annotated curves, not for queries that people draw.
    `networks` is `default` without the kernel machine, `unaugmented` is `networks` trained on whole
    curves as annotated.
    `paper-brief` and `attention-brief` are trained for minutes instead of days, the former on
    curves of 15 frames: for a first look at these encoders.

    Raises:
        TrainingError: No such preset.
    """
    if preset == "default":
        fit = FitConfig(folds=2, gaussian_lambdas=(CCA_WEIGHT,), kernel=KernelConfig())
        return replace(recipe("networks", features), fit=fit)
    if preset == "networks":
        shape = replace(EmerConfig.preset("default", features), music=_music(features))
        return Recipe(shape, TrainingConfig(lam=0.1, ranking="hinge"), FitConfig(folds=2))
    if preset == "unaugmented":
        own = recipe("networks", features)
        return replace(own, training=replace(own.training, augmentation=NO_AUGMENTATION))
    if preset == "texture":
        shape = EmerConfig(features, _music(features), TEXTURE)
        training = TrainingConfig(lam=0.1, ranking="hinge", augmentation=NO_AUGMENTATION)
        return Recipe(shape, training, FitConfig(folds=2))
    if preset == "paper":
        shape = EmerConfig.preset("paper", features)
        return Recipe(shape, PAPER_TRAINING, FitConfig(dimensions=min(features, 512)))
    if preset == "attention":
        shape = EmerConfig.preset("attention", features)
        training = TrainingConfig(lam=0.1, batch=256, augmentation=NO_AUGMENTATION)
        return Recipe(shape, training, FitConfig())
    if preset == "paper-brief":
        own = recipe("paper", features)
        emotion = replace(own.shape.emotion, resample_frames=15)
        return Recipe(replace(own.shape, emotion=emotion), BRIEF, replace(own.fit, folds=2))
    if preset == "attention-brief":
        own = recipe("attention", features).with_epochs(20)
        return replace(own, fit=FitConfig(folds=2))
    raise TrainingError(f"unknown preset {preset!r}; known: {', '.join(PRESETS)}")


def recipe_for(preset: str, data: Dataset) -> Recipe:
    """The recipe called `preset` for a dataset, with sequence encoders where music is sequences.

    The paper reads PMEmo's sequences with a BiGRU and DEAM's by their mean frame.

    Raises:
        TrainingError: No such preset.
    """
    chosen = recipe(preset, data.feature_count)
    if data.feature_lengths is None or (preset, data.name) == ("paper", "deam"):
        return chosen
    music = SEQUENCE_ENCODERS.get(preset, chosen.shape.music)
    return replace(chosen, shape=replace(chosen.shape, music=music))


def _music(features: int) -> EncoderConfig:
    """More columns than songs can support need more dropout."""
    return DEFAULT_MUSIC if features <= 64 else replace(DEFAULT_MUSIC, dropout=0.6)
