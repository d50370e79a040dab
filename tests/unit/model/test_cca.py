"""The CCA fit against scikit-learn, an eigen-solution and its invariances."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cross_decomposition import CCA
from sklearn.linear_model import LinearRegression

from model.arrays import Doubles
from model.cca import fit_cca, fit_scoring, held_out_rho
from model.errors import ShapeError


def pairs(rows: int = 400, seed: int = 0, noise: float = 1.5) -> tuple[Doubles, Doubles]:
    """Two views of three shared factors with their own noise."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(rows, 3)) * (2.0, 1.0, 0.5)
    music = shared @ rng.normal(size=(3, 6)) + noise * rng.normal(size=(rows, 6)) + 3.0
    emotion = shared @ rng.normal(size=(3, 4)) + noise * rng.normal(size=(rows, 4)) - 1.0
    return music, emotion


def test_correlations_equal_scikit_learn() -> None:
    """The unregularised fit finds the correlations of sklearn's iterative CCA."""
    music, emotion = pairs()

    actual = fit_cca(music, emotion, regularisation=0.0)

    a, b = CCA(4, max_iter=10_000, tol=1e-13).fit_transform(music, emotion)
    expected = [np.corrcoef(a[:, d], b[:, d])[0, 1] for d in range(4)]
    np.testing.assert_allclose(actual.rho, expected, atol=1e-6)


@pytest.mark.parametrize("regularisation", [0.0, 0.05])
def test_correlations_solve_the_generalised_eigenproblem(regularisation: float) -> None:
    """Rho^2 are the eigenvalues of S_me (S_ee + r)^-1 S_em v = rho^2 (S_mm + r) v."""
    music, emotion = pairs()
    m, e = music - music.mean(axis=0), emotion - emotion.mean(axis=0)
    s_mm, s_ee, s_me = m.T @ m / len(m), e.T @ e / len(m), m.T @ e / len(m)
    s_mm += regularisation * np.trace(s_mm) / 6 * np.eye(6)
    s_ee += regularisation * np.trace(s_ee) / 4 * np.eye(4)

    actual = fit_cca(music, emotion, regularisation=regularisation).rho

    squares = scipy.linalg.eigh(s_me @ np.linalg.solve(s_ee, s_me.T), s_mm, eigvals_only=True)
    np.testing.assert_allclose(actual**2, squares[::-1][:4], atol=1e-10)


def test_projections_are_white_and_cross_correlated_by_rho() -> None:
    """The constraints of Eq. 3: unit covariances, diagonal cross-covariance."""
    music, emotion = pairs()

    cca = fit_cca(music, emotion, regularisation=0.0)

    a, b = cca.project_music(music), cca.project_emotion(emotion)
    np.testing.assert_allclose(a.T @ a / len(a), np.eye(4), atol=1e-10)
    np.testing.assert_allclose(b.T @ b / len(b), np.eye(4), atol=1e-10)
    np.testing.assert_allclose(a.T @ b / len(a), np.diag(cca.rho), atol=1e-10)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000))
def test_correlations_survive_invertible_maps(seed: int) -> None:
    """Any invertible affine map of either side leaves the correlations alone."""
    rng = np.random.default_rng(seed)
    music, emotion = pairs(seed=seed)
    turned = music @ (rng.normal(size=(6, 6)) + 4 * np.eye(6)) + rng.normal(size=6)

    actual = fit_cca(turned, emotion, regularisation=0.0).rho

    np.testing.assert_allclose(actual, fit_cca(music, emotion, regularisation=0.0).rho, atol=1e-7)


def test_scale_does_not_matter_even_when_regularised() -> None:
    """The ridge is relative to the covariance, so units of z do not change the fit."""
    music, emotion = pairs()

    plain = fit_cca(music, emotion, regularisation=0.1)
    scaled = fit_cca(1000.0 * music, 0.01 * emotion, regularisation=0.1)

    np.testing.assert_allclose(scaled.rho, plain.rho, atol=1e-9)
    np.testing.assert_allclose(
        scaled.project_music(1000.0 * music), plain.project_music(music), atol=1e-8
    )


