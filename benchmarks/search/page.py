"""The page of the search benchmark."""

from __future__ import annotations

from typing import Any

INTRO = """# Search

Written by `make bench-search` (`benchmarks/bench_search.py`), checkpoint `{model_id}`. Times are
those of one thread, ratios those of one process; the tables name the machine's load average.
Catalogues are perturbed mixtures of DEAM's songs embedded by the checkpoint as the indexer would:
14 segments and the whole of each track (ADR 30), with the balancing dimension (ADR 31). Queries
are annotators' curves that no search array was fitted on. Answers are the best 50 tracks. `exact`
proves every answer, `ann` reads a limited number of rows (ADR 23). `paper` stands at the
checkpoint's lambda {lambda_paper} and at 0.5. GPU: not measured.

The numpy scan is the paper's own way: the formulas over all segments in float32, blockwise. The
floor is the time to read all float32 columns once at the memory bandwidth measured in that run.
Cells are read selectively, so `exact` can lie below it and is proven all the same. Where the load
is more than the machine's two cores, a p99 of 4 ms and more is other processes' turns.
"""
MODES = {
    "gaussian": "`gaussian`",
    "paper": "`paper`, lambda as shipped",
    "paper_0.5": "`paper`, lambda 0.5",
}
OTHERS = {
    "whole_tracks": "Whole tracks alone: `level: track`",
    "places": "Places of the relative scale, as the page asks for them",
    "places_whole_tracks": "Places of the relative scale, whole tracks alone",
}


def page(summary: dict[str, Any]) -> str:
    """The whole page as Markdown."""
    parts = [INTRO.format(**summary)]
    for name, title in MODES.items():
        parts += [f"\n## {title}\n", _table(summary["sizes"], name)]
    parts += ["\n## Wanted and measured (`gaussian`, the largest size)\n", _targets(summary)]
    for key, title in OTHERS.items():
        if all(key in size for size in summary["sizes"]):
            parts += [f"\n## {title} (`gaussian`)\n", _others(summary["sizes"], key)]
    parts += ["\n## Filters\n", _filters(summary["sizes"])]
    parts += ["\n## Memory, opening, writing\n", _details(summary)]
    parts += ["\n## Beside others\n", _rivals(summary)]
    if "proof" in summary:
        parts += ["\n## Proof\n", _proof(summary["proof"])]
    return "\n".join(parts) + "\n"


def _targets(summary: dict[str, Any]) -> str:
    """What was wanted of `gaussian` at the largest size, and what was measured."""
    exact, ann = (summary["sizes"][-1]["gaussian"][name] for name in ("exact", "ann"))
    memory = summary["sizes"][-1]["memory"]
    lines = [
        ("exact: at most 2 times the float32 floor", exact["floor_ratio"]),
        ("exact: at least 12 times faster than the numpy scan", exact["numpy_speedup"]),
        ("exact: every answer certified", exact["certified"]),
        ("ann: recall@50 of at least .99", ann["recall_at_50"]),
        ("ann: p50 of at most 5 ms", ann["p50_ms"]),
        ("ann: at least 300 times faster than the numpy scan", ann["numpy_speedup"]),
        ("at most 1.3 times the vectors' bytes", memory["stored_over_vectors"]),
        ("at most 600 bytes a segment besides the vectors", memory["ann_all_but_float32"]),
    ]
    note = (
        "\nOf a median search at a million segments about a third is the reading of coded rows, "
        "a third the scoring of some 300 rows in float64 (whose vectors come from main memory), "
        "the rest bounding the cells and building the answer (ADR 26)."
    )
    return "\n".join([f"- {wanted}: {found}" for wanted, found in lines] + [note])


def _rows(head: str, rows: list[str]) -> str:
    columns = head.count("|") - 1
    return "\n".join([head, "|" + "---|" * columns, *rows])


