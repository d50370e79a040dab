"""The kernel machine beside the networks, against scikit-learn and by leaving songs out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from torch import Tensor

from model.cca import fit_cca, join_cca, pad_cca
from model.checkpoint import load_checkpoint
from model.emer import EmerConfig, EmerWithKernel, build_emer
from model.emotion_model import SHIPPED_CHECKPOINT
from model.encoders import EncoderConfig
from model.kernel import STATISTICS, CurveKernel, exponential_kernel
from model.learning.augmentation import NO_AUGMENTATION
from model.learning.datasets import Dataset, load_deam
from model.learning.fitting import FitConfig, beside_kernel, embed, fit
from model.learning.kernel_machine import KernelConfig, fit_kernel, relevance, surprise
from model.learning.shipping import make_checkpoint
from model.learning.training import TrainingConfig, one_thread

SONGS, FEATURES, FRAMES = 60, 4, 20
KERNEL = KernelConfig(centres=24, width=0.8)


def pairs() -> tuple[Tensor, Tensor, Tensor]:
    """Features that tell level and slope of the curves, with noise."""
    rng = np.random.default_rng(3)
    features = rng.normal(size=(SONGS, FEATURES))
    time = np.linspace(-1, 1, FRAMES)[None, :, None]
    level = 0.3 * np.tanh(features[:, None, :2])
    curves = level + 0.2 * features[:, None, 2:] * time + 0.05 * rng.normal(size=(SONGS, FRAMES, 2))
    tensors = (torch.from_numpy(values.astype(np.float32)) for values in (features, curves))
    return (*tensors, torch.full((SONGS,), FRAMES))  # type: ignore[return-value]


def fitted() -> tuple[CurveKernel, Tensor]:
    return fit_kernel(*pairs(), KERNEL)


def gram(kernel: CurveKernel) -> NDArray[np.float64]:
    """Similarity of the training songs seen through the centres: K_nm K_mm^-1 K_mn."""
    x, centres = kernel.features(pairs()[0]).double().numpy(), kernel.centres.double().numpy()
    similarity = Matern(1.0 / kernel.scales.double().numpy(), nu=0.5)
    across = similarity(x, centres)
    seen: NDArray[np.float64] = across @ np.linalg.solve(similarity(centres), across.T)
    return seen


def left_out_by_refitting(kernel: CurveKernel, penalty: float) -> NDArray[np.float64]:
    """Each song predicted by scikit-learn's kernel ridge without it, [N, S]."""
    similarity, target = gram(kernel), kernel.emotion(*pairs()[1:]).double().numpy()
    bias = target.mean(axis=0)
    rows = []
    for song in range(SONGS):
        rest = np.delete(np.arange(SONGS), song)
        oracle = KernelRidge(alpha=penalty, kernel="precomputed")
        oracle.fit(similarity[np.ix_(rest, rest)], target[rest] - bias)
        rows.append(oracle.predict(similarity[song : song + 1][:, rest])[0] + bias)
    return np.array(rows)


def test_left_out_predictions_equal_those_of_refitting() -> None:
    """In closed form and with the penalty that has the least left-out error, statistic by one."""
    kernel, left_out = fitted()
    target = kernel.emotion(*pairs()[1:]).double().numpy()
    refitted = np.array([left_out_by_refitting(kernel, penalty) for penalty in KERNEL.penalties])
    best = ((refitted - target) ** 2).mean(axis=1).argmin(axis=0)  # [S]

    expected = refitted[best, :, np.arange(STATISTICS)].T
    np.testing.assert_allclose(left_out.numpy(), expected, atol=2e-3)


def test_predictions_are_kernel_ridge() -> None:
    """With all songs in, the prediction of each statistic is scikit-learn's for its penalty."""
    kernel, _ = fitted()
    features, curves, lengths = pairs()
    target = kernel.emotion(curves, lengths).double().numpy()
    bias = target.mean(axis=0)
    possible = [
        KernelRidge(alpha=p, kernel="precomputed").fit(gram(kernel), target - bias)
        for p in KERNEL.penalties
    ]
    predictions = np.array([oracle.predict(gram(kernel)) + bias for oracle in possible])

    error = np.abs(predictions - kernel.music(features).numpy()).max(axis=1)  # [P, S]
    assert (error.min(axis=0) < 2e-3).all()


def test_the_kernel_is_the_exponential_one() -> None:
    """It equals scikit-learn's Matern kernel of order one half with a length a column."""
    rng = np.random.default_rng(1)
    left, right, scales = rng.normal(size=(7, 3)), rng.normal(size=(5, 3)), np.array([0.1, 1.0, 3])

    actual = exponential_kernel(*(torch.from_numpy(each) for each in (left, right, scales)))

    np.testing.assert_allclose(actual, Matern(1.0 / scales, nu=0.5)(left, right), atol=1e-6)


def test_the_likelihood_is_a_gaussian_process() -> None:
    """At the best variance it is scikit-learn's log marginal likelihood."""
    rng = np.random.default_rng(2)
    x, y, scales, noise = rng.normal(size=(30, 3)), rng.normal(size=30), np.array([0.3, 1, 2]), 0.4
    similarity = Matern(1.0 / scales, nu=0.5)
    variance = y @ np.linalg.solve(similarity(x) + noise * np.eye(30), y) / 30
    process = GaussianProcessRegressor(
        ConstantKernel(variance) * similarity + WhiteKernel(variance * noise), optimizer=None
    )
    expected = process.fit(x, y).log_marginal_likelihood_value_

    tensors = [torch.from_numpy(np.asarray(each)) for each in (similarity(x), noise, y[:, None])]
    actual = -float(surprise(*tensors)) - 15.0 * (1.0 + np.log(2.0 * np.pi))

    assert actual == pytest.approx(expected, rel=1e-6)


