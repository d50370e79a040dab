"""Encoders: padding does not leak, length does not leak, the paper's sizes are the preset's."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from model.encoders import (
    ATTENTION,
    PAPER_GRU,
    PAPER_MUSIC_MLP,
    Encoder,
    EncoderConfig,
    build_encoder,
    resample,
)
from model.errors import ShapeError

FEATURES = 3
CONFIGS = {
    "mean": EncoderConfig("mean_mlp", (8, 6)),
    "statistics": EncoderConfig("mean_mlp", (8, 6), pooling="statistics"),
    "gru-mean": EncoderConfig("bigru", (8, 6), recurrent=8),
    "gru-last": EncoderConfig("bigru", (8, 6), recurrent=8, pooling="last"),
    "attention": EncoderConfig("attention", (8, 6), recurrent=8, heads=2, layers=2),
}
ALL = [pytest.param(config, id=name) for name, config in CONFIGS.items()]


def encoder(config: EncoderConfig) -> Encoder:
    torch.manual_seed(0)
    return build_encoder(config, FEATURES).eval()


def relative_change(changed: Tensor, original: Tensor) -> float:
    return float((changed - original).norm() / original.norm())


@pytest.mark.parametrize("config", ALL)
@torch.inference_mode()
def test_padding_changes_nothing(config: EncoderConfig) -> None:
    """A sequence encodes the same alone and padded with rubbish in a batch."""
    sequence = torch.randn(1, 7, FEATURES)
    padded = torch.full((2, 12, FEATURES), 99.0)
    padded[0, :7], padded[1] = sequence[0], torch.randn(12, FEATURES)
    network = encoder(config)

    alone = network(sequence)
    batched = network(padded, torch.tensor([7, 12]))

    assert batched.shape == (2, 6)
    torch.testing.assert_close(batched[:1], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("config", ALL)
@pytest.mark.parametrize("frames", [15, 240])
@torch.inference_mode()
def test_a_constant_curve_encodes_alike_at_any_length(config: EncoderConfig, frames: int) -> None:
    """A quarter or four times as long: the vector stays near."""
    constant = torch.tensor([[[0.5, -0.3, 0.1]]])
    network = encoder(config)

    original = network(constant.expand(1, 60, -1))
    other = network(constant.expand(1, frames, -1))

    assert relative_change(other, original) < 0.05


@pytest.mark.parametrize("config", ALL)
@torch.inference_mode()
def test_resampling_makes_stretching_invisible(config: EncoderConfig) -> None:
    """The same shape over more frames encodes the same once both are resampled."""
    line = torch.linspace(-1, 1, 31)[None, :, None] * torch.tensor([1.0, -0.5, 0.2])
    longer = torch.linspace(-1, 1, 97)[None, :, None] * torch.tensor([1.0, -0.5, 0.2])
    network = encoder(replace(config, resample_frames=40))

    torch.testing.assert_close(network(longer), network(line), rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_resample_reads_each_row_to_its_own_end() -> None:
    """First and last values are the row's; between them straight lines; padding is not read."""
    rows = torch.tensor([[[0.0], [1.0], [9.0]], [[0.0], [1.0], [4.0]]])

    actual = resample(rows, torch.tensor([2, 3]), 5)

    expected = torch.tensor([[0, 0.25, 0.5, 0.75, 1], [0, 0.5, 1, 2.5, 4.0]])
    torch.testing.assert_close(actual[..., 0], expected)


@torch.inference_mode()
def test_a_single_frame_is_enough() -> None:
    """Music comes as one mean frame: every encoder takes T = 1 and gives finite numbers."""
    for config in CONFIGS.values():
        assert torch.isfinite(encoder(config)(torch.randn(4, 1, FEATURES))).all()


@torch.inference_mode()
def test_statistics_tell_a_rise_from_a_fall() -> None:
    """The plain mean cannot."""
    rise = torch.linspace(-1, 1, 20)[None, :, None].expand(1, 20, FEATURES)
    mean, statistics = encoder(CONFIGS["mean"]), encoder(CONFIGS["statistics"])

    assert relative_change(mean(rise.flip(1)), mean(rise)) < 1e-5
    assert relative_change(statistics(rise.flip(1)), statistics(rise)) > 0.01


def test_the_paper_preset_has_the_papers_layers() -> None:
    """256-512-512-1024-1024 softplus; GRU of 512 and 512-512-512-1024-1024; dropout .5 between."""
    mlp = build_encoder(PAPER_MUSIC_MLP, 128)
    gru = build_encoder(PAPER_GRU, 2)

    def widths(network: Encoder) -> list[int]:
        return [m.out_features for m in network.modules() if isinstance(m, nn.Linear)]

    def dropouts(network: Encoder) -> list[float]:
        return [m.p for m in network.modules() if isinstance(m, nn.Dropout)]

    assert widths(mlp) == [256, 512, 512, 1024, 1024]
    assert widths(gru) == [512, 512, 512, 1024, 1024]
    assert dropouts(mlp) == dropouts(gru) == [0.5] * 4
    assert [m.hidden_size for m in gru.modules() if isinstance(m, nn.GRU)] == [512]
    assert sum(isinstance(m, nn.Softplus) for m in mlp.modules()) == 5


def test_dropout_acts_in_training_alone() -> None:
    """Two passes differ in training mode and agree in evaluation."""
    network = build_encoder(PAPER_MUSIC_MLP, FEATURES)
    frames = torch.randn(2, 4, FEATURES)

    assert not torch.equal(network.train()(frames), network(frames))
    assert torch.equal(network.eval()(frames), network(frames))


def test_gradients_reach_every_parameter() -> None:
    """No layer of any encoder is dead weight."""
    for config in [*CONFIGS.values(), replace(ATTENTION, recurrent=16, hidden=(8,))]:
        network = build_encoder(config, FEATURES)
        network(torch.randn(4, 9, FEATURES), torch.tensor([9, 5, 3, 8])).square().sum().backward()

        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize("shape", [(2, FEATURES), (2, 0, FEATURES), (2, 5, FEATURES + 1)])
def test_wrong_frames_are_refused(shape: tuple[int, ...]) -> None:
    """The message names the shape and what the encoder reads."""
    with pytest.raises(ShapeError, match=r"this encoder reads \[batch, frames >= 1, 3\]"):
        encoder(CONFIGS["mean"])(torch.zeros(shape))


def test_a_pooling_that_does_not_fit_is_refused() -> None:
    """The message offers those that do."""
    with pytest.raises(ValueError, match=r"'last' does not fit.*mean, statistics, texture"):
        build_encoder(EncoderConfig("mean_mlp", pooling="last"), FEATURES)
