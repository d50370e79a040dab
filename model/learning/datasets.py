"""DEAM, emoMusic and PMEmo as arrays: one row a song, features beside emotion curves.

Reads the tables that `data/PROVENANCE.md` describes. Letters: N songs, T frames at 2 Hz,
F features.
Every curve is (arousal, valence) in [-1, 1], whatever the file's own scale and order.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.arrays import Floats
from model.audio.dynamics import relative_db
from model.errors import DatasetError
from model.frontends import DESCRIPTOR_NAMES, loudness
from model.frontends.descriptors import at_reference
from model.frontends.spectral import OF_THE_ENCODER

CURVE_FRAMES = 60
"""DEAM's common length: 15.0 to 44.5 s at 2 Hz."""

PMEMO_MIN_DURATION_S = 22.5
"""The paper's 701 songs: 7 s of annotation after the first 15 s."""

FIRST_COLLECTION_MAX_ID = 1000
"""DEAM ids up to here were annotated in 2013 (emoMusic), above in 2014 and 2015."""


@dataclass(frozen=True)
class Dataset:
    """Songs with a feature row and an emotion curve each.

    Attributes:
        name: `deam`, `emomusic` or `pmemo`.
        song_ids: The dataset's own ids, [N], int64.
        features: Raw feature rows, [N, F], or padded sequences of them, [N, P, F], float32.
        feature_names: Column names, F of them.
        curves: (arousal, valence) at 2 Hz in [-1, 1], zero after each song's length, [N, T, 2].
        lengths: Frames of each curve, [N], int64, 1..T.
        annotator_std: Standard deviation over annotators in the curve's scale, [N, T, 2], or None.
        feature_lengths: Rows of each sequence, [N], int64; None where `features` is [N, F].
        level_db: Level over the reference that was taken out of each row, [N]; None where none was.
    """

    name: str
    song_ids: NDArray[np.int64]
    features: Floats
    feature_names: tuple[str, ...]
    curves: Floats
    lengths: NDArray[np.int64]
    annotator_std: Floats | None = None
    feature_lengths: NDArray[np.int64] | None = None
    level_db: Floats | None = None

    def __len__(self) -> int:
        return int(self.song_ids.shape[0])

    @property
    def mean_emotion(self) -> Floats:
        """Mean (arousal, valence) of each curve over its own length, [N, 2]."""
        totals: Floats = self.curves.sum(axis=1) / self.lengths[:, None].astype(np.float32)
        return totals

    @property
    def feature_count(self) -> int:
        """F."""
        return int(self.features.shape[-1])

    @property
    def mean_features(self) -> Floats:
        """The mean row of each song, [N, F]."""
        if self.feature_lengths is None:
            return self.features
        totals: Floats = self.features.sum(axis=1) / self.feature_lengths[:, None]
        return totals.astype(np.float32)

    @property
    def first_collection(self) -> NDArray[np.bool_]:
        """Songs of DEAM's first collection (ids <= 1000), [N]."""
        mask: NDArray[np.bool_] = self.song_ids <= FIRST_COLLECTION_MAX_ID
        return mask

    def rows(self, index: NDArray[np.intp]) -> Dataset:
        """The songs at `index`, in that order."""
        std = None if self.annotator_std is None else self.annotator_std[index]
        counts = None if self.feature_lengths is None else self.feature_lengths[index]
        return replace(
            self,
            song_ids=self.song_ids[index],
            features=self.features[index],
            curves=self.curves[index],
            lengths=self.lengths[index],
            annotator_std=std,
            feature_lengths=counts,
            level_db=None if self.level_db is None else self.level_db[index],
        )

    def cut(self, frames: int) -> Dataset:
        """Every curve cut to its first `frames` frames; shorter songs are left out."""
        kept = self.rows(np.flatnonzero(self.lengths >= frames))
        std = None if kept.annotator_std is None else kept.annotator_std[:, :frames]
        lengths = np.full(len(kept), frames, dtype=np.int64)
        return replace(kept, curves=kept.curves[:, :frames], lengths=lengths, annotator_std=std)


SHIPPED_FEATURES = "descriptors33"
SHIPPED_FRONTEND = "descriptors34"
"""Columns of DEAM, and the frontend that computes them, of the shipped checkpoint."""

ESSENTIA_NAMES: Mapping[str, str] = {
    "rhythm.onset_rate": "onset_rate",
    "tonal.key_temperley.strength": "key_strength",
}
"""Columns of Essentia's table that a frontend computes, and its names for them."""

Table = tuple[tuple[str, ...], dict[int, list[float]]]


def load_deam(data_dir: Path, feature_set: str = SHIPPED_FEATURES) -> Dataset:
    """The 1744 DEAM songs with 60 frames and all columns of `feature_set`.

    Args:
        data_dir: Folder of the tables in `data/PROVENANCE.md`.
        feature_set: `descriptors33` (29 columns, the shipped checkpoint's) or `descriptors` (27),
            those of the frontends but for what tells of the encoder, `gemaps_essentia` (127) or
            `all` (147: librosa, GeMAPS, Essentia). All are free of the level that a song was
            mastered at (ADR 78); with `_level` behind their names they keep it and all columns.

    Raises:
        DatasetError: A file is missing or the feature set is unknown.
    """
    columns = _feature_table(data_dir, "deam", feature_set)
    curves = read_long_curves(data_dir / "deam" / "dynamic_annotations.csv")
    full = {song: 2.0 * x - 1.0 for song, x in curves.items() if len(x) == CURVE_FRAMES}
    return _join("deam", columns, full)


