"""What retrieval without embeddings reaches: regression of one side from the other, and chance.

Every baseline is fitted on training rows and returns both similarity matrices of the test rows,
[query, candidate]. Letters: N training songs, Q test songs, F features, C curve descriptors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model.arrays import Doubles
from model.encoders import Encoder, EncoderConfig, build_encoder
from model.kernel import EMOTION_AXES
from model.learning.datasets import Dataset
from model.transforms import StandardTransform

RIDGE_PENALTIES = tuple(float(10.0**k) for k in range(-1, 5))


@dataclass(frozen=True)
class Matrices:
    """Similarities of both directions, each [query, candidate]."""

    m2e: Doubles
    e2m: Doubles


def ridge_retrieval(train: Dataset, test: Dataset) -> Matrices:
    """Ridge regression of the curve from the features, ranked by Euclidean distance.

    The standardised curve summary (mean, spread, slope of both axes) is predicted from the
    standardised features; the penalty is chosen by generalised cross-validation on the training
    rows. M2E asks with a prediction among summaries, E2M with a summary among predictions. (Ranking
    E2M among acoustic features, as the paper's regressors do, is far worse.)

    Args:
        train: Rows to fit on.
        test: Q rows to rank.

    Returns:
        Minus the distance of query and candidate, [Q, Q] each.
    """
    x, x_test = _standardised(train.mean_features, test.mean_features)
    y, y_test = _summaries(train, test)
    predicted = x_test @ ridge(x, y)
    squared = ((predicted[:, None, :] - y_test[None, :, :]) ** 2).sum(axis=2)  # [Q, Q]
    similarity: Doubles = -np.sqrt(squared)
    return Matrices(similarity, similarity.T)


def random_retrieval(test: Dataset, seed: int) -> Matrices:
    """Random similarities: what a ranking without information gets."""
    rng = np.random.default_rng(seed)
    return Matrices(rng.random((len(test), len(test))), rng.random((len(test), len(test))))


def length_retrieval(test: Dataset) -> Matrices:
    """Minus the difference of the lengths: clip and curve of a pair are equally long."""
    lengths = test.lengths.astype(np.float64)
    similarity: Doubles = -np.abs(lengths[:, None] - lengths[None, :])
    return Matrices(similarity, similarity.T)


@dataclass(frozen=True)
class RegressionConfig:
    """RegMLP and RegBiGRU of the paper's Section IV-E and Appendix C.

    Attributes:
        m2e: Encoder of the music side, before a linear layer to the mean emotion.
        e2m: Encoder of the emotion side, before a linear layer to the mean feature.
        epochs: Passes over the training rows.
        learning_rate: Of Adam.
        batch: Rows a step.
        seed: Fixes weights, batches and dropout.
    """

    m2e: EncoderConfig
    e2m: EncoderConfig
    epochs: int = 100
    learning_rate: float = 2e-3
    batch: int = 256
    seed: int = 0


REG_MLP = RegressionConfig(
    EncoderConfig("mean_mlp", (128, 64, 16, 128, 512)), EncoderConfig("mean_mlp", (32,))
)
REG_BIGRU = RegressionConfig(
    EncoderConfig("bigru", (64, 32, 16, 32), recurrent=64, pooling="last"),
    EncoderConfig("bigru", (128, 32, 128, 128), recurrent=64, pooling="last"),
    epochs=40,
)
"""Table 5's layers; the recurrent layers are narrower than its 512 and 128 units."""


def regression_retrieval(train: Dataset, test: Dataset, config: RegressionConfig) -> Matrices:
    """Predict the mean of the other side, rank by absolute error (paper, Section IV-E).

    Features are standardised, so that no column's unit decides the absolute error.

    Args:
        train: Rows to fit on.
        test: Q rows to rank.
        config: Encoders and schedule.

    Returns:
        Minus the summed absolute errors, [Q, Q] each.
    """
    fitted, held_out = (_tensors(part) for part in _standardised_features(train, test))
    m2e = _regress(fitted.music, fitted.mean_emotion, config.m2e, config)
    e2m = _regress(fitted.emotion, fitted.mean_feature, config.e2m, config)
    return Matrices(
        m2e=_absolute_similarity(m2e(held_out.music), held_out.mean_emotion),
        e2m=_absolute_similarity(e2m(held_out.emotion), held_out.mean_feature),
    )


@dataclass(frozen=True)
class _Sequences:
    frames: Tensor  # [N, T, F]
    lengths: Tensor  # [N]


@dataclass(frozen=True)
class _Sides:
    music: _Sequences
    emotion: _Sequences
    mean_emotion: Tensor  # [N, 2]
    mean_feature: Tensor  # [N, F]


def _tensors(data: Dataset) -> _Sides:
    features = torch.from_numpy(data.features)
    ones = torch.ones(len(data), dtype=torch.int64)
    return _Sides(
        music=_Sequences(features[:, None, :], ones),  # [N, 1, F]
        emotion=_Sequences(torch.from_numpy(data.curves), torch.from_numpy(data.lengths)),
        mean_emotion=torch.from_numpy(data.mean_emotion),
        mean_feature=features,
    )


class _Regressor(nn.Module):
    """An encoder and a linear layer."""

    def __init__(self, encoder: EncoderConfig, inputs: int, outputs: int) -> None:
        super().__init__()
        self.transform = StandardTransform(inputs) if inputs == EMOTION_AXES else nn.Identity()
        self.encoder: Encoder = build_encoder(encoder, inputs)
        self.head = nn.Linear(encoder.outputs, outputs)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        predicted: Tensor = self.head(self.encoder(self.transform(frames), lengths))
        return predicted


def _regress(
    inputs: _Sequences, target: Tensor, encoder: EncoderConfig, config: RegressionConfig
) -> Callable[[_Sequences], Tensor]:
    torch.manual_seed(config.seed)
    model = _Regressor(encoder, inputs.frames.shape[2], target.shape[1])
    optimiser = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    for _ in range(config.epochs):
        for index in torch.split(torch.randperm(len(target)), config.batch):
            error = (model(inputs.frames[index], inputs.lengths[index]) - target[index]).abs()
            optimiser.zero_grad()
            error.mean().backward()
            optimiser.step()
    model.eval()

    def predict(sequences: _Sequences) -> Tensor:
        with torch.no_grad():
            predicted: Tensor = model(sequences.frames, sequences.lengths)
        return predicted

    return predict


def _absolute_similarity(predicted: Tensor, candidates: Tensor) -> Doubles:
    similarity: Doubles = -torch.cdist(predicted.double(), candidates.double(), p=1.0).numpy()
    return similarity


def _standardised_features(train: Dataset, test: Dataset) -> tuple[Dataset, Dataset]:
    fitted, held_out = _standardised(train.mean_features, test.mean_features)
    return (
        replace(train, features=fitted.astype(np.float32), feature_lengths=None),
        replace(test, features=held_out.astype(np.float32), feature_lengths=None),
    )


def _standardised(train: NDArray[np.float32], test: NDArray[np.float32]) -> tuple[Doubles, Doubles]:
    mean, std = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    std = np.where(std > 0.0, std, 1.0)
    return np.clip((train - mean) / std, -4, 4), np.clip((test - mean) / std, -4, 4)


def _summaries(train: Dataset, test: Dataset) -> tuple[Doubles, Doubles]:
    return _standardised(curve_summary(train), curve_summary(test))


def curve_summary(data: Dataset) -> NDArray[np.float32]:
    """Mean, standard deviation and slope of both axes over each curve's own length, [N, 6]."""
    rows = []
    for curve, length in zip(data.curves, data.lengths, strict=True):
        valid = curve[:length].astype(np.float64)
        time = np.linspace(-1.0, 1.0, int(length))[:, None]
        rows.append(np.concatenate([valid.mean(0), valid.std(0), 3.0 * (valid * time).mean(0)]))
    return np.array(rows, dtype=np.float32)


def ridge(x: Doubles, y: Doubles) -> Doubles:
    """Ridge coefficients for centred columns, the penalty by generalised cross-validation.

    Args:
        x: Inputs, [N, F], centred.
        y: Targets, [N, C], centred.

    Returns:
        [F, C]: the one of `RIDGE_PENALTIES` with the smallest
        `N * ||y - y_hat||^2 / (N - trace(H))^2`.
    """
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    projected = u.T @ y  # [K, C]

    def criterion(penalty: float) -> float:
        shrink = s**2 / (s**2 + penalty)
        residual = y - u @ (shrink[:, None] * projected)
        return float((residual**2).sum() / (len(x) - shrink.sum()) ** 2)

    best = min(RIDGE_PENALTIES, key=criterion)
    coefficients: Doubles = vt.T @ ((s / (s**2 + best))[:, None] * projected)
    return coefficients
