"""Figures of the emotion curve from models that never met the song: accuracy, spread, movement.

The songs are cut into folds; a model is trained without each and tried on it. Letters: N songs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.learning.curve_calibration import (
    SEGMENT_SCALE_S,
    AnnotatedClip,
    GuessedClip,
    cross_check,
    fit_movement,
    guess,
    reliability,
)
from model.analysis import SEGMENT_S
from model.arrays import Doubles
from model.checkpoint import load_checkpoint, save_checkpoint
from model.emotion_model import EmotionModel
from model.frontends import get_frontend
from model.learning.datasets import SHIPPED_FEATURES, SHIPPED_FRONTEND, Dataset
from model.learning.evaluation import r2
from model.learning.fitting import fit
from model.learning.recipes import recipe
from model.learning.shipping import make_checkpoint

Say = Callable[[str], None]

FOLDS = 5
FOLD_SEED = 7
SMOOTHINGS_S = (0.0, 4.0, SEGMENT_SCALE_S, 12.0)


@dataclass(frozen=True)
class Fold:
    """A model and the songs it never met.

    Attributes:
        model: Trained on the other folds.
        rows: Its songs' rows in the dataset.
    """

    model: EmotionModel
    rows: NDArray[np.intp]


@dataclass(frozen=True)
class Predictions:
    """Mean emotion and its spread for held-out songs, [N, 2] each."""

    truth: Doubles
    mean: Doubles
    sd: Doubles


def train_folds(data: Dataset, preset: str, cache: Path, say: Say) -> list[Fold]:
    """Train (or find in `cache`) a model without each fold.

    Args:
        data: All songs, with the columns `SHIPPED_FEATURES`.
        preset: Recipe of the training.
        cache: Folder of the folds' checkpoints.
        say: Told of each training run.
    """
    order = np.random.default_rng(FOLD_SEED).permutation(len(data))
    frontend = get_frontend(SHIPPED_FRONTEND, "cpu")
    folds = []
    for number, rows in enumerate(np.array_split(order, FOLDS)):
        path = cache / f"{SHIPPED_FEATURES}-fold{number}.safetensors"
        if not path.is_file():
            say(f"training without fold {number + 1} of {FOLDS}")
            own = recipe(preset, data.feature_count)
            rest = data.rows(np.setdiff1d(order, rows))
            fitted = fit(rest, own.shape, own.training, own.fit)
            made = make_checkpoint(fitted, rest, SHIPPED_FEATURES, {"fold": number})
            save_checkpoint(path, made)
        model = EmotionModel(load_checkpoint(path), frontend, torch.device("cpu"))
        folds.append(Fold(model, rows))
    return folds


def curve_figures(
    folds: Sequence[Fold], data: Dataset, clips: Sequence[AnnotatedClip]
) -> dict[str, Any]:
    """Everything `docs/benchmarks/curve.json` holds; pairs are (arousal, valence)."""
    regression = _regression(folds, data)
    frames = np.concatenate([data.curves[fold.rows] for fold in folds]).swapaxes(0, 1)
    guessed = [guess(_without(folds, data, clip.song_id), clip) for clip in clips]
    return {
        "songs": len(data),
        "model": _shape(folds[0].model),
        "regression": _scores(regression),
        "coverage_of_frames": _named(
            reliability(frames.astype(np.float64), regression.mean, regression.sd)
        ),
        "movement": {f"{s:g}": _movement_figures(guessed, s) for s in SMOOTHINGS_S},
        "chance_of_pairing": pairing_chance(guessed),
        "clips": [clip.song_id for clip in clips],
    }


def pairing_chance(clips: Sequence[GuessedClip], smoothing_s: float = SEGMENT_SCALE_S) -> float:
    """Share of all pairings of guessed with human movement that fit as well as the true one.

    Each axis and clip is put to one scale, so that no single lively clip decides.
    """
    moves, humans = (
        np.stack([_unit(values) for values in side])
        for side in (
            [clip.movement(smoothing_s) for clip in clips],
            [clip.truth for clip in clips],
        )
    )
    agreement = np.einsum("itk,jtk->ij", moves, humans)  # [clip, clip]
    own = np.arange(len(clips))
    sums = [agreement[own, list(order)].sum() for order in permutations(own)]
    return float(np.mean(np.array(sums) >= agreement[own, own].sum() - 1e-9))


def markdown(figures: Mapping[str, Any]) -> str:
    """The report page."""
    lines = [_INTRODUCTION.format(songs=figures["songs"], folds=FOLDS, model=figures["model"])]
    lines += [
        "| of | R2 | RMSE | 50 % | 80 % | 90 % | 95 % |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [_means_row(figures["regression"])]
    frames = figures["coverage_of_frames"]
    cells = " | ".join(_pair(frames[level]) for level in ("0.5", "0.8", "0.9", "0.95"))
    lines += [f"| single frames | | | {cells} |", _MOVEMENT]
    lines += [
        "| smoothing (s) | trust | curve RMSE | constant RMSE | movement error | at trust 1 |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_movement_row(width, row) for width, row in figures["movement"].items()]
    lines += ["", _CHANCE.format(chance=figures["chance_of_pairing"])]
    return "\n".join(lines) + "\n"


def save_reliability_plot(path: Path, figures: Mapping[str, Any]) -> None:
    """Nominal against actual coverage, as PNG."""
    from matplotlib.figure import Figure  # slow to import, and only needed here

    figure = Figure(figsize=(4.5, 4.0), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0.4, 1.0], [0.4, 1.0], color="0.7", label="perfect")
    levels = figures["regression"]["coverage"]
    for axis, label in enumerate(("arousal", "valence")):
        shares = [pair[axis] for pair in levels.values()]
        axes.plot([float(x) for x in levels], shares, marker="o", label=label)
    axes.set(xlabel="probability of the interval", ylabel="held-out songs inside")
    axes.legend()
    figure.savefig(path, dpi=120)


def _shape(model: EmotionModel) -> str:
    config = model.checkpoint.config
    return (
        f"music {config.music.kind}, emotion {config.emotion.kind} ({config.emotion.pooling}), "
        f"{config.d_kl} dimensions"
    )


def _regression(folds: Sequence[Fold], data: Dataset) -> Predictions:
    """The head, with the spread that each fold's own training songs gave."""
    parts = []
    for fold in folds:
        embedding = fold.model.embed_columns(data.features[fold.rows])
        mean = fold.model.mean_emotion(embedding).astype(np.float64)
        lengths = np.full(len(fold.rows), SEGMENT_S, dtype=np.float32)
        sd = fold.model.sd_of_columns(data.mean_features[fold.rows], lengths)
        parts.append((mean, sd.astype(np.float64)))
    return Predictions(_truth(folds, data), *map(np.concatenate, zip(*parts, strict=True)))


