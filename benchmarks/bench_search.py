"""Measures search and writes docs/benchmarks/search.md and search.json.

Vectors are drawn from the shipped checkpoint's distribution (see `search_vectors`), queries are
real annotators' curves that no search array was fitted on. Every ratio compares runs of the same
process; `--sizes` and `--rival-segments` shorten it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from search_proof import proof
from search_rivals import (
    CosineIndex,
    PgVector,
    bandwidth_bytes_s,
    best_tracks,
    numpy_scan,
    seconds,
)
from search_vectors import catalogue, queries, songs_and_model

from indexer.search import Searcher, TrackFilter
from indexer.search_arrays import l1_queries, raw_columns, raw_query
from indexer.search_queries import typical_curves
from indexer.snapshot import Snapshot, SnapshotContent, TrackRecord, write_snapshot
from model.embedding import Embedding
from model.emotion_model import EmotionModel
from model.learning.datasets import Dataset
from model.scoring import Kind, ScoringParams, l1_item_vectors

ROOT = Path(__file__).resolve().parents[1]
KINDS: tuple[Kind, ...] = ("gaussian", "paper")
AT = 50
PROOF_SEGMENTS = 10_000
FILTERS = {"1 %": 1, "10 %": 10, "50 %": 50}
Figures = dict[str, Any]


def main() -> None:
    """Run everything and write the two files."""
    options = _options()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    songs, model = songs_and_model(options.data)
    asked = queries(model, songs, options.queries, seed=2)
    scoring = _scoring(model, options.lambda_paper)
    bandwidth = bandwidth_bytes_s()
    print(f"bandwidth {bandwidth / 1e9:.1f} GB/s, load {os.getloadavg()[0]:.1f}", flush=True)
    results = []
    for size in options.sizes:
        at, write_s = _snapshot(options.cache, model, songs, scoring, size)
        rivals = size <= options.rival_segments
        figures = _measure(at, scoring, asked, bandwidth, rivals=rivals)
        results.append({"segments": size, "write_s": write_s, **figures})
        print(json.dumps(results[-1], indent=1), flush=True)
    at, _ = _snapshot(options.cache, model, songs, scoring, PROOF_SEGMENTS)
    proven = proof(at, queries(model, songs, 1000, seed=9), scoring, options.proof_queries)
    _write(options.out, results, proven, bandwidth, model.model_id, scoring.lambda_paper)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "bench-search")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--proof-queries", type=int, default=10_000)
    parser.add_argument("--rival-segments", type=int, default=10_000)
    parser.add_argument("--lambda-paper", type=float, help="instead of the checkpoint's")
    return parser.parse_args()


def _scoring(model: EmotionModel, lambda_paper: float | None) -> ScoringParams:
    if lambda_paper is None:
        return model.scoring
    return replace(model.scoring, lambda_paper=lambda_paper)


def _snapshot(
    cache: Path, model: EmotionModel, songs: Dataset, scoring: ScoringParams, size: int
) -> tuple[Snapshot, float | None]:
    """The catalogue of this size, written once; and the seconds that took."""
    folder = cache / f"{model.model_id}-{size}"
    if folder.exists():
        return Snapshot.open(folder), None
    rows, track = catalogue(model, songs, size, seed=1)
    first = np.searchsorted(track, np.arange(track[-1] + 2))
    start_s = (np.arange(size) - first[track]) * 15.0
    content = SnapshotContent(
        tracks=[_track(number) for number in range(len(first) - 1)],
        segment_track=track,
        segment_s=np.stack([start_s, start_s + 30.0], axis=1).astype(np.float32),
        embedding=rows,
        segment_emotion=np.clip(model.mean_emotion(rows), -1, 1).astype(np.float32),
        curve_offsets=np.zeros(len(first), dtype=np.int64),
        curve_values=np.empty((0, 4), dtype=np.float16),
    )
    begun = time.perf_counter()
    write_snapshot(
        folder,
        content,
        model_id=model.model_id,
        scoring=scoring,
        engine="ann",
        queries=model.embed_emotion(typical_curves()),
    )
    return Snapshot.open(folder), round(time.perf_counter() - begun, 1)


def _track(number: int) -> TrackRecord:
    """A track whose genre is its number's last two digits: filters of any share."""
    return TrackRecord(
        number + 1,
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


def _measure(
    at: Snapshot, scoring: ScoringParams, asked: Embedding, bandwidth: float, *, rivals: bool
) -> Figures:
    """All figures of one size."""
    begun = time.perf_counter()
    Snapshot.open(at.folder)
    open_s = time.perf_counter() - begun
    kept = int(scoring.kept.sum())
    vector_bytes = 4 * (kept + 2 * at.embedding.mu.shape[1] + 1)
    floor_s = at.manifest.segments * vector_bytes / bandwidth
    exact = Searcher(at, scoring, threads=2, exhaustive=True)
    ann = Searcher(at, scoring, threads=1)
    figures: Figures = {"open_s": round(open_s, 3), "floor_ms": round(1e3 * floor_s, 2)}
    held = Embedding(*(np.array(p) for p in (at.embedding.phi, at.embedding.mu, at.embedding.var)))
    for kind in KINDS:
        figures[kind] = _kind(exact, ann, held, asked, scoring.with_kind(kind), floor_s)
    del held
    figures["filters"] = _filters(ann, exact, asked)
    figures["memory"] = _memory(at)
    if rivals:
        figures["rivals"] = _rivals(at, ann, asked, scoring)
    return figures


def _kind(
    exact: Searcher,
    ann: Searcher,
    held: Embedding,
    asked: Embedding,
    scoring: ScoringParams,
    floor_s: float,
) -> Figures:
    scan_s = seconds(lambda: numpy_scan(held, asked[:1], scoring), 3)
    kind, first = scoring.kind, exact.snapshot.track_first
    proven, shared, wrong = 0, 0.0, 0
    times: dict[str, list[float]] = {"exact": [], "ann": [], "ann_cpu": []}
    for i in range(len(asked)):
        one = asked[i : i + 1]
        begun = time.perf_counter()
        truth = exact.search(one, limit=AT, kind=kind)
        times["exact"].append(time.perf_counter() - begun)
        begun, cpu = time.perf_counter(), time.thread_time()
        found = ann.search(one, limit=AT, kind=kind)
        times["ann"].append(time.perf_counter() - begun)
        times["ann_cpu"].append(time.thread_time() - cpu)
        ours = {hit.track_id for hit in truth.hits}
        proven += truth.exact
        shared += len(ours & {hit.track_id for hit in found.hits}) / max(1, len(ours))
        if i < 3:  # the scan is slow; three queries check that both rank alike
            rows = best_tracks(numpy_scan(held, one, scoring), first, AT)
            wrong += len(ours ^ set(exact.snapshot.tracks.ids[rows].tolist())) // 2
    scan = float(np.median(scan_s))
    p50 = {name: float(np.median(values)) for name, values in times.items()}
    return {
        "numpy_scan_ms": _ms(scan),
        "tracks_unlike_float32_scan": wrong,
        "exact": {
            "p50_ms": _ms(p50["exact"]),
            "p99_ms": _ms(float(np.quantile(times["exact"], 0.99))),
            "qps": round(1 / float(np.mean(times["exact"])), 1),
            "floor_ratio": round(p50["exact"] / floor_s, 2),
            "numpy_speedup": round(scan / p50["exact"], 1),
            "certified": proven / len(asked),
        },
        "ann": {
            "recall_at_50": round(shared / len(asked), 4),
            "p50_ms": _ms(p50["ann"]),
            "p99_ms": _ms(float(np.quantile(times["ann"], 0.99))),
            "cpu_p50_ms": _ms(p50["ann_cpu"]),
            "qps": round(1 / float(np.mean(times["ann"])), 1),
            "numpy_speedup": round(scan / p50["ann"], 1),
        },
    }


def _filters(ann: Searcher, exact: Searcher, asked: Embedding) -> Figures:
    """Share kept -> how full, how alike exhaustive search, how fast."""
    found: Figures = {}
    for name, genres in FILTERS.items():
        only = TrackFilter(genre=tuple(f"g{i}" for i in range(genres)))
        passing = int(exact.snapshot.tracks.passing(only).sum())
        limit, alike, times, full = min(AT, passing), 0, [], True
        for i in range(min(10, len(asked))):
            begun = time.perf_counter()
            ours = ann.search(asked[i : i + 1], limit=limit, filters=only)
            times.append(time.perf_counter() - begun)
            truth = exact.search(asked[i : i + 1], limit=limit, filters=only)
            alike += ours.hits == truth.hits
            full &= len(ours.hits) == limit
        p50_ms = _ms(float(np.median(times)))
        found[name] = {"full": full, "equal_to_exact": alike / len(times), "p50_ms": p50_ms}
    return found


def _memory(at: Snapshot) -> Figures:
    """Bytes a segment: what scans read, and what lies on disk in all."""
    size = {
        name: entry.size_bytes / at.manifest.segments for name, entry in at.manifest.files.items()
    }

    def total(*prefixes: str) -> float:
        return round(sum(v for name, v in size.items() if name.startswith(prefixes)), 1)

    vectors = total("phi", "mu", "var")
    return {
        "vectors": vectors,
        "ann_scanned": total("search_sketch", "search_l1", "segment_"),
        "ann_all_but_float32": total("search_", "segment_", "track_first"),
        "stored": total(""),
        "stored_over_vectors": round(total("search_", "segment_", "phi", "mu", "var") / vectors, 3),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _rivals(at: Snapshot, ann: Searcher, asked: Embedding, scoring: ScoringParams) -> Figures:
    """The shortcut and pgvector; recall of the composite's best 50 segments."""
    some = min(30, len(asked))
    scoring = scoring.with_kind("paper")
    scores = [numpy_scan(at.embedding, asked[i : i + 1], scoring) for i in range(some)]
    truth = [set(np.argsort(-each)[:AT].tolist()) for each in scores]
    times = [
        seconds(lambda i=i: ann.search(asked[i : i + 1], limit=AT, kind="paper"), 1)[0]
        for i in range(some)
    ]
    return {
        "kind": "paper",
        "ours_p50_ms": _ms(float(np.median(times))),
        "cosine": _cosine(at, asked, truth),
        "pgvector": _pgvector(at, asked, scoring, truth),
    }


def _cosine(at: Snapshot, asked: Embedding, truth: list[set[int]]) -> Figures:
    index = CosineIndex(at.embedding)
    found = [set(index.search(asked[i : i + 1], AT).tolist()) for i in range(len(truth))]
    times = seconds(lambda: index.search(asked[:1], AT), 20)
    return {
        "build_s": round(index.build_s, 1),
        "p50_ms": _ms(float(np.median(times))),
        "recall_at_50": _recall(found, truth),
    }


def _pgvector(
    at: Snapshot, asked: Embedding, scoring: ScoringParams, truth: list[set[int]]
) -> list[Figures]:
    import torch

    shift = np.zeros(at.embedding.mu.shape[1])
    products = raw_columns(at.embedding, scoring, shift)
    near = l1_item_vectors(torch.from_numpy(np.array(at.embedding.phi)), scoring).double().numpy()
    some = asked[: len(truth)]
    product, _ = raw_query(some, scoring, shift, "e2m")
    nearest = l1_queries(some, scoring, np.zeros(near.shape[1]), "e2m").vectors.astype(np.float64)
    server = PgVector(near, products, at.embedding)
    figures = []
    try:
        for beam in (100, 400, 1000):
            found, times = [], []
            for i in range(len(truth)):
                begun = time.perf_counter()
                rows, _ = server.search(nearest[i], product[i], asked[i : i + 1], scoring, beam)
                times.append(time.perf_counter() - begun)
                found.append(set(rows[:AT].tolist()))
            p50_ms = _ms(float(np.median(times)))
            recall = _recall(found, truth)
            figures.append({"ef_search": beam, "p50_ms": p50_ms, "recall_at_50": recall})
    finally:
        server.close()
    return [{"build_s": round(server.build_s, 1)}, *figures]


def _recall(found: list[set[int]], truth: list[set[int]]) -> float:
    return round(
        float(np.mean([len(a & b) / len(b) for a, b in zip(found, truth, strict=True)])), 4
    )


def _ms(value_s: float) -> float:
    return round(1e3 * value_s, 3)


def _write(
    out: Path,
    results: list[Figures],
    proof: Figures,
    bandwidth: float,
    model_id: str,
    lambda_paper: float,
) -> None:
    """Both files."""
    out.mkdir(parents=True, exist_ok=True)
    largest = results[-1]
    main_kind = largest["gaussian"]
    measured = [r for r in results if "rivals" in r]
    speedup = _pgvector_speedup(measured[-1]["rivals"]) if measured else None
    summary = {
        "segments": largest["segments"],
        "exact": {k: main_kind["exact"][k] for k in ("floor_ratio", "numpy_speedup", "certified")},
        "ann": {
            **{k: main_kind["ann"][k] for k in ("recall_at_50", "p50_ms", "numpy_speedup")},
            "pgvector_speedup": speedup,
            "pgvector_segments": measured[-1]["segments"] if measured else None,
            "bytes_per_segment": largest["memory"]["ann_all_but_float32"],
        },
        "model_id": model_id,
        "date": date.today().isoformat(),
        "bandwidth_gb_s": round(bandwidth / 1e9, 1),
        "load_average": round(os.getloadavg()[0], 1),
        "lambda_paper": lambda_paper,
        "proof": proof,
        "sizes": results,
    }
    (out / "search.json").write_text(json.dumps(summary, indent=2) + "\n")
    (out / "search.md").write_text(_page(summary))


def _pgvector_speedup(rivals: Figures) -> float:
    """Against pgvector's best recall: ours is higher, so this flatters pgvector."""
    best = max(rivals["pgvector"][1:], key=lambda row: row["recall_at_50"])
    return round(best["p50_ms"] / rivals["ours_p50_ms"], 1)


def _page(summary: Figures) -> str:
    from search_page import page

    return page(summary)


if __name__ == "__main__":
    main()
