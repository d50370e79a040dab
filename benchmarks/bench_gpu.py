"""Everything that a GPU does, beside the processor in the same run: `make bench-gpu`.

    python -m benchmarks.bench_gpu [--minutes 8] [--rows 1000000 10000000] [--data DIR] [--write]
    python -m benchmarks.bench_gpu --paper [--minutes 60] [--state FILE]

Says so and exits 0 where no GPU is at hand. Prints one JSON object; `--write` puts it into
`docs/benchmarks/gpu.json`. Exits 1 if a part is not equal to the processor within its tolerance.

- `equal`: descriptors of music, embeddings of music and emotion, and answers of the search.
- `analysis`: seconds of audio that are analysed a second, for one upload after the other.
- `search`: the best 50 of so many rows, proven, for one query and for batches; beside cells of the
  same rows while there is time to write them.
- `training`: seconds an epoch of the shipped recipe's networks, where the datasets lie here.
- `--paper`: the recipe of the paper on one division for as long as it is given. The run goes on
  where the state file stopped; at the end one epoch is done twice, once from the state on disk.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile
import torch

from benchmarks.service.catalogue import noise
from benchmarks.shared_data import data_folder
from indexer.search.additions import NOTHING_ADDED
from indexer.search.build_cells import write_cells
from indexer.search.cells import CellIndex
from indexer.search.device import DeviceScores, DeviceSearch
from indexer.search.request import RankedAnswer, Terms
from indexer.search.scope import Scope
from indexer.search.scores import Scorer
from indexer.search.searcher import CellSearch
from indexer.search.tables import Task, Wanted
from model.curves.curve import EmotionCurve
from model.embedding import Embedding
from model.emotion_model import EmotionModel
from model.learning.datasets import Dataset, load_deam
from model.learning.experiments import splits
from model.learning.recipes import Recipe, recipe_for
from model.learning.training import _Run, train
from model.scoring import ScoringParams
from model.shipped import FAST_CHECKPOINT

ROOT = Path(__file__).resolve().parents[1]
FEATURE_TOLERANCE = 1e-3  # of each descriptor, in its spread over the music; float32 sums
EMBEDDING_TOLERANCE = 1e-3  # of phi and mu, absolute, and of ln var
SCORE_TOLERANCE = 1e-9  # of answers: candidates are scored again in float64 by the processor
BEST, BATCHES = 50, (1, 16, 500)
RATE_HZ = 44_100
CELL_ROWS_A_S = 15_000  # of writing cells, at least: what is not begun because of the time left
Figures = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """How large a run is; the test's is the smallest."""

    device: str = "cuda"
    minutes: float = 8.0
    rows: tuple[int, ...] = (1_000_000, 10_000_000)
    pieces: int = 8
    piece_s: float = 180.0
    repeats: int = 5
    epochs: int = 3
    data: Path | None = None


class Rows:
    """The rows of a catalogue, each a track of its own: what an engine asks of a snapshot."""

    def __init__(self, embedding: Embedding, scoring: ScoringParams) -> None:
        count = len(embedding)
        tracks, contents = np.arange(count + 1), np.arange(count, dtype=np.int32)
        self.scores = Scorer(embedding, scoring, tracks, contents)

    def task(self, query: Embedding, terms: Terms, number: int = 0) -> Task:
        """One query, ready to be scored."""
        nothing = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32)
        asked = self.scores.ask(query, terms.scoring.kind, terms.direction)
        wanted = Wanted(terms.wanted, -1, *nothing)
        return Task(self.scores.items, asked, wanted, NOTHING_ADDED)

    def mask(self, scope: Scope) -> None:
        """Everything may be answered."""


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--rows", type=int, nargs="+", default=list(Options.rows))
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--paper", action="store_true")
    parser.add_argument("--state", type=Path, default=ROOT / "build" / "paper.state")
    chosen = parser.parse_args()
    if not torch.cuda.is_available():
        print("no GPU is at hand: torch finds no CUDA device; nothing was measured")
        return 0
    data = chosen.data if (chosen.data / "PROVENANCE.md").is_file() else None
    options = Options(minutes=chosen.minutes, rows=tuple(chosen.rows), data=data)
    if chosen.paper:
        figures: Figures = {"paper": paper(options, chosen.state)}
    else:
        figures = measure(options)
    figures["gpu"] = torch.cuda.get_device_name()
    print(json.dumps(figures, indent=1))
    if chosen.write:
        path = ROOT / "docs" / "benchmarks" / "gpu.json"
        kept = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(kept | figures, indent=1) + "\n")
    return 0 if figures.get("equal", {}).get("within", True) else 1