def _truth(folds: Sequence[Fold], data: Dataset) -> Doubles:
    return np.concatenate([data.mean_emotion[fold.rows] for fold in folds]).astype(np.float64)


def _without(folds: Sequence[Fold], data: Dataset, song_id: int) -> EmotionModel:
    return next(fold.model for fold in folds if song_id in data.song_ids[fold.rows])


def _scores(predictions: Predictions) -> dict[str, Any]:
    residual = predictions.truth - predictions.mean
    return {
        "r2": _list(r2(predictions.truth, predictions.mean)),
        "rmse": _list(np.sqrt((residual**2).mean(axis=0))),
        "coverage": _named(reliability(predictions.truth, predictions.mean, predictions.sd)),
    }


def _movement_figures(clips: Sequence[GuessedClip], smoothing_s: float) -> dict[str, Any]:
    check = cross_check(clips, smoothing_s)
    return {
        "trust": round(fit_movement(clips, smoothing_s).trust, 4),
        "curve_rmse": _list(check.curve_rmse),
        "constant_rmse": _list(check.constant_rmse),
        "movement_ratio": _list(check.movement_ratio),
        "whole_ratio": _list(check.whole_ratio),
    }


def _unit(values: Doubles) -> Doubles:
    centred = values - values.mean(axis=0)
    unit: Doubles = centred / np.maximum(np.sqrt((centred**2).sum(axis=0)), 1e-12)
    return unit


def _list(values: NDArray[np.floating[Any]]) -> list[float]:
    return [round(float(value), 4) for value in values]


def _named(shares: Mapping[float, Doubles]) -> dict[str, list[float]]:
    return {f"{level:g}": _list(share) for level, share in shares.items()}


def _pair(values: Sequence[float]) -> str:
    return " / ".join(f"{value:.3f}" for value in values)


def _means_row(scores: Mapping[str, Any]) -> str:
    shares = " | ".join(_pair(share) for share in scores["coverage"].values())
    return f"| means | {_pair(scores['r2'])} | {_pair(scores['rmse'])} | {shares} |"


def _movement_row(width: str, row: Mapping[str, Any]) -> str:
    cells = [
        _pair(row[name])
        for name in ("curve_rmse", "constant_rmse", "movement_ratio", "whole_ratio")
    ]
    return f"| {width} | {row['trust']:.2f} | {' | '.join(cells)} |"


_INTRODUCTION = """# The emotion curve

Written by `benchmarks/bench_curve.py`. Pairs are arousal / valence, in units of the plane.

## Level and spread

The {songs} DEAM songs in {folds} folds; each song is predicted by a model trained without its fold,
with the spread that the model's own training songs gave. The last columns say how many human means
(last row: how many single frames of the human curves) lie inside the central interval of that
probability. The folds' models: {model}.
"""

_MOVEMENT = """
![Reliability](curve-reliability.png)

## Movement

DEAM's clips with audio, each guessed by a model that was not trained on it. The windows' guesses
are smoothed by a Gaussian of that standard deviation and shrunk by a trust that the *other* clips
teach (half their least-squares slope; the column shows what all clips together teach). The curve's
error at 2 Hz stands beside that of the clip's mean guess held constant; "movement error" is the
error about the clips' own means, over that of no movement at all.
"""

_CHANCE = """Of all ways to pair the clips' guessed movements with the human ones, a share of
{chance:.3f} fits at least as well as the right one. Five clips are thin evidence: they rule out
trusting raw windows, and they do not fix the trust to a tenth.
"""
