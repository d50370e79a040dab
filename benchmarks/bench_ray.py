"""A catalogue in shards, and index and search on Ray: `docs/benchmarks/ray.md`.

    python -m benchmarks.bench_ray [--parts equal large search index] [--rows 50000] [--shards 8]

The cluster's nodes are raylets of their own on this machine, so they share its processors: figures
say what Ray costs, not what more machines would give.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.cluster import equality, indexing, report, serving
from benchmarks.search.vectors import songs_and_model
from benchmarks.shared_data import data_folder

REPOSITORY = Path(__file__).resolve().parent.parent
KEPT = REPOSITORY / "docs" / "benchmarks" / "ray.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", default=["equal", "large", "search", "index"])
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--questions", type=int, default=10_000)
    parser.add_argument(
        "--large-rows",
        type=int,
        nargs="+",
        default=[1_000_000],
        help="sizes of the large catalogue; 10,000,000 take 17 GB of memory and 10 of disk",
    )
    parser.add_argument("--files", type=int, default=12)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2, 4])
    options = parser.parse_args()
    torch.set_num_threads(1)
    parts: dict[str, Callable[[Path], dict[str, Any]]] = {
        "equal": lambda at: equality.compare(
            at, *_given(), options.rows, options.shards, options.questions
        ),
        "large": lambda at: serving.measure_sizes(
            at, *_given(), options.large_rows, options.shards
        ),
        "search": lambda at: serving.measure(
            at, *_given(), options.rows, options.shards, options.nodes
        ),
        "index": lambda at: indexing.measure(at, options.files, options.nodes),
    }
    for name in options.parts:
        before = os.getloadavg()[0]
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            found = parts[name](Path(folder))
        found |= {"load before": round(before, 1), "took s": round(time.perf_counter() - began)}
        print(json.dumps({name: found}, indent=2), flush=True)
        kept = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
        KEPT.write_text(json.dumps(kept | {name: found}, indent=2) + "\n")
    report.write(json.loads(KEPT.read_text()), KEPT.with_suffix(".md"))


def _given() -> tuple[Any, Any]:
    songs, model = songs_and_model(data_folder())
    return model, songs


if __name__ == "__main__":
    main()
