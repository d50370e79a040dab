"""Writes what was measured as `docs/benchmarks/ray.md`."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot

TITLES = {
    "equal": "Shards answer what one piece answers",
    "large": "A large catalogue in shards, in one process",
    "search": "Search on a cluster",
    "index": "Index runs on a cluster",
}
NOTES = {
    "equal": "Searches in both directions, at both levels, with both kinds of scoring, under "
    "filters, caps of artists and offsets, for places and curves of both scales; and a tenth "
    "playlists as the service answers them, journeys and regions among them. The same tracks in "
    "the same order with the same segments, scores equal to 1e-9, every answer proven.",
    "large": "One query at a time for the best 50 tracks, by segments, in one thread; shards are "
    "asked one after the other, each told what the answer scores at least.",
    "search": "One query at a time for the best 50 tracks, by segments; each row of the table is a "
    "way to ask the same catalogue. All nodes share this machine's processors: the figures say "
    "what Ray's path costs. `one wave` asks all shards at once, without telling any what another "
    "found.",
    "index": "Real music, decoded, described, embedded, grouped, balanced and written. All nodes "
    "share this machine's processors.",
}


def write(found: Mapping[str, Any], path: Path) -> None:
    """Write the report of all parts that were measured."""
    lines = [
        "# On Ray",
        "",
        "Written by `make bench-ray` (`benchmarks/bench_ray.py`): a cluster of several raylets on "
        f"one host of {os.cpu_count()} cores ({platform.machine()}), which other programs use too; "
        "each part says the load before it began.",
    ]
    if _figure(found, path.with_suffix(".png")):
        lines += ["", "![Times of a search and of an index run](ray.png)"]
    for name, title in TITLES.items():
        if name in found:
            lines += ["", f"## {title}", "", NOTES[name], "", *_part(found[name])]
    path.write_text("\n".join(lines) + "\n")


def _figure(found: Mapping[str, Any], path: Path) -> bool:
    """Times of a search and of an index run, by where they were made; False without any."""
    ways = {name: each for name, each in found.get("search", {}).items() if "p99 ms" in _of(each)}
    ways = {name: each for name, each in ways.items() if "asked" not in each}
    runs = {name: each for name, each in found.get("index", {}).items() if "seconds" in _of(each)}
    if not ways or not runs:
        return False
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
    for label, key, colour in (("p99", "p99 ms", "#c9d6e8"), ("p50", "p50 ms", "#3b6ea5")):
        left.barh(list(ways), [each[key] for each in ways.values()], label=label, color=colour)
    left.set(xscale="log", xlabel="milliseconds a query", title="Search")
    left.legend()
    right.barh(list(runs), [each["seconds"] for each in runs.values()], color="#3b6ea5")
    right.set(xlabel="seconds", title="Index run")
    for axes in (left, right):
        axes.invert_yaxis()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return True


def _of(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _part(found: Mapping[str, Any]) -> list[str]:
    plain = {name: value for name, value in found.items() if not isinstance(value, (dict, list))}
    lines = ["; ".join(f"{name}: {value}" for name, value in plain.items()) + "."]
    for name, value in found.items():
        if isinstance(value, dict):
            inner = ", ".join(f"{key} {_shown(each)}" for key, each in value.items())
            lines.append(f"- **{name}**: {inner}")
    return lines


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
