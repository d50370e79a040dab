"""The regression head against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge

from model.embedding import Embedding
from model.errors import ShapeError
from model.regression import fit_mean_head, head_columns


def embedding(rows: int = 150, seed: int = 0) -> Embedding:
    rng = np.random.default_rng(seed)
    phi, mu = (rng.normal(size=(rows, 3)).astype(np.float32) for _ in range(2))
    return Embedding(phi, mu, np.exp(rng.normal(size=(rows, 3))).astype(np.float32))


def emotions(rows: Embedding) -> NDArray[np.float64]:
    """A curved function of the columns, inside [-1, 1]."""
    x = head_columns(rows)
    return np.stack([0.5 * np.tanh(x[:, 0] + x[:, 4]), 0.4 * np.sin(x[:, 1] * x[:, 8])], axis=1)


def test_columns_are_phi_mu_and_log_var() -> None:
    """In this order; the third part is the logarithm of the variance."""
    rows = embedding(4)

    columns = head_columns(rows)

    np.testing.assert_allclose(columns[:, 3:6], rows.mu)
    np.testing.assert_allclose(np.exp(columns[:, 6:]), rows.var, rtol=1e-6)


def test_linear_head_equals_sklearns_ridge() -> None:
    """On standardised columns, with the same penalty."""
    rows = embedding()
    x = head_columns(rows)
    standard = (x - x.mean(axis=0)) / x.std(axis=0)

    actual = fit_mean_head(rows, emotions(rows), ridge=3.0).predict(rows)

    expected = Ridge(alpha=3.0).fit(standard, emotions(rows)).predict(standard)
    np.testing.assert_allclose(actual, np.clip(expected, -1.0, 1.0), atol=1e-5)


def test_kernel_head_equals_sklearns_kernel_ridge() -> None:
    """With every row a centre the Nystroem solution is the full one."""
    rows, fresh = embedding(), embedding(40, seed=1)
    x, new = head_columns(rows), head_columns(fresh)
    mean, std = x.mean(axis=0), x.std(axis=0)
    y = emotions(rows)
    oracle = KernelRidge(alpha=0.5, kernel="rbf", gamma=0.7 / 9)

    actual = fit_mean_head(rows, y, ridge=0.5, gamma=0.7, centres=150).predict(fresh)

    oracle.fit((x - mean) / std, y - y.mean(axis=0))
    expected = oracle.predict((new - mean) / std) + y.mean(axis=0)
    np.testing.assert_allclose(actual, expected, atol=1e-4)


def test_kernel_head_learns_what_the_linear_one_cannot() -> None:
    """The product in valence needs the kernel."""
    rows, fresh = embedding(600), embedding(200, seed=1)
    truth = emotions(fresh)[:, 1]

    linear = fit_mean_head(rows, emotions(rows)).predict(fresh)[:, 1]
    kernel = fit_mean_head(rows, emotions(rows), ridge=0.1, gamma=1.0).predict(fresh)[:, 1]

    assert np.corrcoef(linear, truth)[0, 1] < 0.3
    assert np.corrcoef(kernel, truth)[0, 1] > 0.5


@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_predictions_stay_in_range(gamma: float) -> None:
    """Even for rows far from any training row."""
    rows = embedding()
    far = Embedding(rows.phi * 1000, rows.mu * 1000, rows.var)

    actual = fit_mean_head(rows, emotions(rows), gamma=gamma).predict(far)

    assert np.abs(actual).max() <= 1.0
    assert actual.dtype == np.float32


def test_a_kernel_head_falls_back_to_the_mean_far_away() -> None:
    """What it has never heard is average, not extreme."""
    rows = embedding()
    far = Embedding(rows.phi + 1000, rows.mu, rows.var)

    actual = fit_mean_head(rows, emotions(rows), gamma=0.5).predict(far)

    np.testing.assert_allclose(actual, np.tile(emotions(rows).mean(axis=0), (150, 1)), atol=1e-5)


def test_other_sizes_are_refused() -> None:
    """Targets and embeddings that do not fit name their sizes."""
    rows = embedding()
    head = fit_mean_head(rows, emotions(rows))

    with pytest.raises(ShapeError, match=r"targets are \(3, 2\); expected \[150, 2\]"):
        fit_mean_head(rows, np.zeros((3, 2)))
    with pytest.raises(ShapeError, match="6 columns; the head reads 9"):
        head.predict(Embedding(rows.phi[:, :2], rows.mu[:, :2], rows.var[:, :2]))


def test_trust_shrinks_what_the_encoders_promise() -> None:
    """Columns that hold the training answers but noise elsewhere lose to the honest ones."""
    rows, fresh = embedding(), embedding(100, seed=1)
    y, y_fresh = (0.3 * np.tanh(part.phi[:, :2]) for part in (rows, fresh))
    leaky = Embedding(rows.phi, np.hstack([y, rows.mu[:, 2:]]), rows.var)  # fresh.mu is noise

    errors = [
        np.abs(head.predict(fresh) - y_fresh).mean()
        for head in (fit_mean_head(leaky, y, cross_fitted=3, trust=trust) for trust in (1.0, 0.02))
    ]

    assert errors[1] < 0.25 * errors[0]


def test_a_trusted_column_counts_as_before() -> None:
    """Trust 1 is the plain head."""
    rows = embedding()

    plain, trusting = (fit_mean_head(rows, emotions(rows), cross_fitted=h) for h in (0, 3))

    np.testing.assert_array_equal(plain.predict(rows), trusting.predict(rows))
