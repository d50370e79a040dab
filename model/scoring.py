"""The similarities of EMER-CL: KL divergence, the two CCA halves and their weighted sum.

The definition for the whole project. Training and evaluation call it; the search writes its
formulas out in compiled loops (ADR 25, 26), which a test holds equal. Matrices are
[query, candidate] everywhere. Letters: Q queries, N candidates, D latent dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from model.errors import ShapeError

Kind = Literal["gaussian", "paper"]
Direction = Literal["m2e", "e2m", "m2m"]

MAX_RHO = 0.999  # keeps 1 - rho^2 away from zero


@dataclass(frozen=True)
class ScoringParams:
    """What a checkpoint fixes about scoring; all tensors are [Dc].

    Attributes:
        kind: The CCA half the checkpoint was tuned for.
        lambda_gaussian: Weight of the CCA half with `gaussian`, in [0, 1].
        lambda_paper: Weight of the CCA half with `paper`, in [0, 1].
        min_rho: P of Eq. 8: dimensions with a smaller held-out correlation are left out.
        rho: Held-out correlation of each CCA dimension.
        m2e_slope: Slope of the regression line from music to emotion (g_d of Eq. 8).
        m2e_intercept: Its intercept.
        e2m_slope: Slope of the line from emotion to music.
        e2m_intercept: Its intercept.
        music_mean: Mean of phi over training music.
        music_std: Standard deviation of phi over training music, > 0.
        emotion_mean: Mean of phi over training emotions.
        emotion_std: Standard deviation of phi over training emotions, > 0.
    """

    kind: Kind
    lambda_gaussian: float
    lambda_paper: float
    min_rho: float
    rho: Tensor
    m2e_slope: Tensor
    m2e_intercept: Tensor
    e2m_slope: Tensor
    e2m_intercept: Tensor
    music_mean: Tensor
    music_std: Tensor
    emotion_mean: Tensor
    emotion_std: Tensor

    @property
    def lam(self) -> float:
        """Lambda of Eq. 1 for the selected kind."""
        return self.lambda_gaussian if self.kind == "gaussian" else self.lambda_paper

    @property
    def kept(self) -> Tensor:
        """Mask of the dimensions with rho_d >= P, [Dc], bool."""
        return self.rho >= self.min_rho

    def with_kind(self, kind: Kind) -> ScoringParams:
        """The same parameters, scoring with the other CCA half."""
        return replace(self, kind=kind)

    def to(self, target: torch.dtype | torch.device) -> ScoringParams:
        """The same parameters as another dtype or on another device."""
        tensors: dict[str, Any] = {
            name: value.to(target)
            for name, value in vars(self).items()
            if isinstance(value, Tensor)
        }
        return replace(self, **tensors)

    def line(self, direction: Direction) -> tuple[Tensor, Tensor]:
        """Slope and intercept of g_d; music to music is the identity."""
        if direction == "m2e":
            return self.m2e_slope, self.m2e_intercept
        if direction == "e2m":
            return self.e2m_slope, self.e2m_intercept
        return torch.ones_like(self.rho), torch.zeros_like(self.rho)

    def standardised_query(self, phi: Tensor, direction: Direction) -> Tensor:
        """Query projections as variates of mean 0 and variance 1, [Q, Dc].

        Music that asks for music stands for the emotion expected of it, rho times its own variate,
        so that nothing is more similar to it than itself.
        """
        if direction == "e2m":
            return (phi - self.emotion_mean) / self.emotion_std
        own = (phi - self.music_mean) / self.music_std
        return own if direction == "m2e" else self.rho.clamp(0.0, MAX_RHO) * own

    def standardised_candidates(self, phi: Tensor, direction: Direction) -> Tensor:
        """Candidate projections as variates of mean 0 and variance 1, [N, Dc]."""
        if direction == "m2e":
            return (phi - self.emotion_mean) / self.emotion_std
        return (phi - self.music_mean) / self.music_std


@dataclass(frozen=True)
class Points:
    """Embedded rows as tensors: phi [N, Dc], mu [N, Dk], var [N, Dk]."""

    phi: Tensor
    mu: Tensor
    var: Tensor


@dataclass(frozen=True)
class Scores:
    """The composite and its two halves, each [Q, N]; larger is more similar."""

    total: Tensor
    cca: Tensor
    neg_kl: Tensor


def kl_divergence(mu_q: Tensor, var_q: Tensor, mu_n: Tensor, var_n: Tensor) -> Tensor:
    """KL(q || n) between diagonal Gaussians, in nats (paper, Eq. 7).

    Args:
        mu_q: Query means, [Q, D].
        var_q: Query variances (not log, not std), [Q, D], > 0.
        mu_n: Candidate means, [N, D].
        var_n: Candidate variances, [N, D], > 0.

    Returns:
        [Q, N], non-negative; 0 where the Gaussians are equal.

    Raises:
        ShapeError: The latent dimensions differ.
    """
    _same_columns(mu_q, mu_n)
    squared = (mu_q[:, None, :] - mu_n[None, :, :]) ** 2  # [Q, N, D]
    ratio = var_q[:, None, :] / var_n[None, :, :]  # [Q, N, D]
    terms = squared / var_n[None, :, :] + ratio - 1.0 - torch.log(ratio)
    return 0.5 * terms.sum(dim=-1)


def rho_sim(phi_q: Tensor, phi_n: Tensor, params: ScoringParams, direction: Direction) -> Tensor:
    """The correlation-weighted similarity (paper, Eq. 8).

    Args:
        phi_q: Query projections, [Q, Dc].
        phi_n: Candidate projections, [N, Dc].
        params: Regression lines, correlations and P.
        direction: Which regression lines to use.

    Returns:
        [Q, N], at most 0; 0 where every kept g_d(phi_q) equals phi_n.

    Raises:
        ShapeError: The latent dimensions differ.
    """
    _same_columns(phi_q, phi_n)
    queries = l1_query_vectors(phi_q, params, direction)  # [Q, K]
    items = l1_item_vectors(phi_n, params)  # [N, K]
    return -torch.cdist(queries, items, p=1.0)


def gaussian_llr(a: Tensor, b: Tensor, rho: Tensor) -> Tensor:
    """Ln p(b | a) / p(b) under probabilistic CCA (Bach & Jordan 2005), in nats.

    Args:
        a: Standardised query variates, [Q, D].
        b: Standardised candidate variates, [N, D].
        rho: Correlation of each dimension, [D], in [0, 1).

    Returns:
        [Q, N], summed over the dimensions.

    Raises:
        ShapeError: The latent dimensions differ.
    """
    _same_columns(a, b)
    residual = 1.0 - rho**2  # [D]
    cross = (a * rho / residual) @ b.T  # [Q, N]
    own_a = (a**2 * rho**2 / residual).sum(dim=1)  # [Q]
    own_b = (b**2 * rho**2 / residual).sum(dim=1)  # [N]
    return cross - 0.5 * (own_a[:, None] + own_b[None, :] + torch.log(residual).sum())


def score(query: Points, candidates: Points, params: ScoringParams, direction: Direction) -> Scores:
    """Lambda * CCA half - (1 - lambda) * KL(query || candidate) (paper, Eq. 1 and Section III-C).

    Args:
        query: Q embedded queries.
        candidates: N embedded candidates.
        params: The checkpoint's scoring; `params.kind` selects the CCA half.
        direction: `m2e`, `e2m`, or `m2m` for music similar to music.

    Returns:
        The total and both halves, [Q, N].

    Raises:
        ShapeError: The latent dimensions differ.
    """
    if params.kind == "paper":
        cca = rho_sim(query.phi, candidates.phi, params, direction)
    else:
        kept = params.kept
        cca = gaussian_llr(
            params.standardised_query(query.phi, direction)[:, kept],
            params.standardised_candidates(candidates.phi, direction)[:, kept],
            _clamped_rho(params)[kept],
        )
    neg_kl = -kl_divergence(query.mu, query.var, candidates.mu, candidates.var)
    return Scores(params.lam * cca + (1.0 - params.lam) * neg_kl, cca, neg_kl)


def l1_query_vectors(phi: Tensor, params: ScoringParams, direction: Direction) -> Tensor:
    """Rho * g(phi) over the kept dimensions, [Q, K]: `rho_sim` is minus their L1 distance."""
    slope, intercept = params.line(direction)
    return (params.rho * (slope * phi + intercept))[:, params.kept]


def l1_item_vectors(phi: Tensor, params: ScoringParams) -> Tensor:
    """Rho * phi over the kept dimensions, [N, K]."""
    return (params.rho * phi)[:, params.kept]


def kl_query_vectors(mu: Tensor, var: Tensor) -> Tensor:
    """[m^2 + s, m, 1], [Q, 2 D + 1]; see `kl_item_vectors`."""
    return torch.cat([mu**2 + var, mu, torch.ones_like(mu[:, :1])], dim=1)


def kl_item_vectors(mu: Tensor, var: Tensor) -> Tensor:
    """[-1 / (2 var), mu / var, -sum(mu^2 / var + ln var) / 2], [N, 2 D + 1].

    Their inner product with `kl_query_vectors` plus `kl_query_constant` is -KL(q || n).
    """
    constant = -0.5 * (mu**2 / var + torch.log(var)).sum(dim=1, keepdim=True)  # [N, 1]
    return torch.cat([-0.5 / var, mu / var, constant], dim=1)


def kl_query_constant(var: Tensor) -> Tensor:
    """The part of -KL(q || n) that depends on the query alone, [Q]."""
    return 0.5 * (1.0 + torch.log(var)).sum(dim=1)


def composite_query_vectors(query: Points, params: ScoringParams, direction: Direction) -> Tensor:
    """Query side of the `gaussian` composite as one inner product, [Q, K + 2 D + 1].

    Lambda (`lambda_gaussian`, whatever `params.kind` selects) stands on this side, except for the
    constant column, where it stands on the items'.
    """
    kept, rho = params.kept, _clamped_rho(params)
    a = params.standardised_query(query.phi, direction)
    cca = (params.lambda_gaussian * a * rho / (1.0 - rho**2))[:, kept]  # [Q, K]
    kl = (1.0 - params.lambda_gaussian) * torch.cat(
        [query.mu**2 + query.var, query.mu], dim=1
    )  # [Q, 2 D]
    return torch.cat([cca, kl, torch.ones_like(kl[:, :1])], dim=1)


def composite_item_vectors(
    candidates: Points, params: ScoringParams, direction: Direction
) -> Tensor:
    """Candidate side of the `gaussian` composite, [N, K + 2 D + 1]."""
    kept, rho = params.kept, _clamped_rho(params)[params.kept]
    b = params.standardised_candidates(candidates.phi, direction)[:, kept]  # [N, K]
    cca_constant = -0.5 * (b**2 * rho**2 / (1.0 - rho**2)).sum(dim=1, keepdim=True)
    kl = kl_item_vectors(candidates.mu, candidates.var)
    constant = params.lambda_gaussian * cca_constant + (1.0 - params.lambda_gaussian) * kl[:, -1:]
    return torch.cat([b, kl[:, :-1], constant], dim=1)


def composite_query_constant(query: Points, params: ScoringParams, direction: Direction) -> Tensor:
    """The part of the `gaussian` composite that depends on the query alone, [Q]."""
    kept, rho = params.kept, _clamped_rho(params)[params.kept]
    a = params.standardised_query(query.phi, direction)[:, kept]
    residual = 1.0 - rho**2
    cca = -0.5 * ((a**2 * rho**2 / residual).sum(dim=1) + torch.log(residual).sum())
    return params.lambda_gaussian * cca + (1.0 - params.lambda_gaussian) * kl_query_constant(
        query.var
    )


def _clamped_rho(params: ScoringParams) -> Tensor:
    return params.rho.clamp(0.0, MAX_RHO)


def _same_columns(left: Tensor, right: Tensor) -> None:
    if left.shape[-1] != right.shape[-1]:
        raise ShapeError(
            f"queries have {left.shape[-1]} latent dimensions, candidates {right.shape[-1]}"
        )
