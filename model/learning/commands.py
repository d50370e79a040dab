"""What `circumplex train` and `circumplex evaluate` call. No argument parsing, no printing.

Signatures:
    train_command(options: TrainOptions, progress: Progress = no_progress) -> TrainSummary
    evaluate_command(options: EvaluateOptions, progress: Progress = no_progress) -> EvaluationReport
    Progress = Callable[[stage: str, done: int, total: int], None]

`TrainSummary.describe()` and `EvaluationReport.describe()` are texts for a terminal;
`EvaluationReport.to_dict()` is plain data for JSON. Errors are `model.errors.ModelError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.checkpoint import save_checkpoint
from model.errors import DatasetError
from model.frontends import VGGISH_NAMES, Frontend, get_frontend
from model.frontends.vggish import PCA_URL, WEIGHTS_SHA256, Vggish, kept_path
from model.learning.audio_datasets import load_audio
from model.learning.datasets import SHIPPED_FEATURES, Dataset, load
from model.learning.experiments import FAMILIES, Outcome, run_split, splits
from model.learning.fitting import Fitted, fit
from model.learning.plots import save_loss_plot
from model.learning.recipes import Recipe, recipe_for
from model.learning.results import Summary, summarise
from model.learning.shipping import make_checkpoint
from model.learning.training import Progress, no_progress, one_thread

__all__ = [
    "AudioOptions",
    "EvaluateOptions",
    "EvaluationReport",
    "TrainOptions",
    "TrainSummary",
    "evaluate_command",
    "train_command",
]

DEFAULT_FEATURES: Mapping[str, str] = {
    "deam": SHIPPED_FEATURES,
    "emomusic": "convnet",
    "pmemo": "gemaps_essentia",
}


@dataclass(frozen=True)
class AudioOptions:
    """Music from audio instead of tables.

    Attributes:
        folder: DEAM or PMEmo as its authors distribute it.
        frontend: `descriptors`, `descriptors33`, `vggish` or `vggish-pca`.
        weights: VGGish's weights; None: where an earlier fetch left them.
        weights_sha256: First digits of their SHA-256.
    """

    folder: Path
    frontend: str = "vggish"
    weights: Path | None = None
    weights_sha256: str = WEIGHTS_SHA256

    def load_frontend(self) -> Frontend:
        """The frontend, with the weights it needs.

        Raises:
            DatasetError: No frontend has that name.
            CheckpointError: Its weights are missing or damaged.
        """
        if self.frontend in VGGISH_NAMES:
            pca = kept_path(PCA_URL) if self.frontend == "vggish-pca" else None
            return Vggish.load(self.weights, pca, weights_sha256=self.weights_sha256)
        try:
            return get_frontend(self.frontend)
        except ValueError as exc:
            raise DatasetError(str(exc)) from exc


@dataclass(frozen=True)
class TrainOptions:
    """Options of `circumplex train`.

    Attributes:
        out: The checkpoint to write; a loss plot `<out stem>-loss.png` is written beside it.
        data_dir: Folder of the dataset tables.
        dataset: `deam`, `emomusic` or `pmemo`.
        preset: `default`, `networks`, `paper` or `attention`.
        feature_set: Columns to train on; None: the dataset's usual ones.
        seed: Fixes everything random: equal seeds give equal files on one machine.
        epochs: None: the preset's.
        state: Training state to resume from and to write to, removed on success; None: none.
        audio: Music from audio; None: from the tables.
    """

    out: Path
    data_dir: Path
    dataset: str = "deam"
    preset: str = "default"
    feature_set: str | None = None
    seed: int = 0
    epochs: int | None = None
    state: Path | None = None
    audio: AudioOptions | None = None


@dataclass(frozen=True)
class TrainSummary:
    """What a training run made.

    Attributes:
        checkpoint: The file.
        model_id: Its name and hash.
        loss_plot: The PNG beside it.
        songs: Training songs.
        final_loss: Mean loss of the last epoch.
        notes: What the checkpoint says about itself.
    """

    checkpoint: Path
    model_id: str
    loss_plot: Path
    songs: int
    final_loss: float
    notes: Mapping[str, Any]

    def describe(self) -> str:
        """A few lines for a terminal."""
        scores = self.notes["cross_fitted_r2"]
        return "\n".join(
            [
                f"{self.checkpoint} ({self.model_id}), {self.songs} songs",
                f"final loss {self.final_loss:.4f}, plot {self.loss_plot}",
                f"cross-fitted R2: arousal {scores['arousal']:.3f}, "
                f"valence {scores['valence']:.3f}",
            ]
        )


def train_command(options: TrainOptions, progress: Progress = no_progress) -> TrainSummary:
    """Train on all songs of a dataset and write the checkpoint.

    Args:
        options: What to train.
        progress: Told of every epoch.

    Raises:
        DatasetError: A table is missing, or dataset, feature set or frontend is unknown.
        CheckpointError: VGGish's weights are missing or damaged.
        TrainingError: Unknown preset, a state of another run, or a diverging loss.
    """
    feature_set, data = _load(options, progress)
    chosen = _recipe(options.preset, data, options.seed, options.epochs)
    with one_thread():
        fitted = fit(
            data, chosen.shape, chosen.training, chosen.fit, progress=progress, state=options.state
        )
    notes = {
        "dataset": options.dataset,
        "feature_set": feature_set,
        "preset": options.preset,
        "seed": options.seed,
        "epochs": chosen.training.epochs,
    }
    summary = _write(options.out, fitted, data, feature_set, notes)
    _remove_states(options.state)
    return summary


@dataclass(frozen=True)
class EvaluateOptions:
    """Options of `circumplex evaluate`.

    Attributes:
        data_dir: Folder of the dataset tables.
        dataset: `deam`, `emomusic` or `pmemo`.
        feature_set: Columns; None: the dataset's usual ones.
        preset: `default`, `networks`, `paper` or `attention`.
        splits: Random 80/20 divisions.
        seed: Shifts the divisions.
        epochs: None: the preset's.
        families: Which rows beside the composite: of `cca`, `kl`, `cos`, `baselines`.
        audio: Music from audio; None: from the tables.
    """

    data_dir: Path
    dataset: str = "deam"
    feature_set: str | None = None
    preset: str = "default"
    splits: int = 10
    seed: int = 0
    epochs: int | None = None
    families: tuple[str, ...] = tuple(FAMILIES)
    audio: AudioOptions | None = None


@dataclass(frozen=True)
class EvaluationReport:
    """Means and standard deviations over the splits.

    Attributes:
        options: What was run.
        feature_set: The columns.
        test_songs: Candidates of each split.
        summary: Figures by row.
    """

    options: EvaluateOptions
    feature_set: str
    test_songs: int
    summary: Summary

    def describe(self) -> str:
        """A table for a terminal."""
        title = (
            f"{self.options.dataset}, {self.feature_set}, preset {self.options.preset}: "
            f"{self.options.splits} splits, {self.test_songs} candidates"
        )
        return f"{title}\n{self.summary.table()}"

    def to_dict(self) -> dict[str, Any]:
        """`{dataset: {feature_set: {row: {direction: figures}, "r2": ...}}}`."""
        return {self.options.dataset: {self.feature_set: self.summary.to_dict()}}


def evaluate_command(
    options: EvaluateOptions, progress: Progress = no_progress
) -> EvaluationReport:
    """Train and test on random divisions of a dataset.

    Args:
        options: What to evaluate.
        progress: Told of every epoch, and of `splits`.

    Raises:
        DatasetError: A table is missing, or dataset or feature set is unknown.
        TrainingError: Unknown preset or a diverging loss.
    """
    feature_set, data = _load(options, progress)
    chosen = _recipe(options.preset, data, 0, options.epochs)
    outcomes: list[Outcome] = []
    test_songs = 0
    for split in splits(data, options.splits, options.seed):
        test_songs = len(split.test)
        with one_thread():
            outcomes.append(run_split(split, chosen, options.families, progress))
        progress("splits", len(outcomes), options.splits)
    return EvaluationReport(options, feature_set, test_songs, summarise(outcomes))


def _load(options: TrainOptions | EvaluateOptions, progress: Progress) -> tuple[str, Dataset]:
    """Name of the columns, and the songs."""
    if options.audio is None:
        feature_set = _feature_set(options.dataset, options.feature_set)
        return feature_set, load(options.dataset, options.data_dir, feature_set)
    audio = options.audio
    frontend = audio.load_frontend()
    data = load_audio(options.dataset, audio.folder, frontend, options.data_dir, progress)
    return frontend.name, data


def _feature_set(dataset: str, feature_set: str | None) -> str:
    return feature_set or DEFAULT_FEATURES.get(dataset, SHIPPED_FEATURES)


def _recipe(preset: str, data: Dataset, seed: int, epochs: int | None) -> Recipe:
    return recipe_for(preset, data).with_seed(seed).with_epochs(epochs)


def _write(
    out: Path, fitted: Fitted, data: Dataset, feature_set: str, notes: Mapping[str, Any]
) -> TrainSummary:
    checkpoint = make_checkpoint(fitted, data, feature_set, notes)
    model_id = save_checkpoint(out, checkpoint)
    plot = out.with_name(f"{out.stem}-loss.png")
    save_loss_plot(plot, fitted.losses)
    return TrainSummary(out, model_id, plot, len(data), fitted.losses[-1], checkpoint.notes)


def _remove_states(state: Path | None) -> None:
    if state is None:
        return
    for path in state.parent.glob(f"{state.name}*"):
        path.unlink()
