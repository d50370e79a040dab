"""The two-sided model: input transforms, heads, presets."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.preprocessing import QuantileTransformer

from model.emer import EmerCl, EmerConfig, build_emer
from model.encoders import EncoderConfig
from model.errors import ShapeError
from model.transforms import MAX_NORMAL, QuantileTransform, StandardTransform

FEATURES = 5
SMALL = EmerConfig(
    FEATURES,
    EncoderConfig("mean_mlp", (16, 12), dropout=0.0),
    EncoderConfig("bigru", (16, 12), recurrent=8, dropout=0.0, resample_frames=20),
    d_z=6,
    d_kl=4,
)


def small(seed: int = 0) -> EmerCl:
    torch.manual_seed(seed)
    model = EmerCl(SMALL)
    model.fit_inputs(torch.randn(100, FEATURES), 0.3 * torch.randn(500, 2))
    return model.eval()


@torch.inference_mode()
def test_heads_have_the_configs_sizes() -> None:
    """Z, mu and log_var of both sides, one row an input."""
    music, emotion = small()(torch.randn(7, FEATURES), torch.randn(9, 30, 2))

    assert [tuple(head.shape) for head in music] == [(7, 6), (7, 4), (7, 4)]
    assert [tuple(head.shape) for head in emotion] == [(9, 6), (9, 4), (9, 4)]


@torch.inference_mode()
def test_a_mean_frame_is_a_sequence_of_one() -> None:
    """[B, F] and [B, 1, F] are the same music."""
    model, rows = small(), torch.randn(3, FEATURES)

    assert torch.equal(model.music(rows).z, model.music(rows[:, None, :]).z)


@torch.inference_mode()
def test_log_var_stays_within_its_bounds() -> None:
    """However far the head's weights drift."""
    model = small()
    model.music_side.log_var.weight.mul_(1e4)

    heads = model.music(torch.randn(200, FEATURES))

    assert heads.log_var.min() >= SMALL.log_var_min
    assert heads.log_var.max() <= SMALL.log_var_max
    torch.testing.assert_close(heads.var, heads.log_var.exp())


def test_log_var_keeps_a_gradient_inside_the_bounds() -> None:
    """The bound is soft: an ordinary head output still learns."""
    model = small().train()
    model.music(torch.randn(8, FEATURES)).log_var.sum().backward()

    grad = model.music_side.log_var.weight.grad
    assert grad is not None
    assert grad.abs().max() > 1e-3


def test_quantile_transform_equals_scikit_learn() -> None:
    """Inside the tails, with ties, the table gives sklearn's normal scores."""
    rng = np.random.default_rng(0)
    train = np.stack([rng.gamma(2.0, size=500), np.round(rng.normal(size=500), 1)], axis=1)
    rows = np.stack([rng.gamma(2.0, size=200), np.round(rng.normal(size=200), 1)], axis=1)
    transform = QuantileTransform(2, 101)
    transform.fit(torch.from_numpy(train))
    oracle = QuantileTransformer(n_quantiles=101, output_distribution="normal").fit(train)

    actual = transform(torch.from_numpy(rows).float()).numpy()

    expected = np.clip(oracle.transform(rows), -MAX_NORMAL, MAX_NORMAL)
    np.testing.assert_allclose(actual, expected, atol=2e-3)


@torch.inference_mode()
def test_quantile_transform_makes_training_rows_normal() -> None:
    """Mean 0 and deviation 1 for any continuous distribution; order is kept."""
    rows = torch.randn(2000, 1).exp()
    transform = QuantileTransform(1, 201)
    transform.fit(rows)

    actual = transform(rows.sort(dim=0).values)

    assert (actual.diff(dim=0) >= 0).all()
    assert actual.mean().abs() < 0.01
    assert (actual.std() - 1.0).abs() < 0.02
    assert actual[1500].item() == pytest.approx(norm.ppf(0.75), abs=0.01)


@torch.inference_mode()
def test_features_outside_the_training_range_end_at_the_tails() -> None:
    """A far louder recording is an extreme one, not an explosion."""
    transform = QuantileTransform(1, 51)
    transform.fit(torch.randn(100, 1))

    actual = transform(torch.tensor([[-1e6], [1e6]]))

    torch.testing.assert_close(
        actual, torch.tensor([[-MAX_NORMAL], [MAX_NORMAL]]), atol=1e-3, rtol=0
    )


@torch.inference_mode()
def test_a_constant_column_becomes_the_middle() -> None:
    """All training rows share the value: it is their median."""
    transform = QuantileTransform(1, 51)
    transform.fit(torch.full((10, 1), 2.5))

    assert transform(torch.full((3, 1), 2.5)).abs().max() < 1e-6


@torch.inference_mode()
def test_standard_transform_is_bounded() -> None:
    """Training rows get mean 0 and variance 1; outliers are held."""
    rows = torch.randn(500, 2) * 3 + 7
    transform = StandardTransform(2)
    transform.fit(rows)

    assert transform(rows).mean(dim=0).abs().max() < 0.02
    assert transform(torch.full((1, 2), 1e9)).max().item() == 4.0


@pytest.mark.parametrize("name", ["default", "paper", "attention"])
def test_configs_survive_json(name: str) -> None:
    """A preset is the same after writing and reading."""
    config = EmerConfig.preset(name, 31)  # type: ignore[arg-type]

    assert EmerConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_the_paper_preset_has_1024_dimensions_everywhere() -> None:
    """Dv = D(cca) = D(kl) = 1024 (Section IV-C)."""
    config = EmerConfig.preset("paper", 128)

    assert (config.music.outputs, config.emotion.outputs) == (1024, 1024)
    assert (config.d_z, config.d_kl) == (1024, 1024)


def test_unknown_presets_are_refused() -> None:
    """The message lists those there are."""
    with pytest.raises(ValueError, match="default, paper and attention"):
        EmerConfig.preset("huge", 31)  # type: ignore[arg-type]


@torch.inference_mode()
def test_weights_fit_their_config() -> None:
    """`build_emer` makes the module that the state dict was taken from."""
    model, rows = small().eval(), torch.randn(4, FEATURES)

    rebuilt = build_emer(model.config)
    rebuilt.load_state_dict(model.state_dict())

    assert torch.equal(rebuilt.eval().music(rows).mu, model.music(rows).mu)


def test_the_config_of_a_shipped_checkpoint_is_read() -> None:
    """It names a number of members, which was always one."""
    config = small().config

    assert EmerConfig.from_dict(config.to_dict() | {"members": 1}) == config


@torch.inference_mode()
def test_rows_are_encoded_independently() -> None:
    """The order of a batch is the order of the result."""
    model, curves = small(), torch.randn(6, 30, 2)
    order = torch.tensor([3, 1, 5, 0, 4, 2])

    torch.testing.assert_close(model.emotion(curves[order]).z, model.emotion(curves).z[order])


def test_foreign_features_are_refused() -> None:
    """The message names both numbers."""
    with pytest.raises(ShapeError, match="frames of 9 numbers; this model reads 5"):
        small().music(torch.zeros(2, 9))
