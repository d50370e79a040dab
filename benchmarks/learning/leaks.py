"""`docs/benchmarks/leaks.md`: how much of published retrieval scores is not emotion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model.learning.datasets import WITH_LEVEL

Figures = Mapping[str, Any]

Line = tuple[str, str, str]
"""What a row shows, the run it comes from (`<dataset>/<feature set>`), and its name there."""

DEAM_31, DEAM_33 = "deam/descriptors_level", "deam/descriptors33_level"
TEXTURE, SMOOTHED, NETWORKS = (f"{DEAM_31}/{name}" for name in ("texture", "smoothed", "networks"))
PMEMO = "pmemo/gemaps_essentia_level"
PMEMO_CUT = f"{PMEMO}/common_length"
"""Runs of this page, on columns with level: where a leak comes from does not depend on it."""

MATRIX: tuple[Line, ...] = (
    ("DEAM, preset `texture`, rightly oriented", TEXTURE, "composite"),
    (
        "DEAM, preset `texture`, transposed",
        TEXTURE,
        "composite_transposed",
    ),
    (
        "DEAM, shipped recipe on columns with level, rightly oriented",
        DEAM_33,
        "composite",
    ),
    (
        "DEAM, shipped recipe on columns with level, transposed",
        DEAM_33,
        "composite_transposed",
    ),
    ("DEAM, the same on 31 columns, rightly oriented", DEAM_31, "composite"),
    ("DEAM, the same on 31 columns, transposed", DEAM_31, "composite_transposed"),
    ("DEAM, preset `networks`, rightly oriented", NETWORKS, "composite"),
    (
        "DEAM, preset `networks`, transposed",
        NETWORKS,
        "composite_transposed",
    ),
    ("PMEmo, composite, rightly oriented", PMEMO, "composite"),
    ("PMEmo, the same model, transposed", PMEMO, "composite_transposed"),
)
LENGTH: tuple[Line, ...] = (
    ("equal length alone, no model at all", PMEMO, "length_only"),
    ("composite, encoders that cannot see length", PMEMO, "composite"),
    (
        "composite, all curves cut to 7.5 s",
        PMEMO_CUT,
        "composite",
    ),
    ("equal length, after that cut", PMEMO_CUT, "length_only"),
    ("chance", PMEMO, "chance"),
)
YEAR: tuple[Line, ...] = (
    ("reads roughness (`texture`), all candidates", TEXTURE, "composite"),
    (
        "the same, own collection only",
        TEXTURE,
        "composite_within_collection",
    ),
    ("`texture`, all curves smoothed alike", SMOOTHED, "composite"),
    (
        "the same, own collection only",
        SMOOTHED,
        "composite_within_collection",
    ),
    ("shipped recipe on columns with level, all candidates", DEAM_33, "composite"),
    (
        "shipped recipe on columns with level, own collection only",
        DEAM_33,
        "composite_within_collection",
    ),
    ("the same on 31 columns, all candidates", DEAM_31, "composite"),
    (
        "the same on 31 columns, own collection only",
        DEAM_31,
        "composite_within_collection",
    ),
    ("preset `networks`, all candidates", NETWORKS, "composite"),
    (
        "preset `networks`, own collection only",
        NETWORKS,
        "composite_within_collection",
    ),
    ("ridge, all candidates", DEAM_31, "ridge"),
    ("ridge, own collection only", DEAM_31, "ridge_within_collection"),
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
        *_level(figures.get("studies", {}).get("level_confounder", {})),
        *_labels(figures.get("studies", {}).get("exchanged_labels", {})),
        "",
    ]
    return "\n".join(parts)


def _level(scores: Figures) -> list[str]:
    """R2 under random gains, by what the model reads."""
    if not scores:
        return []
    rows = [
        f"| {'reads level' if name.endswith(WITH_LEVEL) else 'level-free (ships)'} | {gain} | "
        f"{pair['arousal']:.3f} | {pair['valence']:.3f} |"
        for name, by_gain in scores.items()
        for gain, pair in by_gain.items()
    ]
    return [
        "\n## Level (DEAM)\n",
        "How loud a song was mastered tells a third of the variance of arousal in DEAM. The test "
        "songs are made louder and softer at random (standard deviation in dB); a model that "
        "reads level falls with it, one that reads none cannot. Mean of three divisions; files "
        "themselves: `level.md`.\n",
        "| | gain, dB | R2 arousal | R2 valence |",
        "|---|---|---|---|",
        *rows,
    ]


def _labels(study: Figures) -> list[str]:
    """The exchanged static table, and our figures on the division that is reported on it."""
    if not study:
        return []
    correlations = [
        f"| {name} | {pair['arousal']:+.3f} | {pair['valence']:+.3f} |"
        for name, pair in study["correlations"].items()
    ]
    scores = [
        f"| {name} | {pair['arousal']:.3f} | {pair['valence']:.3f} |"
        for name, pair in study["r2"].items()
    ]
    return [
        "\n## Exchanged labels (DEAM's static table, Music2Emo)\n",
        "The static table has arousal and valence exchanged for the first collection, as its "
        "correlation with the dynamic annotations of the same songs shows:\n",
        "| | dynamic arousal | dynamic valence |",
        "|---|---|---|",
        *correlations,
        f"\nMusic2Emo reads that table. Of its {study['test_songs']} test songs "
        f"{study['of the first collection']} are of the first collection, and "
        f"{study['training songs of emomusic']} are training songs of its emoMusic part. Our "
        "recipe, trained on the division's training songs, with a regression head for either "
        f"labelling ({study['with all columns']} of the test songs have all columns; Music2Emo "
        "prints R2 .518 for valence and .623 for arousal):\n",
        "| | R2 arousal | R2 valence |",
        "|---|---|---|",
        *scores,
    ]


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
