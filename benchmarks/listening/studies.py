"""The two listening studies, parts of which decide choices of the model.

Emotify (Aljanaki, Wiering & Veltkamp 2016): a minute of 100 tracks of four genres; the share of
raters who chose each of nine feelings (GEMS, Zentner, Grandjean & Scherer 2008). MuSe (`muse_dev`):
six seconds of 164 tracks, rated in arousal and valence, which are uncorrelated in it.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.analysis import Analysis
from model.arrays import Doubles
from model.emotion_model import EmotionModel

AROUSING = ("joyful_activation", "power", "tension")
CALMING = ("calmness", "tenderness", "sadness")
PLEASANT = ("joyful_activation", "amazement", "tenderness", "calmness")
UNPLEASANT = ("sadness", "tension")


EMOTIFY_S, MUSE_S = 60.0, 6.0
"""Length of the studies' tracks, in seconds."""


@dataclass(frozen=True)
class Emotify:
    """N tracks and their raters' feelings.

    Attributes:
        paths: The files.
        genres: [N].
        feelings: Share of raters who chose each, by name, [N] each.
    """

    paths: tuple[Path, ...]
    genres: NDArray[np.str_]
    feelings: Mapping[str, Doubles]

    @property
    def arousal(self) -> Doubles:
        """The criterion of arousal: feelings that go with it less those that do not."""
        return self._sum(AROUSING) - self._sum(CALMING)

    @property
    def valence(self) -> Doubles:
        """The criterion of valence; it goes together with low arousal (r = -.3)."""
        return self._sum(PLEASANT) - self._sum(UNPLEASANT)

    def _sum(self, names: Sequence[str]) -> Doubles:
        return np.sum([self.feelings[name] for name in names], axis=0)


@dataclass(frozen=True)
class Muse:
    """N fragments with their (arousal, valence), [N, 2]."""

    paths: tuple[Path, ...]
    emotion: Doubles


def load_emotify(data: Path) -> Emotify:
    """The part of Emotify under a folder of datasets."""
    folder = data / "emotify_dev"
    rows = _rows(folder / "ratings.csv")
    names = [name for name in rows[0] if name not in ("file", "raters")]
    return Emotify(
        tuple(folder / row["file"] for row in rows),
        np.array([row["file"].split("/")[0] for row in rows]),
        {name: np.array([float(row[name]) for row in rows]) for name in names},
    )


def load_muse(data: Path) -> Muse:
    """The part of MuSe under a folder of datasets."""
    folder = data / "muse_dev"
    rows = _rows(folder / "annotations.csv")
    emotion = np.array([(float(row["arousal"]), float(row["valence"])) for row in rows])
    return Muse(tuple(folder / row["file"] for row in rows), emotion)


def analysed(paths: Sequence[Path], model: EmotionModel, cache: Path, data: Path) -> list[Analysis]:
    """Analyses of files, kept in `cache` from one run to the next."""
    found = []
    for path in paths:
        name = "-".join(path.relative_to(data).parts)
        kept = cache / model.checkpoint.frontend_id / f"{name}.npz"
        if not kept.is_file():
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(model.analyse(path).to_bytes())
        found.append(Analysis.from_bytes(kept.read_bytes()))
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
