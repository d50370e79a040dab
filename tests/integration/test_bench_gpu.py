"""The benchmark of a GPU in its smallest form, with the processor in the place of the GPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import bench_gpu
from benchmarks.bench_gpu import Options, continued, equal, measure
from model.learning.recipes import Recipe
from tests.conftest import REPOSITORY
from tests.unit.model.learning.test_training import FIT, QUICK, SHAPE, songs

SMALLEST = Options("cpu", minutes=5.0, rows=(2000,), pieces=1, piece_s=40.0, repeats=1, epochs=1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is at hand: it would be measured")
def test_without_a_gpu_it_says_so_and_succeeds() -> None:
    """`make bench-gpu` can be called anywhere."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench_gpu"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "no GPU is at hand" in done.stdout


def test_every_part_runs_and_finds_the_processor_equal_to_itself() -> None:
    """Frontend, embeddings and answers are compared, then everything is timed."""
    figures = measure(SMALLEST)

    assert figures["equal"]["within"]
    assert figures["analysis"]["gpu"]["times_real_time"] > 0
    found = figures["search"]["2000"]
    assert found["alike"]
    assert found["device"].keys() == found["cells"].keys() == {"1_ms", "16_ms", "500_ms"}


def test_a_difference_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A device that is off by more than the tolerance is not called equal."""
    pieces = bench_gpu.compose(tmp_path, 1, 20.0)
    right = bench_gpu.EmotionModel.load(bench_gpu.FAST_CHECKPOINT, "cpu")
    wrong = bench_gpu.EmotionModel.load(bench_gpu.FAST_CHECKPOINT, "cpu")
    embed = wrong.embed_analyses

    def off(features: object) -> object:
        music = embed(features)  # type: ignore[arg-type]
        return type(music)(music.phi + 0.1, music.mu, music.var)

    monkeypatch.setattr(wrong, "embed_analyses", off)

    assert not equal({"processor": right, "gpu": wrong}, pieces, "cpu")["within"]


def test_training_goes_on_from_its_state(tmp_path: Path) -> None:
    """One epoch more each time, each the same from the state on disk."""
    recipe, state = Recipe(SHAPE, QUICK, FIT), tmp_path / "state"
    options = Options("cpu", minutes=0.0)

    found = [continued(songs(96), recipe, options, state) for _ in range(2)]

    assert [figures["epochs"] for figures in found] == [1, 2]
    assert all(figures["resumed_bit_for_bit"] for figures in found)
