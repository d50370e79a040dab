"""From windows and segments of a clip to its emotion curve with a calibrated spread.

Letters: W windows, S segments, B bank entries. Every emotion is (arousal, valence) in [-1, 1].

Two estimators make a first guess for each window: the regression head, or the posterior over a bank
of emotions. Windows of ten seconds tell far less about emotion than whole clips do, so the guess is
not the answer. The slow level comes from the segments, and the windows' movement around it is
smoothed and shrunk by factors of the checkpoint (see `model/learning/curve_calibration.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.curves.curve import CURVE_RATE_HZ
from model.embedding import Embedding
from model.scoring import (
    Points,
    ScoringParams,
    composite_item_vectors,
    composite_query_vectors,
    kl_item_vectors,
    kl_query_vectors,
    rho_sim,
)

Estimator = Literal["regression", "bank"]
Pair = tuple[float, float]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

CURVE_HOP_S = 1.0 / CURVE_RATE_HZ
LEVEL_S = 30.0  # movement slower than this comes from the segments, which are that long
BANK_REACH = 0.8  # the grid covers [-0.8, 0.8]: means of real music stay inside
BANK_STEP = 0.1
BANK_MOVEMENT = 0.25  # how far a rise, fall or arch leaves its middle
BANK_FRAMES = 60


@dataclass(frozen=True)
class CurveSettings:
    """How a checkpoint turns windows into a curve; pairs are (arousal, valence).

    Attributes:
        estimator: `regression` head or `bank` posterior.
        temperature: The bank's softmax divides composite scores by it, > 0.
        prior_mean: Mean emotion of the training music, the centre of the bank's prior.
        prior_sd: Its standard deviation, > 0.
        smoothing_s: Standard deviation of the Gaussian that smooths the windows, in seconds, in
            [0, LEVEL_S].
        trust: Share of the smoothed windows' movement around the level that is believed, in
            [0, 1].
        sd: Residual standard deviation of a curve's level on held-out songs of the kind that the
            model was trained on, > 0; `model.novelty` says how much more others have.
        bank_sd_scale: Factor on the bank posterior's own spread, >= 0; 0 uses `sd` alone.
    """

    estimator: Estimator = "regression"
    temperature: float = 2.0
    prior_mean: Pair = (0.0, 0.0)
    prior_sd: Pair = (0.3, 0.3)
    smoothing_s: float = 8.66
    trust: Pair = (0.5, 0.5)
    sd: Pair = (0.15, 0.15)
    bank_sd_scale: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> CurveSettings:
        """The settings `to_dict` described.

        Raises:
            TypeError: A field is unknown.
        """
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
        }
        return cls(**fields)


@dataclass(frozen=True)
class CurveEstimate:
    """The emotion curve of a clip.

    Attributes:
        t_s: Times from 0 in steps of CURVE_HOP_S, [T].
        mean: (arousal, valence) in [-1, 1], [T, 2].
        sd: Standard deviation of both, [T, 2], > 0.
    """

    t_s: Floats
    mean: Floats
    sd: Floats

    @property
    def overall(self) -> Floats:
        """Mean (arousal, valence) over the clip, [2]."""
        return np.asarray(self.mean.mean(axis=0), dtype=np.float32)


@dataclass(frozen=True)
class Bank:
    """Emotions the posterior chooses from.

    Attributes:
        curves: [B, BANK_FRAMES, 2].
        levels: Their mean emotions, [B, 2].
    """

    curves: Floats
    levels: Floats


def make_bank() -> Bank:
    """Constant curves on a grid of the plane, and rises, falls and arches along each axis."""
    count = round(2 * BANK_REACH / BANK_STEP) + 1
    fine, coarse = (np.linspace(-BANK_REACH, BANK_REACH, n) for n in (count, count // 2 + 1))
    still = [np.tile(point, (BANK_FRAMES, 1)) for point in _plane(fine)]
    moving = [point + move for point in _plane(coarse[1:-1]) for move in _movements()]
    curves = np.clip(np.stack(still + moving), -1.0, 1.0).astype(np.float32)
    return Bank(curves, curves.mean(axis=1))


def bank_posterior(
    windows: Embedding,
    bank: Embedding,
    levels: Floats,
    scoring: ScoringParams,
    settings: CurveSettings,
) -> tuple[Doubles, Doubles]:
    """Mean and standard deviation of emotion given each window (design, "M2E as a curve").

    Args:
        windows: Music embeddings, W rows.
        bank: Emotion embeddings of the bank, B rows.
        levels: Mean emotions of the bank, [B, 2].
        scoring: The composite; lambda, kind and P are the checkpoint's.
        settings: Temperature and prior.

    Returns:
        Mean [W, 2] and standard deviation [W, 2].
    """
    scores = _composite(_points(windows), _points(bank), scoring)  # [W, B]
    deviation = (levels - np.array(settings.prior_mean)) / np.array(settings.prior_sd)
    log_prior = torch.from_numpy(-0.5 * (deviation.astype(np.float64) ** 2).sum(axis=1))  # [B]
    weights = torch.softmax(scores / settings.temperature + log_prior, dim=1).numpy()
    values = levels.astype(np.float64)
    mean = weights @ values
    return mean, np.sqrt(np.maximum(weights @ values**2 - mean**2, 0.0))


def estimate_curve(
    segments_s: Floats,
    segment_emotion: Doubles,
    window_emotion: Doubles,
    window_sd: Doubles,
    segment_sd: Floats,
    settings: CurveSettings,
) -> CurveEstimate:
    """The curve: the segments' slow level, plus what is believed of the windows' movement.

    Args:
        segments_s: Start and end of each segment, [S, 2].
        segment_emotion: First guess for each segment, [S, 2].
        window_emotion: First guess for each window, centred on i * CURVE_HOP_S, [W, 2].
        window_sd: Spread of that guess, [W, 2]; used with `bank_sd_scale`.
        segment_sd: Calibrated spread of the segments' level, [S, 2].
        settings: The checkpoint's.

    Returns:
        W frames. Constant guesses give a constant curve.
    """
    t_s = np.arange(len(window_emotion), dtype=np.float64) * CURVE_HOP_S
    mean = segment_level(t_s, segments_s, segment_emotion)
    mean = mean + np.array(settings.trust) * window_movement(window_emotion, settings.smoothing_s)
    centres = segments_s.mean(axis=1)
    own = np.stack([np.interp(t_s, centres, column) for column in segment_sd.T], axis=1)
    sd = np.sqrt(own**2 + (settings.bank_sd_scale * window_sd) ** 2)
    return CurveEstimate(
        t_s.astype(np.float32),
        np.clip(mean, -1.0, 1.0).astype(np.float32),
        np.broadcast_to(sd, mean.shape).astype(np.float32),
    )


def segment_level(t_s: Doubles, segments_s: Floats, segment_emotion: Doubles) -> Doubles:
    """The segments' emotion over time, smoothed to LEVEL_S, [W, 2].

    Its mean over the clip is the segments' mean, weighted by their lengths.
    """
    centres, lengths = segments_s.mean(axis=1), segments_s[:, 1] - segments_s[:, 0]
    between = [np.interp(t_s, centres, column) for column in segment_emotion.T]
    slow = smoothed(np.stack(between, axis=1), LEVEL_S)
    mean = np.average(segment_emotion, axis=0, weights=lengths)
    level: Doubles = mean + slow - slow.mean(axis=0)
    return level


def window_movement(window_emotion: Doubles, smoothing_s: float) -> Doubles:
    """Movement of the windows between the scales `smoothing_s` and LEVEL_S, mean 0, [W, 2]."""
    around = smoothed(window_emotion, smoothing_s) - smoothed(window_emotion, LEVEL_S)
    movement: Doubles = around - around.mean(axis=0)
    return movement


def _plane(axis: Doubles) -> Doubles:
    """All points of the plane with both coordinates from `axis`, [len^2, 2]."""
    points: Doubles = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    return points


def _movements() -> list[Doubles]:
    """Rise, fall and arch of arousal and of valence around 0, each [BANK_FRAMES, 2]."""
    time = np.linspace(-1.0, 1.0, BANK_FRAMES)
    shapes: list[Callable[[Doubles], Doubles]] = [
        lambda t: t,
        lambda t: -t,
        lambda t: 1.0 - 1.5 * t**2 - 0.5,
    ]
    moves = [BANK_MOVEMENT * shape(time) for shape in shapes]
    still = np.zeros_like(time)
    return [np.stack(pair, axis=1) for m in moves for pair in ((m, still), (still, m))]


def smoothed(values: Doubles, std_s: float) -> Doubles:
    """Gaussian smoothing along time whose weights are renormalised at the ends, [W, 2]."""
    std = std_s / CURVE_HOP_S
    reach = min(int(np.ceil(3.0 * std)), len(values) - 1)
    if std <= 0.0 or reach == 0:
        return values
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / std) ** 2)
    mass = _convolved(np.ones(len(values)), kernel)
    # Around the mean, so that constant values stay exactly constant.
    offset = values.mean(axis=0)
    columns = [_convolved(column, kernel) / mass for column in (values - offset).T]
    smoothed: Doubles = np.stack(columns, axis=1) + offset
    return smoothed


def _convolved(values: Doubles, kernel: Doubles) -> Doubles:
    reach = len(kernel) // 2
    full: Doubles = np.convolve(values, kernel)
    return full[reach : reach + len(values)]


def _points(embedding: Embedding) -> Points:
    parts = (embedding.phi, embedding.mu, embedding.var)
    return Points(*(torch.from_numpy(part.astype(np.float64)) for part in parts))


def _composite(music: Points, bank: Points, scoring: ScoringParams) -> Tensor:
    """The composite up to a constant for each window, which a softmax does not see, [W, B].

    The inner-product forms in float64: the broadcast form of the KL divergence would need
    W x B x D numbers.
    """
    params = scoring.to(torch.float64)
    if params.kind == "gaussian":
        queries = composite_query_vectors(music, params, "m2e")
        return queries @ composite_item_vectors(bank, params, "m2e").T
    neg_kl = kl_query_vectors(music.mu, music.var) @ kl_item_vectors(bank.mu, bank.var).T
    cca = rho_sim(music.phi, bank.phi, params, "m2e")
    return params.lam * cca + (1.0 - params.lam) * neg_kl
