"""The runs of `benchmarks/bench_model.py`, kept split by split so that they can be interrupted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning.studies import STUDIES, study_columns, study_preset
from model.learning.baselines import Matrices
from model.learning.datasets import Dataset, load
from model.learning.evaluation import retrieval, retrieval_within
from model.learning.experiments import FAMILIES, Split, composite_rows, splits
from model.learning.recipes import Recipe, recipe, recipe_id
from model.learning.training import no_progress, one_thread

Alter = Callable[[Dataset], Dataset]
SMOOTHING_FRAMES = 4.0
SIDES = ("m2e", "e2m")
WITHIN = {"composite", "ridge", "kl"}


@dataclass(frozen=True)
class Run:
    """One line of the benchmark.

    Attributes:
        name: `<dataset>/<feature set>[/<variant>]`, also the cache file.
        dataset: What to load.
        feature_set: Its columns.
        preset: The recipe.
        families: Rows beside the composite.
        alter: What is done to the songs first.
        splits: At most this many divisions.
    """

    name: str
    dataset: str
    feature_set: str
    preset: str
    families: tuple[str, ...]
    alter: Alter | None = None
    splits: int = 10


def smoothed(data: Dataset) -> Dataset:
    """All curves smoothed alike (Gaussian of 2 s), so that roughness no longer tells the year."""
    reach = round(3 * SMOOTHING_FRAMES)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SMOOTHING_FRAMES) ** 2)
    padded = np.pad(data.curves, ((0, 0), (reach, reach), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=1)
    curves = (windows @ (kernel / kernel.sum())).astype(np.float32)  # [N, T, 2, K] @ [K]
    return replace(data, curves=curves)


def common_length(data: Dataset) -> Dataset:
    """All curves cut to 7.5 s, which nearly all PMEmo songs have."""
    return data.cut(15)


PARTS = ("baselines", "kl", "cca")
WHOLE = (*PARTS, "cos", "regressors")
ALONE = ("baselines",)

RUNS = (
    Run("deam/descriptors33", "deam", "descriptors33", "default", PARTS),
    Run("deam/descriptors33_level", "deam", "descriptors33_level", "default", WHOLE),
    Run("deam/descriptors33_level/networks", "deam", "descriptors33_level", "networks", ()),
    Run("deam/descriptors_level", "deam", "descriptors_level", "default", WHOLE),
    Run("deam/descriptors_level/networks", "deam", "descriptors_level", "networks", WHOLE),
    Run("deam/all_level", "deam", "all_level", "default", PARTS),
    Run("deam/all_level/networks", "deam", "all_level", "networks", PARTS),
    Run("deam/descriptors_level/texture", "deam", "descriptors_level", "texture", ALONE),
    Run("deam/descriptors_level/smoothed", "deam", "descriptors_level", "texture", ALONE, smoothed),
    Run("deam/descriptors_level/unaugmented", "deam", "descriptors_level", "unaugmented", ()),
    Run(
        "deam/descriptors_level/attention",
        "deam",
        "descriptors_level",
        "attention-brief",
        (),
        splits=1,
    ),
    Run("deam/descriptors_level/paper", "deam", "descriptors_level", "paper-brief", (), splits=1),
    Run("pmemo/gemaps_essentia", "pmemo", "gemaps_essentia", "default", PARTS),
    Run("pmemo/gemaps_essentia_level", "pmemo", "gemaps_essentia_level", "default", PARTS),
    Run(
        "pmemo/gemaps_essentia_level/common_length",
        "pmemo",
        "gemaps_essentia_level",
        "default",
        ALONE,
        common_length,
    ),
    Run(
        "pmemo/gemaps_essentia_level/unaugmented",
        "pmemo",
        "gemaps_essentia_level",
        "unaugmented",
        (),
    ),
    Run("emomusic/convnet", "emomusic", "convnet", "default", PARTS),
)


def run_benchmark(
    run: Run, data_dir: Path, cache: Path, count: int, say: Callable[[str], None]
) -> str:
    """Complete the run's missing splits and return its table.

    Args:
        run: What to run.
        data_dir: Folder of the dataset tables.
        cache: Folder for the figures of finished splits.
        count: Splits wanted.
        say: Told of every finished split.
    """
    data = load(run.dataset, data_dir, run.feature_set)
    data = data if run.alter is None else run.alter(data)
    chosen = recipe(run.preset, data.feature_count)
    for family in ("composite", *run.families):
        wanted = recipe_id(chosen, family)
        for split in splits(data, min(count, run.splits)):
            path = split_path(cache, run.name, split.number)
            kept = _kept(path)
            if kept.get(family, {}).get("recipe") != wanted:
                with one_thread():
                    rows = measure_family(split, chosen, family)
                kept[family] = {"recipe": wanted, "columns": data.feature_count, "rows": rows}
                _keep(path, kept)
                say(f"{run.name} {family} {split.number + 1}/{count}")
    return "\n".join(_lines(read_run(cache, run)))


def run_study(name: str, data_dir: Path, cache: Path) -> dict[str, Any]:
    """The study's result, computed once for its recipe."""
    path = cache / "studies" / f"{name}.json"
    if _kept(path).get("recipe") != study_recipe(name):
        with one_thread():
            _keep(path, {"recipe": study_recipe(name), "result": STUDIES[name](data_dir)})
    result: dict[str, Any] = _kept(path)["result"]
    return result


