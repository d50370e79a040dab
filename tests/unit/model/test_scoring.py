"""Similarities against independent oracles: torch.distributions, scipy, plain numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import multivariate_normal, norm
from torch import Tensor
from torch.distributions import Independent, Normal
from torch.distributions import kl_divergence as oracle_kl

from model.errors import ShapeError
from model.scoring import (
    MAX_RHO,
    Direction,
    Kind,
    Points,
    ScoringParams,
    composite_item_vectors,
    composite_query_constant,
    composite_query_vectors,
    gaussian_llr,
    kl_divergence,
    kl_item_vectors,
    kl_query_constant,
    kl_query_vectors,
    l1_item_vectors,
    l1_query_vectors,
    rho_sim,
    score,
)

QUERIES, CANDIDATES, D_CCA, D_KL = 5, 7, 6, 4
DIRECTIONS: tuple[Direction, ...] = ("m2e", "e2m", "m2m")


def points(rows: int, seed: int, d_cca: int = D_CCA, d_kl: int = D_KL) -> Points:
    generator = torch.Generator().manual_seed(seed)
    phi = torch.randn(rows, d_cca, generator=generator)
    mu = 2.0 * torch.randn(rows, d_kl, generator=generator)
    return Points(phi, mu, torch.exp(torch.randn(rows, d_kl, generator=generator)))


def params(kind: Kind = "gaussian", dimensions: int = D_CCA, seed: int = 3) -> ScoringParams:
    generator = torch.Generator().manual_seed(seed)

    def random() -> Tensor:
        return torch.rand(dimensions, generator=generator)

    return ScoringParams(
        kind=kind,
        lambda_gaussian=0.6,
        lambda_paper=0.3,
        min_rho=0.3,
        rho=torch.linspace(0.9, 0.1, dimensions),
        m2e_slope=random(),
        m2e_intercept=random() - 0.5,
        e2m_slope=random(),
        e2m_intercept=random() - 0.5,
        music_mean=random() - 0.5,
        music_std=0.5 + random(),
        emotion_mean=random() - 0.5,
        emotion_std=0.5 + random(),
    )


def eq_8(
    phi_q: NDArray[np.float64],
    phi_n: NDArray[np.float64],
    fitted: ScoringParams,
    direction: Direction,
) -> NDArray[np.float64]:
    """Eq. 8 as printed, one pair and one dimension at a time."""
    slope, intercept = (x.double().numpy() for x in fitted.line(direction))
    rho = fitted.rho.double().numpy()
    out = np.zeros((len(phi_q), len(phi_n)))
    for q, a in enumerate(phi_q):
        for n, b in enumerate(phi_n):
            for d in range(len(rho)):
                if rho[d] >= fitted.min_rho:
                    out[q, n] -= rho[d] * abs(slope[d] * a[d] + intercept[d] - b[d])
    return out


def test_kl_equals_torch_distributions() -> None:
    """Every entry equals torch's KL of that query and that candidate, in this order."""
    q, n = points(QUERIES, 0), points(CANDIDATES, 1)

    actual = kl_divergence(q.mu, q.var, n.mu, n.var)

    assert actual.shape == (QUERIES, CANDIDATES)
    for i in range(QUERIES):
        for j in range(CANDIDATES):
            expected = oracle_kl(
                Independent(Normal(q.mu[i], q.var[i].sqrt()), 1),
                Independent(Normal(n.mu[j], n.var[j].sqrt()), 1),
            )
            assert actual[i, j].item() == pytest.approx(expected.item(), rel=1e-5)


def test_kl_matches_a_value_computed_by_hand() -> None:
    """KL(N(1, 2) || N(0, 1)) = (2 + 1 - 1 - ln 2) / 2."""
    one, zero, two = torch.ones(1, 1), torch.zeros(1, 1), torch.full((1, 1), 2.0)

    actual = kl_divergence(one, two, zero, one)

    assert actual.item() == pytest.approx((2.0 - np.log(2.0)) / 2.0)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 8), st.integers(1, 16))
def test_kl_is_non_negative_and_zero_on_itself(
    seed: int, queries: int, candidates: int, size: int
) -> None:
    """Gibbs' inequality, with equality for equal Gaussians."""
    q, n = points(queries, seed, d_kl=size), points(candidates, seed + 1, d_kl=size)

    assert (kl_divergence(q.mu, q.var, n.mu, n.var) >= 0).all()
    assert torch.allclose(
        torch.diagonal(kl_divergence(q.mu, q.var, q.mu, q.var)), torch.zeros(queries), atol=1e-5
    )


