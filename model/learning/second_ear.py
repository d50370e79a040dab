"""A head on musicnn as a second ear, taught by published heads on music at hand.

    python -m model.learning.second_ear --teacher HEAD.npz --music DIR... --out full.safetensors

DEAM's audio is not public here, so that nobody can train a head on its annotations. A teacher knows
them: a linear head on musicnn's embedding that the Music Technology Group trained on DEAM's audio
(`weight` [200, 2], `bias` [2], (arousal, valence) on a scale of 1 to 9). It names the emotion of
patches of any music, and a ridge learns it from them. Tags correct what the teacher misses, by
factors that two listening studies chose (ADR 81). What is taught so has the teacher's licence.

P patches of music; rows hold musicnn's embedding and tags, [P, 250].
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from model.arrays import Doubles, Floats
from model.audio.decoding import decode
from model.audio.programme_loudness import LoudnessMeter
from model.checkpoint import Checkpoint, save_checkpoint
from model.emotion_model import EmotionModel
from model.errors import SilentAudioError, TrainingError
from model.experts import Experts
from model.frontends import JOINT, frontend_id, gain_of
from model.frontends.musicnn import N_EMBEDDING, TAGS, Musicnn
from model.late_dimensions import emphasis_of
from model.shipped import FAST_CHECKPOINT, FULL_CHECKPOINT

NAMES = ("musicnn arousal", "musicnn valence")
SUFFIXES = (".mp3", ".ogg", ".flac", ".wav", ".m4a")

MELLOW = -0.2
"""Arousal in standard deviations of the teacher's, a standard deviation of the tag `Mellow`."""

PERIOD, HAPPY = 0.35, 0.25
"""Valence likewise: of the tags `oldies`, `60s`, `70s`, `80s` less `90s`, `00s`, and of `happy`
less `sad`."""

EARS_APART = 1.5
"""Times the covariance of the first ear's errors: errors of two ears with a correlation of .5 count
as those of two independent ones of this size."""

RIDGE = 1e-3


def main() -> None:
    """Teach a head and write the checkpoint that joins it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--music", type=Path, nargs="+", required=True)
    parser.add_argument("--base", type=Path, default=FAST_CHECKPOINT)
    parser.add_argument("--out", type=Path, default=FULL_CHECKPOINT)
    options = parser.parse_args()
    ear, first = Musicnn.load(), EmotionModel.load(options.base, "cpu")
    found = list(heard(options.music, ear, first))
    rows = np.concatenate([patches for patches, _ in found])
    with np.load(options.teacher) as head:
        taught = (rows[:, :N_EMBEDDING] @ head["weight"] + head["bias"] - 5.0) / 4.0
    joint = with_second_ear(first.checkpoint, ear, found, taught)
    sys.stdout.write(f"{save_checkpoint(options.out, joint)}\n")


def heard(
    folders: Sequence[Path], ear: Musicnn, first: EmotionModel
) -> Iterator[tuple[Floats, Doubles]]:
    """Rows of every file in folders that is not silent, [P, 250], and its mean emotion, [2].

    The latter is what the first ear says.
    """
    for path in sorted(path for folder in folders for path in folder.rglob("*")):
        if path.suffix.lower() not in SUFFIXES:
            continue
        try:
            emotion = first.mean_emotion(first.embed_segments(first.analyse(path)))
        except SilentAudioError:
            continue
        audio = decode(path)
        meter = LoudnessMeter(audio.sample_rate_hz)
        meter.add(audio.samples)
        samples = torch.from_numpy(audio.samples) * gain_of(ear, meter.integrated_lufs)
        patches = ear.patches(samples, audio.sample_rate_hz).cpu().numpy()
        yield patches, emotion.mean(axis=0, dtype=np.float64)


def with_second_ear(
    base: Checkpoint, ear: Musicnn, music: Sequence[tuple[Floats, Doubles]], taught: Doubles
) -> Checkpoint:
    """A checkpoint with the head as two further experts.

    The first ear's mean emotion of all patches becomes the second ear's: the teacher's scale has
    another middle. What valence has beyond arousal is read off the files as both ears hear them.

    Args:
        base: Its experts stay.
        ear: Names the frontend.
        music: Of each file at hand the rows of its patches, [., 250], P in all, and what the first
            ear says of it, [2].
        taught: The teacher's (arousal, valence) of the patches, [P, 2].

    Raises:
        TrainingError: There is too little music to learn from, or no expert to join.
    """
    rows = np.concatenate([patches for patches, _ in music])
    if len(rows) < 2 * N_EMBEDDING:
        raise TrainingError(f"{len(rows)} patches are too few to learn from: give more music")
    own = base.experts
    if own is None:
        raise TrainingError(f"{base.name} holds no experts to join: train with the shipped columns")
    weights, middle = _ridge(rows[:, :N_EMBEDDING].astype(np.float64), corrected(rows, taught))
    first = np.array([emotion for _, emotion in music])  # [files, 2]
    level = np.average(first, axis=0, weights=[len(patches) for patches, _ in music])
    bias = level - middle @ weights
    second = [patches[:, :N_EMBEDDING].mean(axis=0) @ weights + bias for patches, _ in music]
    whitener = np.linalg.inv(np.linalg.cholesky(EARS_APART * own.prior))  # errors to unit noise
    n_own, columns = len(own.columns), Musicnn.feature_names[:N_EMBEDDING]
    readout = np.zeros((n_own + N_EMBEDDING, len(own.names) + 2))
    readout[:n_own, : len(own.names)] = own.readout
    readout[n_own:, len(own.names) :] = weights @ whitener.T
    joint = Experts(
        names=(*own.names, *NAMES),
        columns=(*own.columns, *columns),
        readout=readout,
        bias=np.concatenate([own.bias, whitener @ bias]),
        slopes=np.concatenate([own.slopes, whitener]),
        prior=EARS_APART * own.prior,
    )
    name = f"{base.frontend_id}{JOINT}{frontend_id(ear)}"
    both = (first + np.array(second)) / 2.0
    return replace(base, name="full", frontend_id=name, experts=joint, emphasis=emphasis_of(both))


def corrected(rows: Floats, taught: Doubles) -> Doubles:
    """What the teacher says, corrected by tags, [P, 2]."""
    tags = rows[:, N_EMBEDDING:].astype(np.float64)
    tags = (tags - tags.mean(axis=0)) / tags.std(axis=0)  # [P, tags]
    spread = taught.std(axis=0)

    def of(*names: str) -> Doubles:
        total = np.sum([tags[:, TAGS.index(name)] for name in names], axis=0)
        return np.asarray(total, dtype=np.float64)

    period = of("oldies", "60s", "70s", "80s") - of("00s", "90s")
    happy = of("happy") - of("sad")
    arousal = MELLOW * of("Mellow")
    valence = PERIOD * period / period.std() + HAPPY * happy / happy.std()
    return np.asarray(taught + spread * np.stack([arousal, valence], axis=1), dtype=np.float64)


def _ridge(x: Doubles, y: Doubles) -> tuple[Doubles, Doubles]:
    """Weights [200, 2] of a ridge on standardised columns, and the columns' means, [200]."""
    mean, std = x.mean(axis=0), x.std(axis=0)
    z = (x - mean) / std
    system = z.T @ z + RIDGE * len(z) * np.eye(z.shape[1])
    weights = np.linalg.solve(system, z.T @ (y - y.mean(axis=0))) / std[:, None]
    return weights, mean


if __name__ == "__main__":
    main()
