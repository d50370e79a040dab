"""`circumplex train` and `circumplex evaluate`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.commands.common import emit, notes

if TYPE_CHECKING:
    from model.learning.commands import AudioOptions

Tables = Annotated[
    Path,
    typer.Option("--tables", envvar="CIRCUMPLEX_SHARED_DATA", help="Folder of the dataset tables."),
]
Dataset = Annotated[str, typer.Option(help="deam, emomusic or pmemo.")]
Preset = Annotated[str, typer.Option(help="default, networks, paper or attention.")]
FeatureSet = Annotated[
    str | None, typer.Option(help="Columns to use. \\[default: the dataset's usual ones]")
]
Epochs = Annotated[int | None, typer.Option(help="Epochs. \\[default: the preset's]")]

AudioFolder = Annotated[
    Path | None,
    typer.Option("--audio", help="DEAM's or PMEmo's folder with the clips: music from audio."),
]
FrontendName = Annotated[
    str,
    typer.Option(
        "--frontend",
        help="With --audio: vggish, vggish-pca, descriptors34 or descriptors34+musicnn.",
    ),
]
Weights = Annotated[Path | None, typer.Option(help="VGGish's weights. \\[default: fetched before]")]
WeightsHash = Annotated[
    str | None, typer.Option("--weights-sha256", help="Their SHA-256. \\[default: the published]")
]

Told = Callable[[str, int, int], None]  # stage, steps that are done, steps in all


def train(
    tables: Tables,
    out: Annotated[Path, typer.Option(help="The checkpoint to write.")] = Path(
        "circumplex.safetensors"
    ),
    dataset: Dataset = "deam",
    preset: Preset = "default",
    feature_set: FeatureSet = None,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal files.")] = 0,
    epochs: Epochs = None,
    state: Annotated[
        Path | None, typer.Option(help="Resume from here, and keep the state here.")
    ] = None,
    audio: AudioFolder = None,
    frontend: FrontendName = "vggish",
    weights: Weights = None,
    weights_sha256: WeightsHash = None,
) -> None:
    """Train a model on a dataset and write a checkpoint."""
    from model.learning.commands import TrainOptions, train_command

    options = TrainOptions(
        out=out,
        data_dir=tables,
        dataset=dataset,
        preset=preset,
        feature_set=feature_set,
        seed=seed,
        epochs=epochs,
        state=state,
        audio=audio_options(audio, frontend, weights, weights_sha256),
    )
    with learning_bar() as told:
        summary = train_command(options, told)
    notes.print(summary.describe(), highlight=False, markup=False)


def evaluate(
    tables: Tables,
    dataset: Dataset = "deam",
    preset: Preset = "default",
    feature_set: FeatureSet = None,
    splits: Annotated[int, typer.Option(help="Random divisions, 80 % to train.")] = 10,
    seed: Annotated[int, typer.Option(help="Shifts the divisions.")] = 0,
    epochs: Epochs = None,
    family: Annotated[
        list[str] | None,
        typer.Option(help="Rows beside the composite: cca, kl, cos, baselines. \\[default: all]"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON.")] = False,
    audio: AudioFolder = None,
    frontend: FrontendName = "vggish",
    weights: Weights = None,
    weights_sha256: WeightsHash = None,
) -> None:
    """Train and test on random divisions of a dataset, beside the baselines."""
    from model.learning.commands import EvaluateOptions, evaluate_command
    from model.learning.experiments import FAMILIES

    options = EvaluateOptions(
        data_dir=tables,
        dataset=dataset,
        preset=preset,
        feature_set=feature_set,
        splits=splits,
        seed=seed,
        epochs=epochs,
        families=tuple(family) if family else tuple(FAMILIES),
        audio=audio_options(audio, frontend, weights, weights_sha256),
    )
    with learning_bar() as told:
        report = evaluate_command(options, told)
    if as_json:
        emit(json.dumps(report.to_dict(), indent=2))
    else:
        notes.print(report.describe(), highlight=False, markup=False)


def audio_options(
    folder: Path | None, frontend: str, weights: Path | None, sha256: str | None
) -> AudioOptions | None:
    """What --audio and its companions say; None without --audio."""
    from model.frontends.vggish import WEIGHTS_SHA256
    from model.learning.commands import AudioOptions

    if folder is None:
        return None
    return AudioOptions(folder, frontend, weights, sha256 or WEIGHTS_SHA256)


@contextmanager
def learning_bar() -> Iterator[Told]:
    """A progress bar on standard error, one line a stage."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=notes) as progress:
        tasks = {}

        def told(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total)
            progress.update(tasks[stage], completed=done, total=total)

        yield told