def test_kl_is_not_symmetric() -> None:
    """The divergence to the candidate differs from the one back, so a transposed matrix shows."""
    q, n = points(QUERIES, 0), points(CANDIDATES, 1)

    there = kl_divergence(q.mu, q.var, n.mu, n.var)
    back = kl_divergence(n.mu, n.var, q.mu, q.var)

    assert not torch.allclose(there, back.T, rtol=0.1)


@pytest.mark.parametrize("size", [1, 8, 64])
def test_kl_inner_product_form_in_float32(size: int) -> None:
    """-KL through the inner product agrees with the direct form to 1e-4 relative."""
    q, n = points(20, 5, d_kl=size), points(30, 6, d_kl=size)

    product = kl_query_vectors(q.mu, q.var) @ kl_item_vectors(n.mu, n.var).T
    actual = product + kl_query_constant(q.var)[:, None]
    expected = -kl_divergence(q.mu, q.var, n.mu, n.var)

    assert actual.dtype == torch.float32
    assert ((actual - expected).abs() <= 1e-4 * expected.abs()).all()


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_rho_sim_equals_eq_8(direction: Direction) -> None:
    """The scaled-L1 form is Eq. 8 as printed, computed in plain numpy."""
    q, n, fitted = points(QUERIES, 0), points(CANDIDATES, 1), params("paper")

    actual = rho_sim(q.phi, n.phi, fitted, direction)

    expected = eq_8(q.phi.double().numpy(), n.phi.double().numpy(), fitted, direction)
    assert actual.shape == (QUERIES, CANDIDATES)
    np.testing.assert_allclose(actual.numpy(), expected, rtol=1e-4)


def test_rho_sim_leaves_out_weak_dimensions() -> None:
    """Dimensions below P neither count nor reach the search vectors."""
    n, fitted = points(CANDIDATES, 1), params("paper")
    changed = n.phi.clone()
    changed[:, ~fitted.kept] += 100.0

    assert torch.equal(l1_item_vectors(changed, fitted), l1_item_vectors(n.phi, fitted))
    assert l1_query_vectors(n.phi, fitted, "e2m").shape == (CANDIDATES, int(fitted.kept.sum()))


def test_rho_sim_without_any_dimension_is_zero() -> None:
    """A P above every correlation leaves nothing to compare."""
    nothing = replace(params("paper"), min_rho=0.99)

    actual = rho_sim(points(2, 0).phi, points(3, 1).phi, nothing, "m2e")

    assert torch.equal(actual.abs(), torch.zeros(2, 3))


