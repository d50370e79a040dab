"""`docs/benchmarks/leaks.md`: how much of published retrieval scores is not emotion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Figures = Mapping[str, Any]

Line = tuple[str, str, str]
"""What a row shows, the run it comes from (`<dataset>/<feature set>`), and its name there."""

MATRIX: tuple[Line, ...] = (
    ("DEAM, preset `texture`, rightly oriented", "deam/descriptors/texture", "composite"),
    ("DEAM, preset `texture`, transposed", "deam/descriptors/texture", "composite_transposed"),
    ("DEAM, shipped recipe, rightly oriented", "deam/descriptors33", "composite"),
    ("DEAM, shipped recipe, transposed", "deam/descriptors33", "composite_transposed"),
    ("DEAM, the same on 31 columns, rightly oriented", "deam/descriptors", "composite"),
    ("DEAM, the same on 31 columns, transposed", "deam/descriptors", "composite_transposed"),
    ("DEAM, preset `networks`, rightly oriented", "deam/descriptors/networks", "composite"),
    ("DEAM, preset `networks`, transposed", "deam/descriptors/networks", "composite_transposed"),
    ("PMEmo, composite, rightly oriented", "pmemo/gemaps_essentia", "composite"),
    ("PMEmo, the same model, transposed", "pmemo/gemaps_essentia", "composite_transposed"),
)
LENGTH: tuple[Line, ...] = (
    ("equal length alone, no model at all", "pmemo/gemaps_essentia", "length_only"),
    ("composite, encoders that cannot see length", "pmemo/gemaps_essentia", "composite"),
    ("composite, all curves cut to 7.5 s", "pmemo/gemaps_essentia/common_length", "composite"),
    ("equal length, after that cut", "pmemo/gemaps_essentia/common_length", "length_only"),
    ("chance", "pmemo/gemaps_essentia", "chance"),
)
YEAR: tuple[Line, ...] = (
    ("reads roughness (`texture`), all candidates", "deam/descriptors/texture", "composite"),
    ("the same, own collection only", "deam/descriptors/texture", "composite_within_collection"),
    ("`texture`, all curves smoothed alike", "deam/descriptors/smoothed", "composite"),
    (
        "the same, own collection only",
        "deam/descriptors/smoothed",
        "composite_within_collection",
    ),
    ("shipped recipe, all candidates", "deam/descriptors33", "composite"),
    (
        "shipped recipe, own collection only",
        "deam/descriptors33",
        "composite_within_collection",
    ),
    ("the same on 31 columns, all candidates", "deam/descriptors", "composite"),
    (
        "the same on 31 columns, own collection only",
        "deam/descriptors",
        "composite_within_collection",
    ),
    ("preset `networks`, all candidates", "deam/descriptors/networks", "composite"),
    (
        "preset `networks`, own collection only",
        "deam/descriptors/networks",
        "composite_within_collection",
    ),
    ("ridge, all candidates", "deam/descriptors", "ridge"),
    ("ridge, own collection only", "deam/descriptors", "ridge_within_collection"),
)


def leaks_page(figures: Mapping[str, Mapping[str, Figures]]) -> str:
    """The page from the content of `emer.json`; rows without figures are left out."""
    parts = [
        "# What retrieval scores measure beside emotion\n",
        "Written by `make bench-model` from the figures of `emer.json`; `emer.md` says over "
        "how many random divisions each mean goes. AR/N is the average rank over the number of "
        "candidates (within a collection: of the candidates there).\n",
        "## The transposed matrix\n",
        "The published evaluation adds the CCA half as [query, candidate] to a KL matrix that "
        "stands as [candidate, query]. Entry (a, b) then holds KL(b's own partner || a's true "
        "partner): the answer is part of the score. The paper prints, for DEAM, M2E MRR .128 and "
        "AR/N .155, E2M .114 and .153; its KL-Loss row, which a transposition merely turns into "
        "the other direction, .071 / .194 and .069 / .194. "
        "`tests/unit/model/learning/test_baselines.py` shows the effect on four points with ranks "
        "counted by hand: a model that is wrong for three of four queries becomes perfect.\n",
        _table(figures, MATRIX),
        "\n## Clip length (PMEmo)\n",
        "A PMEmo clip and its curve last equally long, and the clips differ. Whoever sees the "
        "length needs no emotion: the paper's composite on PMEmo reads MRR .544, AR 3.8 of 141. "
        "The features here are means over the clip and the emotion encoder pools over relative "
        "time, so length is not to be seen. Cutting all curves to 7.5 s costs some of the score "
        "even so: the curves then average fewer frames of annotation.\n",
        _table(figures, LENGTH),
        "\n## Collection year (DEAM)\n",
        "The 744 songs with ids up to 1000 were annotated in another year than the rest. How "
        "rough a curve is tells the year, and so do the acoustic columns: pairs can be matched by "
        "year. Ranking within the query's own collection takes that away, and with it nearly all "
        "that an encoder which reads roughness had won: there it is no better than the shipped "
        "recipe, which reads none.\n",
        _table(figures, YEAR),
        "",
    ]
    return "\n".join(parts)


def _table(figures: Mapping[str, Mapping[str, Figures]], lines: tuple[Line, ...]) -> str:
    rows = ["| | M2E MRR | M2E AR/N | E2M MRR | E2M AR/N |", "|---|---|---|---|---|"]
    for label, run, name in lines:
        dataset, feature_set = run.split("/", 1)
        found = figures.get(dataset, {}).get(feature_set, {}).get(name)
        if found is not None:
            rows.append(f"| {label} | {_cells(found)} |")
    return "\n".join(rows)


def _cells(sides: Mapping[str, Mapping[str, float]]) -> str:
    pairs = (sides["m2e"], sides["e2m"])
    return " | ".join(f"{side['mrr']:.3f} | {side['ar_fraction']:.3f}" for side in pairs)
