"""EMER-CL: two encoders and six heads (paper, Section III and Fig. 2).

Letters: B batch, T frames, F music features, Dz size of z, Dk size of the Gaussians.

Each side ends in three linear heads: z for the CCA space, mu and log_var for the KL space. Where
the code departs from the paper: the heads bound log_var softly (an unbounded one lets the ranking
loss buy distance with vanishing variances), and both inputs pass a transform that was fitted on
the training set and is part of the checkpoint.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from model.encoders import (
    ATTENTION,
    DEFAULT_EMOTION,
    DEFAULT_MUSIC,
    PAPER_GRU,
    PAPER_MUSIC_MLP,
    EncoderConfig,
    build_encoder,
)
from model.errors import ShapeError
from model.kernel import EMOTION_AXES, STATISTICS, CurveKernel
from model.transforms import NoTransform, QuantileTransform, StandardTransform

TransformKind = Literal["none", "standard", "quantile"]
Preset = Literal["default", "paper", "attention"]


@dataclass(frozen=True)
class EmerConfig:
    """Shape of the whole model; JSON-serialisable through `to_dict`.

    Attributes:
        features: F, numbers a music frame holds.
        music: Music encoder.
        emotion: Emotion encoder.
        d_z: Size of z, the vector CCA projects.
        d_kl: Size of the Gaussians of the KL space.
        transform: How music features are normalised before the encoder.
        quantiles: Points of the quantile table a feature has.
        log_var_min: Lower bound of log_var, in ln of variance.
        log_var_max: Upper bound of log_var.
        kernel_centres: Centres of the kernel machine beside the networks; 0 for none.
    """

    features: int
    music: EncoderConfig = field(default=DEFAULT_MUSIC)
    emotion: EncoderConfig = field(default=DEFAULT_EMOTION)
    d_z: int = 32
    d_kl: int = 32
    transform: TransformKind = "quantile"
    quantiles: int = 201
    log_var_min: float = -6.0
    log_var_max: float = 3.0
    kernel_centres: int = 0

    @property
    def kernel_statistics(self) -> int:
        """The first columns of z, which the kernel machine gives; 0 without one."""
        return STATISTICS if self.kernel_centres else 0

    @classmethod
    def preset(cls, name: Preset, features: int) -> EmerConfig:
        """`default` (what ships), `paper` (Section IV-C) or `attention` (its future work).

        Raises:
            ValueError: No preset has that name.
        """
        if name == "default":
            return cls(features)
        if name == "paper":
            return cls(features, PAPER_MUSIC_MLP, PAPER_GRU, d_z=1024, d_kl=1024)
        if name == "attention":
            return cls(features, DEFAULT_MUSIC, ATTENTION)
        raise ValueError(f"no preset {name!r}; there are default, paper and attention")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self) | {"members": 1}  # as shipped checkpoints have it: bytes stay

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> EmerConfig:
        """The config `to_dict` described.

        Raises:
            TypeError: A field is unknown or missing.
        """
        data = {name: value for name, value in data.items() if name != "members"}  # always 1
        encoders = {
            side: EncoderConfig(**{**data[side], "hidden": tuple(data[side]["hidden"])})
            for side in ("music", "emotion")
        }
        return cls(**{**data, **encoders})


class Heads(NamedTuple):
    """What one side makes of a batch: z [B, Dz], mu [B, Dk], log_var [B, Dk] (ln of variance)."""

    z: Tensor
    mu: Tensor
    log_var: Tensor

    @property
    def var(self) -> Tensor:
        """Variances, [B, Dk], > 0."""
        return self.log_var.exp()


class Side(nn.Module):
    """Transform, encoder and three heads of one modality."""

    def __init__(
        self,
        transform: QuantileTransform | StandardTransform | NoTransform,
        encoder: EncoderConfig,
        features: int,
        config: EmerConfig,
    ) -> None:
        super().__init__()
        self.transform = transform
        self.encoder = build_encoder(encoder, features)
        self.z = nn.Linear(encoder.outputs, config.d_z)
        self.mu = nn.Linear(encoder.outputs, config.d_kl)
        self.log_var = nn.Linear(encoder.outputs, config.d_kl)
        self.log_var_centre = 0.5 * (config.log_var_min + config.log_var_max)
        self.log_var_reach = 0.5 * (config.log_var_max - config.log_var_min)

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> Heads:
        """[B, T, F] and [B] -> heads of [B, ..]."""
        return self.heads(self.transform(frames), lengths)

    def heads(self, transformed: Tensor, lengths: Tensor | None = None) -> Heads:
        """Heads of frames that already passed `transform`, which training does only once."""
        v = self.encoder(transformed, lengths)  # [B, V]
        bounded = torch.tanh(self.log_var(v) / self.log_var_reach)
        log_var = self.log_var_centre + self.log_var_reach * bounded
        return Heads(self.z(v), self.mu(v), log_var)


class EmerCl(nn.Module):
    """One model: music and emotion side."""

    def __init__(self, config: EmerConfig) -> None:
        super().__init__()
        self.config = config
        self.music_side = Side(_transform(config), config.music, config.features, config)
        self.emotion_side = Side(
            StandardTransform(EMOTION_AXES), config.emotion, EMOTION_AXES, config
        )

    def fit_inputs(self, features: Tensor, emotions: Tensor) -> None:
        """Fit both input transforms on training data.

        Args:
            features: Music frames, [N, F].
            emotions: Emotion frames (arousal, valence), [M, 2].
        """
        self.music_side.transform.fit(features)
        self.emotion_side.transform.fit(emotions)

    def music(self, frames: Tensor, lengths: Tensor | None = None) -> Heads:
        """Heads of music: frames [B, T, F] (or [B, F], one mean frame a row), lengths [B].

        Raises:
            ShapeError: The frames do not have F features.
        """
        heads: Heads = self.music_side(_with_time(frames, self.config.features), lengths)
        return heads

    def emotion(self, curves: Tensor, lengths: Tensor | None = None) -> Heads:
        """Heads of emotion curves (arousal, valence): [B, T, 2], lengths [B].

        Raises:
            ShapeError: The curves do not have two axes.
        """
        heads: Heads = self.emotion_side(_with_time(curves, EMOTION_AXES), lengths)
        return heads

    def forward(
        self,
        frames: Tensor,
        curves: Tensor,
        frame_lengths: Tensor | None = None,
        curve_lengths: Tensor | None = None,
    ) -> tuple[Heads, Heads]:
        """Both sides of a batch of pairs."""
        return self.music(frames, frame_lengths), self.emotion(curves, curve_lengths)


class EmerWithKernel(nn.Module):
    """Networks and a kernel machine: z is the kernel's statistics, then the networks' z."""

    def __init__(self, config: EmerConfig) -> None:
        super().__init__()
        self.config = config
        self.networks = EmerCl(replace(config, kernel_centres=0))
        self.kernel = CurveKernel(config.features, config.kernel_centres, config.quantiles)

    @classmethod
    def of(cls, networks: EmerCl, kernel: CurveKernel) -> EmerWithKernel:
        """Join trained networks and a fitted kernel machine."""
        joined = cls(replace(networks.config, kernel_centres=len(kernel.centres)))
        joined.networks.load_state_dict(networks.state_dict())
        joined.kernel.load_state_dict(kernel.state_dict())
        return joined

    def music(self, frames: Tensor, lengths: Tensor | None = None) -> Heads:
        """Heads of music, see `EmerCl.music`."""
        heads = self.networks.music(frames, lengths)
        return heads._replace(z=torch.cat([self.kernel.music(frames, lengths), heads.z], dim=1))

    def emotion(self, curves: Tensor, lengths: Tensor | None = None) -> Heads:
        """Heads of emotion curves, see `EmerCl.emotion`."""
        heads = self.networks.emotion(curves, lengths)
        return heads._replace(z=torch.cat([self.kernel.emotion(curves, lengths), heads.z], dim=1))


Emer = EmerCl | EmerWithKernel


def build_emer(config: EmerConfig) -> Emer:
    """Everything a config describes, with fresh weights."""
    return EmerWithKernel(config) if config.kernel_centres else EmerCl(config)


def _transform(config: EmerConfig) -> QuantileTransform | StandardTransform | NoTransform:
    if config.transform == "quantile":
        return QuantileTransform(config.features, config.quantiles)
    if config.transform == "standard":
        return StandardTransform(config.features)
    return NoTransform()


def _with_time(frames: Tensor, columns: int) -> Tensor:
    """[B, F] as [B, 1, F]; [B, T, F] unchanged."""
    if frames.shape[-1] != columns:
        raise ShapeError(f"frames of {frames.shape[-1]} numbers; this model reads {columns}")
    return frames[:, None, :] if frames.ndim == 2 else frames
