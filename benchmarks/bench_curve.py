"""Level, spread and movement of emotion curves on songs that the models never met.

    python -m benchmarks.bench_curve --data DIR [--cache DIR] [--out DIR]

Trains one model for each of five folds (kept in `--cache`), prints the figures as JSON and writes
`curve.json`, `curve.md` and `curve-reliability.png`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.learning.curve_calibration import load_clips
from benchmarks.learning.curve_report import (
    curve_figures,
    markdown,
    save_reliability_plot,
    train_folds,
)
from benchmarks.shared_data import data_folder
from model.learning.datasets import load_deam

REPOSITORY = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--cache", type=Path, default=REPOSITORY / "build" / "bench-curve")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "benchmarks")
    parser.add_argument("--preset", default="default")
    options = parser.parse_args()
    data = load_deam(options.data)
    folds = train_folds(data, options.preset, options.cache, say)
    figures = curve_figures(folds, data, load_clips(options.data, data, folds[0].model))
    options.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(figures, indent=1) + "\n"
    (options.out / "curve.json").write_text(text, encoding="utf-8")
    (options.out / "curve.md").write_text(markdown(figures), encoding="utf-8")
    save_reliability_plot(options.out / "curve-reliability.png", figures)
    print(text, end="")


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
