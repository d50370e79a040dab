"""Studies of what labels and levels do to figures on DEAM (`docs/benchmarks/leaks.md`).

DEAM's static table has arousal and valence exchanged for its first collection, and Music2Emo reads
it so. Letters: N songs.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.arrays import Doubles
from model.frontends import loudness
from model.learning.datasets import (
    FIRST_COLLECTION_MAX_ID,
    SHIPPED_FEATURES,
    WITH_LEVEL,
    Dataset,
    load_deam,
)
from model.learning.evaluation import r2
from model.learning.experiments import splits
from model.learning.fitting import embed, fit
from model.learning.recipes import recipe
from model.learning.shipping import fit_best_head

MIDDLE, HALF_RANGE = 5.0, 4.0
"""Of the static table's scale, 1 to 9."""

GAIN_SDS_DB = (0.0, 3.0, 6.0, 9.0)
_DIVISIONS = 3


def exchanged_labels(data_dir: Path) -> dict[str, Any]:
    """How the static table relates to the dynamic one, and our R2 on Music2Emo's division.

    The same networks, trained on the division's training songs; one regression head fitted to the
    labels as the table has them, one to the labels put right; each judged by both.
    """
    data = load_deam(data_dir)
    read = _static(data_dir / "music2emo_splits" / "deam" / "static_annotations.csv")
    data = data.rows(np.flatnonzero([int(song) in read for song in data.song_ids]))
    first = data.first_collection
    as_read = np.array([read[int(song)] for song in data.song_ids])
    right = np.where(first[:, None], as_read[:, ::-1], as_read)
    scores = _division(data_dir, data, as_read, right)
    return {"correlations": _correlations(data, as_read), **scores}


def level_confounder(data_dir: Path) -> dict[str, Any]:
    """R2 of mean emotion when test songs are made louder and softer at random.

    Mean over three divisions, by what the model reads and the standard deviation of the gains. What
    reads no level cannot change, so that it is measured once.
    """
    result: dict[str, Any] = {}
    for name in (SHIPPED_FEATURES + WITH_LEVEL, SHIPPED_FEATURES):
        data = load_deam(data_dir, name)
        gains = GAIN_SDS_DB if name.endswith(WITH_LEVEL) else GAIN_SDS_DB[:1]
        scores = np.array([_under_gains(data, number, gains) for number in range(_DIVISIONS)])
        result[name] = {
            f"{gain:g}": _axes(pair) for gain, pair in zip(gains, scores.mean(axis=0), strict=True)
        }
    return result


def _under_gains(data: Dataset, number: int, gain_sds_db: tuple[float, ...]) -> list[Doubles]:
    split = list(splits(data, number + 1))[number]
    own = recipe("default", data.feature_count).with_seed(number)
    fitted = fit(split.train, own.shape, own.training, own.fit)
    head = fit_best_head(fitted, split.train.mean_emotion)
    scores = []
    for gain_sd_db in gain_sds_db:
        gains_db = np.random.default_rng(number).normal(0.0, gain_sd_db, len(split.test))
        test = replace(split.test, features=amplified(split.test, gains_db))
        predicted = head.predict(embed(fitted, test).music_embedding)
        scores.append(r2(test.mean_emotion, predicted))
    return scores


def amplified(data: Dataset, gains_db: Doubles) -> NDArray[np.float32]:
    """Columns of songs that were made so much louder, [N, F]; for sets that keep the level."""
    features = data.features.astype(np.float64)
    for place, name in enumerate(data.feature_names):
        if name in loudness.LEVELS:
            features[:, place] *= 10 ** (loudness.EXPONENT * gains_db / 10)
        elif name == "mfcc_1":
            features[:, place] += np.sqrt(128) * gains_db
    return features.astype(np.float32)


def _static(path: Path) -> dict[int, tuple[float, float]]:
    """(arousal, valence) of each song in [-1, 1], by the table's own column names."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    def scaled(row: Mapping[str, str], axis: str) -> float:
        return (float(row[f"{axis}_mean"]) - MIDDLE) / HALF_RANGE

    return {int(row["song_id"]): (scaled(row, "arousal"), scaled(row, "valence")) for row in rows}


def _correlations(data: Dataset, as_read: Doubles) -> dict[str, dict[str, float]]:
    """Of both static columns with both dynamic axes, by collection."""
    found = {}
    for name, rows in (("first", data.first_collection), ("later", ~data.first_collection)):
        for column, axis in enumerate(("arousal", "valence")):
            pair = [
                float(np.corrcoef(as_read[rows, column], data.mean_emotion[rows, dynamic])[0, 1])
                for dynamic in (0, 1)
            ]
            found[f"static {axis}, {name} collection"] = _axes(np.array(pair))
    return found


def _division(data_dir: Path, data: Dataset, as_read: Doubles, right: Doubles) -> dict[str, Any]:
    folder = data_dir / "music2emo_splits"
    parts = {name: _ids(folder / "deam" / f"{name}.txt") for name in ("train", "test")}
    rows = {n: np.flatnonzero(np.isin(data.song_ids, list(ids))) for n, ids in parts.items()}
    train = data.rows(rows["train"])
    own = recipe("default", data.feature_count)
    fitted = fit(train, own.shape, own.training, own.fit)
    outside = embed(fitted, data.rows(rows["test"])).music_embedding
    labels = {"as read": as_read.astype(np.float32), "put right": right.astype(np.float32)}
    scores = {
        f"trained on labels {learned}, judged by labels {judged}": _axes(
            r2(
                labels[judged][rows["test"]],
                fit_best_head(fitted, labels[learned][rows["train"]]).predict(outside),
            )
        )
        for learned in labels
        for judged in labels
    }
    return {
        "r2": scores,
        "test_songs": len(parts["test"]),
        "of the first collection": sum(s <= FIRST_COLLECTION_MAX_ID for s in parts["test"]),
        "training songs of emomusic": len(parts["test"] & _ids(folder / "emomusic" / "train.txt")),
        "with all columns": len(rows["test"]),
    }


def _ids(path: Path) -> set[int]:
    return {int(line) for line in path.read_text(encoding="utf-8").split()}


def _axes(pair: Doubles) -> dict[str, float]:
    return {axis: round(float(x), 4) for axis, x in zip(("arousal", "valence"), pair, strict=True)}
