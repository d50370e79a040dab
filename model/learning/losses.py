"""What EMER-CL minimises: correlation, ranking by KL divergence, and their weighted sum.

Letters: B batch (row i of both sides is a pair), D latent dimensions. Similarities come from
`model.scoring`; here is only what turns a batch into one number.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from model.errors import ShapeError


def pairwise_kl(mu_q: Tensor, log_var_q: Tensor, mu_n: Tensor, log_var_n: Tensor) -> Tensor:
    """KL(q || n) of every query with every candidate, in nats (paper, Eq. 7).

    The same number as `model.scoring.kl_divergence`, by two matrix products instead of a
    [B, B, D] tensor, which is what training can afford.

    Args:
        mu_q: Query means, [Q, D].
        log_var_q: Logarithms of their variances, [Q, D].
        mu_n: Candidate means, [N, D].
        log_var_n: Logarithms of their variances, [N, D].

    Returns:
        [Q, N].
    """
    precision = torch.exp(-log_var_n)  # [N, D]
    second_moment = mu_q**2 + torch.exp(log_var_q)  # [Q, D]
    cross = 0.5 * second_moment @ precision.T - mu_q @ (mu_n * precision).T  # [Q, N]
    own_n = 0.5 * (mu_n**2 * precision + log_var_n).sum(dim=1)  # [N]
    own_q = 0.5 * (1.0 + log_var_q).sum(dim=1)  # [Q]
    return cross + own_n[None, :] - own_q[:, None]


def cca_loss(z_music: Tensor, z_emotion: Tensor, regularisation: float) -> Tensor:
    """Minus the total correlation of the batch (paper, Eq. 2-3; Andrew et al. 2013).

    The trace norm of the whitened cross-covariance
    `(S_mm + r I)^(-1/2) S_me (S_ee + r I)^(-1/2)`: minus the sum of its singular values. The
    published code of the paper centres each row and takes element-wise roots; this follows the
    text.

    Args:
        z_music: Refined music vectors, [B, D].
        z_emotion: Refined emotion vectors, [B, D'].
        regularisation: r > 0, added to the diagonal of both covariances.

    Returns:
        A scalar in [-min(D, D'), 0].

    Raises:
        ShapeError: The batch sizes differ or are below 2.
    """
    _check_pairs(z_music, z_emotion)
    scale = 1.0 / (z_music.shape[0] - 1)
    music = z_music - z_music.mean(dim=0)
    emotion = z_emotion - z_emotion.mean(dim=0)
    cross = scale * music.T @ emotion  # [D, D']
    left = _cholesky(scale * music.T @ music, regularisation)
    right = _cholesky(scale * emotion.T @ emotion, regularisation)
    # Cholesky factors and symmetric roots differ by a rotation: the singular values are the same.
    whitened = torch.linalg.solve_triangular(left, cross, upper=False)
    whitened = torch.linalg.solve_triangular(right, whitened.T, upper=False)  # [D', D]
    correlations: Tensor = torch.linalg.svdvals(whitened)
    return -correlations.sum()


def ranking_loss(distance: Tensor, margin: float) -> Tensor:
    """The two-sided hinge over all negatives of the batch (paper, Eq. 4-6).

    The paper sums over pairs; the mean over the B (B - 1) triplets of each side keeps the
    step size independent of the batch size (same minimiser).

    Args:
        distance: psi of Eq. 4, [B, B, 2]: `[..., 0]` is psi(music i, emotion j), `[..., 1]` is
            psi(emotion i, music j).
        margin: alpha >= 0, in the unit of `distance`.

    Returns:
        A scalar >= 0; 0 where every positive is nearer than every negative by the margin.
    """
    _check_square(distance)
    batch = distance.shape[0]
    positive = torch.diagonal(distance, dim1=0, dim2=1).T  # [B, 2]
    hinge = functional.relu(positive[:, None, :] + margin - distance)  # [B, B, 2]
    own = torch.diagonal(hinge, dim1=0, dim2=1).sum()  # the positives against themselves
    return (hinge.sum() - own) / (batch * (batch - 1))


def softmax_loss(distance: Tensor, temperature: float) -> Tensor:
    """Mean cross-entropy of the true partner under a softmax over -psi / temperature.

    The candidates are the batch; both directions count half. Departs from Eq. 6 (hinge): every
    negative keeps a gradient, weighted by how near it is.

    Args:
        distance: As in `ranking_loss`, [B, B, 2].
        temperature: tau > 0, in the unit of `distance`.

    Returns:
        A scalar >= 0, in nats; ln B for equal distances.
    """
    _check_square(distance)
    truth = torch.arange(distance.shape[0], device=distance.device)
    logits = -distance / temperature
    m2e = functional.cross_entropy(logits[..., 0], truth)
    e2m = functional.cross_entropy(logits[..., 1], truth)
    return 0.5 * (m2e + e2m)


def kl_distances(mu_m: Tensor, log_var_m: Tensor, mu_e: Tensor, log_var_e: Tensor) -> Tensor:
    """Psi of Eq. 7 in both directions, query first, [B, B, 2]."""
    m2e = pairwise_kl(mu_m, log_var_m, mu_e, log_var_e)
    e2m = pairwise_kl(mu_e, log_var_e, mu_m, log_var_m)
    return torch.stack([m2e, e2m]).permute(1, 2, 0)  # each direction stays in one piece


def cosine_distances(music: Tensor, emotion: Tensor) -> Tensor:
    """Minus the cosine similarity in both directions, [B, B, 2] (the paper's Cos-Loss)."""
    similarity = functional.normalize(music, dim=1) @ functional.normalize(emotion, dim=1).T
    return -torch.stack([similarity, similarity.T], dim=-1)


def _cholesky(covariance: Tensor, regularisation: float) -> Tensor:
    identity = torch.eye(covariance.shape[0], dtype=covariance.dtype, device=covariance.device)
    factor: Tensor = torch.linalg.cholesky(covariance + regularisation * identity)
    return factor


def _check_pairs(music: Tensor, emotion: Tensor) -> None:
    if music.shape[0] != emotion.shape[0] or music.shape[0] < 2:
        raise ShapeError(
            f"{music.shape[0]} music rows and {emotion.shape[0]} emotion rows; "
            "a batch needs the same number of both, at least 2"
        )


def _check_square(distance: Tensor) -> None:
    if distance.ndim != 3 or distance.shape[0] != distance.shape[1] or distance.shape[2] != 2:
        raise ShapeError(f"distances are {tuple(distance.shape)}; expected [B, B, 2]")
