"""Retrieval and regression on DEAM, emoMusic and PMEmo: prints every figure, writes the report.

    python -m benchmarks.bench_model --data DIR [--runs deam/descriptors ...] [--studies ...]

Each finished run is kept in `--cache` (metrics only), so that an interrupted benchmark goes on
where it stopped. `docs/benchmarks/emer.json` and `emer.md` are written from what is there.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.learning.benchmark import RUNS, run_benchmark, run_study
from benchmarks.learning.report import write_report
from benchmarks.learning.studies import STUDIES
from benchmarks.shared_data import data_folder

REPOSITORY = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--cache", type=Path, default=REPOSITORY / "build" / "bench-model")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "benchmarks")
    parser.add_argument("--runs", nargs="*", default=[run.name for run in RUNS])
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--studies", nargs="*", default=list(STUDIES))
    parser.add_argument("--report-only", action="store_true", help="Write from the cache alone.")
    options = parser.parse_args()
    if not options.report_only:
        for run in RUNS:
            if run.name in options.runs:
                table = run_benchmark(run, options.data, options.cache, options.splits, say)
                print(f"\n{run.name}\n{table}", flush=True)
        for name in options.studies:
            print(f"{name}: {run_study(name, options.data, options.cache)}", flush=True)
    figures = write_report(options.cache, options.out)
    print(json.dumps(figures, indent=1))


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
