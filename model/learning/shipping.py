"""From a fitted model to a checkpoint: the regression head, its spread, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from model.arrays import Doubles, Floats
from model.checkpoint import Checkpoint
from model.curves.estimation import CurveSettings
from model.experts import Experts
from model.frontends import (
    DESCRIPTOR_NAMES,
    JOINT,
    VGGISH_NAMES,
    frontend_id,
    frontend_name,
    get_frontend,
)
from model.frontends.spectral import FILLED_BY_ENCODERS
from model.frontends.tonality import MODE_NAMES
from model.frontends.vggish import Vggish
from model.late_dimensions import emphasis_of
from model.learning.datasets import SHIPPED_FEATURES, SHIPPED_FRONTEND, Dataset
from model.learning.evaluation import calibrated_sd, r2
from model.learning.expert_fitting import mode_expert
from model.learning.fitting import Embedded, Fitted, Fold
from model.learning.level import arousal_per_db, fit_dynamics
from model.learning.novelty import fit_novelty
from model.regression import MeanHead, fit_mean_head

HEAD_RIDGES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
HEAD_GAMMAS = (0.0, 0.03, 0.1)
HEAD_TRUSTS = (1.0, 0.3, 0.1, 0.05, 0.02, 0.01)

READ_AS_IT_IS = 0.95
"""Share of the training songs of which a bounded column is read as it is (ADR 102)."""

Choice = tuple[float, float, float]
"""Ridge penalty, kernel width, and trust in the encoders' columns of a head."""


def make_checkpoint(
    fitted: Fitted, data: Dataset, feature_set: str, notes: Mapping[str, Any]
) -> Checkpoint:
    """Everything needed to embed, to score and to estimate, in one value.

    Args:
        fitted: The trained model.
        data: The songs it was trained on.
        feature_set: Names the frontend (`descriptors`, `descriptors33`, `vggish`, `vggish-pca`);
            sets of other tables have none, and the service refuses such a checkpoint by name.
        notes: Plain data about its origin.
    """
    cross_fitted = fitted.model.config.kernel_statistics
    choice = choose_head(fitted.folds, data.mean_emotion, cross_fitted)
    head = fit_head(fitted.inside, data.mean_emotion, choice, cross_fitted)
    predicted, truth = held_out_means(fitted.folds, data.mean_emotion, choice, cross_fitted)
    novelty = fit_novelty(data.mean_features, data.feature_names)
    rows = np.concatenate([fold.rows for fold in fitted.folds])
    ratio = novelty.ratio(data.mean_features[rows])
    scores = r2(truth, predicted)
    frontend = frontend_of(feature_set)
    return Checkpoint(
        name=data.name,
        frontend_id=frontend,
        columns=data.feature_names,
        config=fitted.model.config,
        weights=fitted.model.state_dict(),
        cca=fitted.cca,
        scoring=fitted.scoring,
        mean_head=head,
        curve=_curve_settings(truth, predicted, ratio),
        dynamics=fit_dynamics(fitted.inside.music_embedding, head, arousal_per_db(data)),
        novelty=novelty,
        experts=_experts(frontend, data, truth - predicted),
        emphasis=emphasis_of(predicted),
        highest=highest_read(data.mean_features, data.feature_names),
        notes={
            **notes,
            "songs": len(data),
            "cross_fitted_r2": {"arousal": float(scores[0]), "valence": float(scores[1])},
        },
    )


def highest_read(columns: Floats, names: Sequence[str]) -> Floats | None:
    """The largest value that each column is read with in use, [F]: infinite where none is bounded.

    Encoders fill the valleys between partials. Where these are deeper than nearly all training
    music has them, a contrast tells more of the encoder than of the music (ADR 102). Training reads
    the columns as they are.

    Args:
        columns: Of the training songs, [N, F].
        names: Of the columns, F.

    Returns:
        None where no column is bounded.
    """
    highest = np.quantile(columns, READ_AS_IT_IS, axis=0)
    bounded = np.isin(names, FILLED_BY_ENCODERS)
    return np.where(bounded, highest, np.inf).astype(np.float32) if bounded.any() else None


def fit_best_head(fitted: Fitted, targets: Floats) -> MeanHead:
    """The head of all training songs, with the penalty, width and trust that the folds choose.

    Args:
        fitted: The trained model.
        targets: Mean (arousal, valence) of its training songs, [N, 2].
    """
    cross_fitted = fitted.model.config.kernel_statistics
    return fit_head(
        fitted.inside, targets, choose_head(fitted.folds, targets, cross_fitted), cross_fitted
    )


def choose_head(folds: Sequence[Fold], targets: Floats, cross_fitted: int = 0) -> Choice:
    """Penalty, width and trust with the smallest held-out squared error over both axes.

    Args:
        folds: The cross-fit of the encoders.
        targets: Mean (arousal, valence) of all training songs, [N, 2].
        cross_fitted: The first columns that no encoder gave, see `fit_mean_head`.
    """

    def error(choice: Choice) -> float:
        predicted, truth = held_out_means(folds, targets, choice, cross_fitted)
        return float(((predicted - truth) ** 2).mean())

    # With a kernel machine beside the networks the head is linear (gamma 0), and how much its
    # columns count is chosen too; without one the head's own kernel is chosen.
    bends, trusts = ((0.0,), HEAD_TRUSTS) if cross_fitted else (HEAD_GAMMAS, (1.0,))
    return min(product(HEAD_RIDGES, bends, trusts), key=error)


def held_out_means(
    folds: Sequence[Fold], targets: Floats, choice: Choice, cross_fitted: int = 0
) -> tuple[Floats, Floats]:
    """Predictions for songs that neither encoders nor head saw, and the truth, [N, 2] both."""
    predicted = [
        fit_head(fold.inside, targets[fold.rest], choice, cross_fitted).predict(
            fold.outside.music_embedding
        )
        for fold in folds
    ]
    return np.concatenate(predicted), np.concatenate([targets[fold.rows] for fold in folds])


def fit_head(inside: Embedded, targets: Floats, choice: Choice, cross_fitted: int = 0) -> MeanHead:
    """The head of embedded training songs for one choice."""
    ridge, gamma, trust = choice
    return fit_mean_head(
        inside.music_embedding,
        targets,
        ridge=ridge,
        gamma=gamma,
        cross_fitted=cross_fitted,
        trust=trust,
    )


def _experts(frontend: str, data: Dataset, errors: Floats) -> Experts | None:
    """Mode, where the frontend hears it and the networks do not read it."""
    if frontend_name(frontend) != SHIPPED_FRONTEND or MODE_NAMES[0] in data.feature_names:
        return None
    return mode_expert(data.mean_emotion, errors)


def _curve_settings(truth: Floats, predicted: Floats, ratio: Doubles) -> CurveSettings:
    """Spread of the curve from held-out residuals."""
    residual = calibrated_sd((truth - predicted).astype(np.float64) / ratio[:, None])
    return CurveSettings(sd=(float(residual[0]), float(residual[1])))


def frontend_of(feature_set: str) -> str:
    """Name and version of the frontend that hears the columns of a feature set.

    The shipped set's is the one that hears mode too, for the expert.
    """
    if feature_set in DESCRIPTOR_NAMES:
        name = SHIPPED_FRONTEND if feature_set == SHIPPED_FEATURES else feature_set
        return frontend_id(get_frontend(name, "cpu"))
    if JOINT in feature_set:
        return frontend_id(get_frontend(feature_set, "cpu"))
    if feature_set in VGGISH_NAMES:
        return f"{feature_set}-{Vggish.version}"
    return f"table_{feature_set}-1"