def test_collinear_columns_are_dropped() -> None:
    """A repeated column adds no dimension and no infinities."""
    music, emotion = pairs()
    repeated = np.concatenate([music, music[:, :2]], axis=1)

    actual = fit_cca(repeated, emotion, regularisation=0.0)

    np.testing.assert_allclose(
        actual.rho, fit_cca(music, emotion, regularisation=0.0).rho, atol=1e-7
    )
    assert np.isfinite(actual.w_music).all()


def test_equal_input_gives_equal_output() -> None:
    """Signs are fixed, so a refit is bit for bit the same."""
    music, emotion = pairs()

    first, second = fit_cca(music, emotion), fit_cca(music.copy(), emotion.copy())

    assert first.w_music.tobytes() == second.w_music.tobytes()


def test_fewer_dimensions_are_the_leading_ones() -> None:
    """Dc = 2 keeps the two largest correlations."""
    music, emotion = pairs()

    actual = fit_cca(music, emotion, dimensions=2)

    np.testing.assert_allclose(actual.rho, fit_cca(music, emotion).rho[:2])
    assert actual.project_emotion(emotion).shape == (400, 2)


def test_independent_sides_look_correlated_only_on_the_training_rows() -> None:
    """With few rows the fitted rho is optimistic; the held-out one is not."""
    rng = np.random.default_rng(0)
    music, emotion = rng.normal(size=(60, 10)), rng.normal(size=(60, 10))
    fresh = rng.normal(size=(2000, 10)), rng.normal(size=(2000, 10))

    cca = fit_cca(music, emotion)

    assert cca.rho[0] > 0.5
    assert np.abs(held_out_rho(cca, *fresh)).max() < 0.1


def test_regression_lines_equal_scikit_learn() -> None:
    """Slope and intercept of each dimension, both directions."""
    music, emotion = pairs()
    cca = fit_cca(music, emotion)
    a, b = cca.project_music(music), cca.project_emotion(emotion)

    actual = fit_scoring(a, b, cca.rho)

    for d in range(4):
        there = LinearRegression().fit(a[:, [d]], b[:, d])
        back = LinearRegression().fit(b[:, [d]], a[:, d])
        assert actual.m2e_slope[d].item() == pytest.approx(there.coef_[0], abs=1e-6)
        assert actual.m2e_intercept[d].item() == pytest.approx(there.intercept_, abs=1e-6)
        assert actual.e2m_slope[d].item() == pytest.approx(back.coef_[0], abs=1e-6)
        assert actual.e2m_intercept[d].item() == pytest.approx(back.intercept_, abs=1e-6)


def test_scoring_standardises_the_training_rows() -> None:
    """Training projections become mean 0, variance 1; negative correlations count as 0."""
    music, emotion = pairs()
    cca = fit_cca(music, emotion, regularisation=0.2)
    a, b = cca.project_music(music), cca.project_emotion(emotion)

    scoring = fit_scoring(a, b, [0.9, 0.5, -0.2, 0.1], min_rho=0.2)

    standard = (a - scoring.music_mean.numpy()) / scoring.music_std.numpy()
    np.testing.assert_allclose(standard.std(axis=0), 1.0, atol=1e-5)
    np.testing.assert_allclose(standard.mean(axis=0), 0.0, atol=1e-5)
    assert scoring.rho.tolist() == pytest.approx([0.9, 0.5, 0.0, 0.1])
    assert scoring.kept.tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("music", "emotion"),
    [(np.zeros((5, 2)), np.zeros((4, 2))), (np.zeros((1, 2)), np.zeros((1, 2)))],
)
def test_what_is_no_pairing_is_refused(music: Doubles, emotion: Doubles) -> None:
    """Unequal rows and single rows name their shapes."""
    with pytest.raises(ShapeError, match="are no pairs"):
        fit_cca(music, emotion)


def test_other_columns_are_refused() -> None:
    """Projecting z of another size names both sizes."""
    cca = fit_cca(*pairs())

    with pytest.raises(ShapeError, match=r"\(3, 5\).*\[rows, 6\]"):
        cca.project_music(np.zeros((3, 5)))
