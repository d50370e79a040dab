"""`emer.md`, `emer.json` and `leaks.md` from the figures that the benchmark kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.learning.benchmark import RUNS, read_run, read_studies, run_recipe
from benchmarks.learning.leaks import leaks_page
from model.learning.evaluation import chance

Figures = Mapping[str, Any]

SMALLER = "Smaller studies"
ORDER = {run.name: place for place, run in enumerate(RUNS)}

PAPER_DEAM = """\
| paper, DEAM (361 candidates) | M2E MRR | M2E AR/N | E2M MRR | E2M AR/N |
|---|---|---|---|---|
| CCA-Loss | .048 | .237 | .046 | .241 |
| KL-Loss | .071 | .194 | .069 | .194 |
| Cos-Loss | .060 | .196 | .069 | .196 |
| Composite (published evaluation) | .128 | .155 | .114 | .153 |
| Composite-C | .063 | .195 | .078 | .189 |
| RegMLP | .066 | .229 | .039 | .378 |
| RegBiGRU | .057 | .230 | .046 | .363 |
"""

INTRODUCTION = """\
# Retrieval and regression, measured

Written by `make bench-model` (`benchmarks/bench_model.py`); the same figures are in `emer.json`.
Random 80/20 divisions; mean ± standard deviation over them. AR/N is the average rank as a share of
the candidates. Correlations, lambda and P come from a cross-fit inside the training part; the test
part is used once. Every matrix is [query, candidate], except in the row `composite_transposed`,
which repeats the published evaluation: there the KL half is added as [candidate, query], and the
truth leaks into the ranking (`leaks.md`).

Feature sets whose names end in `_level` keep the level that songs were mastered at; the others are
what the frontends give since ADR 78. Sections of runs that were not repeated stand as they were.

What differs from the paper: the features (tables instead of VGGish), 1744 instead of 1802 DEAM
songs (349 candidates instead of 361), smaller networks, and the `gaussian` CCA half; `*_paper` rows
score with Eq. 8 as printed. Preset `default` on `deam/descriptors33` is what ships (ADR 73):
networks trained on cut, stretched and redrawn curves, and a kernel machine beside them (ADR 70);
preset `networks` is the same without the kernel machine. Preset `texture` also reads how rough a
curve is, which an annotated curve tells and a drawn one does not: its lead is the annotation year
(`leaks.md`, and its row `composite_within_collection` here) and it fails on sparse or stretched
curves, so it is nobody's checkpoint. Rows `composite_kl` and `composite_cca` are the halves of the
jointly trained model, `kernel` is the kernel machine's CCA alone, `composite_networks` the
composite without it; `kl` and `cca` are trained alone (in preset `default`, `cca` has the kernel
machine too). A single division has no spread (± 0). Every section names its divisions and the id of
its recipe; figures of other recipes are never shown. What was tried, and did not help, is in
`tried.md`.

Presets `paper-brief` and `attention-brief` are first looks, not the presets at length: the paper's
sizes for 10 epochs of batch 128 at a peak of 1e-3 on curves of 15 frames (as printed: 5001 epochs
at 1e-5, 39 CPU seconds each), and attention for 20 epochs. In so short a training the paper's KL
half stays at chance; its composite is the CCA half alone.
"""


def write_report(cache: Path, out: Path) -> dict[str, Any]:
    """Write all three files from what is cached and return the content of `emer.json`.

    What the cache lacks stays as it was written before.

    Args:
        cache: Folder that `run_benchmark` filled.
        out: Folder of the reports.
    """
    before, sections = _written(out)
    found = {run.name: read_run(cache, run) for run in RUNS}
    recipes = {run.name: run_recipe(cache, run) for run in RUNS}
    found = {name: splits for name, splits in found.items() if splits}
    studies = read_studies(cache)
    figures: dict[str, Any] = {**before, "studies": {**before.get("studies", {}), **studies}}
    for name, measured in found.items():
        dataset, feature_set = name.split("/", 1)
        figures[dataset] = {**figures.get(dataset, {}), feature_set: aggregate(measured)}
    out.mkdir(parents=True, exist_ok=True)
    (out / "emer.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    sections |= {name: _section(name, found[name], recipes[name]) for name in found}
    sections[SMALLER] = studies_section(figures["studies"])
    names = sorted(sections, key=lambda name: ORDER.get(name, len(ORDER)))
    parts = [INTRODUCTION, PAPER_DEAM, *(sections[name] for name in names)]
    text = "\n\n".join(part.strip("\n") for part in parts) + "\n"
    (out / "emer.md").write_text(text, encoding="utf-8")
    (out / "leaks.md").write_text(leaks_page(figures), encoding="utf-8")
    return figures


def _written(out: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Figures and sections of the report as it stands, sections by the name of their run."""
    figures: dict[str, Any] = {}
    if (out / "emer.json").is_file():
        figures = json.loads((out / "emer.json").read_text(encoding="utf-8"))
    page = out / "emer.md"
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    sections = {}
    for part in text.split("\n## ")[1:]:
        title = part.partition("\n")[0]
        sections[title.partition(" (")[0]] = f"\n## {part}"
    return figures, sections