def measure(options: Options) -> Figures:
    """All parts but the paper's recipe, in the order of their worth while time is left."""
    ends = time.monotonic() + 60.0 * options.minutes
    figures: Figures = {}
    with TemporaryDirectory() as folder:
        pieces = compose(Path(folder), options.pieces, options.piece_s)
        devices = {"processor": "cpu", "gpu": options.device}
        models = {name: EmotionModel.load(FAST_CHECKPOINT, each) for name, each in devices.items()}
        figures["equal"] = equal(models, pieces, options.device)
        figures["analysis"] = {each: speed(model, pieces) for each, model in models.items()}
    figures["search"] = {
        str(rows): search(models["processor"], rows, options, ends)
        for rows in options.rows
        if time.monotonic() < ends
    }
    enough = options.data is not None and time.monotonic() < ends
    figures["training"] = training(options) if enough else "not measured: no datasets or no time"
    return figures


def compose(folder: Path, count: int, duration_s: float) -> list[Path]:
    """Chords of tones that swell and stop, over noise: files that every descriptor reacts to."""
    paths = [folder / f"{number}.wav" for number in range(count)]
    for number, path in enumerate(paths):
        draws = np.random.default_rng(number)
        t_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
        beat = np.exp(-4.0 * (t_s % draws.uniform(0.3, 1.0)))
        tones = [np.sin(2.0 * np.pi * hz * t_s) for hz in 110.0 * 2.0 ** draws.uniform(0, 4, 5)]
        sound = 0.1 * beat * np.sum(tones, axis=0) + 0.01 * draws.normal(size=len(t_s))
        soundfile.write(path, sound * np.linspace(0.2, 1.0, len(t_s)), RATE_HZ)
    return paths


def equal(models: dict[str, EmotionModel], pieces: list[Path], device: str) -> Figures:
    """How far the device's numbers lie from the processor's, in units of their tolerances."""
    rows = {
        each: np.concatenate([model.analyse(piece).window_features for piece in pieces])
        for each, model in models.items()
    }
    spread = rows["processor"].std(axis=0) + 1e-9
    features = float((np.abs(rows["gpu"] - rows["processor"]) / spread).max())
    places = np.random.default_rng(1).uniform(-1.0, 1.0, (64, 2)).tolist()
    curves = [EmotionCurve.constant(*place, 30.0) for place in places]
    music = [model.embed_analyses(rows["processor"]) for model in models.values()]
    emotion = [model.embed_emotion(curves) for model in models.values()]
    embedding = max(_difference(*music), _difference(*emotion))
    found = {
        "features": features / FEATURE_TOLERANCE,
        "embedding": embedding / EMBEDDING_TOLERANCE,
        "scores": _answers_differ(models["processor"], music[0], emotion[0], device)
        / SCORE_TOLERANCE,
    }
    return {**found, "within": all(value <= 1.0 for value in found.values())}


def _difference(one: Embedding, other: Embedding) -> float:
    pairs = ((one.phi, other.phi), (one.mu, other.mu), (np.log(one.var), np.log(other.var)))
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def _answers_differ(
    model: EmotionModel, music: Embedding, emotion: Embedding, device: str
) -> float:
    """Largest difference between a device's answers and scores of everything; 1 for other rows."""
    at = Rows(music, model.scoring)
    engine = _on_device(at, music, model.scoring, device)
    everything, worst = np.arange(len(music)), 0.0
    for kind in ("gaussian", "paper"):
        terms = _terms(model.scoring.with_kind(kind), min(BEST, len(music)))
        for q, (ranked, exact) in enumerate(engine.answers(emotion, terms)):
            asked = at.scores.ask(emotion[q : q + 1], kind, "e2m")
            best = np.sort(at.scores.score(asked, everything)[0])[::-1][: len(ranked.rows)]
            worst = max(worst, float(np.abs(ranked.scores[:, 0] - best).max()), 1.0 - float(exact))
    return worst


def _terms(scoring: ScoringParams, wanted: int) -> Terms:
    scope = Scope("segment", None, np.empty(0, dtype=np.int64), narrowed=False)
    return Terms(wanted, scoring, "e2m", None, scope)


def _on_device(at: Rows, rows: Embedding, scoring: ScoringParams, device: str) -> DeviceSearch:
    scores = DeviceScores(rows, scoring, device)
    return DeviceSearch(scores, at, at)  # type: ignore[arg-type]


