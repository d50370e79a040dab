"""DEAM and PMEmo from the folders their authors distribute: audio and annotations to sequences.

`DIR` may hold, anywhere below it, the clips as `<song id>.mp3` and the annotations:

- DEAM: `arousal.csv` and `valence.csv` under a folder whose name starts with `dynamic`, one row a
  song, one column each half second from 15 s (`sample_15000ms`, ...), in [-1, 1];
- PMEmo: `dynamic_annotations.csv`, one row a song and time, in [0, 1], and `metadata.csv`.

What is missing there is looked for in the folder of the dataset tables. Music and emotion cover the
same stretch, from 15 s to the end of the annotation. Letters: N songs, P patches, F features.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from model.arrays import Floats
from model.audio.decoding import Audio, decode
from model.audio.programme_loudness import LoudnessMeter
from model.errors import AudioError, DatasetError
from model.frontends import Frontend, frontend_id, gain_of, loudness, row_names
from model.frontends.spectral import OF_THE_ENCODER
from model.frontends.vggish import Vggish
from model.learning.datasets import Dataset, load_deam, load_pmemo, padded, read_long_curves

Told = Callable[[str, int, int], None]

ANNOTATION_START_S = 15.0
ANNOTATION_RATE_HZ = 2.0
AUDIO_SUFFIXES = (".mp3", ".wav", ".flac", ".ogg", ".m4a")


def load_audio(name: str, folder: Path, frontend: Frontend, tables: Path, told: Told) -> Dataset:
    """Songs with audio and annotation, music as sequences of the frontend's features.

    Args:
        name: `deam` or `pmemo`.
        folder: As its authors distribute it.
        frontend: Waveform to features; VGGish gives one row a patch, others one row a song.
        tables: Where annotations are that `folder` lacks.
        told: Told of every clip, as `audio`.

    Raises:
        DatasetError: Unknown name, no annotations, or no clip with an annotation; a clip that
            cannot be decoded or ends before its annotation starts is named.
    """
    if name not in _CURVES:
        raise DatasetError(f"no audio loader for {name!r}; there are {', '.join(_CURVES)}")
    curves = _CURVES[name](folder, tables)
    clips = {song: path for song, path in _clips(folder).items() if song in curves}
    if not clips:
        raise DatasetError(f"no clip under {folder} is called <song id>.mp3 of an annotated song")
    sequences = {}
    for done, (song, path) in enumerate(sorted(clips.items()), start=1):
        sequences[song] = _sequence(path, frontend, len(curves[song]) / ANNOTATION_RATE_HZ)
        told("audio", done, len(clips))
    return _dataset(name, frontend, sequences, curves)


def _sequence(path: Path, frontend: Frontend, annotated_s: float) -> Floats:
    """Features of the annotated stretch, [P, F]."""
    try:
        audio = decode(path)
    except AudioError as exc:
        raise DatasetError(f"{path}: {exc}") from exc
    if audio.duration_s <= ANNOTATION_START_S:
        raise DatasetError(
            f"{path} lasts {audio.duration_s:.1f} s; its annotation starts at "
            f"{ANNOTATION_START_S:.0f} s: is it a whole clip?"
        )
    meter = LoudnessMeter(audio.sample_rate_hz)
    meter.add(audio.samples)
    stretch = _stretch(audio, annotated_s)

    def heard(one: Frontend) -> torch.Tensor:
        return stretch * gain_of(one, meter.integrated_lufs)

    if isinstance(frontend, Vggish):
        return frontend.sequence(heard(frontend), audio.sample_rate_hz).cpu().numpy()
    whole = torch.tensor([[0.0, len(stretch) / audio.sample_rate_hz]])
    described, *cues = (
        one.describe(heard(one), audio.sample_rate_hz, whole).cpu().numpy()
        for one in (frontend, *sorted(frontend.cues, key=frontend_id))
    )
    relative, _ = frontend.within_file(described, described[:0])
    return np.concatenate([relative, *cues], axis=1)[:, _read(frontend)]


def _read(frontend: Frontend) -> list[int]:
    """Columns to train on, of features and cues.

    A song's mean loudness relative to itself tells nothing, and some tell of the encoder.
    """
    left_out = (loudness.MEAN, *OF_THE_ENCODER)
    return [place for place, name in enumerate(row_names(frontend)) if name not in left_out]


def _stretch(audio: Audio, annotated_s: float) -> torch.Tensor:
    first = round(ANNOTATION_START_S * audio.sample_rate_hz)
    last = first + round(annotated_s * audio.sample_rate_hz)
    return torch.from_numpy(audio.samples[first:last].copy())


def _dataset(
    name: str,
    frontend: Frontend,
    sequences: Mapping[int, Floats],
    curves: Mapping[int, Floats],
) -> Dataset:
    ids = sorted(sequences)
    return Dataset(
        name=name,
        song_ids=np.array(ids, dtype=np.int64),
        features=padded([sequences[song] for song in ids]),  # [N, P, F]
        feature_names=tuple(row_names(frontend)[place] for place in _read(frontend)),
        curves=padded([curves[song] for song in ids]),
        lengths=np.array([len(curves[song]) for song in ids], dtype=np.int64),
        feature_lengths=np.array([len(sequences[song]) for song in ids], dtype=np.int64),
    )


def _deam_curves(folder: Path, tables: Path) -> dict[int, Floats]:
    """(arousal, valence) of every annotated half second from 15 s."""
    pair = [_dynamic(folder, f"{axis}.csv") for axis in ("arousal", "valence")]
    if pair[0] is None or pair[1] is None:
        return _of_tables(load_deam(tables, "descriptors"))
    arousal, valence = (_wide_rows(path) for path in pair if path is not None)
    both = {song: (arousal[song], valence[song]) for song in arousal.keys() & valence.keys()}
    frames = {song: min(len(a), len(v)) for song, (a, v) in both.items()}
    return {s: np.stack([a[: frames[s]], v[: frames[s]]], axis=1) for s, (a, v) in both.items()}


def _pmemo_curves(folder: Path, tables: Path) -> dict[int, Floats]:
    found = next(iter(sorted(folder.rglob("dynamic_annotations.csv"))), None)
    if found is None:
        return _of_tables(load_pmemo(tables))
    return {song: 2.0 * curve - 1.0 for song, curve in read_long_curves(found).items()}


_CURVES: Mapping[str, Callable[[Path, Path], dict[int, Floats]]] = {
    "deam": _deam_curves,
    "pmemo": _pmemo_curves,
}


def _of_tables(data: Dataset) -> dict[int, Floats]:
    rows = zip(data.song_ids, data.curves, data.lengths, strict=True)
    return {int(song): curve[:length] for song, curve, length in rows}


def _dynamic(folder: Path, name: str) -> Path | None:
    """The file of that name below a folder `dynamic ...`: the static ones have other columns."""
    found = sorted(folder.rglob(name))
    return next((path for path in found if path.parent.name.startswith("dynamic")), None)


def _wide_rows(path: Path) -> dict[int, Floats]:
    """One row a song, cut at its first empty cell."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *body = list(csv.reader(file))
    first = f"sample_{ANNOTATION_START_S * 1000:.0f}ms"
    if first not in header:
        raise DatasetError(f"{path} has no column {first}; its columns start with {header[:3]}")
    start = header.index(first)
    return {int(float(row[0])): _until_empty(row[start:]) for row in body}


def _until_empty(cells: list[str]) -> Floats:
    filled = next((i for i, cell in enumerate(cells) if not cell.strip()), len(cells))
    return np.array([float(cell) for cell in cells[:filled]], dtype=np.float32)


def _clips(folder: Path) -> dict[int, Path]:
    """Audio files by song id."""
    paths = (p for p in sorted(folder.rglob("*")) if p.suffix.lower() in AUDIO_SUFFIXES)
    return {int(path.stem): path for path in paths if path.stem.isdecimal()}
