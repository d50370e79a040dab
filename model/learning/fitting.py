"""From trained encoders to something that scores: CCA, cross-fitted rho, lambda, P.

Whatever selects or weighs dimensions comes from songs the encoders did not see: the training set
is cut into folds, a model is trained without each, and its held-out songs give the correlations
and choose lambda and P. Only training songs take part, so a test set stays untouched (nested
validation). Letters: N songs, Dc canonical dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from model.arrays import Doubles
from model.cca import CcaState, fit_cca, fit_scoring, held_out_rho, join_cca, pad_cca
from model.embedding import Embedding
from model.emer import Emer, EmerCl, EmerConfig, EmerWithKernel, Heads
from model.learning.datasets import Dataset
from model.learning.evaluation import ranks
from model.learning.kernel_machine import KernelConfig, fit_kernel
from model.learning.losses import pairwise_kl
from model.learning.training import Pairs, Progress, TrainingConfig, no_progress, train
from model.scoring import Direction, Kind, Points, ScoringParams, score

LAMBDAS = tuple(round(0.1 * step, 1) for step in range(11))


@dataclass(frozen=True)
class FitConfig:
    """How scoring is fitted around a trained model.

    Attributes:
        folds: Folds of the cross-fit, >= 2.
        regularisation: Share of the mean variance on the diagonal of the final CCA.
        dimensions: Dc; the canonical dimensions kept.
        lambdas: Values of lambda that the held-out songs choose from, for Eq. 8 as printed.
        gaussian_lambdas: The same for the `gaussian` half. The folds' encoders are trained on
            fewer songs, which the KL half suffers from more than a kernel machine does.
        min_rhos: Values of P that they choose from.
        seed: Fixes the folds.
        kernel: The kernel machine beside the networks; None for none.
        kernel_regularisation: As `regularisation`, of the kernel machine's own CCA.
    """

    folds: int = 3
    regularisation: float = 0.1
    dimensions: int = 16
    lambdas: tuple[float, ...] = LAMBDAS
    gaussian_lambdas: tuple[float, ...] = LAMBDAS
    min_rhos: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5)
    seed: int = 0
    kernel: KernelConfig | None = None
    kernel_regularisation: float = 0.03


@dataclass(frozen=True)
class Embedded:
    """Both sides of N pairs in both spaces."""

    music: Points
    emotion: Points

    @property
    def music_embedding(self) -> Embedding:
        """The music side as arrays."""
        return Embedding(*(getattr(self.music, name).numpy() for name in ("phi", "mu", "var")))

    def __len__(self) -> int:
        return int(self.music.phi.shape[0])


@dataclass(frozen=True)
class Fold:
    """A model trained without some of the training songs, and what they tell about it.

    Attributes:
        rest: Rows it was trained on.
        rows: Rows left out.
        inside: Embeddings of `rest`.
        outside: Embeddings of `rows`.
        scoring: Lines and standardisation of its own CCA.
        rho: Correlations of `outside`, [Dc].
    """

    rest: NDArray[np.intp]
    rows: NDArray[np.intp]
    inside: Embedded
    outside: Embedded
    scoring: ScoringParams
    rho: Doubles

    def scored(self, rho: Doubles) -> tuple[Embedded, ScoringParams]:
        """The held-out pairs, to be scored with correlations `rho` of all folds, [Dc]."""
        own = torch.zeros_like(self.scoring.rho)
        count = min(len(own), len(rho))
        own[:count] = torch.from_numpy(rho[:count].astype(np.float32))
        return self.outside, replace(self.scoring, rho=own)


@dataclass(frozen=True)
class Fitted:
    """A model that scores.

    Attributes:
        model: The trained encoders.
        cca: The projections, fitted on all training songs.
        scoring: Lines, cross-fitted correlations, lambda and P.
        losses: Mean training loss of each epoch.
        inside: Embeddings of the training songs.
        folds: The cross-fit.
    """

    model: Emer
    cca: CcaState
    scoring: ScoringParams
    losses: tuple[float, ...]
    inside: Embedded
    folds: tuple[Fold, ...]


def fit(
    data: Dataset,
    shape: EmerConfig,
    training: TrainingConfig,
    config: FitConfig,
    *,
    progress: Progress = no_progress,
    state: Path | None = None,
) -> Fitted:
    """Train on all songs, cross-fit what scoring needs.

    Args:
        data: The training songs.
        shape: The model.
        training: The recipe of every training run.
        config: The cross-fit.
        progress: Told of every epoch of every run.
        state: File to resume from; the folds' runs write beside it.

    Raises:
        TrainingError: See `train`.
    """
    folds = _cross_fit(data, shape, training, config, progress, state)
    trained = train(data, shape, training, progress=progress, state=state)
    model, heads = beside_kernel(trained.model, data, config)
    cca = _cca(*heads, config, model.config.kernel_statistics)
    embedded = project(cca, *heads)
    rho = np.average([fold.rho for fold in folds], axis=0, weights=[len(f.rows) for f in folds])
    phi = embedded.music.phi.numpy(), embedded.emotion.phi.numpy()
    scoring = fit_scoring(*phi, _fitting(rho, cca))
    scoring = choose_weights([f.scored(scoring.rho.numpy()) for f in folds], scoring, config)
    return Fitted(model, cca, scoring, trained.losses, embedded, tuple(folds))


def beside_kernel(
    networks: EmerCl, data: Dataset, config: FitConfig
) -> tuple[Emer, tuple[Heads, Heads]]:
    """The model with its kernel machine, if any, and the heads of the training songs.

    The kernel's part of their music z is what it gives a song that it left out, so that the CCA
    and the regression head learn how far to trust it.

    Args:
        networks: Trained on `data`.
        data: The training songs.
        config: Says whether there is a kernel.
    """
    if config.kernel is None:
        return networks, embed_heads(networks, data)
    pairs, means = Pairs.of(data), torch.from_numpy(data.mean_features)
    kernel, left_out = fit_kernel(
        means, pairs.curves, pairs.lengths, config.kernel, networks.config.quantiles
    )
    model = EmerWithKernel.of(networks, kernel).eval()
    music, emotion = embed_heads(model, data)
    z = torch.cat([left_out, music.z[:, left_out.shape[1] :]], dim=1)
    return model, (music._replace(z=z), emotion)


def embed_heads(model: Emer, data: Dataset) -> tuple[Heads, Heads]:
    """Heads of every clip and every curve of a dataset, without gradients."""
    pairs = Pairs.of(data)
    with torch.no_grad():
        music = model.music(pairs.features, pairs.feature_lengths)
        return music, model.emotion(pairs.curves, pairs.lengths)


def project(cca: CcaState, music: Heads, emotion: Heads) -> Embedded:
    """Both spaces from the heads."""
    phi_music = torch.from_numpy(cca.project_music(music.z.numpy()).astype(np.float32))
    phi_emotion = torch.from_numpy(cca.project_emotion(emotion.z.numpy()).astype(np.float32))
    return Embedded(
        Points(phi_music, music.mu, music.var), Points(phi_emotion, emotion.mu, emotion.var)
    )


def embed(fitted: Fitted, data: Dataset) -> Embedded:
    """Both sides of a dataset as a fitted model places them."""
    return project(fitted.cca, *embed_heads(fitted.model, data))


Scored = tuple[Embedded, ScoringParams]


def choose_weights(
    folds: Sequence[Scored], scoring: ScoringParams, config: FitConfig
) -> ScoringParams:
    """Lambda and P with the smallest mean log rank of held-out partners, for both kinds.

    P is chosen with the `gaussian` half alone, then lambda for each half, as in the paper's
    Appendix A (there on test data).

    Args:
        folds: Held-out embeddings of each fold with the lines of its own CCA.
        scoring: The final parameters, whose lambda and P are to be set.
        config: The values to choose from.
    """
    possible = [p for p in config.min_rhos if bool((scoring.rho >= p).any())] or [0.0]
    held_out = [_Halves.of(embedded, own) for embedded, own in folds]

    def cost(kind: Kind, lam: float, min_rho: float) -> float:
        return float(np.mean([halves.log_rank(kind, lam, min_rho) for halves in held_out]))

    min_rho = min(possible, key=lambda p: cost("gaussian", 1.0, p))
    gaussian = min(config.gaussian_lambdas, key=lambda lam: cost("gaussian", lam, min_rho))
    paper = min(config.lambdas, key=lambda lam: cost("paper", lam, min_rho))
    return replace(
        scoring, lambda_gaussian=gaussian, lambda_paper=paper, min_rho=min_rho, kind="gaussian"
    )


@dataclass(frozen=True)
class _Halves:
    """A fold's KL half, computed once, and what its CCA half needs for any P."""

    embedded: Embedded
    scoring: ScoringParams
    neg_kl: dict[Direction, Doubles]

    @classmethod
    def of(cls, embedded: Embedded, scoring: ScoringParams) -> _Halves:
        music, emotion = embedded.music, embedded.emotion
        m2e = -pairwise_kl(music.mu, music.var.log(), emotion.mu, emotion.var.log())
        e2m = -pairwise_kl(emotion.mu, emotion.var.log(), music.mu, music.var.log())
        return cls(embedded, scoring, {"m2e": m2e.numpy(), "e2m": e2m.numpy()})

    def log_rank(self, kind: Kind, lam: float, min_rho: float) -> float:
        """Mean ln rank of the true partners over both directions."""
        scoring = replace(self.scoring, kind=kind, min_rho=min_rho)
        music, emotion = _phi_only(self.embedded.music), _phi_only(self.embedded.emotion)
        cca = {
            "m2e": score(music, emotion, scoring, "m2e").cca.numpy(),
            "e2m": score(emotion, music, scoring, "e2m").cca.numpy(),
        }
        total = [lam * cca[name] + (1.0 - lam) * self.neg_kl[name] for name in self.neg_kl]
        return float(np.mean([np.log(ranks(matrix)).mean() for matrix in total]))


