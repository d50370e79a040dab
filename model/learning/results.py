"""Means and standard deviations over splits, as a table and as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.learning.evaluation import evaluate
from model.learning.experiments import Outcome

DIRECTIONS = ("m2e", "e2m")
MEASURES = ("mrr", "ar", "ar_fraction")


@dataclass(frozen=True)
class Summary:
    """Figures of every split.

    Attributes:
        rows: By row and direction, MRR, AR and AR / candidates of each split, [S, 3].
        r2: R2 of mean (arousal, valence), [S, 2].
    """

    rows: Mapping[str, Mapping[str, NDArray[np.float64]]]
    r2: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """Means and standard deviations over splits by row and direction, and `r2`."""
        result: dict[str, Any] = {
            row: {direction: _figures(values) for direction, values in sides.items()}
            for row, sides in self.rows.items()
        }
        mean, std = self.r2.mean(axis=0), _std(self.r2)
        result["r2"] = {
            "arousal": round(float(mean[0]), 4),
            "arousal_sd": round(float(std[0]), 4),
            "valence": round(float(mean[1]), 4),
            "valence_sd": round(float(std[1]), 4),
        }
        return result

    def table(self) -> str:
        """A Markdown table, one line a row."""
        lines = [
            "| row | M2E MRR | M2E AR | M2E AR/N | E2M MRR | E2M AR | E2M AR/N |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [f"| {row} | {_cells(sides)} |" for row, sides in self.rows.items()]
        mean, std = self.r2.mean(axis=0), _std(self.r2)
        lines.append("")
        lines.append(
            f"R2 of the mean: arousal {mean[0]:.3f} ± {std[0]:.3f}, "
            f"valence {mean[1]:.3f} ± {std[1]:.3f}"
        )
        return "\n".join(lines)


def summarise(outcomes: Sequence[Outcome]) -> Summary:
    """Metrics of every matrix of every split."""
    names = list(outcomes[0].matrices)
    rows = {
        name: {
            direction: np.array([_measure(outcome, name, direction) for outcome in outcomes])
            for direction in DIRECTIONS
        }
        for name in names
    }
    return Summary(rows, np.array([outcome.r2 for outcome in outcomes]))


def _measure(outcome: Outcome, name: str, direction: str) -> list[float]:
    matrices = outcome.matrices[name]
    result = evaluate(matrices.m2e, matrices.e2m)[direction]
    return [result.mrr, result.ar, result.ar_fraction]


def _figures(values: NDArray[np.float64]) -> dict[str, float]:
    mean, std = values.mean(axis=0), _std(values)
    figures = {name: round(float(mean[i]), 4) for i, name in enumerate(MEASURES)}
    figures["mrr_sd"] = round(float(std[0]), 4)
    figures["ar_sd"] = round(float(std[1]), 4)
    return figures


def _cells(sides: Mapping[str, NDArray[np.float64]]) -> str:
    cells = []
    for direction in DIRECTIONS:
        mean, std = sides[direction].mean(axis=0), _std(sides[direction])
        cells += [
            f"{mean[0]:.3f} ± {std[0]:.3f}",
            f"{mean[1]:.1f} ± {std[1]:.1f}",
            f"{mean[2]:.3f}",
        ]
    return " | ".join(cells)


def _std(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sample standard deviation over splits; 0 for a single one."""
    if len(values) < 2:
        return np.zeros(values.shape[1])
    result: NDArray[np.float64] = values.std(axis=0, ddof=1)
    return result
