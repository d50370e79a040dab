"""Training EMER-CL: one seeded loop, and a state file from which it resumes bit for bit.

Letters: N songs, F features, T frames, B batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from model.emer import EmerCl, EmerConfig, Heads
from model.encoders import frame_mask
from model.errors import TrainingError
from model.learning.augmentation import NO_AUGMENTATION, AugmentationConfig, augment
from model.learning.datasets import Dataset
from model.learning.losses import (
    cca_loss,
    cosine_distances,
    kl_distances,
    ranking_loss,
    softmax_loss,
)

Loss = Literal["cca", "kl", "cos", "composite", "composite_c"]
Ranking = Literal["softmax", "hinge"]
Progress = Callable[[str, int, int], None]
"""Called with a stage's name, steps done and steps in all."""

STATE_FORMAT = 1


def no_progress(stage: str, done: int, total: int) -> None:
    """A progress callback that shows nothing."""


@dataclass(frozen=True)
class TrainingConfig:
    """How one model is trained.

    Attributes:
        loss: Which halves are minimised; `cos` and `composite_c` replace KL by the cosine.
        ranking: `softmax` over -psi / temperature, or the paper's `hinge` with its margin.
        lam: Weight of the CCA half of the loss (lambda of Eq. 1), in [0, 1].
        margin: alpha of Eq. 4, in nats (or cosine).
        temperature: tau of the softmax, in nats (or cosine), > 0.
        cca_regularisation: Added to the diagonal of the covariances, > 0.
        epochs: Passes over the training songs.
        batch: B; a training set smaller than this is one batch.
        learning_rate: Peak of the schedule (or its constant value).
        weight_decay: AdamW's decoupled decay.
        schedule: `cosine` rises for a tenth of the steps and falls to zero; `constant` is the
            paper's.
        max_gradient_norm: Gradients are scaled down to this norm.
        augmentation: How curves vary.
        seed: Fixes initial weights, batches, dropout and augmentation.
        save_every: Epochs between two writes of the state file.
    """

    loss: Loss = "composite"
    ranking: Ranking = "softmax"
    lam: float = 0.5
    margin: float = 1.0
    temperature: float = 1.0
    cca_regularisation: float = 0.1
    epochs: int = 60
    batch: int = 512
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    schedule: Literal["cosine", "constant"] = "cosine"
    max_gradient_norm: float = 5.0
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    seed: int = 0
    save_every: int = 5


PAPER_TRAINING = TrainingConfig(
    ranking="hinge",
    lam=0.6,
    epochs=5001,
    learning_rate=1e-5,
    weight_decay=0.0,
    schedule="constant",
    augmentation=NO_AUGMENTATION,
    save_every=50,
)
"""Section IV-C for DEAM: alpha 1.0, lambda 0.6, Adam at 1e-5, 5001 epochs."""


@dataclass(frozen=True)
class Pairs:
    """Training data as tensors: features [N, P, F], curves [N, T, 2], the lengths of both [N]."""

    features: Tensor
    feature_lengths: Tensor
    curves: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, data: Dataset) -> Pairs:
        """The tensors of a dataset; a single feature row is a sequence of one."""
        features = torch.from_numpy(data.features)
        counts = data.feature_lengths
        return cls(
            features if features.ndim == 3 else features[:, None, :],  # [N, 1, F]
            torch.ones(len(data), dtype=torch.int64) if counts is None else torch.tensor(counts),
            torch.from_numpy(data.curves),
            torch.from_numpy(data.lengths),
        )

    def __len__(self) -> int:
        return int(self.features.shape[0])

    def rows(self, index: Tensor) -> Pairs:
        """The pairs at `index`."""
        return Pairs(*(getattr(self, field.name)[index] for field in fields(self)))

    def feature_frames(self) -> Tensor:
        """All valid rows of all sequences, [M, F]."""
        return self.features[frame_mask(self.feature_lengths, self.features.shape[1])]

    def transformed(self, transform: nn.Module) -> Pairs:
        """The pairs with their features transformed once, which no step changes."""
        with torch.no_grad():
            return replace(self, features=transform(self.features))

    def with_music_on(self, device: torch.device) -> Pairs:
        """The pairs with their music on a device; curves stay on the processor."""
        return replace(
            self,
            features=self.features.to(device),
            feature_lengths=self.feature_lengths.to(device),
        )

    def emotion_frames(self) -> Tensor:
        """All valid frames of all curves, [M, 2]."""
        steps = torch.arange(self.curves.shape[1])[None, :]
        return self.curves[steps < self.lengths[:, None]]


@dataclass(frozen=True)
class Trained:
    """A trained model in evaluation mode and the mean loss of each epoch."""

    model: EmerCl
    losses: tuple[float, ...]


