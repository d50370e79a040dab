"""EMER-CL: two encoders and six heads (paper, Section III and Fig. 2).

Letters: B batch, T frames, F music features, Dz size of z, Dk size of the Gaussians.

Each side ends in three linear heads: z for the CCA space, mu and log_var for the KL space. Where
the code departs from the paper: the heads bound log_var softly (an unbounded one lets the ranking
loss buy distance with vanishing variances), and both inputs pass a transform that was fitted on
the training set and is part of the checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, NamedTuple, cast

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

TransformKind = Literal["none", "standard", "quantile"]
Preset = Literal["default", "paper", "attention"]

EMOTION_AXES = 2
MAX_DEVIATION = 4.0  # standardised inputs are held within this many standard deviations
MAX_NORMAL = 3.0  # quantile-normalised inputs end here: the 0.13 % tails


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
        members: Independent copies whose latent spaces are joined; 1 is the plain model.
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
    members: int = 1

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
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> EmerConfig:
        """The config `to_dict` described.

        Raises:
            TypeError: A field is unknown or missing.
        """
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


class QuantileTransform(nn.Module):
    """Each feature to a standard normal through a stored table of its quantiles.

    Values beyond the table end at +-MAX_NORMAL; a value that many training rows share goes to the
    middle of its quantiles.
    """

    table: Tensor

    def __init__(self, features: int, quantiles: int) -> None:
        super().__init__()
        levels = torch.linspace(0.0, 1.0, quantiles)
        self.register_buffer("table", levels.repeat(features, 1))  # [F, K]

    def fit(self, features: Tensor) -> None:
        """Store the quantiles of training rows [N, F]."""
        levels = torch.linspace(0.0, 1.0, self.table.shape[1], dtype=torch.float64)
        quantiles = torch.quantile(features.double(), levels.to(features.device), dim=0)  # [K, F]
        self.table.copy_(quantiles.T)

    def forward(self, features: Tensor) -> Tensor:
        """[.., F] -> [.., F], in [-MAX_NORMAL, MAX_NORMAL]."""
        columns = features.reshape(-1, self.table.shape[0]).T.contiguous()  # [F, M]
        level = 0.5 * (self._level(columns, right=False) + self._level(columns, right=True))
        tail = torch.special.ndtr(torch.tensor(-MAX_NORMAL, device=features.device))
        normal: Tensor = torch.special.ndtri(level.clamp(tail, 1.0 - tail))
        return normal.T.reshape(features.shape)

    def _level(self, columns: Tensor, *, right: bool) -> Tensor:
        last = self.table.shape[1] - 1
        upper = torch.searchsorted(self.table, columns, right=right).clamp(1, last)  # [F, M]
        low = self.table.gather(1, upper - 1)
        high = self.table.gather(1, upper)
        width = (high - low).clamp(min=torch.finfo(columns.dtype).tiny)
        part = ((columns - low) / width).clamp(0.0, 1.0)
        if right:  # a tie that ends the table is passed whole
            part = part.masked_fill(columns >= high, 1.0)
        return (upper - 1 + part) / last


class StandardTransform(nn.Module):
    """Each column to mean 0 and standard deviation 1, held within +-MAX_DEVIATION."""

    mean: Tensor
    std: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))

    def fit(self, features: Tensor) -> None:
        """Store mean and standard deviation of training rows [N, F]."""
        self.mean.copy_(features.double().mean(dim=0))
        self.std.copy_(features.double().std(dim=0, correction=0).clamp(min=1e-6))

    def forward(self, features: Tensor) -> Tensor:
        """[.., F] -> [.., F]."""
        return ((features - self.mean) / self.std).clamp(-MAX_DEVIATION, MAX_DEVIATION)


class NoTransform(nn.Module):
    """Features as they come, for frontends that normalise themselves."""

    def fit(self, features: Tensor) -> None:
        """Nothing to store."""

    def forward(self, features: Tensor) -> Tensor:
        """[.., F] unchanged."""
        return features


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


class EmerEnsemble(nn.Module):
    """Several models with their latent spaces laid side by side.

    The KL divergence of the joined Gaussians is the sum of the members' divergences, so an
    ensemble is one model of `members * d_kl` dimensions to everything downstream.
    """

    def __init__(self, config: EmerConfig) -> None:
        super().__init__()
        self.config = config
        single = replace(config, members=1)
        self.members = nn.ModuleList(EmerCl(single) for _ in range(config.members))

    @classmethod
    def of(cls, models: Sequence[EmerCl]) -> EmerEnsemble:
        """Join trained models of one config."""
        ensemble = cls(replace(models[0].config, members=len(models)))
        for member, model in zip(ensemble.members, models, strict=True):
            member.load_state_dict(model.state_dict())
        return ensemble

    def music(self, frames: Tensor, lengths: Tensor | None = None) -> Heads:
        """Joined heads of music, see `EmerCl.music`."""
        return _joined([cast(EmerCl, m).music(frames, lengths) for m in self.members])

    def emotion(self, curves: Tensor, lengths: Tensor | None = None) -> Heads:
        """Joined heads of emotion curves, see `EmerCl.emotion`."""
        return _joined([cast(EmerCl, m).emotion(curves, lengths) for m in self.members])


Emer = EmerCl | EmerEnsemble


def build_emer(config: EmerConfig) -> Emer:
    """The plain model or the ensemble a config describes, with fresh weights."""
    return EmerCl(config) if config.members == 1 else EmerEnsemble(config)


def _joined(parts: Sequence[Heads]) -> Heads:
    z, mu, log_var = (torch.cat(tensors, dim=1) for tensors in zip(*parts, strict=True))
    return Heads(z, mu, log_var)


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