def load_emomusic(data_dir: Path, feature_set: str = "convnet") -> Dataset:
    """The 744 songs of DEAM's first collection, with the annotators' spread.

    Args:
        data_dir: Folder of the tables.
        feature_set: `convnet` (160 activations of a music-tagging network) or a set of `load_deam`.

    Raises:
        DatasetError: A file is missing or the feature set is unknown.
    """
    folder = data_dir / "emomusic"
    if feature_set == "convnet":
        columns = _convnet_table(folder)
    else:
        columns = _feature_table(data_dir, "deam", feature_set)
    means = _read_wide_pair(folder, "average")
    return _join("emomusic", columns, means, _read_wide_pair(folder, "std"))


def load_pmemo(data_dir: Path, feature_set: str = "gemaps_essentia") -> Dataset:
    """The 701 PMEmo songs of the paper: 7 s of annotation or more.

    Args:
        data_dir: Folder of the tables.
        feature_set: `gemaps_essentia` (127 columns); PMEmo has no librosa columns.

    Raises:
        DatasetError: A file is missing or the feature set is unknown.
    """
    columns = _feature_table(data_dir, "pmemo", feature_set)
    folder = data_dir / "pmemo"
    long_enough = _pmemo_ids(folder / "metadata.csv")
    means = read_long_curves(folder / "dynamic_annotations.csv")
    stds = read_long_curves(folder / "dynamic_annotations_std.csv")
    curves = {song: 2.0 * x - 1.0 for song, x in means.items() if song in long_enough}
    return _join("pmemo", columns, curves, {song: 2.0 * x for song, x in stds.items()})


LOADERS: Mapping[str, Callable[..., Dataset]] = {
    "deam": load_deam,
    "emomusic": load_emomusic,
    "pmemo": load_pmemo,
}


def load(name: str, data_dir: Path, feature_set: str | None = None) -> Dataset:
    """The dataset called `name`, with its usual features where `feature_set` is None.

    Raises:
        DatasetError: No such dataset or feature set, or a file is missing.
    """
    if name not in LOADERS:
        raise DatasetError(f"unknown dataset {name!r}; known: {', '.join(LOADERS)}")
    if feature_set is None:
        return LOADERS[name](data_dir)
    return LOADERS[name](data_dir, feature_set)


LEVEL = "level_db"
"""Last column of a table that was made level-free; datasets keep it aside."""

WITH_LEVEL = "_level"
"""Ends the names of feature sets that keep the level songs were mastered at."""


def _feature_table(data_dir: Path, prefix: str, feature_set: str) -> Table:
    """The columns of a feature set, without the songs' level unless its name ends so."""
    if feature_set.endswith(WITH_LEVEL):
        return _table_as_it_is(data_dir, prefix, feature_set.removesuffix(WITH_LEVEL))
    table = _level_free(_table_as_it_is(data_dir, prefix, feature_set))
    if feature_set in DESCRIPTOR_NAMES:
        return _renamed(table, {name: name for name in table[0] if name not in OF_THE_ENCODER})
    return table


def _level_free(table: Table) -> Table:
    """Every song as if amplified to the reference loudness; `LEVEL` keeps what was taken out.

    Essentia's columns need nothing: its loader has brought the songs to one replay gain.
    """
    names, songs = table
    if loudness.MEAN not in names:
        return table
    level = names.index(loudness.MEAN)
    rows = np.array(list(songs.values()))
    free = np.delete(at_reference(rows, names, rows[:, level]), level, axis=1)
    own = np.column_stack([free, relative_db(rows[:, level])])
    return (*names[:level], *names[level + 1 :], LEVEL), dict(zip(songs, own.tolist(), strict=True))


def _table_as_it_is(data_dir: Path, prefix: str, feature_set: str) -> Table:
    if feature_set in ("descriptors", "descriptors33"):
        both = _merge(_librosa_table(data_dir, prefix), _loudness_only(_gemaps(data_dir, prefix)))
        if feature_set == "descriptors":
            return both
        return _merge(both, _renamed(_essentia(data_dir, prefix), ESSENTIA_NAMES))
    if feature_set == "gemaps_essentia":
        return _merge(_gemaps(data_dir, prefix), _essentia(data_dir, prefix))
    if feature_set == "all":
        pair = _merge(_librosa_table(data_dir, prefix), _gemaps(data_dir, prefix))
        return _merge(pair, _essentia(data_dir, prefix))
    raise DatasetError(
        f"unknown feature set {feature_set!r}; "
        "known: descriptors, descriptors33, gemaps_essentia, all"
    )