def aggregate(measured: Sequence[Figures]) -> dict[str, Any]:
    """Means and sample standard deviations over splits, in the shape of `emer.json`."""
    result: dict[str, Any] = {}
    for row in measured[0]:
        if row == "r2":
            continue
        having = [m for m in measured if row in m]  # an interrupted benchmark lacks some
        result[row] = {side: _side([m[row][side] for m in having]) for side in ("m2e", "e2m")}
    r2 = {axis: [m["r2"][axis] for m in measured] for axis in ("arousal", "valence")}
    result["r2"] = {axis: round(float(np.mean(values)), 4) for axis, values in r2.items()}
    return result


def paired(
    measured: Sequence[Figures], row: str, other: str, key: str = "ar_fraction"
) -> dict[str, tuple[float, float]]:
    """Mean difference row - other and its two-sided paired t-test, by direction.

    Raises:
        ValueError: Fewer than two splits.
    """
    measured = [m for m in measured if row in m and other in m]
    if len(measured) < 2:
        raise ValueError(f"a paired test needs at least 2 splits, not {len(measured)}")
    from scipy.stats import ttest_rel  # type: ignore[import-untyped]  # with scikit-learn

    result = {}
    for side in ("m2e", "e2m"):
        left = [m[row][side][key] for m in measured]
        right = [m[other][side][key] for m in measured]
        test = ttest_rel(left, right)
        result[side] = (float(np.mean(left) - np.mean(right)), float(test.pvalue))
    return result


def studies_section(studies: Mapping[str, Any]) -> str:
    """The studies that were run, as tables."""
    lines = [f"\n## {SMALLER}\n", *_mean_emotion(studies), *_run_times(studies)]
    lines += _ceiling(studies.get("annotator_ceiling", {}))
    lines += _learning_curve(studies.get("learning_curve", {}))
    for name, values in studies.get("sweeps", {}).items():
        if name == COSINES:
            lines.append(
                "\nMedian cosine of query and top 5 % (Figs. 3 and 9; M2E of standardised "
                "features, E2M of mean emotions; same model): "
                f"M2E {values['m2e']:.3f}, E2M {values['e2m']:.3f}."
            )
            continue
        cells = ", ".join(f"{key}: {value:.3f}" for key, value in values.items())
        lines.append(f"\nSweep of {name} (DEAM, preset `default`, 3 test parts): {cells}.")
    return "\n".join([*lines, ""])


MEAN_EMOTION = {
    "r2_10_fold_deam_33": "DEAM, 32 columns, preset `default`",
    "r2_10_fold_deam": "DEAM, preset `default`",
    "r2_10_fold_deam_networks": "DEAM, preset `networks`",
    "r2_10_fold_pmemo": "PMEmo, preset `default`",
}

COSINES = "median cosine of the top 5 %"

PREDICTORS = {
    "head": "regression head of the checkpoint",
    "features": "SVR on features",
    "phi": "SVR on phi",
    "kl": "SVR on mu and var",
    "all": "SVR on phi, mu and var",
}


def _mean_emotion(studies: Mapping[str, Any]) -> list[str]:
    found = [
        (label, PREDICTORS[name], r2)
        for study, label in MEAN_EMOTION.items()
        for name, r2 in studies.get(study, {}).items()
    ]
    if not found:
        return []
    header = [
        "Mean emotion, 10 folds, everything fitted on nine tenths (the paper's Table 3, with SVR "
        "and its own features, prints .48-.49 and .66-.67 on DEAM, axes perhaps exchanged); DEAM "
        "on 30 columns where none are named, PMEmo on 127:\n",
        "| dataset | what predicts | R2 arousal | R2 valence |",
        "|---|---|---|---|",
    ]
    return header + [
        f"| {label} | {name} | {r2['arousal']:.3f} | {r2['valence']:.3f} |"
        for label, name, r2 in found
    ]


def _run_times(studies: Mapping[str, Any]) -> list[str]:
    if "run_times" not in studies:
        return []
    times = studies["run_times"]
    return [
        f"\nRun times (Table 6), preset `default`, CPU seconds on one thread: "
        f"{times['songs']} songs take {times['train']} s to train, with the cross-fit "
        f"{times['train_and_cross_fit']} s; to embed {times['candidates']} pairs and rank all "
        f"both ways {times['embed_and_rank']} s. On a GPU: not measured."
    ]