def _table(sizes: list[dict[str, Any]], name: str) -> str:
    rows = []
    for size in sizes:
        exact, ann = size[name]["exact"], size[name]["ann"]
        rows.append(
            f"| {size['segments']:,} | {size[name]['numpy_scan_ms']} "
            f"({size[name]['numpy_scan_cpu_ms']}) | {size['floor_ms']} "
            f"| {_times(exact)} | {exact['qps']} | {exact['floor_ratio']} "
            f"| {exact['numpy_speedup']} ({exact['numpy_speedup_cpu']}) | {exact['certified']:.1%} "
            f"| {_times(ann)} | {ann['qps']} | {ann['recall_at_50']} | {ann['certified']:.1%} "
            f"| {ann['numpy_speedup']} ({ann['numpy_speedup_cpu']}) | {size['load_average']} |"
        )
    head = (
        "| segments | numpy scan ms (CPU) | floor ms | exact p50 / p99 (CPU p50) ms | a second "
        "| x floor | x faster than numpy (CPU) | certified | ann p50 / p99 (CPU p50) ms "
        "| a second | recall@50 | proven all the same | x faster than numpy (CPU) | load |"
    )
    return _rows(head, rows)


def _times(figures: dict[str, Any]) -> str:
    return f"{figures['p50_ms']} / {figures['p99_ms']} ({figures['cpu_p50_ms']})"


def _others(sizes: list[dict[str, Any]], key: str) -> str:
    rows = []
    for size in sizes:
        exact, ann = size[key]["exact"], size[key]["ann"]
        rows.append(
            f"| {size['segments']:,} | {_times(exact)} | {exact['qps']} | {exact['certified']:.1%} "
            f"| {_times(ann)} | {ann['recall_at_50']} |"
        )
    head = (
        "| segments | exact p50 / p99 (CPU p50) ms | a second | certified "
        "| ann p50 / p99 (CPU p50) ms | recall@50 |"
    )
    return _rows(head, rows)


def _filters(sizes: list[dict[str, Any]]) -> str:
    rows = []
    for size in sizes:
        for share, found in size["filters"].items():
            rows.append(
                f"| {size['segments']:,} | {share} | {found['p50_ms']} | {found['first_ms']} "
                f"| {'yes' if found['full'] else 'no'} | {found['equal_to_exact']:.0%} |"
            )
    head = (
        "| segments | tracks kept | p50 ms | first query of a filter ms | full | equal to exact |"
    )
    return _rows(head, rows)


def _details(summary: dict[str, Any]) -> str:
    rows = []
    for size in summary["sizes"]:
        memory = size["memory"]
        written = summary.get("written", {}).get(str(size["segments"]), {})
        rows.append(
            f"| {size['segments']:,} | {size['open_s']} | {written.get('write_s', 'not measured')} "
            f"| {memory['vectors']} | {memory['codes']} | {memory['ann_all_but_float32']} "
            f"| {memory['stored']} | {memory['stored_over_vectors']} |"
        )
    head = (
        "| segments | open s | write s (beside other work) | float32 vectors, bytes a segment "
        "| codes | all that search reads but the vectors | whole snapshot "
        "| vectors and search over vectors |"
    )
    return _rows(head, rows)


def _rivals(summary: dict[str, Any]) -> str:
    rows = []
    for size, modes in sorted(summary["rivals"].items(), key=lambda item: int(item[0])):
        for name in ("gaussian", "paper_0.5"):
            found = modes[name]
            table = "; ".join(
                f"{row['ef_search']}: {row['p50_ms']}, {row['recall_at_50']}"
                for row in found["pgvector"]
            )
            cosine = found["cosine"]
            reached = "" if found["pgvector_reached_our_recall"] else " (at its best recall)"
            rows.append(
                f"| {int(size):,} | {MODES[name]} | {found['ours_p50_ms']}, "
                f"{found['ours_recall_at_50']} | {table} | {found['pgvector_speedup']}{reached} "
                f"| {cosine['p50_ms']}, {cosine['recall_at_50']} | {modes['load_average']} |"
            )
    note = (
        "p50 in ms and recall@50 of the composite. pgvector: HNSW, for `gaussian` on the "
        "composite's inner product, for `paper` the union of L1 and inner product; re-ranked in "
        "numpy. Compared at the smallest ef_search with recall .99, else at its best. Cosine: "
        "USearch on mu alone.\n\n"
    )
    head = (
        "| segments | scoring | ann | pgvector ef: p50, recall | x faster than pgvector "
        "| cosine | load |"
    )
    return note + _rows(head, rows)


def _proof(proof: dict[str, Any]) -> str:
    return "\n".join(
        f"- {title}: of {proof['queries']:,} queries on {proof['segments']:,} segments "
        f"{proof[name]['exact']:,} answers called themselves exact; "
        f"{proof[name]['exact_but_wrong']} differed from float64 brute force by more than 1e-6."
        for name, title in MODES.items()
    )
