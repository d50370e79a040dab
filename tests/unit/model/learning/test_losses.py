"""Losses against torch.distributions, scikit-learn, loops from the equations, and gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.cross_decomposition import CCA
from torch.distributions import Independent, Normal, kl_divergence

from model import scoring
from model.errors import ShapeError
from model.learning.losses import (
    cca_loss,
    cosine_distances,
    kl_distances,
    pairwise_kl,
    ranking_loss,
    softmax_loss,
)


def gaussians(rows: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = (2, rows, 5)
    mu, log_var = torch.randn(shape, generator=generator, dtype=torch.float64)
    return mu, log_var


def test_pairwise_kl_equals_torch_distributions() -> None:
    """Every cell is KL(query || candidate), also with unequal numbers of both."""
    (mu_q, lv_q), (mu_n, lv_n) = gaussians(4, 0), gaussians(7, 1)
    expected = torch.empty(4, 7, dtype=torch.float64)
    for q in range(4):
        for n in range(7):
            query = Independent(Normal(mu_q[q], (0.5 * lv_q[q]).exp()), 1)
            candidate = Independent(Normal(mu_n[n], (0.5 * lv_n[n]).exp()), 1)
            expected[q, n] = kl_divergence(query, candidate)

    torch.testing.assert_close(pairwise_kl(mu_q, lv_q, mu_n, lv_n), expected)


def test_pairwise_kl_equals_the_scoring_definition() -> None:
    """Training minimises the very divergence that search ranks by."""
    (mu_q, lv_q), (mu_n, lv_n) = gaussians(3, 2), gaussians(6, 3)

    expected = scoring.kl_divergence(mu_q, lv_q.exp(), mu_n, lv_n.exp())

    torch.testing.assert_close(pairwise_kl(mu_q, lv_q, mu_n, lv_n), expected)


def correlated(rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    shared = torch.randn(rows, 3, generator=generator, dtype=torch.float64)
    noise = torch.randn(2, rows, 3, generator=generator, dtype=torch.float64)
    mix = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    return (shared + 0.5 * noise[0]) @ mix + 7.0, shared + noise[1]


def test_cca_loss_is_minus_the_sum_of_canonical_correlations() -> None:
    """With vanishing regularisation it equals scikit-learn's correlations, whatever the means."""
    music, emotion = correlated(200)
    x, y = CCA(n_components=3, max_iter=5000, tol=1e-12).fit_transform(music, emotion)
    expected = -sum(np.corrcoef(x[:, d], y[:, d])[0, 1] for d in range(3))

    assert float(cca_loss(music, emotion, 1e-10)) == pytest.approx(expected, abs=1e-5)


def test_cca_loss_ignores_invertible_linear_maps() -> None:
    """The total correlation does not change when one side is rotated and scaled."""
    music, emotion = correlated(100)
    mixed = music @ torch.tensor([[2.0, 1, 0], [0, 1, 0], [0, 3, -1]], dtype=torch.float64)

    torch.testing.assert_close(
        cca_loss(music, emotion, 1e-12), cca_loss(mixed, emotion, 1e-12), rtol=1e-6, atol=1e-8
    )


def test_cca_loss_refuses_unpaired_rows() -> None:
    """A batch has as many clips as curves."""
    with pytest.raises(ShapeError, match="3 music rows and 4 emotion rows"):
        cca_loss(torch.zeros(3, 2), torch.zeros(4, 2), 0.1)


def test_ranking_loss_equals_the_loop_of_equation_6() -> None:
    """The mean over all triplets of max(0, positive + alpha - negative), both anchors."""
    distance = torch.rand(5, 5, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    total = 0.0
    for n in range(5):
        for other in range(5):
            if other != n:
                for side in range(2):
                    gap = float(distance[n, n, side] + 0.3 - distance[n, other, side])
                    total += max(0.0, gap)

    assert float(ranking_loss(distance, 0.3)) == pytest.approx(total / 20)


def test_ranking_loss_vanishes_beyond_the_margin() -> None:
    """Positives nearer than every negative by alpha cost nothing; by less, they cost."""
    distance = torch.full((4, 4, 2), 2.0)
    distance[range(4), range(4)] = 1.0

    assert float(ranking_loss(distance, 1.0)) == 0.0
    assert float(ranking_loss(distance, 1.5)) == pytest.approx(1.0)  # 0.5 from each anchor


def test_softmax_loss_equals_its_definition() -> None:
    """The mean of -ln softmax(-psi / tau) at the true partner, over both directions."""
    distance = torch.rand(4, 4, 2, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    logits = -distance.numpy() / 0.7
    terms = [
        math.log(np.exp(logits[n, :, side]).sum()) - logits[n, n, side]
        for n in range(4)
        for side in range(2)
    ]

    assert float(softmax_loss(distance, 0.7)) == pytest.approx(np.mean(terms))


def test_distances_are_query_by_candidate() -> None:
    """Channel 0 asks with music, channel 1 with emotions; both have the query in the rows."""
    (mu_m, lv_m), (mu_e, lv_e) = gaussians(4, 7), gaussians(4, 8)
    distance = kl_distances(mu_m, lv_m, mu_e, lv_e)

    torch.testing.assert_close(distance[1, 2, 0], pairwise_kl(mu_m, lv_m, mu_e, lv_e)[1, 2])
    torch.testing.assert_close(distance[1, 2, 1], pairwise_kl(mu_e, lv_e, mu_m, lv_m)[1, 2])


def test_cosine_distances_are_minus_the_cosines() -> None:
    """Equal directions have distance -1, opposite ones 1."""
    distance = cosine_distances(torch.tensor([[2.0, 0], [0, 1]]), torch.tensor([[5.0, 0], [0, -3]]))

    torch.testing.assert_close(distance[..., 0], torch.tensor([[-1.0, 0], [0, 1]]))


@pytest.mark.parametrize("kind", ["cca", "hinge", "softmax", "cosine"])
def test_gradients_equal_finite_differences(kind: str) -> None:
    """Backpropagation agrees with central differences for every loss."""
    (mu_m, lv_m), (mu_e, lv_e) = gaussians(6, 9), gaussians(6, 10)
    inputs = tuple(t.clone().requires_grad_() for t in (mu_m, lv_m, mu_e, lv_e))

    def loss(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
        if kind == "cca":
            return cca_loss(a + b, c + d, 0.1)
        if kind == "cosine":
            return ranking_loss(cosine_distances(a + b, c + d), 0.3)
        distance = kl_distances(a, b, c, d)
        return ranking_loss(distance, 1.0) if kind == "hinge" else softmax_loss(distance, 2.0)

    assert torch.autograd.gradcheck(loss, inputs, eps=1e-6, atol=1e-6)
