"""Training: deterministic, resumable bit for bit, and able to learn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from model.checkpoint import load_checkpoint, save_checkpoint
from model.emer import EmerConfig
from model.encoders import EncoderConfig
from model.errors import TrainingError
from model.learning.augmentation import NO_AUGMENTATION, AugmentationConfig, augment, sample
from model.learning.datasets import Dataset
from model.learning.evaluation import chance, retrieval
from model.learning.fitting import FitConfig, embed, fit
from model.learning.shipping import make_checkpoint
from model.learning.training import TrainingConfig, one_thread, train
from model.scoring import score


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> object:
    with one_thread():
        yield


SHAPE = EmerConfig(
    5,
    EncoderConfig("mean_mlp", (16, 16), "gelu", dropout=0.2),
    EncoderConfig("mean_mlp", (16, 16), "gelu", dropout=0.1, pooling="statistics"),
    d_z=6,
    d_kl=6,
)
QUICK = TrainingConfig(epochs=6, batch=32, save_every=2)
FIT = FitConfig(folds=2, dimensions=4)


MIX = np.random.default_rng(99).normal(size=(2, 5))


def songs(count: int, seed: int = 0) -> Dataset:
    """Features that tell the level of the curve, with noise."""
    rng = np.random.default_rng(seed)
    level = rng.uniform(-0.6, 0.6, size=(count, 2))
    mixed = level @ MIX
    curves = level[:, None, :] + 0.05 * rng.normal(size=(count, 20, 2))
    return Dataset(
        name="synthetic",
        song_ids=np.arange(count),
        features=(mixed + 0.05 * rng.normal(size=(count, 5))).astype(np.float32),
        feature_names=("a", "b", "c", "d", "e"),
        curves=curves.astype(np.float32),
        lengths=np.full(count, 20, dtype=np.int64),
    )


def weights(model: torch.nn.Module) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in model.state_dict().values()]


def same(left: torch.nn.Module, right: torch.nn.Module) -> bool:
    pairs = zip(weights(left), weights(right), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_numpy_computes_on_one_thread_too() -> None:
    """The CCA is numpy's: its last bits, and so the file's, would depend on the cores."""
    assert {pool["num_threads"] for pool in threadpool_info()} == {1}


def test_equal_seeds_give_equal_weights() -> None:
    """Weights, batches, dropout and augmentation all come from the seed."""
    first, second = (train(songs(96), SHAPE, QUICK) for _ in range(2))
    other = train(songs(96), SHAPE, replace(QUICK, seed=1))

    assert same(first.model, second.model)
    assert not same(first.model, other.model)


def test_training_resumes_bit_for_bit_after_a_kill(tmp_path: Path) -> None:
    """A run that dies after epoch 5 goes on from its file of epoch 4 as if nothing had happened."""
    state = tmp_path / "run.state"

    class KilledError(Exception):
        pass

    def die(stage: str, done: int, total: int) -> None:
        if done == 5:
            raise KilledError

    whole = train(songs(96), SHAPE, QUICK)
    with pytest.raises(KilledError):
        train(songs(96), SHAPE, QUICK, state=state, progress=die)
    torch.manual_seed(12345)
    seen: list[int] = []
    resumed = train(
        songs(96), SHAPE, QUICK, state=state, progress=lambda _, done, __: seen.append(done)
    )

    assert seen == [5, 6]
    assert same(whole.model, resumed.model)
    assert whole.losses == resumed.losses


def test_what_is_finished_is_not_trained_again(tmp_path: Path) -> None:
    """Its state is read, and no epoch is run."""
    state = tmp_path / "run.state"
    first = train(songs(96), SHAPE, QUICK, state=state)
    seen: list[int] = []
    second = train(songs(96), SHAPE, QUICK, state=state, progress=lambda *a: seen.append(a[1]))

    assert seen == []
    assert same(first.model, second.model)


def test_the_state_of_another_run_is_refused(tmp_path: Path) -> None:
    """Resuming with another recipe would silently mix two runs."""
    state = tmp_path / "run.state"
    train(songs(96), SHAPE, QUICK, state=state)

    with pytest.raises(TrainingError, match="state of another run"):
        train(songs(96), SHAPE, replace(QUICK, lam=0.9), state=state)


def test_a_diverging_run_stops_with_a_remedy() -> None:
    """NaN does not train on silently."""
    broken = songs(96)
    broken.curves[0, 0, 0] = np.nan

    with pytest.raises(TrainingError, match="NaN in epoch 1: lower the learning rate"):
        train(broken, SHAPE, QUICK)


@pytest.mark.parametrize("loss", ["cca", "kl", "cos", "composite", "composite_c"])
def test_every_loss_falls(loss: str) -> None:
    """Each of the paper's five losses is minimised."""
    config = replace(QUICK, epochs=15, loss=loss, temperature=0.3, augmentation=NO_AUGMENTATION)
    losses = train(songs(96), SHAPE, config).losses

    assert losses[-1] < losses[0]