def read_studies(cache: Path) -> dict[str, Any]:
    """Results of the studies that were run with their present recipe, by name."""
    kept = {name: _kept(cache / "studies" / f"{name}.json") for name in STUDIES}
    return {n: p["result"] for n, p in kept.items() if p.get("recipe") == study_recipe(n)}


def study_recipe(name: str) -> str:
    """The id of a study's recipe, on its columns of DEAM."""
    return recipe_id(recipe(study_preset(name), study_columns(name)), "composite")


def measure_family(split: Split, chosen: Recipe, family: str) -> dict[str, Any]:
    """Train and test one family of rows on one split, `r2` with `composite`."""
    if family != "composite":
        return measure(split, FAMILIES[family](split, chosen, no_progress))
    rows, r2 = composite_rows(split, chosen)
    return {**measure(split, rows), "r2": {"arousal": float(r2[0]), "valence": float(r2[1])}}


def _kept(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {} if "rows" in kept else kept  # written before recipes had ids


def _keep(path: Path, kept: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(kept), encoding="utf-8")
    partial.replace(path)


def split_path(cache: Path, name: str, number: int) -> Path:
    """Where the figures of one split are kept."""
    return cache / name.replace("/", "-") / f"{number:02d}.json"


def read_run(cache: Path, run: Run) -> list[dict[str, Any]]:
    """Rows of the finished splits of a run, in order; empty where there are none.

    Families that another recipe gave are left out, so that no table mixes old and new figures.
    """
    folder = split_path(cache, run.name, 0).parent
    paths = sorted(folder.glob("*.json")) if folder.is_dir() else []
    found = [_current(run, _kept(path)) for path in paths]
    return [rows for rows in found if "composite" in rows]


def _current(run: Run, kept: Mapping[str, Any]) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for family in sorted(kept, key=lambda name: name != "composite"):  # it comes first
        part = kept[family]
        if part["recipe"] == recipe_id(recipe(run.preset, part["columns"]), family):
            rows.update(part["rows"])
    return rows


def run_recipe(cache: Path, run: Run) -> str:
    """The id of the recipe whose composite a run measured; empty where none is kept."""
    parts = [_kept(path) for path in split_path(cache, run.name, 0).parent.glob("*.json")]
    ids = {part["composite"]["recipe"] for part in parts if "composite" in _current(run, part)}
    return "".join(ids)


def measure(split: Split, matrices: Mapping[str, Matrices]) -> dict[str, Any]:
    """Metrics of every row; on DEAM the main ones also within the query's own collection."""
    figures: dict[str, Any] = {
        row: {side: _figures(getattr(m, side)) for side in SIDES} for row, m in matrices.items()
    }
    if split.test.name == "deam":
        first = split.test.first_collection
        for row in WITHIN & matrices.keys():
            pair = {side: _within(getattr(matrices[row], side), first) for side in SIDES}
            figures[f"{row}_within_collection"] = pair
    return figures


def _within(similarity: NDArray[np.float64], first: NDArray[np.bool_]) -> dict[str, float]:
    return asdict(retrieval_within(similarity, first))


def _figures(similarity: NDArray[np.float64]) -> dict[str, float]:
    return asdict(retrieval(similarity))


def _lines(figures: list[dict[str, Any]]) -> list[str]:
    lines = []
    for row in figures[0]:
        if row == "r2":
            r2 = [np.mean([f["r2"][axis] for f in figures]) for axis in ("arousal", "valence")]
            lines.append(f"{'R2':28s} arousal {r2[0]:.3f} valence {r2[1]:.3f}")
            continue
        cells = []
        for side in SIDES:
            mrr, ar, share = (
                np.mean([f[row][side][key] for f in figures])
                for key in ("mrr", "ar", "ar_fraction")
            )
            cells.append(f"{side} {mrr:.4f} {ar:6.1f} {share:.4f}")
        lines.append(f"{row:28s} {'   '.join(cells)}")
    return lines
