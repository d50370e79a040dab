"""DEAM and PMEmo from their authors' folders, on the five clips that there are."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from app.cli import app
from model.audio.decoding import decode
from model.checkpoint import load_checkpoint
from model.emotion_model import EmotionModel
from model.encoders import PAPER_GRU, PAPER_MUSIC_MLP
from model.errors import CheckpointMismatchError, DatasetError
from model.frontends import Frontend, get_frontend
from model.frontends.vggish import VggishNetwork
from model.learning.audio_datasets import load_audio
from model.learning.commands import AudioOptions, TrainOptions, train_command
from model.learning.datasets import Dataset, load_deam
from model.learning.recipes import recipe_for
from model.learning.training import Pairs

SONGS = (2, 3, 4, 5, 7)
FRAMES = 60


def untold(stage: str, done: int, total: int) -> None:
    """Nobody listens."""


@pytest.fixture(scope="module")
def deam(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The five clips and their curves, laid out as DEAM's authors distribute it."""
    folder = tmp_path_factory.mktemp("DEAM")
    audio = folder / "DEAM_audio" / "MEMD_audio"
    averaged = folder / "annotations" / "annotations averaged per song"
    dynamic, static = (averaged / f"{kind} annotations" for kind in ("dynamic", "song_level"))
    for path in (audio, dynamic, static):
        path.mkdir(parents=True)
    data = load_deam(shared_data)
    rows = [int(np.flatnonzero(data.song_ids == song)[0]) for song in SONGS]
    for song in SONGS:
        (audio / f"{song}.mp3").symlink_to(shared_data / "deam" / "audio" / f"{song}.mp3")
    times = [f"sample_{15000 + 500 * i}ms" for i in range(FRAMES + 2)]
    for axis, name in enumerate(("arousal", "valence")):
        lines = [",".join(["song_id", *times])]
        for song, row in zip(SONGS, rows, strict=True):
            lines.append(",".join([str(song), *map(str, data.curves[row, :, axis]), "", ""]))
        (dynamic / f"{name}.csv").write_text("\n".join(lines))
        (static / f"{name}.csv").write_text("song_id,mean\n2,5\n")
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Random weights of VGGish's names and shapes, and their SHA-256."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("vggish") / "stand-in.pth"
    tensors: dict[str, Tensor] = VggishNetwork().state_dict()
    torch.save(tensors, path)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def vggish(weights: tuple[Path, str]) -> Frontend:
    path, sha256 = weights
    return AudioOptions(Path(), "vggish", path, sha256).load_frontend()


@pytest.fixture(scope="module")
def sequences(deam: Path, vggish: Frontend) -> Dataset:
    return load_audio("deam", deam, vggish, Path("none"), untold)


def test_deams_folder_gives_sequences_beside_its_curves(
    sequences: Dataset, shared_data: Path
) -> None:
    """30 s of annotation are 31 patches of 0.96 s; the curves are those of the tables."""
    table = load_deam(shared_data)
    rows = np.flatnonzero(np.isin(table.song_ids, SONGS))

    assert sequences.features.shape == (5, 31, 128)
    assert sequences.feature_lengths is not None
    assert sequences.feature_lengths.tolist() == [31] * 5
    assert sequences.song_ids.tolist() == list(SONGS)
    np.testing.assert_allclose(sequences.curves, table.curves[rows], atol=1e-6)


def test_music_is_taken_from_the_annotated_stretch(
    sequences: Dataset, vggish: Frontend, shared_data: Path
) -> None:
    """The first patch starts 15 s into the clip."""
    audio = decode(shared_data / "deam" / "audio" / "2.mp3")
    start = round(15 * audio.sample_rate_hz)
    piece = torch.from_numpy(audio.samples[start : start + 2 * audio.sample_rate_hz].copy())

    patches = vggish.sequence(piece, audio.sample_rate_hz)  # type: ignore[attr-defined]

    np.testing.assert_allclose(sequences.features[0, 0], patches[0], rtol=1e-3, atol=1e-4)


def test_descriptors_give_one_row_a_song(deam: Path) -> None:
    """Without the annotations' folder the curves come from the tables."""
    data = load_audio("deam", deam, get_frontend("descriptors"), Path("none"), untold)

    assert data.features.shape == (5, 1, 27)
    np.testing.assert_array_equal(data.mean_features, data.features[:, 0])


def test_pmemos_folder_is_scaled_to_the_plane(shared_data: Path, tmp_path: Path) -> None:
    """Chorus clips and one long table in [0, 1]; clips without annotation are left out."""
    (tmp_path / "chorus").mkdir()
    for song, source in ((7, 2), (9, 3)):
        clip = tmp_path / "chorus" / f"{song}.mp3"
        clip.symlink_to(shared_data / "deam" / "audio" / f"{source}.mp3")
    lines = ["musicId,frameTime,Arousal(mean),Valence(mean)"]
    lines += [f"7,{15 + step / 2},0.75,0.25" for step in range(20)]
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "dynamic_annotations.csv").write_text("\n".join(lines))

    data = load_audio("pmemo", tmp_path, get_frontend("descriptors"), Path("none"), untold)

    assert data.song_ids.tolist() == [7]
    np.testing.assert_allclose(data.mean_emotion, [[0.5, -0.5]], atol=1e-6)