def train(
    data: Dataset,
    shape: EmerConfig,
    config: TrainingConfig,
    *,
    progress: Progress = no_progress,
    state: Path | None = None,
    device: str = "cpu",
) -> Trained:
    """Train a model.

    Args:
        data: The training songs.
        shape: The model.
        config: The training recipe.
        progress: Told of every epoch.
        state: File to resume from and to write to. It fits the device that wrote it.
        device: Where the networks are trained; curves are augmented on the processor.

    Returns:
        The model on the processor, in evaluation mode.

    Raises:
        TrainingError: The state file belongs to another run, or the loss became NaN.
    """
    run = _Run(data, shape, config, device)
    run.complete("training", progress, state)
    return Trained(run.model.eval().cpu(), tuple(run.losses))


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread inside the block: sums then do not depend on the number of cores."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def batch_loss(music: Heads, emotion: Heads, config: TrainingConfig) -> Tensor:
    """The composite loss of a batch (paper, Eq. 1), or one of its halves.

    Args:
        music: Heads of the B clips.
        emotion: Heads of their B curves.
        config: Selects halves, weights and the form of the ranking loss.

    Returns:
        A scalar.
    """
    if config.loss == "cca":
        return cca_loss(music.z, emotion.z, config.cca_regularisation)
    if config.loss in ("cos", "composite_c"):
        distance = cosine_distances(music.mu, emotion.mu)
    else:
        distance = kl_distances(music.mu, music.log_var, emotion.mu, emotion.log_var)
    if config.ranking == "hinge":
        ranking = ranking_loss(distance, config.margin)
    else:
        ranking = softmax_loss(distance, config.temperature)
    if config.loss in ("kl", "cos"):
        return ranking
    correlation = cca_loss(music.z, emotion.z, config.cca_regularisation)
    return config.lam * correlation + (1.0 - config.lam) * ranking


class _Run:
    """The state of one training run; everything that a resumed run needs is in `snapshot`."""

    def __init__(
        self, data: Dataset, shape: EmerConfig, config: TrainingConfig, device: str = "cpu"
    ) -> None:
        torch.manual_seed(config.seed)  # initial weights and dropout
        self.config, self.shape = config, shape
        self.generator = torch.Generator().manual_seed(config.seed)
        self.pairs = Pairs.of(data)
        self.batch = min(config.batch, len(self.pairs))
        self.steps = len(self.pairs) // self.batch
        self.model = EmerCl(shape)
        self.model.fit_inputs(self.pairs.feature_frames(), self.pairs.emotion_frames())
        self.pairs = self.pairs.transformed(self.model.music_side.transform)
        self.checksum = float(self.pairs.features.double().sum() + self.pairs.curves.double().sum())
        self.device = torch.device(device)
        self.model.to(self.device)
        self.pairs = self.pairs.with_music_on(self.device)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.scheduler = _scheduler(self.optimiser, config, self.steps)
        self.losses: list[float] = []

    def complete(self, name: str, progress: Progress, state: Path | None) -> None:
        if state is not None and state.is_file():
            self.restore(state)
        total = self.config.epochs
        while len(self.losses) < total:
            self.losses.append(self.epoch())
            progress(name, len(self.losses), total)
            done = len(self.losses) == total or len(self.losses) % self.config.save_every == 0
            if state is not None and done:
                self.save(state)

    def epoch(self) -> float:
        self.model.train()
        order = torch.randperm(len(self.pairs), generator=self.generator)
        total = 0.0
        try:
            for step in range(self.steps):
                total += self.step(order[step * self.batch : (step + 1) * self.batch])
        except torch.linalg.LinAlgError:  # type: ignore[attr-defined]  # NaN has no Cholesky factor
            total = math.nan
        mean = total / self.steps
        if math.isnan(mean):
            raise TrainingError(
                f"the loss became NaN in epoch {len(self.losses) + 1}: lower the learning rate "
                f"({self.config.learning_rate}) or raise the CCA regularisation "
                f"({self.config.cca_regularisation})"
            )
        return mean

    def step(self, index: Tensor) -> float:
        part = self.pairs.rows(index)
        curves, lengths = augment(
            part.curves, part.lengths, self.config.augmentation, self.generator
        )
        music = self.model.music_side.heads(part.features, part.feature_lengths)
        emotion = self.model.emotion(curves.to(self.device), lengths.to(self.device))
        loss = batch_loss(music, emotion, self.config)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.max_gradient_norm)
        self.optimiser.step()
        self.scheduler.step()
        return float(loss.detach())

    def save(self, path: Path) -> None:
        """Write the state beside the file and move it in place: a kill leaves the old one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        torch.save(self.snapshot(), partial)
        partial.replace(path)

    def snapshot(self) -> dict[str, Any]:
        return {
            "format": STATE_FORMAT,
            "run": self.identity(),
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "generator": self.generator.get_state(),
            "dropout": self.dropout_state(),
            "losses": list(self.losses),
        }

    def identity(self) -> str:
        """What must be the same for a state to fit: shapes, recipe and size of the data."""
        recipe = {k: v for k, v in asdict(self.config).items() if k != "save_every"}
        return repr((self.shape.to_dict(), recipe, tuple(self.pairs.curves.shape), self.checksum))

    def dropout_state(self) -> Tensor:
        """Where the random numbers of dropout are, on the device of the networks."""
        on_gpu = self.device.type == "cuda"
        return torch.cuda.get_rng_state(self.device) if on_gpu else torch.get_rng_state()

    def restore(self, path: Path) -> None:
        state = torch.load(path, weights_only=True, map_location="cpu")
        if state.get("format") != STATE_FORMAT or state.get("run") != self.identity():
            raise TrainingError(
                f"{path} holds the state of another run (data, model or recipe differ): "
                "delete it or name another file"
            )
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.generator.set_state(state["generator"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state["dropout"], self.device)
        else:
            torch.set_rng_state(state["dropout"])
        self.losses = list(state["losses"])


def _scheduler(
    optimiser: torch.optim.Optimizer, config: TrainingConfig, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    if config.schedule == "constant":
        return torch.optim.lr_scheduler.LambdaLR(optimiser, lambda _: 1.0)
    return torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=config.epochs * steps + 1, pct_start=0.1
    )
