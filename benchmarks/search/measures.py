"""Times, recall, filters and bytes of one catalogue."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.search.rivals import best_tracks, numpy_scan, seconds
from indexer.search.searcher import Searcher, SearchRequest, SearchResult, TrackFilter
from indexer.snapshot.reader import Snapshot
from model.embedding import Embedding
from model.scoring import ScoringParams

AT = 50
FILTERS = {"1 %": 1, "10 %": 10, "50 %": 50}
Figures = dict[str, Any]
Search = Callable[[Embedding], SearchResult]


def measure(
    at: Snapshot,
    modes: dict[str, ScoringParams],
    asked: Embedding,
    places: Embedding,
    bandwidth: float,
) -> Figures:
    """All figures of one size.

    Args:
        at: The catalogue.
        modes: Scorings to measure, by name.
        asked: Queries, annotators' curves.
        places: Other queries, places of the relative scale.
        bandwidth: Of memory, bytes a second.
    """
    begun = time.perf_counter()
    Snapshot.open(at.folder)
    open_s = time.perf_counter() - begun
    kept = int(modes["gaussian"].kept.sum())
    floor_s = at.manifest.segments * 4 * (kept + 2 * at.embedding.mu.shape[1] + 1) / bandwidth
    figures: Figures = {
        "open_s": round(open_s, 3),
        "bandwidth_gb_s": round(bandwidth / 1e9, 1),
        "floor_ms": round(1e3 * floor_s, 2),
    }
    held = Embedding(*(np.array(p) for p in (at.embedding.phi, at.embedding.mu, at.embedding.var)))
    for name, scoring in modes.items():
        scan = partial(numpy_scan, held, asked[:1], scoring)
        cpu = time.process_time()
        scan_s = float(np.median(seconds(scan, 5)))
        scan_cpu_s = (time.process_time() - cpu) / 6  # one of them warms up
        exact = Searcher(at, scoring, exhaustive=True)
        ann = Searcher(at, scoring)
        wrong = _unlike_scan(exact, held, asked[:3], scoring)
        figures[name] = {
            "numpy_scan_ms": _ms(scan_s),
            "numpy_scan_cpu_ms": _ms(scan_cpu_s),
            "tracks_unlike_float32_scan": wrong,
            **_compared(_asking(exact), _asking(ann), asked, (scan_s, scan_cpu_s), floor_s),
        }
    exact = Searcher(at, modes["gaussian"], exhaustive=True)
    ann = Searcher(at, modes["gaussian"])
    whole = {"level": "track"}
    figures["whole_tracks"] = _compared(_asking(exact, **whole), _asking(ann, **whole), asked)
    figures["places"] = _compared(_asking(exact), _asking(ann), places)
    figures["places_whole_tracks"] = _compared(
        _asking(exact, **whole), _asking(ann, **whole), places
    )
    figures["filters"] = _filters(ann, exact, asked)
    figures["memory"] = _memory(at)
    return figures


def _asking(searcher: Searcher, **options: Any) -> Search:
    return lambda query: searcher.search(SearchRequest(query, AT, **options))[0]


def _compared(
    exact: Search,
    ann: Search,
    asked: Embedding,
    scan_s: tuple[float, float] | None = None,
    floor_s: float | None = None,
) -> Figures:
    """Times and recall of both engines over the same queries."""
    truth, exact_s, exact_cpu_s = _timed(exact, asked)
    found, ann_s, ann_cpu_s = _timed(ann, asked)
    shared = [
        len({h.track_id for h in a.hits} & {h.track_id for h in b.hits}) / max(1, len(b.hits))
        for a, b in zip(found, truth, strict=True)
    ]
    ours = _times(exact_s, exact_cpu_s, scan_s)
    if floor_s is not None:
        ours["floor_ratio"] = round(float(np.median(exact_s)) / floor_s, 3)
    ours["certified"] = sum(result.exact for result in truth) / len(truth)
    theirs = _times(ann_s, ann_cpu_s, scan_s)
    theirs["recall_at_50"] = round(float(np.mean(shared)), 4)
    theirs["certified"] = sum(result.exact for result in found) / len(found)
    return {"exact": ours, "ann": theirs}


def _timed(search: Search, asked: Embedding) -> tuple[list[SearchResult], list[float], list[float]]:
    """Answers, wall and processor seconds of each query; the first ten warm up."""
    for i in range(min(10, len(asked))):
        search(asked[i : i + 1])
    answers, wall_s, cpu_s = [], [], []
    for i in range(len(asked)):
        one = asked[i : i + 1]
        cpu, begun = time.process_time(), time.perf_counter()
        answers.append(search(one))
        wall_s.append(time.perf_counter() - begun)
        cpu_s.append(time.process_time() - cpu)
    return answers, wall_s, cpu_s


def _times(wall_s: list[float], cpu_s: list[float], scan_s: tuple[float, float] | None) -> Figures:
    p50 = float(np.median(wall_s))
    times: Figures = {
        "p50_ms": _ms(p50),
        "p99_ms": _ms(float(np.quantile(wall_s, 0.99))),
        "cpu_p50_ms": _ms(float(np.median(cpu_s))),
        "qps": round(1 / float(np.mean(wall_s)), 1),
    }
    if scan_s is not None:
        times["numpy_speedup"] = round(scan_s[0] / p50, 1)
        times["numpy_speedup_cpu"] = round(scan_s[1] / float(np.median(cpu_s)), 1)
    return times


def _unlike_scan(exact: Searcher, held: Embedding, asked: Embedding, scoring: ScoringParams) -> int:
    """Tracks in which exact answers and the scan differ; float32 may swap the last ones."""
    wrong, snapshot = 0, exact.snapshot
    for i in range(len(asked)):
        one = asked[i : i + 1]
        ours = {hit.track_id for hit in exact.search(SearchRequest(one, AT))[0].hits}
        rows = best_tracks(numpy_scan(held, one, scoring), snapshot.track_first, AT)
        wrong += len(ours ^ set(snapshot.tracks.ids[rows].tolist())) // 2
    return wrong


def _filters(ann: Searcher, exact: Searcher, asked: Embedding) -> Figures:
    """Share kept -> how full, how alike exhaustive search, how fast."""
    found: Figures = {}
    for name, genres in FILTERS.items():
        only = TrackFilter(genre=tuple(f"g{i}" for i in range(genres)))
        passing = int(exact.snapshot.tracks.passing(only).sum())
        limit, alike, full = min(AT, passing), 0, True
        some = [SearchRequest(asked[i : i + 1], limit, only) for i in range(min(50, len(asked)))]
        begun = time.perf_counter()
        ann.search(some[0])
        first_s = time.perf_counter() - begun
        times = []
        for request in some:
            begun = time.perf_counter()
            (ours,) = ann.search(request)
            times.append(time.perf_counter() - begun)
            alike += ours.hits == exact.search(request)[0].hits
            full &= len(ours.hits) == limit
        found[name] = {
            "full": full,
            "equal_to_exact": alike / len(times),
            "p50_ms": _ms(float(np.median(times))),
            "first_ms": _ms(first_s),
        }
    return found


def _memory(at: Snapshot) -> Figures:
    """Bytes a segment: what searches read, and what lies on disk in all."""
    size = {
        name: entry.size_bytes / at.manifest.segments for name, entry in at.manifest.files.items()
    }

    def total(*prefixes: str) -> float:
        return round(sum(v for name, v in size.items() if name.startswith(prefixes)), 1)

    vectors = total("phi", "mu", "var")
    searched = ("search_", "segment_", "track_first", "track_id", "track_content_id_codes")
    return {
        "vectors": vectors,
        "codes": total("search_codes"),
        "ann_all_but_float32": total(*searched),
        "stored": total(""),
        "stored_over_vectors": round(total(*searched, "phi", "mu", "var") / vectors, 3),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _ms(value_s: float) -> float:
    return round(1e3 * value_s, 3)
