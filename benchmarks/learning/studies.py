"""Smaller questions of the report: how much more data would help, what the annotators allow.

Every study returns plain data; `benchmarks/bench_model.py --studies` keeps it beside the runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning.labels import exchanged_labels, level_confounder
from model.arrays import Doubles
from model.embedding import Embedding
from model.learning.baselines import Matrices
from model.learning.datasets import Dataset, load
from model.learning.evaluation import r2, retrieval, top_cosine
from model.learning.experiments import Split, kl_rows, oriented, splits
from model.learning.fitting import embed, fit
from model.learning.recipes import Recipe, recipe
from model.learning.shipping import fit_best_head
from model.learning.training import train
from model.scoring import Kind, ScoringParams

Study = Callable[[Path], dict[str, Any]]

PANEL_SIZES = (5, 10, 20)
"""DEAM had at least 5 annotators a song, its first collection at least 10."""

SHIPPED = "default"

TRAINING_SHARES = (0.125, 0.25, 0.5, 1.0)


def learning_curve(data_dir: Path) -> dict[str, Any]:
    """The composite on DEAM's 31 columns, trained on growing parts of the training songs."""
    data = load("deam", data_dir, "descriptors")
    chosen = recipe("default", data.feature_count)
    result: dict[str, Any] = {}
    for share in TRAINING_SHARES:
        figures = []
        for split in splits(data, 3):
            part = split.train.rows(np.arange(round(share * len(split.train))))
            own = chosen.with_seed(split.number)
            fitted = fit(part, own.shape, own.training, own.fit)
            matrices = oriented(embed(fitted, split.test), fitted.scoring)
            figures.append([retrieval(matrices.m2e), retrieval(matrices.e2m)])
        result[str(round(share * 1395))] = {
            side: {
                "mrr": _mean([pair[i].mrr for pair in figures]),
                "ar_fraction": _mean([pair[i].ar_fraction for pair in figures]),
            }
            for i, side in enumerate(("m2e", "e2m"))
        }
    return result


def annotator_ceiling(data_dir: Path) -> dict[str, Any]:
    """What a perfect model would reach on mean emotion, if another panel had annotated.

    emoMusic's standard deviations over annotators say how far the mean of a panel of n is from
    the mean of endless annotators: std / sqrt(n), constant over a song's 30 s. R2 cannot exceed
    1 - noise / variance. For retrieval, 349 songs are drawn, each mean is disturbed by that noise
    on the query side, and ranked by Mahalanobis distance: level alone, without shape or texture.
    """
    data = load("emomusic", data_dir)
    if data.annotator_std is None:
        return {}
    means = data.mean_emotion.astype(np.float64)
    spread = data.annotator_std.mean(axis=1).astype(np.float64)  # [N, 2]
    return {str(panel): _ceiling(means, spread / np.sqrt(panel)) for panel in PANEL_SIZES}


def sweeps(data_dir: Path) -> dict[str, Any]:
    """AR / N over P, lambda and alpha (paper, Figs. 4-6) and the top 5 % (Figs. 3 and 9).

    Mean of both directions over three test parts of DEAM, preset `default`; nothing is chosen here.
    """
    data = load("deam", data_dir, "descriptors")
    chosen = recipe("default", data.feature_count)
    parts = [_sweep(split, chosen) for split in splits(data, 3)]
    swept = {
        name: {key: _mean([part[name][key] for part in parts]) for key in parts[0][name]}
        for name in parts[0]
    }
    swept["alpha"] = {
        str(alpha): _mean([_kl_share(split, chosen, alpha) for split in splits(data, 3)])
        for alpha in (0.0, 0.3, 1.0, 3.0, 10.0)
    }
    return swept