def _librosa_table(data_dir: Path, prefix: str) -> Table:
    if prefix != "deam":
        raise DatasetError(f"{prefix} has no librosa columns; use gemaps_essentia")
    path = data_dir / "deam" / "librosa_mfcc13_contrast7.csv"
    return _read_table(path, lambda name: int(Path(name).stem))


def _gemaps(data_dir: Path, prefix: str) -> Table:
    return _prefixed(_rows(data_dir / "gemaps62_deam_pmemo.csv"), prefix)


def _essentia(data_dir: Path, prefix: str) -> Table:
    return _prefixed(_rows(data_dir / "essentia66_deam_pmemo.csv"), prefix)


def _loudness_only(table: Table) -> Table:
    return _renamed(table, {n: n for n in table[0] if n.startswith("loudness")})


def _renamed(table: Table, names: Mapping[str, str]) -> Table:
    """The columns `names` of a table, in their order, under other names."""
    kept = [table[0].index(name) for name in names]
    return tuple(names.values()), {s: [row[i] for i in kept] for s, row in table[1].items()}


def _convnet_table(folder: Path) -> Table:
    header, *body = _rows(folder / "kc_emoMusic.csv")
    column = header.index("id")
    layers = [np.load(_existing(folder / f"kc_emoMusic_layer_{i}.npy")) for i in range(5)]
    stacked = np.concatenate(layers, axis=1).astype(float)  # [N, 160]
    names = tuple(f"layer{i}_{j + 1}" for i in range(5) for j in range(layers[i].shape[1]))
    return names, {int(row[column]): list(stacked[i]) for i, row in enumerate(body)}


def _read_table(path: Path, song_of: Callable[[str], int]) -> Table:
    header, *body = _rows(path)
    return tuple(header[1:]), {song_of(row[0]): [float(x) for x in row[1:]] for row in body}


def _prefixed(rows: Sequence[list[str]], prefix: str) -> Table:
    header, *body = rows
    own = [row for row in body if row[0].startswith(f"{prefix}_")]
    values = {int(row[0].removeprefix(f"{prefix}_")): [float(x) for x in row[1:]] for row in own}
    return tuple(header[1:]), values


def _merge(left: Table, right: Table) -> Table:
    common = left[1].keys() & right[1].keys()
    return left[0] + right[0], {song: left[1][song] + right[1][song] for song in common}


def read_long_curves(path: Path) -> dict[int, Floats]:
    """Rows of (song, time, arousal, valence), sorted by song and time, as [T, 2] a song."""
    _, *body = _rows(path)
    table = np.array([[float(x) for x in row] for row in body])  # [rows, 4]
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    songs, starts = np.unique(table[:, 0].astype(np.int64), return_index=True)
    parts = np.split(table[:, 2:4].astype(np.float32), starts[1:])
    return {int(song): part for song, part in zip(songs, parts, strict=True)}


def _read_wide_pair(folder: Path, kind: str) -> dict[int, Floats]:
    """One row a song and one file an axis; the first 60 samples, as [60, 2] a song."""
    axes = [_wide(folder / f"{axis}_cont_{kind}.csv") for axis in ("arousal", "valence")]
    songs = axes[0].keys() & axes[1].keys()
    return {song: np.stack([axes[0][song], axes[1][song]], axis=1) for song in songs}


def _wide(path: Path) -> dict[int, Floats]:
    _, *body = _rows(path)
    cells = {int(row[0]): row[1 : CURVE_FRAMES + 1] for row in body}
    return {song: np.array(row, dtype=np.float32) for song, row in cells.items() if all(row)}


def _pmemo_ids(path: Path) -> set[int]:
    header, *body = _rows(path)
    column = header.index("duration")
    return {int(row[0]) for row in body if float(row[column]) >= PMEMO_MIN_DURATION_S}


def _join(
    name: str,
    table: Table,
    curves: Mapping[int, Floats],
    spread: Mapping[int, Floats] | None = None,
) -> Dataset:
    names, rows = table
    ids = sorted(song for song in curves if song in rows)
    features = np.array([rows[song] for song in ids], dtype=np.float32)
    level_db = None
    if LEVEL in names:
        names, features, level_db = names[:-1], features[:, :-1], features[:, -1]
    lengths = np.array([len(curves[song]) for song in ids], dtype=np.int64)
    return Dataset(
        name=name,
        song_ids=np.array(ids, dtype=np.int64),
        features=features,
        feature_names=names,
        curves=padded([curves[song] for song in ids]),
        lengths=lengths,
        annotator_std=None if spread is None else padded([spread[song] for song in ids]),
        level_db=level_db,
    )


def padded(parts: Sequence[Floats]) -> Floats:
    """Sequences of unequal length with zeros behind them, [T, C] each -> [N, T, C]."""
    frames = max(len(part) for part in parts)
    out = np.zeros((len(parts), frames, parts[0].shape[1]), dtype=np.float32)
    for row, part in zip(out, parts, strict=True):
        row[: len(part)] = part
    return out


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise DatasetError(f"{path} is missing: point --data at the folder with the tables")
    return path


def _rows(path: Path) -> list[list[str]]:
    with _existing(path).open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))
