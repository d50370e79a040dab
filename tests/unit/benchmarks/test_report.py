"""The benchmark's report: resumable runs, means over splits, and the documented JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.learning.benchmark import Run, measure, read_run, run_benchmark, split_path
from benchmarks.learning.leaks import leaks_page
from benchmarks.learning.report import aggregate, paired, studies_section, write_report
from benchmarks.learning.studies import annotator_ceiling
from model.learning.augmentation import NO_AUGMENTATION
from model.learning.datasets import Dataset
from model.learning.experiments import (
    ALTERATIONS,
    Split,
    five_keyframes,
    ridge_retrieval,
)
from model.learning.recipes import PRESETS, recipe, recipe_id


def row(mrr: float, ar: float) -> dict[str, dict[str, float]]:
    side = {"mrr": mrr, "ar": ar, "ar_fraction": ar / 100}
    return {"m2e": side, "e2m": side}


def measured(*composites: float) -> list[dict[str, object]]:
    return [
        {
            "composite": row(0.1, ar),
            "kl": row(0.05, ar + 5 + 0.1 * i),
            "r2": {"arousal": 0.6 + 0.1 * i, "valence": 0.4},
        }
        for i, ar in enumerate(composites)
    ]


DEAM = Run("deam/descriptors_level", "deam", "descriptors_level", "default", ("kl",))


def keep(cache: Path, rows: list[dict[str, object]], old: tuple[int, ...] = ()) -> None:
    """Splits of DEAM as a benchmark keeps them, those in `old` with another recipe's composite."""
    chosen = recipe("default", 31)
    for number, figures in enumerate(rows):
        path = split_path(cache, DEAM.name, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        families = {}
        for family in ("composite", "kl"):
            name = "0ld" if number in old and family == "composite" else recipe_id(chosen, family)
            own = {row: figures[row] for row in figures if (row == "kl") == (family == "kl")}
            families[family] = {"recipe": name, "columns": 31, "rows": own}
        path.write_text(json.dumps(families))


def test_means_and_sample_deviations_by_hand() -> None:
    """ARs 10 and 14: mean 12, sample standard deviation sqrt(8)."""
    figures = aggregate(measured(10.0, 14.0))

    assert figures["composite"]["m2e"]["ar"] == 12.0
    assert figures["composite"]["m2e"]["ar_sd"] == pytest.approx(8**0.5, abs=1e-4)
    assert figures["composite"]["e2m"]["ar_fraction"] == 0.12
    assert figures["r2"] == {"arousal": 0.65, "valence": 0.4}


def test_a_paired_test_sees_a_small_steady_difference() -> None:
    """Splits differ by 20 ranks, the methods by 5: paired, that is significant."""
    result = paired(measured(10.0, 30.0, 20.0, 25.0), "composite", "kl", "ar")

    difference, p = result["m2e"]
    assert difference == pytest.approx(-5.15)
    assert p < 0.001


def test_a_paired_test_refuses_a_single_split() -> None:
    """One division has no spread."""
    with pytest.raises(ValueError, match="at least 2 splits, not 1"):
        paired(measured(10.0), "composite", "kl")


def test_the_json_has_dataset_feature_set_row_and_direction(tmp_path: Path) -> None:
    """Readers find figures by these keys; interrupted runs leave rows out, not the report."""
    rows = measured(10.0, 14.0)
    del rows[1]["kl"]
    keep(tmp_path / "cache", rows)
    figures = write_report(tmp_path / "cache", tmp_path / "out")
    written = json.loads((tmp_path / "out" / "emer.json").read_text())

    assert written == figures
    assert set(written["deam"]["descriptors_level"]["composite"]["m2e"]) == {
        "mrr",
        "mrr_sd",
        "ar",
        "ar_sd",
        "ar_fraction",
    }
    assert written["deam"]["descriptors_level"]["kl"]["m2e"]["ar"] == 15.0
    assert "| composite | 0.1000 ± 0.0000 | 12.0" in (tmp_path / "out" / "emer.md").read_text()
    assert "| kl (divisions: 1) | " in (tmp_path / "out" / "emer.md").read_text()
    assert "0.120" in (tmp_path / "out" / "leaks.md").read_text()


def test_what_was_not_repeated_stays(tmp_path: Path) -> None:
    """Figures and sections of other runs are those that were written before."""
    rows = measured(10.0, 14.0)
    del rows[1]["kl"]
    keep(tmp_path / "cache", rows)
    first = write_report(tmp_path / "cache", tmp_path / "out")
    page = (tmp_path / "out" / "emer.md").read_text()

    again = write_report(tmp_path / "empty", tmp_path / "out")

    assert again == first
    assert (tmp_path / "out" / "emer.md").read_text() == page


def test_levels_and_labels_are_told_among_the_leaks() -> None:
    """Each study as a table of its own."""
    pair = {"arousal": 0.71, "valence": 0.5}
    studies = {
        "level_confounder": {"descriptors33_level": {"0": pair, "9": pair}},
        "exchanged_labels": {
            "correlations": {"static arousal, first collection": pair},
            "r2": {"trained on labels as read, judged by labels put right": pair},
            "test_songs": 270,
            "of the first collection": 113,
            "training songs of emomusic": 66,
            "with all columns": 262,
        },
    }

    text = leaks_page({"studies": studies})

    assert "| reads level | 9 | 0.710 | 0.500 |" in text
    assert "| static arousal, first collection | +0.710 | +0.500 |" in text
    assert "270 test songs 113" in text


def test_studies_are_shown_as_tables() -> None:
    """What predicts mean emotion, how long a run takes, and what more songs would give."""
    pair = {"arousal": 0.71, "valence": 0.5}
    side = {"mrr": 0.08, "ar_fraction": 0.18}
    text = studies_section(
        {
            "r2_10_fold_deam": {"head": pair, "features": {"arousal": 0.69, "valence": 0.47}},
            "run_times": {
                "train": 9.1,
                "train_and_cross_fit": 20.0,
                "embed_and_rank": 0.25,
                "songs": 1395,
                "candidates": 349,
            },
            "sweeps": {"median cosine of the top 5 %": {"m2e": 0.2, "e2m": 0.8}},
            "learning_curve": {"174": {"m2e": side, "e2m": side}},
        }
    )

    assert "| DEAM, preset `default` | regression head of the checkpoint | 0.710 | 0.500 |" in text
    assert "| DEAM, preset `default` | SVR on features | 0.690 | 0.470 |" in text
    assert "1395 songs take 9.1 s" in text
    assert "M2E 0.200, E2M 0.800" in text
    assert "| 174 | 0.080 | 0.180 | 0.080 | 0.180 |" in text


def small(count: int = 40) -> Dataset:
    rng = np.random.default_rng(0)
    curves = rng.uniform(-0.5, 0.5, size=(count, 1, 2)) + 0.01 * rng.normal(size=(count, 60, 2))
    return Dataset(
        name="deam",
        song_ids=np.arange(count) * 50,
        features=rng.normal(size=(count, 3)).astype(np.float32),
        feature_names=("a", "b", "c"),
        curves=curves.astype(np.float32),
        lengths=np.full(count, 60, dtype=np.int64),
    )


def test_deam_rows_are_also_measured_within_collections() -> None:
    """The query's own collection has about half the candidates, so average ranks fall."""
    data = small()
    figures = measure(Split(0, data, data), {"ridge": ridge_retrieval(data, data)})

    assert figures["ridge_within_collection"]["m2e"]["ar"] <= figures["ridge"]["m2e"]["ar"]


def test_a_finished_family_is_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted benchmark goes on where it stopped."""
    monkeypatch.setattr("benchmarks.learning.benchmark.load", lambda *_: small())
    calls: list[str] = []

    def fake(split: Split, chosen: object, family: str) -> dict[str, object]:
        calls.append(f"{family} {split.number}")
        return measured(10.0)[0] if family == "composite" else {}

    monkeypatch.setattr("benchmarks.learning.benchmark.measure_family", fake)
    run_benchmark(DEAM, tmp_path, tmp_path, 2, lambda _: None)
    table = run_benchmark(DEAM, tmp_path, tmp_path, 3, lambda _: None)

    assert calls == ["composite 0", "composite 1", "kl 0", "kl 1", "composite 2", "kl 2"]
    assert len(read_run(tmp_path, DEAM)) == 3
    assert table.startswith("composite")


def test_figures_of_another_recipe_never_enter_a_table(tmp_path: Path) -> None:
    """The old split is left out; means, counts and the recipe's id are those of the others."""
    rows = measured(10.0, 99.0, 14.0)
    del rows[0]["kl"]
    keep(tmp_path / "cache", rows, old=(1,))
    figures = write_report(tmp_path / "cache", tmp_path / "out")
    text = (tmp_path / "out" / "emer.md").read_text()

    assert figures["deam"]["descriptors_level"]["composite"]["m2e"]["ar"] == 12.0
    expected = recipe_id(recipe("default", 31), "composite")
    assert f"(preset `default`, 2 divisions, recipe `{expected}`)" in text


def test_figures_of_another_recipe_are_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the family whose recipe changed is run."""
    monkeypatch.setattr(
        "benchmarks.learning.benchmark.load", lambda *_: replace(small(), name="deam")
    )
    chosen = recipe("default", 3)
    path = split_path(tmp_path, DEAM.name, 0)
    path.parent.mkdir(parents=True)
    parts = {
        family: {"recipe": name, "columns": 3, "rows": measured(10.0)[0]}
        for family, name in (("composite", "0ld"), ("kl", recipe_id(chosen, "kl")))
    }
    path.write_text(json.dumps(parts))
    calls: list[str] = []

    def fake(split: Split, chosen: object, family: str) -> dict[str, object]:
        calls.append(family)
        return measured(10.0)[0]

    monkeypatch.setattr("benchmarks.learning.benchmark.measure_family", fake)
    run_benchmark(DEAM, tmp_path, tmp_path, 1, lambda _: None)

    assert calls == ["composite"]


@pytest.mark.parametrize(
    ("family", "part", "changes"),
    [
        ("composite", "fit", True),
        ("kl", "fit", False),
        ("kl", "training", True),
        ("baselines", "training", False),
    ],
)
def test_an_id_names_what_decides_a_familys_figures(family: str, part: str, changes: bool) -> None:
    """What is trained on KL alone needs no cross-fit, and baselines no recipe."""
    chosen = recipe("default", 31)
    other = replace(chosen, **{part: replace(getattr(chosen, part), seed=5)})

    assert (recipe_id(chosen, family) != recipe_id(other, family)) == changes


@pytest.mark.parametrize(("name", "frames"), [("cut_15s", 30), ("stretched_60s", 120)])
def test_altered_curves_have_their_length_and_keep_their_mean(name: str, frames: int) -> None:
    """Only duration changes, hardly the level."""
    data = small()
    altered = ALTERATIONS[name](data)

    assert set(altered.lengths) == {frames}
    assert altered.curves.shape[1] == frames
    np.testing.assert_allclose(altered.mean_emotion, data.mean_emotion, atol=0.01)


def test_five_keyframes_make_straight_pieces() -> None:
    """Between keyframes the second difference vanishes, at most at 8 of 58 frames it does not."""
    bends = np.abs(np.diff(five_keyframes(small(3)).curves, n=2, axis=1)) > 1e-6

    assert bends.sum(axis=1).max() <= 8


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_describes_a_model(preset: str) -> None:
    """Seeds and epochs can be set on each."""
    chosen = recipe(preset, 31).with_seed(5).with_epochs(7)

    assert (chosen.training.seed, chosen.fit.seed, chosen.training.epochs) == (5, 5, 7)
    assert chosen.shape.features == 31


def test_the_paper_preset_is_section_iv_c() -> None:
    """Sizes, margin, lambda, optimiser and schedule as printed."""
    chosen = recipe("paper", 128)

    assert chosen.shape.music.hidden == (256, 512, 512, 1024, 1024)
    assert chosen.shape.emotion.recurrent == 512
    training = chosen.training
    assert (training.margin, training.lam, training.learning_rate) == (1.0, 0.6, 1e-5)
    assert (training.epochs, training.ranking, training.schedule) == (5001, "hinge", "constant")
    assert training.augmentation == replace(NO_AUGMENTATION)


def test_more_annotators_raise_the_ceiling(shared_data: Path) -> None:
    """Less noise in the mean, so more of it can be predicted and found; nothing exceeds 1."""
    panels = annotator_ceiling(shared_data)
    limits = [panels[str(size)]["r2"]["valence"] for size in (5, 10, 20)]
    found = [panels[str(size)]["retrieval_by_level"]["mrr"] for size in (5, 10, 20)]

    assert limits == sorted(limits)
    assert 0.4 < limits[0] < limits[-1] < 1.0
    assert found == sorted(found)


def test_the_default_preset_scores_with_a_fixed_lambda() -> None:
    """The folds' halves of the songs do not choose it, see ADR 71."""
    assert recipe("default", 31).fit.gaussian_lambdas == (0.7,)
    assert len(recipe("paper", 31).fit.gaussian_lambdas) == 11
