"""A small deterministic model for tests: loud is aroused, bright is positive.

It meets the face of `model.emotion_model.EmotionModel` without a checkpoint. Music and emotion
land on the same points of its two spaces, so that queries find what they ask for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.arrays import Floats
from model.curves.estimation import CurveSettings
from model.embedding import Embedding
from model.judge import Judge
from model.scoring import ScoringParams

if TYPE_CHECKING:
    from model.analysis import Analysis
    from model.audio.decoding import Source
    from model.curves.curve import EmotionCurve
    from model.emotion_model import CurveEstimate

LATENT = 4  # Dc and Dk


class FakeFrontend:
    """Two numbers a window: level and brightness, each about 0..1."""

    name = "fake"
    version = 1
    feature_names = ("level", "brightness")
    context_s = 0.0
    grid_s = 1.0
    listens_at_lufs = None
    cues = ()

    @property
    def frontend_id(self) -> str:
        """Name and version, as in the contract of all frontends."""
        return f"{self.name}-{self.version}"

    def describe(self, samples: Tensor, sample_rate_hz: int, windows_s: Tensor) -> Tensor:
        """Level and brightness of each window: samples [N], windows_s [W, 2] -> [W, 2]."""
        rows = []
        for start_s, end_s in windows_s.tolist():
            start = min(int(start_s * sample_rate_hz), max(len(samples) - 2, 0))
            window = samples[start : max(int(end_s * sample_rate_hz), start + 2)]
            level = window.square().mean().sqrt()
            change = window.diff().square().mean().sqrt() if len(window) > 1 else level * 0
            rows.append(torch.stack([level, change / (level + 1e-6)]))
        return torch.stack(rows).float()  # [W, 2]

    def within_file(self, segments: Floats, windows: Floats) -> tuple[Floats, Floats]:
        """Rows as they are."""
        return segments, windows


def fake_scoring(dimensions: int = LATENT) -> ScoringParams:
    """Scoring parameters under which equal points are the most similar."""
    one, zero = torch.ones(dimensions), torch.zeros(dimensions)
    return ScoringParams(
        kind="gaussian",
        lambda_gaussian=0.5,
        lambda_paper=0.5,
        min_rho=0.1,
        rho=torch.full((dimensions,), 0.8),
        m2e_slope=one,
        m2e_intercept=zero,
        e2m_slope=one,
        e2m_intercept=zero,
        music_mean=zero,
        music_std=one,
        emotion_mean=zero,
        emotion_std=one,
    )


class FakeModel:
    """A model whose embedding of a segment is its (arousal, valence), spread over LATENT axes.

    Attributes:
        model_id: Name of the pretended checkpoint; another id gives other embeddings.
        analysed: How often audio was decoded (for tests of what is kept).
        embedded: How many feature rows were embedded.
    """

    def __init__(self, model_id: str = "fake-0123456789ab") -> None:
        self.model_id = model_id
        self.frontend = FakeFrontend()
        self.scoring = fake_scoring()
        self.emphasises = False
        self.judge = Judge(least_s=0.0)  # every tone is music
        self.device = torch.device("cpu")
        self.analysed = 0
        self.embedded = 0
        seed = sum(model_id.encode())
        self._axes = np.random.default_rng(seed).normal(size=(2, LATENT)).astype(np.float32)

    def analyse(self, source: Source, *, max_duration_s: float | None = None) -> Analysis:
        """Decode and describe with the fake frontend."""
        from model.analysis import analyse

        self.analysed += 1
        return analyse(source, self.frontend, max_duration_s=max_duration_s)

    def embed_segments(self, analysis: Analysis) -> Embedding:
        """The embedding of the S segments."""
        return self.embed_analyses(analysis.segment_features)

    def embed_analyses(self, features: NDArray[np.float32]) -> Embedding:
        """The embedding of any feature rows, [N, 2]."""
        self.embedded += len(features)
        return self._embed(_emotion_of_features(features[:, :2]))  # cues lie behind

    def embed_emotion(self, curves: Sequence[EmotionCurve]) -> Embedding:
        """The embedding of each curve's mean (arousal, valence)."""
        means = [np.asarray(curve.values()).mean(axis=0) for curve in curves]
        return self._embed(np.stack(means).astype(np.float32))  # [N, 2]

    def mean_emotion(self, embedding: Embedding) -> NDArray[np.float32]:
        """(arousal, valence) of each row, [N, 2]."""
        emotion = embedding.mu @ np.linalg.pinv(self._axes)  # [N, 2]
        return np.clip(emotion, -1.0, 1.0).astype(np.float32)

    def curve_of(
        self, analysis: Analysis, segments: Embedding, windows: Embedding
    ) -> CurveEstimate:
        """The curve of embedded segments and windows, smoothed as the real model's is."""
        from model.curves.estimation import estimate_curve

        means = [self.mean_emotion(rows).astype(np.float64) for rows in (segments, windows)]
        sd = np.full((len(analysis.segments_s), 2), 0.2, dtype=np.float32)
        return estimate_curve(analysis.segments_s, *means, sd, CurveSettings())

    def emotion_curve(self, analysis: Analysis) -> CurveEstimate:
        """The (arousal, valence) of every window, with one spread throughout."""
        from model.analysis import CURVE_HOP_S
        from model.emotion_model import CurveEstimate

        mean = _emotion_of_features(analysis.window_features)  # [T, 2]
        t_s = (np.arange(len(mean)) * CURVE_HOP_S).astype(np.float32)
        return CurveEstimate(t_s=t_s, mean=mean, sd=np.full_like(mean, 0.2))

    def _embed(self, emotion: NDArray[np.float32]) -> Embedding:
        # No matrix product: its rows' last bits would depend on how many rows there are.
        point = (emotion[:, :, None] * self._axes).sum(axis=1)  # [N, LATENT]
        return Embedding(phi=point, mu=point.copy(), var=np.full_like(point, 0.1))


def _emotion_of_features(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """(arousal, valence) in [-1, 1] of (level, brightness) rows, [N, 2]."""
    scaled = np.asarray(features, dtype=np.float32) * np.array([2.0, 2.0], np.float32) - 1.0
    return np.clip(scaled, -1.0, 1.0).astype(np.float32)