def speed(model: EmotionModel, pieces: list[Path]) -> Figures:
    """Seconds of audio a second: decoded, described and embedded, one file after the other."""
    model.embed_segments(model.analyse(pieces[0]))  # the first one waits for the device
    begun, audio_s = time.perf_counter(), 0.0
    for piece in pieces:
        analysis = model.analyse(piece)
        model.embed_segments(analysis)
        audio_s += analysis.duration_s
    return {"times_real_time": round(audio_s / (time.perf_counter() - begun), 1)}


def search(model: EmotionModel, count: int, options: Options, ends: float) -> Figures:
    """Median milliseconds of a call for each size of batch, on the device and in cells."""
    rows, _, _ = noise(model, count)
    scoring = model.scoring
    at = Rows(rows, scoring)
    places = np.random.default_rng(2).uniform(-0.8, 0.8, (max(BATCHES), 2)).tolist()
    asked = model.embed_emotion([EmotionCurve.constant(*place, 30.0) for place in places])
    engine, terms = _on_device(at, rows, scoring, options.device), _terms(scoring, BEST)
    found: Figures = {"device": _times(lambda q: engine.answers(q, terms), asked, options.repeats)}
    if ends - time.monotonic() < len(rows) / CELL_ROWS_A_S:
        found["cells"] = "not measured: writing them takes longer than the time left"
        return found
    with TemporaryDirectory() as name:
        write_cells(Path(name), rows, np.ones(len(rows), dtype=np.bool_), scoring, asked)
        index = CellIndex(Path(name), len(rows))
        cells = CellSearch(index, at, {}, at)  # type: ignore[arg-type]
        found["cells"] = _times(lambda q: cells.answers(q, terms), asked, options.repeats)
        ours, theirs = (each.answers(asked[:16], terms) for each in (engine, cells))
        found["alike"] = all(_alike(a, b) for a, b in zip(ours, theirs, strict=True))
    return found


def _alike(one: RankedAnswer, other: RankedAnswer) -> bool:
    return bool(np.allclose(one[0].scores, other[0].scores, rtol=0.0, atol=SCORE_TOLERANCE))


def _times(answer: Callable[[Embedding], Any], asked: Embedding, repeats: int) -> Figures:
    figures: Figures = {}
    for batch in BATCHES:
        times_s = []
        for _ in range(repeats + 1):  # the first one warms up
            begun = time.perf_counter()
            answer(asked[:batch])
            times_s.append(time.perf_counter() - begun)
        figures[f"{batch}_ms"] = round(1e3 * float(np.median(times_s[1:])), 3)
    return figures


def training(options: Options) -> Figures:
    """Seconds an epoch of the shipped recipe's networks, on the processor and on the device."""
    data = load_deam(options.data or data_folder())
    recipe = recipe_for("default", data)
    config = replace(recipe.training, epochs=options.epochs)
    figures: Figures = {}
    for name, device in (("processor", "cpu"), ("gpu", options.device)):
        begun = time.perf_counter()
        train(data, recipe.shape, config, device=device)
        figures[name] = {"epoch_s": round((time.perf_counter() - begun) / options.epochs, 3)}
    return figures


def paper(options: Options, state: Path) -> Figures:
    """The paper's recipe on one division for as long as it is given."""
    if options.data is None:
        return {"not measured": "the datasets are missing: --data"}
    data = load_deam(options.data)
    recipe = recipe_for("paper", data)
    return continued(next(splits(data, 1)).train, recipe, options, state)


def continued(part: Dataset, recipe: Recipe, options: Options, state: Path) -> Figures:
    """Train on from a state until the time is over, one epoch at least; then check the state.

    Args:
        part: The training songs.
        recipe: What is trained.
        options: The device, and for how long.
        state: File to go on from, if it is there, and to write to.
    """
    run = _Run(part, recipe.shape, recipe.training, options.device)
    if state.is_file():
        run.restore(state)
    begun, first, seconds = time.perf_counter(), len(run.losses), 60.0 * options.minutes
    while len(run.losses) == first or (
        len(run.losses) < run.config.epochs and time.perf_counter() - begun < seconds
    ):
        run.losses.append(run.epoch())
    took_s, count = time.perf_counter() - begun, len(run.losses)
    run.save(state)
    expected = run.epoch()
    again = _Run(part, recipe.shape, recipe.training, options.device)
    again.restore(state)
    return {
        "epochs": count,
        "of": run.config.epochs,
        "epoch_s": round(took_s / (count - first), 4),
        "loss": run.losses[-1],
        "resumed_bit_for_bit": again.epoch() == expected,
    }


if __name__ == "__main__":
    sys.exit(main())