def _sweep(split: Split, chosen: Recipe) -> dict[str, dict[str, float]]:
    own = chosen.with_seed(split.number)
    fitted = fit(split.train, own.shape, own.training, own.fit)
    embedded, scoring = embed(fitted, split.test), fitted.scoring

    def share(params: ScoringParams) -> float:
        return _share(oriented(embedded, params))

    cca_only = replace(scoring, lambda_gaussian=1.0, lambda_paper=1.0)
    result = {}
    for kind in get_args(Kind):
        result[f"lambda ({kind})"] = {
            f"{lam:.1f}": share(replace(scoring, kind=kind, lambda_gaussian=lam, lambda_paper=lam))
            for lam in np.linspace(0.0, 1.0, 11)
        }
        result[f"P ({kind}, CCA half alone)"] = {
            f"{p:.1f}": share(replace(cca_only, kind=kind, min_rho=p))
            for p in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
        }
    matrices = oriented(embedded, scoring)
    emotion, features = split.test.mean_emotion, standardised(split)
    result["median cosine of the top 5 %"] = {
        "m2e": float(np.median(top_cosine(matrices.m2e, features, features))),
        "e2m": float(np.median(top_cosine(matrices.e2m, emotion, emotion))),
    }
    return result


def standardised(split: Split) -> Doubles:
    """Test features in standard deviations of the training part, [Q, F]."""
    train, test = (part.mean_features.astype(np.float64) for part in (split.train, split.test))
    scaled: Doubles = (test - train.mean(axis=0)) / train.std(axis=0)
    return scaled


def _kl_share(split: Split, chosen: Recipe, alpha: float) -> float:
    training = replace(chosen.training, margin=alpha)
    return _share(kl_rows(split, replace(chosen, training=training))["kl"])


def _share(matrices: Matrices) -> float:
    return _mean([retrieval(matrices.m2e).ar_fraction, retrieval(matrices.e2m).ar_fraction])


def cross_validated_r2(data: Dataset, chosen: Recipe, folds: int = 10) -> dict[str, Any]:
    """R2 of mean (arousal, valence), everything fitted on nine tenths (the paper's Table 3).

    Args:
        data: All songs.
        chosen: The recipe.
        folds: Folds.

    Returns:
        By what predicts: `head`, the regression head that a checkpoint holds, and the paper's
        support vector machines on `features`, `phi`, `kl` (mu and var) and `all` of an embedding.
    """
    order = np.random.default_rng(7).permutation(len(data))
    predicted: dict[str, Doubles] = {}
    for rows in np.array_split(order, folds):
        train, test = data.rows(np.setdiff1d(order, rows)), data.rows(rows)
        fitted = fit(train, chosen.shape, chosen.training, chosen.fit)
        inside, outside = (e.music_embedding for e in (fitted.inside, embed(fitted, test)))
        head = fit_best_head(fitted, train.mean_emotion).predict(outside)
        fold = {"head": head.astype(np.float64)}
        for name, columns in SVR_INPUTS.items():
            pair = columns(inside, train), columns(outside, test)
            fold[name] = support_vectors(*pair, train.mean_emotion)
        for name, values in fold.items():
            predicted.setdefault(name, np.zeros((len(data), 2)))[rows] = values
    return {name: _axes(r2(data.mean_emotion, values)) for name, values in predicted.items()}


SVR_INPUTS: Mapping[str, Callable[[Embedding, Dataset], Doubles]] = {
    "features": lambda _, data: data.mean_features.astype(np.float64),
    "phi": lambda rows, _: rows.phi.astype(np.float64),
    "kl": lambda rows, _: np.hstack([rows.mu, rows.var]).astype(np.float64),
    "all": lambda rows, _: np.hstack([rows.phi, rows.mu, rows.var]).astype(np.float64),
}


