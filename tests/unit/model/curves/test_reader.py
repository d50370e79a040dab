"""The short way through the emotion side gives what the networks give."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from indexer.search.typical import typical_curves
from model.arrays import Floats
from model.curves.curve import QuantileScale
from model.curves.reader import CurveReader
from model.emer import (
    Emer,
    EmerCl,
    EmerConfig,
    EmerWithKernel,
    Heads,
)
from model.emotion_model import EmotionModel
from model.encoders import Activation, EncoderConfig, EncoderKind, Pooling
from model.kernel import STATISTICS, CurveKernel

ACTIVATIONS: tuple[Activation, ...] = ("gelu", "softplus", "relu", "tanh")


def networks(
    pooling: Pooling = "statistics",
    *,
    kind: EncoderKind = "mean_mlp",
    activation: Activation = "gelu",
    resample_frames: int = 0,
) -> EmerCl:
    """Random networks whose emotion encoder is of that kind."""
    torch.manual_seed(7)
    emotion = EncoderConfig(
        kind,
        (24, 17),
        activation,
        recurrent=8,
        pooling=pooling,
        resample_frames=resample_frames,
    )
    built = EmerCl(EmerConfig(5, emotion=emotion, d_z=6, d_kl=3)).eval()
    built.fit_inputs(torch.randn(50, 5), 0.3 * torch.randn(50, 2) + 0.1)
    return built


def curves() -> list[Floats]:
    """Steady, moving, single-framed and far-out curves of several lengths."""
    draws = np.random.default_rng(3)
    lengths = (1, 2, 3, 60, 61, 240)
    moving = [draws.uniform(-1, 1, (length, 2)).astype(np.float32) for length in lengths]
    steady = np.full((60, 2), 0.4, dtype=np.float32)
    return [*moving, steady, np.ones((30, 2), dtype=np.float32)]


@torch.inference_mode()
def forward(model: Emer, frames: Floats) -> Heads:
    return model.emotion(torch.from_numpy(frames)[None])


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("pooling", ["mean", "statistics"])
def test_heads_equal_those_of_the_networks(pooling: Pooling, activation: Activation) -> None:
    """Within 1e-5, for every curve and activation."""
    model = networks(pooling, activation=activation)
    reader = CurveReader.of(model)
    assert reader is not None

    found = reader.heads(curves())

    for row, frames in enumerate(curves()):
        for name, expected in forward(model, frames)._asdict().items():
            torch.testing.assert_close(
                getattr(found, name)[row : row + 1], expected, atol=1e-5, rtol=1e-5
            )


def test_the_kernel_machine_is_read_too() -> None:
    """Its statistics of the curve stand before the networks' z, within 1e-5."""
    kernel = CurveKernel(5, centres=9)
    kernel.statistics.fit(torch.randn(40, STATISTICS))
    model = EmerWithKernel.of(networks(), kernel).eval()
    reader = CurveReader.of(model)
    assert reader is not None

    found = reader.heads(curves())

    assert found.z.shape[1] == STATISTICS + 6
    for row, frames in enumerate(curves()):
        expected = forward(model, frames).z
        torch.testing.assert_close(found.z[row : row + 1], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_company_changes_no_bit(activation: Activation) -> None:
    """A curve's heads are the same alone and among others, also in layers of odd widths."""
    kernel = CurveKernel(5, centres=9)
    kernel.statistics.fit(torch.randn(40, STATISTICS))
    reader = CurveReader.of(EmerWithKernel.of(networks(activation=activation), kernel).eval())
    assert reader is not None
    alone = [reader.heads([frames]) for frames in curves()]

    for count in range(2, len(alone) + 1):
        together = reader.heads(curves()[:count])
        for row, one in enumerate(alone[:count]):
            assert all(torch.equal(a[row], b[0]) for a, b in zip(together, one, strict=True))


@pytest.mark.parametrize(
    "model",
    [
        networks("mean", kind="bigru"),
        networks("mean", kind="attention"),
        networks("texture"),
        networks("statistics", resample_frames=20),
    ],
)
def test_other_encoders_are_left_to_torch(model: EmerCl) -> None:
    """What the reader does not know it does not read."""
    assert CurveReader.of(model) is None


def test_the_shipped_model_embeds_queries_as_its_networks_do() -> None:
    """Within 1e-5 of what torch gives, on 200 typical curves, to the bit alone or together."""
    model = EmotionModel.load(device="cpu")
    curves = typical_curves(QuantileScale.fit(np.random.default_rng(1).uniform(-0.5, 0.5, (99, 2))))
    usual = model.embed_emotion(curves)
    alone = [model.embed_emotion([curve]) for curve in curves[::10]]
    model._reader = None
    by_torch = model.embed_emotion(curves)

    for name in ("phi", "mu", "var"):
        found, expected = getattr(usual, name), getattr(by_torch, name)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * expected.std())
        assert np.array_equal(found[::10], np.concatenate([getattr(e, name) for e in alone]))