def test_padding_never_counts(sequences: Dataset) -> None:
    """What stands behind a sequence's end changes neither its mean nor the fitted transform."""
    shorter = np.array([31, 31, 10, 31, 31])
    filled = sequences.features.copy()
    filled[2, 10:] = 1e6
    data = Dataset(
        "deam",
        sequences.song_ids,
        filled,
        sequences.feature_names,
        sequences.curves,
        sequences.lengths,
        feature_lengths=shorter,
    )
    pairs = Pairs.of(data)

    assert pairs.feature_frames().shape == (134, 128)
    assert float(pairs.feature_frames().max()) < 1e6


def test_each_dataset_gets_the_papers_music_encoder(sequences: Dataset) -> None:
    """The mean frame for DEAM, a BiGRU for PMEmo (Section IV-C)."""
    as_pmemo = Dataset(**{**vars(sequences), "name": "pmemo"})

    assert recipe_for("paper", sequences).shape.music == PAPER_MUSIC_MLP
    assert recipe_for("paper", as_pmemo).shape.music == PAPER_GRU
    assert recipe_for("attention", as_pmemo).shape.music.kind == "attention"


def test_training_from_the_command_line(
    deam: Path, weights: tuple[Path, str], tmp_path: Path
) -> None:
    """`circumplex train --dataset deam --audio DIR --frontend vggish` writes a checkpoint."""
    out = tmp_path / "vggish.safetensors"
    words = ["train", "--dataset", "deam", "--audio", str(deam), "--frontend", "vggish"]
    words += ["--weights", str(weights[0]), "--weights-sha256", weights[1]]
    words += ["--tables", str(tmp_path), "--epochs", "2", "--out", str(out)]

    result = CliRunner().invoke(app, words)

    assert result.exit_code == 0, result.output
    checkpoint = load_checkpoint(out).checkpoint
    assert (checkpoint.frontend_id, checkpoint.config.features) == ("vggish-1", 128)
    assert checkpoint.notes["songs"] == 5


def test_training_on_two_frontends_reads_the_columns_of_both(deam: Path, tmp_path: Path) -> None:
    """`--frontend descriptors34+musicnn`: networks read both; curves come without the cue."""
    out = tmp_path / "both.safetensors"
    words = ["train", "--dataset", "deam", "--audio", str(deam), "--tables", str(tmp_path)]
    words += ["--frontend", "descriptors34+musicnn", "--epochs", "2", "--out", str(out)]

    result = CliRunner().invoke(app, words)

    assert result.exit_code == 0, result.output
    model = EmotionModel.load(out, "cpu")
    assert model.checkpoint.config.features == 30 + 250
    assert {"mode", "musicnn_1", "tag_sad"} <= set(model.checkpoint.columns)
    curve = model.emotion_curve(model.analyse(deam / "DEAM_audio" / "MEMD_audio" / "2.mp3"))
    assert np.isfinite(curve.mean).all()


@pytest.mark.parametrize("preset", ["paper", "attention"])
def test_sequence_encoders_train(sequences: Dataset, preset: str) -> None:
    """The BiGRU and the attention encoder read music as sequences, padding and all."""
    from dataclasses import replace

    from model.learning.fitting import embed, fit

    data = replace(sequences, name="pmemo", feature_lengths=np.array([31, 20, 31, 25, 31]))
    chosen = recipe_for(preset, data).with_epochs(1)
    small = replace(chosen.shape.music, hidden=(8,), recurrent=8)
    slim = replace(chosen.shape.emotion, hidden=(8,), recurrent=8)
    shape = replace(chosen.shape, music=small, emotion=slim, d_z=4, d_kl=4)
    fitted = fit(data, shape, chosen.training, replace(chosen.fit, folds=2, dimensions=2))

    assert torch.isfinite(embed(fitted, data).music.mu).all()


def test_wrong_folders_and_weights_are_named(
    tmp_path: Path, shared_data: Path, weights: tuple[Path, str], deam: Path
) -> None:
    """Each message says what is missing."""
    with pytest.raises(DatasetError, match="no clip under"):
        load_audio("deam", tmp_path, get_frontend("descriptors"), shared_data, untold)
    with pytest.raises(DatasetError, match="no audio loader for 'emomusic'"):
        load_audio("emomusic", tmp_path, get_frontend("descriptors"), shared_data, untold)
    options = TrainOptions(tmp_path / "x", tmp_path, audio=AudioOptions(deam, "mel"))
    with pytest.raises(DatasetError, match="no frontend is called 'mel'"):
        train_command(options)
    with pytest.raises(CheckpointMismatchError, match="expected 10086976"):
        AudioOptions(deam, weights=weights[0]).load_frontend()