def _phi_only(points: Points) -> Points:
    """The points without their Gaussians: KL over no dimensions is 0 and costs nothing."""
    return Points(points.phi, points.mu[:, :0], points.var[:, :0])


def _cross_fit(
    data: Dataset,
    shape: EmerConfig,
    training: TrainingConfig,
    config: FitConfig,
    progress: Progress,
    state: Path | None,
) -> list[Fold]:
    order = np.random.default_rng(config.seed).permutation(len(data))
    folds = []
    for number, rows in enumerate(np.array_split(order, config.folds)):
        beside = None if state is None else state.with_name(f"{state.name}.fold{number}")
        relay = _relay(progress, f"fold {number + 1}/{config.folds}")
        rest = np.setdiff1d(order, rows)
        trained = train(data.rows(rest), shape, training, progress=relay, state=beside)
        folds.append(_fold(trained.model, data, rest, rows, config))
    return folds


def _fold(
    networks: EmerCl,
    data: Dataset,
    rest: NDArray[np.intp],
    rows: NDArray[np.intp],
    config: FitConfig,
) -> Fold:
    model, fitted = beside_kernel(networks, data.rows(rest), config)
    held_out = embed_heads(model, data.rows(rows))
    cca = _cca(*fitted, config, model.config.kernel_statistics)
    inside = project(cca, *fitted)
    rho = held_out_rho(cca, held_out[0].z.numpy(), held_out[1].z.numpy())
    scoring = fit_scoring(inside.music.phi.numpy(), inside.emotion.phi.numpy(), rho)
    return Fold(rest, rows, inside, project(cca, *held_out), scoring, rho)


def _cca(music: Heads, emotion: Heads, config: FitConfig, kernel: int) -> CcaState:
    """The networks' CCA, behind the kernel machine's own where z starts with `kernel` columns."""
    z_music, z_emotion = music.z.double().numpy(), emotion.z.double().numpy()
    networks = fit_cca(
        z_music[:, kernel:],
        z_emotion[:, kernel:],
        regularisation=config.regularisation,
        dimensions=config.dimensions,
    )
    networks = pad_cca(networks, min(config.dimensions, z_music.shape[1] - kernel))
    if kernel == 0:
        return networks
    own = fit_cca(
        z_music[:, :kernel], z_emotion[:, :kernel], regularisation=config.kernel_regularisation
    )
    return join_cca(pad_cca(own, kernel), networks)


def _fitting(rho: Doubles, cca: CcaState) -> Doubles:
    """Cross-fitted correlations for as many dimensions as the final CCA has."""
    padded = np.zeros(cca.w_music.shape[1])
    padded[: len(rho)] = rho[: len(padded)]
    return padded


def _relay(progress: Progress, prefix: str) -> Callable[[str, int, int], None]:
    def relay(stage: str, done: int, total: int) -> None:
        progress(f"{prefix}: {stage}", done, total)

    return relay
