"""Measures search and writes docs/benchmarks/search.md and search.json.

Vectors are drawn from the shipped checkpoint's distribution (see `search.vectors`), queries are
real annotators' curves that no search array was fitted on. Figures of finished parts are kept in
the cache, so a run can be cut into parts, each on a quiet machine:

    make bench-search ARGS="--part catalogue"              writes the snapshots
    make bench-search ARGS="--part times --sizes 1000000"  one size, or all without --sizes
    make bench-search ARGS="--part rival-tables"           fills PostgreSQL (minutes)
    make bench-search ARGS="--part rivals"
    make bench-search ARGS="--part proof"

Without `--part` it does all of them. Every ratio compares runs of the same process.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.search.measures import measure
from benchmarks.search.page import page
from benchmarks.search.proof import proof
from benchmarks.search.rivals import bandwidth_bytes_s, fill_tables, rivals
from benchmarks.search.vectors import catalogue, queries, songs_and_model
from benchmarks.service.catalogue import content_of
from benchmarks.shared_data import data_folder
from indexer.runs.balance import balanced
from indexer.runs.snapshot_writer import write_snapshot
from indexer.search.balance import as_query
from indexer.search.typical import typical_curves
from indexer.snapshot.content import relative_scale
from indexer.snapshot.reader import Snapshot
from indexer.snapshot.tracks import TrackRecord
from model.curves.curve import EmotionCurve
from model.embedding import Embedding
from model.emotion_model import EmotionModel
from model.learning.datasets import Dataset
from model.scoring import ScoringParams

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("catalogue", "times", "rival-tables", "rivals", "proof")
TABLES = "adr45"  # what snapshots are written for: those of another recipe are not taken
PROOF_SEGMENTS = 10_000
Figures = dict[str, Any]


class Bench:
    """The catalogues, and the figures kept so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.songs: Dataset
        self.model: EmotionModel
        self.songs, self.model = songs_and_model(options.data)
        self._kept = options.cache / "figures.json"

    @property
    def figures(self) -> Figures:
        """All that is kept."""
        empty: Figures = {"sizes": {}, "rivals": {}}
        return json.loads(self._kept.read_text()) if self._kept.exists() else empty

    def keep(self, *path: str, value: Figures) -> None:
        """Put a finished part's figures beside the others, some of other processes."""
        print(json.dumps(value, indent=1), flush=True)
        figures = at = self.figures
        for name in path[:-1]:
            at = at.setdefault(name, {})
        at[path[-1]] = value
        self._kept.write_text(json.dumps(figures))

    def modes(self) -> dict[str, ScoringParams]:
        """What is scored: both kinds as shipped, and `paper` with both halves."""
        shipped = self.model.scoring
        paper = shipped.with_kind("paper")
        return {
            "gaussian": shipped.with_kind("gaussian"),
            "paper": paper,
            "paper_0.5": replace(paper, lambda_paper=0.5),
        }

    def asked(self, at: Snapshot, count: int, seed: int) -> Embedding:
        """Annotators' curves as queries to a catalogue."""
        return as_query(queries(self.model, self.songs, count, seed), at.embedding)

    def places(self, at: Snapshot, count: int) -> Embedding:
        """Places all over a catalogue's relative scale, as the page asks for them."""
        places = np.random.default_rng(3).uniform(-1.0, 1.0, (count, 2)).tolist()
        curves = [EmotionCurve.constant(*place, 60.0).mapped(at.scale) for place in places]
        return as_query(self.model.embed_emotion(curves), at.embedding)

    def snapshot(self, size: int) -> Snapshot:
        """The catalogue of this size, written once."""
        folder = self.options.cache / f"{self.model.model_id}-{TABLES}-{size}"
        if not folder.exists():
            rows = catalogue(self.model, self.songs, size, seed=1)
            content = balanced(content_of(self.model, rows, _track), self.model)
            curves = typical_curves(relative_scale(content))
            asked = self.model.embed_emotion(curves)
            begun = time.perf_counter()
            write_snapshot(
                folder,
                content,
                model_id=self.model.model_id,
                scoring=self.model.scoring,
                engine="ann",
                queries=asked,
            )
            seconds = {"write_s": round(time.perf_counter() - begun, 1)}
            self.keep("written", str(size), value=seconds)
        return Snapshot.open(folder)