@pytest.fixture(scope="module")
def fitted_songs() -> tuple[Dataset, object]:
    data = songs(96)
    return data, fit(data, SHAPE, replace(QUICK, epochs=40), FIT)


def test_unseen_songs_rank_far_better_than_chance(fitted_songs: tuple[Dataset, object]) -> None:
    """Both directions find the partner of songs that training never saw."""
    unseen = songs(60, seed=3)
    embedded = embed(fitted_songs[1], unseen)

    scoring = fitted_songs[1].scoring
    m2e = score(embedded.music, embedded.emotion, scoring, "m2e").total
    e2m = score(embedded.emotion, embedded.music, scoring, "e2m").total
    assert retrieval(m2e.numpy()).ar < 0.4 * chance(60).ar
    assert retrieval(e2m.numpy()).ar < 0.4 * chance(60).ar


def test_held_out_correlations_do_not_exceed_training_ones_by_much(
    fitted_songs: tuple[Dataset, object],
) -> None:
    """Cross-fitted rho is a correlation, and the leading one is high on this easy problem."""
    rho = fitted_songs[1].scoring.rho

    assert 0.8 < float(rho[0]) <= 1.0
    assert bool((rho >= 0.0).all())


def test_folds_never_hold_a_song_twice(fitted_songs: tuple[Dataset, object]) -> None:
    """What chooses lambda was left out of that fold's training, and every song is left out once."""
    data, fitted = fitted_songs
    left_out = np.concatenate([fold.rows for fold in fitted.folds])

    assert sorted(left_out) == list(range(len(data)))
    assert all(not set(fold.rows) & set(fold.rest) for fold in fitted.folds)


def test_a_checkpoint_keeps_what_was_fitted(
    fitted_songs: tuple[Dataset, object], tmp_path: Path
) -> None:
    """Saved and loaded, the regression head predicts the songs' mean emotion as before."""
    data, fitted = fitted_songs
    path = tmp_path / "model.safetensors"
    checkpoint = make_checkpoint(fitted, data, "all", {"seed": 0})
    save_checkpoint(path, checkpoint)
    loaded = load_checkpoint(path).checkpoint

    music = fitted.inside.music_embedding
    np.testing.assert_array_equal(
        loaded.mean_head.predict(music), checkpoint.mean_head.predict(music)
    )
    assert np.abs(loaded.mean_head.predict(music) - data.mean_emotion).mean() < 0.1
    assert loaded.frontend_id == "table_all-1"


def test_no_augmentation_leaves_curves_alone() -> None:
    """The batch comes back as it went in."""
    curves, lengths = torch.rand(3, 20, 2), torch.tensor([20, 5, 9])

    same_curves, same_lengths = augment(curves, lengths, NO_AUGMENTATION, torch.Generator())

    assert same_curves is curves
    assert same_lengths is lengths


def test_stretching_keeps_ends_and_shape() -> None:
    """A straight line stays that line at any number of frames, padding never shows."""
    line = torch.linspace(-0.5, 0.5, 10)[None, :, None].expand(1, 10, 2)
    padded = torch.cat([line, torch.full((1, 5, 2), 99.0)], dim=1)
    config = AugmentationConfig(crop_probability=0.0, min_frames=33, max_frames=33)

    stretched, lengths = augment(padded, torch.tensor([10]), config, torch.Generator())

    assert lengths.tolist() == [33]
    expected = torch.linspace(-0.5, 0.5, 33)[:, None].expand(33, 2)
    torch.testing.assert_close(stretched[0], expected)


def test_cuts_stay_inside_the_curve() -> None:
    """Every cut lasts at least `min_crop` of the curve and never leaves its valid frames."""
    ramp = torch.arange(40.0)[None, :, None].expand(64, 40, 2)
    lengths = torch.full((64,), 30)
    config = AugmentationConfig(crop_probability=1.0, min_crop=0.5, keyframe_probability=0.0)

    cut, _ = augment(ramp, lengths, config, torch.Generator().manual_seed(0))

    first, last = cut[:, 0, 0], cut[:, -1, 0]
    assert float(first.min()) >= 0.0
    assert float(last.max()) <= 29.0
    assert float((last - first).min()) >= 0.5 * 29 - 1e-4


def test_sampling_interpolates_linearly() -> None:
    """Halfway between two frames is their mean."""
    curve = torch.tensor([[[0.0, 1.0], [1.0, 3.0]]])

    assert sample(curve, torch.tensor([[0.5, 1.0]])).tolist() == [[[0.5, 2.0], [1.0, 3.0]]]