def test_gaussian_half_is_a_log_likelihood_ratio() -> None:
    """Equals ln p(a, b) - ln p(a) - ln p(b) of scipy's bivariate normals, summed."""
    q, n = points(QUERIES, 0), points(CANDIDATES, 1)
    rho = torch.linspace(0.95, 0.0, D_CCA)

    actual = gaussian_llr(q.phi, n.phi, rho)

    for i in range(QUERIES):
        for j in range(CANDIDATES):
            expected = 0.0
            for a, b, r in zip(q.phi[i].tolist(), n.phi[j].tolist(), rho.tolist(), strict=True):
                joint = multivariate_normal(mean=[0.0, 0.0], cov=[[1.0, r], [r, 1.0]])
                expected += joint.logpdf([a, b]) - norm.logpdf(a) - norm.logpdf(b)
            assert actual[i, j].item() == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_gaussian_half_averages_to_the_mutual_information() -> None:
    """Over true pairs its mean is -ln(1 - rho^2) / 2 a dimension."""
    rho = torch.tensor([0.8, 0.4])
    a = torch.randn(4000, 2)
    b = rho * a + torch.sqrt(1 - rho**2) * torch.randn(4000, 2)

    pairs = torch.stack(
        [gaussian_llr(x[None], y[None], rho)[0, 0] for x, y in zip(a, b, strict=True)]
    )

    expected = -0.5 * torch.log(1 - rho**2).sum().item()
    assert pairs.mean().item() == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize("kind", ["gaussian", "paper"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_score_is_the_weighted_sum_of_its_halves(kind: Kind, direction: Direction) -> None:
    """Total = lambda * CCA half + (1 - lambda) * -KL, all [query, candidate]."""
    q, n, fitted = points(QUERIES, 0), points(CANDIDATES, 1), params(kind)

    actual = score(q, n, fitted, direction)

    lam = {"gaussian": 0.6, "paper": 0.3}[kind]
    assert actual.total.shape == (QUERIES, CANDIDATES)
    torch.testing.assert_close(actual.total, lam * actual.cca + (1 - lam) * actual.neg_kl)
    torch.testing.assert_close(actual.neg_kl, -kl_divergence(q.mu, q.var, n.mu, n.var))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_score_standardises_each_side_by_its_own_statistics(direction: Direction) -> None:
    """The gaussian half sees queries and candidates as variates of their own modality."""
    q, n, fitted = points(QUERIES, 0), points(CANDIDATES, 1), params()
    music = (fitted.music_mean, fitted.music_std)
    emotion = (fitted.emotion_mean, fitted.emotion_std)
    sides = {"m2e": (music, emotion), "e2m": (emotion, music), "m2m": (music, music)}[direction]
    kept = fitted.kept
    a, b = (((x.phi - mean) / std)[:, kept] for x, (mean, std) in zip((q, n), sides, strict=True))

    expected = a * fitted.rho[kept] if direction == "m2m" else a  # the emotion expected of it

    actual = score(q, n, fitted, direction).cca

    torch.testing.assert_close(actual, gaussian_llr(expected, b, fitted.rho[kept]))


@pytest.mark.parametrize("kind", ["gaussian", "paper"])
def test_music_is_most_similar_to_itself(kind: Kind) -> None:
    """Asked with each of some music, the best of them is the one asked with."""
    music, fitted = points(CANDIDATES, 1), params(kind)

    found = score(music, music, fitted, "m2m").total

    assert found.argmax(dim=1).tolist() == list(range(CANDIDATES))


@pytest.mark.parametrize("kind", ["gaussian", "paper"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_composite_is_one_inner_product(kind: Kind, direction: Direction) -> None:
    """Query and item vectors reproduce the gaussian score, whatever kind is selected."""
    q, n, fitted = points(20, 0), points(30, 1), params(kind)

    product = (
        composite_query_vectors(q, fitted, direction)
        @ composite_item_vectors(n, fitted, direction).T
    )
    actual = product + composite_query_constant(q, fitted, direction)[:, None]

    expected = score(q, n, fitted.with_kind("gaussian"), direction).total
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-3)


def test_perfect_correlation_stays_finite() -> None:
    """A held-out correlation of 1 is clamped instead of dividing by zero."""
    perfect = replace(params(), rho=torch.ones(D_CCA))
    q, n = points(QUERIES, 0), points(CANDIDATES, 1)

    actual = score(q, n, perfect, "m2e")

    assert torch.isfinite(actual.total).all()
    assert MAX_RHO < 1.0


def test_rows_do_not_influence_each_other() -> None:
    """The score of a pair is the same alone as in any batch."""
    q, n, fitted = points(QUERIES, 0), points(CANDIDATES, 1), params()

    whole = score(q, n, fitted, "e2m").total
    single = score(
        Points(q.phi[2:3], q.mu[2:3], q.var[2:3]),
        Points(n.phi[4:5], n.mu[4:5], n.var[4:5]),
        fitted,
        "e2m",
    ).total

    torch.testing.assert_close(single[0, 0], whole[2, 4])


def test_different_sizes_are_refused() -> None:
    """The message names both sizes."""
    q, n = points(QUERIES, 0, d_kl=4), points(CANDIDATES, 1, d_kl=5)

    with pytest.raises(ShapeError, match=r"4 latent dimensions, candidates 5"):
        kl_divergence(q.mu, q.var, n.mu, n.var)


def test_params_move_to_another_dtype_together() -> None:
    """Every tensor of the copy has the dtype; plain fields stay."""
    moved = params("paper").to(torch.float64)

    tensors = [x for x in vars(moved).values() if isinstance(x, Tensor)]
    assert {x.dtype for x in tensors} == {torch.float64}
    assert (moved.kind, moved.lam) == ("paper", 0.3)
