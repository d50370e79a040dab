"""The page of the search benchmark."""

from __future__ import annotations

from typing import Any

INTRO = """# Search

Written by `python benchmarks/bench_search.py` (`make bench-search`) on {date}, checkpoint
`{model_id}`, measured memory bandwidth {bandwidth_gb_s} GB/s, load average of the machine at the
end {load_average} (a quiet two-core machine has at most 2: times below were taken under that
load, ratios within one run). `exact` uses two threads, `ann` one. Catalogues are
perturbed mixtures of DEAM's songs embedded by the checkpoint, 14 segments a track; queries are the
annotators' curves, which no search array was fitted on. Answers are the best 50 tracks.
`paper` runs with lambda {lambda_paper} (the checkpoint's unless `--lambda-paper` was given; at 0
its CCA half does not count).

The floor is the time to read all float32 columns once at the measured bandwidth. The scan codes
read fewer bytes, so `exact` can lie below it and is proven all the same.
"""


def page(summary: dict[str, Any]) -> str:
    """The whole page as Markdown."""
    parts = [INTRO.format(**summary)]
    for kind in ("gaussian", "paper"):
        parts += [f"\n## `{kind}`\n", _table(summary["sizes"], kind)]
    parts += ["\n## Filters, memory, opening\n", _details(summary["sizes"])]
    parts += ["\n## Beside others\n", _rivals(summary["sizes"])]
    parts += ["\n## Proof\n", _proof(summary["proof"])]
    return "\n".join(parts) + "\n"


def _table(sizes: list[dict[str, Any]], kind: str) -> str:
    rows = [
        "| segments | numpy scan ms | floor ms | exact p50 / p99 ms | x floor "
        "| x faster than numpy | certified | ann p50 / p99 ms (CPU p50) | recall@50 "
        "| x faster than numpy |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for size in sizes:
        exact, ann = size[kind]["exact"], size[kind]["ann"]
        rows.append(
            f"| {size['segments']:,} | {size[kind]['numpy_scan_ms']} | {size['floor_ms']} "
            f"| {exact['p50_ms']} / {exact['p99_ms']} | {exact['floor_ratio']} "
            f"| {exact['numpy_speedup']} | {exact['certified']:.0%} "
            f"| {ann['p50_ms']} / {ann['p99_ms']} ({ann['cpu_p50_ms']}) | {ann['recall_at_50']} "
            f"| {ann['numpy_speedup']} |"
        )
    return "\n".join(rows)


def _details(sizes: list[dict[str, Any]]) -> str:
    rows = [
        "| segments | open s | write s | filter 1 / 10 / 50 %: p50 ms | all full | equal to exact "
        "| bytes a segment: float32 vectors, ann scans, all search arrays, stored | peak MiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for size in sizes:
        filters, memory = size["filters"].values(), size["memory"]
        rows.append(
            f"| {size['segments']:,} | {size['open_s']} | {size['write_s'] or 'cached'} "
            f"| {' / '.join(str(each['p50_ms']) for each in filters)} "
            f"| {all(each['full'] for each in filters)} "
            f"| {min(each['equal_to_exact'] for each in filters):.0%} "
            f"| {memory['vectors']}, {memory['ann_scanned']}, {memory['ann_all_but_float32']}, "
            f"{memory['stored']} | {memory['peak_rss_mib']} |"
        )
    return "\n".join(rows)


def _rivals(sizes: list[dict[str, Any]]) -> str:
    rows = [
        "Recall is of the `paper` composite's 50 best segments. pgvector: HNSW on L1 and on the "
        "inner product, union re-ranked. Cosine: USearch on mu alone.\n",
        "| segments | ours p50 ms | cosine p50 ms, recall | pgvector ef: p50 ms, recall |",
        "|---|---|---|---|",
    ]
    for size in sizes:
        if "rivals" not in size:
            continue
        rivals = size["rivals"]
        pg = "; ".join(
            f"{each['ef_search']}: {each['p50_ms']}, {each['recall_at_50']}"
            for each in rivals["pgvector"][1:]
        )
        cosine = rivals["cosine"]
        rows.append(
            f"| {size['segments']:,} | {rivals['ours_p50_ms']} "
            f"| {cosine['p50_ms']}, {cosine['recall_at_50']} | {pg} |"
        )
    return "\n".join(rows)


def _proof(proof: dict[str, Any]) -> str:
    return "\n".join(
        f"- `{kind}`: of {proof['queries']:,} queries on 10,000 segments {proof[kind]['exact']:,} "
        f"answers called themselves exact; {proof[kind]['exact_but_wrong']} differed from float64 "
        "brute force by more than 1e-6."
        for kind in ("gaussian", "paper")
    )
