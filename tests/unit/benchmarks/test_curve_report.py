"""The committed report of the emotion curve and the figures it stands on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.learning.curve_report import SEGMENT_SCALE_S, markdown

BENCHMARKS = Path(__file__).resolve().parents[3] / "docs" / "benchmarks"


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((BENCHMARKS / "curve.json").read_text(encoding="utf-8"))
    return loaded


def test_the_page_is_what_its_figures_say(figures: dict[str, Any]) -> None:
    """`curve.md` is generated from `curve.json`, not written beside it."""
    assert (BENCHMARKS / "curve.md").read_text(encoding="utf-8") == markdown(figures)


@pytest.mark.parametrize("part", ["means", "frames"])
def test_the_reported_spread_is_calibrated(figures: dict[str, Any], part: str) -> None:
    """90 % intervals hold 85-95 % of what humans said, 50 % intervals 45-55 %, on both axes."""
    shares = figures["regression"]["coverage"] if part == "means" else figures["coverage_of_frames"]

    assert all(0.85 <= share <= 0.95 for share in shares["0.9"])
    assert all(0.45 <= share <= 0.55 for share in shares["0.5"])


def test_the_reported_curve_beats_a_constant(figures: dict[str, Any]) -> None:
    """At the shipped smoothing, on both axes, with trust that the other clips taught."""
    row = figures["movement"][f"{SEGMENT_SCALE_S:g}"]

    assert all(c < k for c, k in zip(row["curve_rmse"], row["constant_rmse"], strict=True))