def support_vectors(x: Doubles, x_test: Doubles, y: NDArray[np.float32]) -> Doubles:
    """Epsilon-SVR with an RBF kernel on standardised columns, one an axis, [Q, 2].

    Args:
        x: Training columns, [N, D].
        x_test: Columns to predict from, [Q, D].
        y: Mean (arousal, valence) of the training songs, [N, 2].
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVR

    axes = []
    for target in y.T.astype(np.float64):
        machine = make_pipeline(StandardScaler(), SVR(C=1.0, epsilon=0.3, gamma="scale"))
        scale = target.std()
        machine.fit(x, (target - target.mean()) / scale)
        axes.append(target.mean() + scale * machine.predict(x_test))
    return np.stack(axes, axis=1)


def run_times(data_dir: Path) -> dict[str, Any]:
    """CPU seconds on one thread to train on 80 % of DEAM and to rank the rest (Table 6)."""
    data = load("deam", data_dir, "descriptors")
    split = next(splits(data, 1))
    chosen = recipe("default", data.feature_count)
    times = [time.process_time()]
    train(split.train, chosen.shape, chosen.training)
    times.append(time.process_time())
    fitted = fit(split.train, chosen.shape, chosen.training, chosen.fit)
    times.append(time.process_time())
    oriented(embed(fitted, split.test), fitted.scoring)
    times.append(time.process_time())
    spent = np.diff(times)
    return {
        "train": round(float(spent[0]), 1),
        "train_and_cross_fit": round(float(spent[1]), 1),
        "embed_and_rank": round(float(spent[2]), 2),
        "songs": len(split.train),
        "candidates": len(split.test),
    }


def _r2_of(dataset: str, feature_set: str, preset: str = SHIPPED) -> Study:
    def study(data_dir: Path) -> dict[str, Any]:
        data = load(dataset, data_dir, feature_set)
        return cross_validated_r2(data, recipe(preset, data.feature_count))

    return study


STUDIES: Mapping[str, Study] = {
    "annotator_ceiling": annotator_ceiling,
    "r2_10_fold_deam": _r2_of("deam", "descriptors"),
    "r2_10_fold_deam_33": _r2_of("deam", "descriptors33"),
    "r2_10_fold_deam_networks": _r2_of("deam", "descriptors", "networks"),
    "r2_10_fold_pmemo": _r2_of("pmemo", "gemaps_essentia"),
    "run_times": run_times,
    "learning_curve": learning_curve,
    "sweeps": sweeps,
    "exchanged_labels": exchanged_labels,
    "level_confounder": level_confounder,
}


SHIPPED_COLUMNS = ("r2_10_fold_deam_33", "exchanged_labels", "level_confounder")
"""Studies of the columns that ship."""


def study_preset(name: str) -> str:
    """The preset that a study's figures depend on."""
    return "networks" if name.endswith("_networks") else SHIPPED


def study_columns(name: str) -> int:
    """How many columns of DEAM a study reads; 30 also where it reads another dataset."""
    return 32 if name in SHIPPED_COLUMNS else 30


def _ceiling(means: Doubles, noise: Doubles) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    limit = 1.0 - (noise**2).mean(axis=0) / means.var(axis=0)
    results = []
    for _ in range(10):
        rows = rng.permutation(len(means))[:349]
        truth = means[rows]
        query = truth + noise[rows] * rng.normal(size=truth.shape)
        scale = np.sqrt((noise**2).mean(axis=0))
        distance = (((query[:, None, :] - truth[None, :, :]) / scale) ** 2).sum(axis=2)
        results.append(asdict(retrieval(-distance)))
    retrieved = {key: _mean([row[key] for row in results]) for key in ("mrr", "ar_fraction")}
    r2_limit = {"arousal": round(float(limit[0]), 3), "valence": round(float(limit[1]), 3)}
    return {"r2": r2_limit, "retrieval_by_level": retrieved}


def _axes(pair: Doubles) -> dict[str, float]:
    return {axis: round(float(x), 4) for axis, x in zip(("arousal", "valence"), pair, strict=True)}


def _mean(values: list[float]) -> float:
    return round(float(np.mean(values)), 4)
