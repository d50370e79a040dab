"""The regions that `tests/fixtures/feelings` are written in, and what must hold to them."""

from __future__ import annotations

import csv
from pathlib import Path

from model.feelings import Step, Understanding, lexicon

FOLDER = Path(__file__).parent / "fixtures" / "feelings"
_BOUNDS = {"++": (0.5, 1.0), "+": (0.15, 1.0), "0": (-0.45, 0.45), "-": (-1.0, -0.15),
           "--": (-1.0, -0.45)}  # fmt: skip
_AWAY = 0.35  # most of a region that may belong to what was taken away


def rows_of(name: str) -> list[dict[str, str]]:
    """The rows of a table of phrases."""
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def misread(understanding: Understanding, region: str) -> str:
    """What of `understanding` is not as `region` says; empty where all is."""
    steps, _, length = region.partition("@")
    wanted = steps.split(">")
    if length and understanding.lasts_s != float(length):
        return f"lasts {understanding.lasts_s} s"
    if len(wanted) != len(understanding.steps):
        return f"{len(understanding.steps)} steps: {understanding.words}"
    pairs = zip(understanding.steps, wanted, strict=True)
    wrong = [part for step, parts in pairs for part in parts.split() if not _holds(step, part)]
    where = [tuple(round(x, 2) for x in step.points.centre) for step in understanding.steps]
    return f"not {wrong}: {understanding.words} at {where}" if wrong else ""


def _holds(step: Step, part: str) -> bool:
    if part.startswith("~"):
        entry = lexicon().find(part[1:])
        assert entry is not None, part
        share = step.points.weights @ entry.region.share(step.points.places)
        return float(share) < _AWAY
    low, high = _BOUNDS[part[1:]]
    valence, arousal = step.points.centre
    return low <= (valence if part[0] == "V" else arousal) <= high