def _ceiling(panels: Mapping[str, Any]) -> list[str]:
    if not panels:
        return []
    header = [
        "\nCeiling that annotator noise sets (emoMusic's standard deviations; level only):\n",
        "| annotators a song | R2 arousal | R2 valence | MRR (349 songs) | AR/N |",
        "|---|---|---|---|---|",
    ]
    return header + [
        f"| {panel} | {row['r2']['arousal']:.3f} | {row['r2']['valence']:.3f} | "
        f"{row['retrieval_by_level']['mrr']:.3f} | "
        f"{row['retrieval_by_level']['ar_fraction']:.3f} |"
        for panel, row in panels.items()
    ]


def _learning_curve(sizes: Mapping[str, Any]) -> list[str]:
    if not sizes:
        return []
    header = [
        "\nLearning curve (DEAM, 31 columns, preset `default`, 3 divisions):\n",
        "| training songs | M2E MRR | M2E AR/N | E2M MRR | E2M AR/N |",
        "|---|---|---|---|---|",
    ]
    return header + [
        f"| {size} | "
        + " | ".join(f"{s['mrr']:.3f} | {s['ar_fraction']:.3f}" for s in (row["m2e"], row["e2m"]))
        + " |"
        for size, row in sizes.items()
    ]


def _side(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    values = {key: np.array([f[key] for f in figures]) for key in ("mrr", "ar", "ar_fraction")}
    result = {key: round(float(column.mean()), 4) for key, column in values.items()}
    for key in ("mrr", "ar"):
        result[f"{key}_sd"] = round(float(_std(values[key])), 4)
    return result


def _std(values: Any) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _section(name: str, measured: Sequence[Figures], recipe: str) -> str:
    figures = aggregate(measured)
    preset = next(run.preset for run in RUNS if run.name == name)
    lines = [
        f"\n## {name} (preset `{preset}`, {len(measured)} divisions, recipe `{recipe}`)\n",
        "| row | M2E MRR | M2E AR | M2E AR/N | E2M MRR | E2M AR | E2M AR/N |",
        "|---|---|---|---|---|---|---|",
    ]
    counts = {row: sum(row in m for m in measured) for row in figures}
    lines += [
        _line(row if counts[row] == len(measured) else f"{row} (divisions: {counts[row]})", sides)
        for row, sides in figures.items()
        if row != "r2"
    ]
    r2 = figures["r2"]
    expected = chance(_candidates(figures))
    lines.append(
        f"\nR2 of mean emotion from (phi, mu, var): arousal {r2['arousal']:.3f}, "
        f"valence {r2['valence']:.3f}. Chance in closed form: MRR {expected.mrr:.3f}, "
        f"AR {expected.ar:.1f}.\n"
    )
    if len(measured) > 1:
        lines += _comparisons(measured)
    return "\n".join(lines)


def _candidates(figures: Figures) -> int:
    side = figures["composite"]["m2e"]
    return round(float(side["ar"] / side["ar_fraction"]))


def _line(row: str, sides: Mapping[str, Mapping[str, float]]) -> str:
    cells = []
    for side in (sides["m2e"], sides["e2m"]):
        cells += [
            f"{side['mrr']:.4f} ± {side['mrr_sd']:.4f}",
            f"{side['ar']:.1f} ± {side['ar_sd']:.1f}",
            f"{side['ar_fraction']:.4f}",
        ]
    return f"| {row} | {' | '.join(cells)} |"


def _comparisons(measured: Sequence[Figures]) -> list[str]:
    rows = (
        *("kl", "cca", "composite_kl", "composite_cca"),
        *("composite_networks", "kernel", "composite_paper", "ridge"),
    )
    counts = {row: sum(row in m for m in measured) for row in rows}
    others = [row for row in rows if counts[row] > 1]
    lines = ["Composite against each part, paired over the divisions (difference, two-sided p):\n"]
    for other in others:
        ar = paired(measured, "composite", other)
        mrr = paired(measured, "composite", other, "mrr")
        cells = [
            f"{side.upper()} AR/N {ar[side][0]:+.4f} (p = {ar[side][1]:.3g}), "
            f"MRR {mrr[side][0]:+.4f} (p = {mrr[side][1]:.3g})"
            for side in ("m2e", "e2m")
        ]
        lines.append(f"- against `{other}` ({counts[other]} divisions): {'; '.join(cells)}")
    return [*lines, ""]