def main() -> None:
    """Run what was asked for and write the two files from all that is known."""
    options = _options()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    options.cache.mkdir(parents=True, exist_ok=True)
    bench = Bench(options)
    for part in [options.part] if options.part else PARTS:
        _run(bench, part)
    if bench.figures["sizes"]:
        _write(options.out, bench)


def _run(bench: Bench, part: str) -> None:
    options = bench.options
    sizes = options.sizes
    if part in ("rival-tables", "rivals"):
        sizes = [size for size in sizes if size <= options.rival_segments]
    for size in [] if part == "proof" else sizes:
        at = bench.snapshot(size)
        if part == "times":
            asked = bench.asked(at, options.queries, seed=2)
            places = bench.places(at, options.queries)
            found = measure(at, bench.modes(), asked, places, bandwidth_bytes_s())
            bench.keep("sizes", str(size), value={**found, **_circumstances()})
        elif part == "rival-tables":
            seconds = fill_tables(at, bench.model.scoring, options.cache / f"pg-{size}")
            bench.keep("tables", str(size), value={"build_s": seconds})
        elif part == "rivals":
            asked = bench.asked(at, 30, seed=2)
            found = rivals(at, bench.modes(), asked, options.cache / f"pg-{size}")
            bench.keep("rivals", str(size), value={**found, **_circumstances()})
    if part == "proof":
        at = bench.snapshot(PROOF_SEGMENTS)
        asked = bench.asked(at, 1000, seed=9)
        bench.keep("proof", value=proof(at, asked, bench.modes(), options.proof_queries))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "bench-search")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--proof-queries", type=int, default=10_000)
    parser.add_argument("--rival-segments", type=int, default=100_000)
    return parser.parse_args()


def _circumstances() -> Figures:
    load = round(os.getloadavg()[0], 1)
    return {"load_average": load, "date": date.today().isoformat()}


def _track(track_id: int) -> TrackRecord:
    """A track whose genre is two digits of its number: filters of any share."""
    number = track_id - 1
    return TrackRecord(
        track_id,
        f"content-{number}",
        "/music",
        f"{number}.ogg",
        f"Title {number}",
        f"Artist {number % 5000}",
        None,
        f"g{number * 7919 % 100}",
        1970 + number % 50,
        210.0,
    )


def _write(out: Path, bench: Bench) -> None:
    """Both files."""
    out.mkdir(parents=True, exist_ok=True)
    kept = bench.figures
    sizes = sorted(map(int, kept["sizes"]))
    largest = kept["sizes"][str(sizes[-1])]
    main = largest["gaussian"]
    compared = max(map(int, kept["rivals"]), default=None)
    speedup = None if compared is None else kept["rivals"][str(compared)]["gaussian"]
    summary = {
        "segments": sizes[-1],
        "exact": {k: main["exact"][k] for k in ("floor_ratio", "numpy_speedup", "certified")},
        "ann": {
            **{k: main["ann"][k] for k in ("recall_at_50", "p50_ms", "numpy_speedup")},
            "pgvector_speedup": None if speedup is None else speedup["pgvector_speedup"],
            "pgvector_segments": compared,
            "bytes_per_segment": largest["memory"]["ann_all_but_float32"],
        },
        "gpu": "not measured",
        "model_id": bench.model.model_id,
        "lambda_paper": bench.model.scoring.lambda_paper,
        **kept,
        "sizes": [{"segments": n, **kept["sizes"][str(n)]} for n in sizes],
    }
    (out / "search.json").write_text(json.dumps(summary, indent=2) + "\n")
    (out / "search.md").write_text(page(summary))


if __name__ == "__main__":
    main()
