"""`train` and `evaluate` from tables on disk to checkpoint and report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model.checkpoint import load_checkpoint
from model.errors import DatasetError, TrainingError
from model.learning.commands import (
    EvaluateOptions,
    TrainOptions,
    evaluate_command,
    train_command,
)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PMEmo folder of 40 synthetic songs."""
    folder = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(0)
    level = rng.uniform(0.2, 0.8, size=(40, 2))
    (folder / "pmemo").mkdir()
    curves = ["musicId,frameTime,Arousal(mean),Valence(mean)"]
    for song, (arousal, valence) in enumerate(level):
        noise = 0.02 * rng.normal(size=(16, 2))
        for step, (da, dv) in enumerate(noise):
            curves.append(f"{song},{15 + step / 2},{arousal + da},{valence + dv}")
    (folder / "pmemo" / "dynamic_annotations.csv").write_text("\n".join(curves))
    (folder / "pmemo" / "dynamic_annotations_std.csv").write_text("\n".join(curves))
    metadata = ["musicId,fileName,duration", *(f"{song},{song}.mp3,30" for song in range(40))]
    (folder / "pmemo" / "metadata.csv").write_text("\n".join(metadata))
    for name in ("gemaps62", "essentia66"):
        mix = rng.normal(size=(2, 3))
        features = level @ mix + 0.01 * rng.normal(size=(40, 3))
        rows = [f"pmemo_{song},{','.join(map(str, row))}" for song, row in enumerate(features)]
        text = "\n".join(["song_id,a,b,c", *rows])
        (folder / f"{name}_deam_pmemo.csv").write_text(text)
    return folder


def test_equal_seeds_give_equal_files(tables: Path, tmp_path: Path) -> None:
    """The checkpoint is reproducible to the byte, carries its origin, and has a loss plot."""
    summaries = [
        train_command(TrainOptions(tmp_path / name, tables, "pmemo", epochs=2))
        for name in ("a.safetensors", "b.safetensors")
    ]

    first, second = (summary.checkpoint.read_bytes() for summary in summaries)
    assert first == second
    notes = load_checkpoint(tmp_path / "a.safetensors").checkpoint.notes
    assert (notes["dataset"], notes["seed"], notes["songs"]) == ("pmemo", 0, 40)
    assert (tmp_path / "a-loss.png").read_bytes().startswith(b"\x89PNG")
    assert "40 songs" in summaries[0].describe()


def test_training_states_are_gone_after_success(tables: Path, tmp_path: Path) -> None:
    """Only checkpoint, hash and plot remain."""
    state = tmp_path / "states" / "run"
    train_command(TrainOptions(tmp_path / "a.safetensors", tables, "pmemo", epochs=2, state=state))

    assert list(state.parent.iterdir()) == []


def test_evaluation_prints_the_composite_beside_ridge(tables: Path) -> None:
    """Every row of the chosen families, in both directions, and R2; progress counts splits."""
    told: list[tuple[str, int, int]] = []
    options = EvaluateOptions(
        tables, "pmemo", epochs=2, splits=2, families=("baselines", "kl", "cca", "cos")
    )
    report = evaluate_command(options, lambda *step: told.append(step))
    figures = report.to_dict()["pmemo"]["gemaps_essentia"]

    assert report.test_songs == 8
    assert {"composite", "ridge", "chance", "kl", "cca", "cos", "composite_c"} <= figures.keys()
    assert 1.0 <= figures["ridge"]["e2m"]["ar"] <= 8.0
    assert "| ridge |" in report.describe()
    assert ("splits", 2, 2) in told


def test_unknown_presets_are_refused(tables: Path, tmp_path: Path) -> None:
    """The message lists the known ones."""
    with pytest.raises(TrainingError, match="unknown preset 'huge'; known: default"):
        train_command(TrainOptions(tmp_path / "a", tables, "pmemo", preset="huge"))


def test_features_a_dataset_lacks_are_refused(tables: Path, tmp_path: Path) -> None:
    """PMEmo has no librosa columns."""
    with pytest.raises(DatasetError, match="pmemo has no librosa columns; use gemaps_essentia"):
        train_command(TrainOptions(tmp_path / "a", tables, "pmemo", feature_set="descriptors"))