def test_columns_that_tell_something_count_more() -> None:
    """The target depends on the second of four columns alone."""
    x = torch.randn(200, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    scales = relevance(x, torch.sin(2.0 * x[:, 1:2]), KernelConfig(relevance_steps=60))

    assert int(scales.argmax()) == 1
    assert scales[1] > 4.0 * scales[[0, 2, 3]].max()


def test_statistics_do_not_depend_on_length() -> None:
    """The same course in twice the time has nearly the same statistics."""
    kernel, _ = fitted()
    time = torch.linspace(0, 1, 121)[None, :, None]
    course = torch.cat([0.3 * time - 0.1, 0.2 * time**2], dim=2)

    np.testing.assert_allclose(kernel.emotion(course), kernel.emotion(course[:, ::2]), atol=0.1)


def test_sequences_count_by_their_mean_frame() -> None:
    """Frames beyond a row's length are padding."""
    kernel, _ = fitted()
    frames = torch.randn(2, 3, FEATURES, generator=torch.Generator().manual_seed(0))
    frames[0, 2:] = 99.0

    actual = kernel.music(frames, torch.tensor([2, 3]))

    expected = kernel.music(torch.stack([frames[0, :2].mean(dim=0), frames[1].mean(dim=0)]))
    torch.testing.assert_close(actual, expected)


def test_joined_ccas_project_each_part_by_itself() -> None:
    """Block diagonal: phi is the left's dimensions, then the right's."""
    rng = np.random.default_rng(0)
    z = [rng.normal(size=(50, columns)) for columns in (3, 5)]
    parts = [fit_cca(part, part + rng.normal(size=part.shape), dimensions=2) for part in z]

    joined = join_cca(*parts)

    expected = [cca.project_music(part) for cca, part in zip(parts, z, strict=True)]
    np.testing.assert_allclose(joined.project_music(np.hstack(z)), np.hstack(expected))
    np.testing.assert_array_equal(joined.rho, np.hstack([cca.rho for cca in parts]))


def test_a_padded_cca_projects_to_nothing_beyond_its_own() -> None:
    """Two songs span one direction; the others are constant and correlate with nothing."""
    z = np.random.default_rng(0).normal(size=(2, 4))
    padded = pad_cca(fit_cca(z, z), 4)

    assert np.abs(padded.project_music(z)[:, 1:]).max() == 0.0
    assert padded.rho.tolist()[1:] == [0.0, 0.0, 0.0]


SHAPE = EmerConfig(
    FEATURES,
    EncoderConfig("mean_mlp", (8,), "gelu"),
    EncoderConfig("mean_mlp", (8,), "gelu", pooling="statistics"),
    d_z=4,
    d_kl=4,
)
FIT = FitConfig(folds=2, dimensions=3, kernel=KERNEL)
QUICK = TrainingConfig(epochs=2, batch=32, augmentation=NO_AUGMENTATION)


def dataset() -> Dataset:
    features, curves, lengths = pairs()
    return Dataset(
        "synthetic",
        np.arange(SONGS),
        features.numpy(),
        tuple("abcd"),
        curves.numpy(),
        lengths.numpy(),
    )


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> object:
    with one_thread():
        yield


def test_training_songs_enter_the_cca_as_left_out() -> None:
    """The first columns of their music z are not what the model would give them."""
    networks = build_emer(SHAPE)
    assert not isinstance(networks, EmerWithKernel)

    model, (music, emotion) = beside_kernel(networks, dataset(), FIT)

    _, left_out = fit_kernel(*pairs(), KERNEL, SHAPE.quantiles)
    torch.testing.assert_close(music.z[:, :STATISTICS], left_out)
    assert music.z.shape == emotion.z.shape == (SONGS, STATISTICS + SHAPE.d_z)
    assert not torch.allclose(model.music(pairs()[0]).z[:, :STATISTICS], left_out, atol=1e-2)


def test_a_checkpoint_keeps_the_kernel_machine() -> None:
    """Networks and kernel come back from the weights that a checkpoint stores."""
    data = dataset()
    found = fit(data, SHAPE, QUICK, FIT)
    checkpoint = make_checkpoint(found, data, "descriptors", {})

    rebuilt = checkpoint.build()

    expected = found.model.music(pairs()[0])
    torch.testing.assert_close(rebuilt.music(pairs()[0]).z, expected.z)
    assert checkpoint.config.kernel_centres == KERNEL.centres
    assert embed(found, data).music.phi.shape[1] == STATISTICS + FIT.dimensions


def test_checkpoints_from_before_have_no_kernel() -> None:
    """A stored config without the field describes the networks alone."""
    config = SHAPE.to_dict()
    del config["kernel_centres"]

    assert EmerConfig.from_dict(config).kernel_statistics == 0


def test_the_shipped_checkpoint_holds_no_song_of_the_tables(shared_data: Path) -> None:
    """No tensor has a row that is a training song's, as it stands or normalised (ADR 70)."""
    checkpoint = load_checkpoint(SHIPPED_CHECKPOINT).checkpoint
    data = load_deam(shared_data)
    model = checkpoint.build()
    assert isinstance(model, EmerWithKernel)
    raw = torch.from_numpy(data.features)
    songs = (raw, model.kernel.features(raw))
    tensors = [*checkpoint.weights.values(), torch.from_numpy(checkpoint.mean_head.centres)]
    columns = raw.shape[1]

    for rows in (t.float() for t in tensors if t.ndim == 2 and t.shape[1] == columns):
        for known in songs:
            assert torch.cdist(rows, known).min() > 1e-2
