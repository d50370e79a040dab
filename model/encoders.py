"""Encoders: a padded batch of frame sequences to one vector v per sequence (paper, Section III-A).

Letters: B batch, T frames (padded), F features a frame, H hidden units, V encoder outputs.

A clip's or curve's length must not leak into its vector. Every encoder therefore pools with means
over the valid frames (`pooling="mean"`); the paper's last-state pooling stays selectable. With
`resample_frames` a sequence is first stretched to one common number of frames, which makes the
vector exactly independent of how long the same shape lasts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from model.errors import ShapeError

EncoderKind = Literal["mean_mlp", "bigru", "attention"]
Pooling = Literal["mean", "last", "statistics", "texture"]
Activation = Literal["softplus", "relu", "gelu", "tanh"]

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "softplus": nn.Softplus,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
}


@dataclass(frozen=True)
class EncoderConfig:
    """Shape of one encoder.

    Attributes:
        kind: `mean_mlp`, `bigru` or `attention`.
        hidden: Widths of the fully connected layers; the last one is V.
        activation: Non-linearity after each fully connected layer.
        dropout: Probability of dropping a unit between layers, in [0, 1).
        recurrent: Hidden units of the GRU in each direction, or width of the attention layers.
        layers: Recurrent or attention layers.
        heads: Attention heads; divides `recurrent`.
        pooling: How frames become one vector. `mean_mlp`: `mean` (the paper's) or `statistics`
            (mean, standard deviation, slope and curvature), or `texture` (these and how rough the
            sequence is, which a hand-drawn curve does not tell); `bigru`: `mean` or `last` (the
            paper's); `attention`: `mean`.
        resample_frames: Stretch every sequence to this many frames first; 0 leaves it as it is.
    """

    kind: EncoderKind = "mean_mlp"
    hidden: tuple[int, ...] = (128, 128)
    activation: Activation = "softplus"
    dropout: float = 0.1
    recurrent: int = 64
    layers: int = 1
    heads: int = 4
    pooling: Pooling = "mean"
    resample_frames: int = 0

    @property
    def outputs(self) -> int:
        """V, the size of the encoder's vector."""
        return self.hidden[-1]


PAPER_MUSIC_MLP = EncoderConfig(
    "mean_mlp", (256, 512, 512, 1024, 1024), "softplus", dropout=0.5
)  # Section IV-C: DEAM's music encoder
PAPER_GRU = EncoderConfig(
    "bigru",
    (512, 512, 512, 1024, 1024),
    "softplus",
    dropout=0.5,
    recurrent=512,
    pooling="last",
)  # the emotion encoder of both datasets and PMEmo's music encoder
ATTENTION = EncoderConfig(
    "attention", (256, 256), "gelu", dropout=0.1, recurrent=128, layers=2, heads=4
)  # the paper's future work
DEFAULT_MUSIC = EncoderConfig("mean_mlp", (256, 256), "gelu", dropout=0.4)
DEFAULT_EMOTION = EncoderConfig("mean_mlp", (128, 128), "gelu", pooling="statistics")
# As good as a GRU on annotated curves, ten times as fast, and sees shape but no length.


def build_encoder(config: EncoderConfig, features: int) -> Encoder:
    """The encoder a config describes, for frames of `features` numbers.

    Raises:
        ValueError: The pooling does not fit the kind.
    """
    if config.pooling not in _POOLINGS[config.kind]:
        raise ValueError(
            f"pooling {config.pooling!r} does not fit a {config.kind} encoder; "
            f"use one of {', '.join(_POOLINGS[config.kind])}"
        )
    return _ENCODERS[config.kind](config, features)


def frame_mask(lengths: Tensor, frames: int) -> Tensor:
    """[B, T] bool, true on the valid frames of a padded batch."""
    return torch.arange(frames, device=lengths.device)[None, :] < lengths[:, None]


def masked_mean(values: Tensor, lengths: Tensor) -> Tensor:
    """Mean over the valid frames, [B, T, F] and [B] -> [B, F]."""
    mask = frame_mask(lengths, values.shape[1])[..., None]  # [B, T, 1]
    return (values * mask).sum(dim=1) / lengths[:, None]


def resample(values: Tensor, lengths: Tensor, frames: int) -> Tensor:
    """Stretch the valid frames of each row to `frames` frames by linear interpolation.

    Args:
        values: Padded sequences, [B, T, F].
        lengths: Valid frames of each, [B], >= 1.
        frames: Wanted frames, >= 1; first and last frame of the result are those of the row.

    Returns:
        [B, frames, F].
    """
    steps = torch.linspace(0.0, 1.0, frames, device=values.device, dtype=values.dtype)
    position = steps[None, :] * (lengths[:, None] - 1).to(values.dtype)  # [B, frames]
    before = position.floor().long()
    after = torch.minimum(before + 1, lengths[:, None] - 1)
    weight = (position - before)[..., None]  # [B, frames, 1]
    index = torch.arange(values.shape[0], device=values.device)[:, None]  # [B, 1]
    return values[index, before] * (1.0 - weight) + values[index, after] * weight


class Encoder(nn.Module):
    """Base of the encoders: checks shapes, fills in lengths, resamples where asked."""

    def __init__(self, config: EncoderConfig, features: int) -> None:
        super().__init__()
        self.config = config
        self.features = features

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode a padded batch.

        Args:
            frames: [B, T, F], T >= 1.
            lengths: Valid frames of each row, [B], in 1..T; None: all T.

        Returns:
            [B, V].

        Raises:
            ShapeError: `frames` is not [B, T, F] with this encoder's F, or T is 0.
        """
        if frames.ndim != 3 or frames.shape[1] == 0 or frames.shape[2] != self.features:
            raise ShapeError(
                f"frames are {tuple(frames.shape)}; this encoder reads "
                f"[batch, frames >= 1, {self.features}]"
            )
        if lengths is None:
            lengths = torch.full((frames.shape[0],), frames.shape[1], device=frames.device)
        if self.config.resample_frames:
            frames = resample(frames, lengths, self.config.resample_frames)
            lengths = torch.full_like(lengths, self.config.resample_frames)
        return self.encode(frames, lengths)

    def encode(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """The encoder proper: [B, T, F] and [B] -> [B, V]."""
        raise TypeError(f"{type(self).__name__} defines no encode()")


class MeanMlp(Encoder):
    """Statistics of the frames through an MLP (the paper's music encoder for DEAM)."""

    def __init__(self, config: EncoderConfig, features: int) -> None:
        super().__init__(config, features)
        inputs = features * {"mean": 1, "statistics": 4, "texture": 7}[config.pooling]
        self.mlp = _mlp(inputs, config)

    def encode(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """[B, T, F] -> [B, V]."""
        if self.config.pooling == "statistics":
            return _apply(self.mlp, curve_statistics(frames, lengths))
        if self.config.pooling == "texture":
            rough = _roughness(frames, lengths)
            return _apply(self.mlp, torch.cat([curve_statistics(frames, lengths), rough], dim=1))
        return _apply(self.mlp, masked_mean(frames, lengths))


class BiGru(Encoder):
    """A bidirectional GRU and an MLP (the paper's emotion encoder)."""

    def __init__(self, config: EncoderConfig, features: int) -> None:
        super().__init__(config, features)
        self.gru = nn.GRU(
            features, config.recurrent, config.layers, batch_first=True, bidirectional=True
        )
        self.mlp = _mlp(2 * config.recurrent, config)

    def encode(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """[B, T, F] -> [B, V]."""
        packed = nn.utils.rnn.pack_padded_sequence(
            frames, lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        states, last = self.gru(packed)  # last [2 layers, B, H]
        if self.config.pooling == "last":
            return _apply(self.mlp, torch.cat([last[-2], last[-1]], dim=1))
        padded, _ = nn.utils.rnn.pad_packed_sequence(states, batch_first=True)  # [B, T, 2 H]
        return _apply(self.mlp, masked_mean(padded, lengths))


class Attention(Encoder):
    """Self-attention over the frames and an MLP (the paper's future work).

    Positions are relative to the sequence's own length, so that a stretched curve keeps them.
    """

    def __init__(self, config: EncoderConfig, features: int) -> None:
        super().__init__(config, features)
        width = config.recurrent
        self.project = nn.Linear(features, width)
        layer = nn.TransformerEncoderLayer(
            width, config.heads, 2 * width, config.dropout, batch_first=True, norm_first=True
        )
        self.attention = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.mlp = _mlp(width, config)

    def encode(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """[B, T, F] -> [B, V]."""
        positions = _relative_positions(frames.shape[1], lengths, self.config.recurrent)
        padding = ~frame_mask(lengths, frames.shape[1])  # [B, T]
        states = self.attention(
            self.project(frames) + positions.to(frames.dtype), src_key_padding_mask=padding
        )
        return _apply(self.mlp, masked_mean(states, lengths))


_ENCODERS: dict[str, type[Encoder]] = {
    "mean_mlp": MeanMlp,
    "bigru": BiGru,
    "attention": Attention,
}
_POOLINGS: dict[str, tuple[str, ...]] = {
    "mean_mlp": ("mean", "statistics", "texture"),
    "bigru": ("mean", "last"),
    "attention": ("mean",),
}


def _mlp(inputs: int, config: EncoderConfig) -> nn.Sequential:
    layers: list[nn.Module] = []
    for outputs in config.hidden:
        if layers:  # dropout stands between two layers, not after the last
            layers.append(nn.Dropout(config.dropout))
        layers += [nn.Linear(inputs, outputs), _ACTIVATIONS[config.activation]()]
        inputs = outputs
    return nn.Sequential(*layers)


def _apply(module: nn.Module, values: Tensor) -> Tensor:
    result: Tensor = module(values)
    return result


def curve_statistics(frames: Tensor, lengths: Tensor) -> Tensor:
    """Mean, standard deviation, slope and curvature over relative time, [B, 4 F]."""
    mean = masked_mean(frames, lengths)
    centred = frames - mean[:, None, :]  # [B, T, F]
    std = (masked_mean(centred**2, lengths) + 1e-8).sqrt()
    slope, curvature = (
        masked_mean(centred * shape, lengths)
        for shape in _legendre(frames.shape[1], lengths)  # each [B, T, 1]
    )
    return torch.cat([mean, std, 3.0 * slope, 5.0 * curvature], dim=1)


def _roughness(frames: Tensor, lengths: Tensor) -> Tensor:
    """Ln of the mean first and second difference, and the share of still frames, [B, 3 F].

    Shifted and scaled to about unit spread over annotated curves in standard units.
    """
    steps = frames.diff(dim=1)  # [B, T - 1, F]
    turns = steps.diff(dim=1)  # [B, T - 2, F]
    first, second = (
        masked_mean(parts.abs(), (lengths - lost).clamp(min=1))
        for parts, lost in ((steps, 1), (turns, 2))
    )
    still = masked_mean((steps.abs() < 1e-5).to(frames.dtype), (lengths - 1).clamp(min=1))
    logs = [2.0 * ((size + 1e-3).log() + 3.7) for size in (first, second)]
    return torch.cat([*logs, 10.0 * still], dim=1)


def _relative_time(frames: int, lengths: Tensor) -> Tensor:
    """Time from -1 at the first to 1 at the last valid frame, 0 for a single one, [B, T]."""
    index = torch.arange(frames, device=lengths.device)[None, :]  # [1, T]
    last = (lengths[:, None] - 1).clamp(min=1)
    return torch.where(lengths[:, None] > 1, 2.0 * index / last - 1.0, 0.0)


def _legendre(frames: int, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Legendre polynomials of degree 1 and 2 over relative time, each [B, T, 1]."""
    time = _relative_time(frames, lengths)[..., None]
    return time, 1.5 * time**2 - 0.5


def _relative_positions(frames: int, lengths: Tensor, width: int) -> Tensor:
    """Sines and cosines of relative time at octave-spaced frequencies, [B, T, width]."""
    time = _relative_time(frames, lengths)[..., None]  # [B, T, 1]
    octaves = torch.arange((width + 1) // 2, device=lengths.device) % 6
    angles = time * (math.pi / 2) * 2.0**octaves  # [B, T, width / 2]
    return torch.cat([angles.sin(), angles.cos()], dim=-1)[..., :width]
