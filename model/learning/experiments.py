"""The paper's experiments on random 80/20 splits, rightly oriented and nested.

A split's test part is used once, after training, cross-fit and choice of lambda are done on its
training part. Letters: Q test songs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from model.learning.augmentation import sample
from model.learning.baselines import (
    REG_BIGRU,
    REG_MLP,
    Matrices,
    length_retrieval,
    random_retrieval,
    regression_retrieval,
    ridge_retrieval,
)
from model.learning.datasets import Dataset
from model.learning.evaluation import r2
from model.learning.fitting import Embedded, Fitted, embed, embed_heads, fit
from model.learning.recipes import Recipe
from model.learning.shipping import fit_best_head
from model.learning.training import Loss, Progress, no_progress, train
from model.scoring import ScoringParams, kl_divergence, score

TEST_SHARE = 0.2
SPLIT_SEED = 1000
COSINE_TEMPERATURE = 0.1


@dataclass(frozen=True)
class Split:
    """One random division into training and test songs."""

    number: int
    train: Dataset
    test: Dataset


@dataclass(frozen=True)
class Outcome:
    """What one split gave: matrices by row name, and R2 of mean (arousal, valence), [2]."""

    matrices: Mapping[str, Matrices]
    r2: NDArray[np.float64]


def splits(data: Dataset, count: int, seed: int = 0) -> Iterator[Split]:
    """`count` random 80/20 divisions (paper, Section IV-B).

    Args:
        data: All songs.
        count: How many.
        seed: Shifts the divisions.
    """
    for number in range(count):
        order = np.random.default_rng(SPLIT_SEED + 100 * seed + number).permutation(len(data))
        cut = round((1.0 - TEST_SHARE) * len(data))
        yield Split(number, data.rows(order[:cut]), data.rows(order[cut:]))


def composite_rows(
    split: Split, recipe: Recipe, progress: Progress = no_progress
) -> tuple[dict[str, Matrices], NDArray[np.float64]]:
    """The jointly trained model scored as Eq. 1, as Eq. 8 printed, as published, and by half.

    Returns:
        Rows `composite`, `composite_paper`, `composite_transposed`, `composite_kl` and
        `composite_cca` (the halves of the joint model), with a kernel machine beside the networks
        `composite_networks` (without it) and `kernel` (it alone), the composite with the curves
        of `ALTERATIONS`, and R2 of the mean emotion, [2].
    """
    fitted = _fit(split, recipe, progress)
    embedded = embed(fitted, split.test)
    scoring = fitted.scoring
    rows = {
        "composite": oriented(embedded, scoring),
        "composite_paper": oriented(embedded, scoring.with_kind("paper")),
        "composite_transposed": transposed(embedded, scoring),
        "composite_kl": oriented(embedded, replace(scoring, lambda_gaussian=0.0)),
        "composite_cca": oriented(embedded, replace(scoring, lambda_gaussian=1.0)),
    }
    kernel = fitted.model.config.kernel_statistics
    if kernel:
        first = torch.arange(len(scoring.rho)) < kernel
        alone = replace(_without(scoring, ~first), lambda_gaussian=1.0)
        rows["composite_networks"] = oriented(embedded, _without(scoring, first))
        rows["kernel"] = oriented(embedded, alone)
    for name, alter in ALTERATIONS.items():
        rows[f"composite_{name}"] = oriented(embed(fitted, alter(split.test)), scoring)
    return rows, mean_r2(fitted, split, embedded)


def cca_rows(split: Split, recipe: Recipe, progress: Progress = no_progress) -> dict[str, Matrices]:
    """Trained with the CCA loss alone: `cca` by the log-likelihood ratio, `cca_paper` by Eq. 8."""
    fitted = _fit(split, _with_loss(recipe, "cca"), progress)
    embedded = embed(fitted, split.test)
    alone = replace(fitted.scoring, lambda_gaussian=1.0, lambda_paper=1.0)
    return {
        "cca": oriented(embedded, alone),
        "cca_paper": oriented(embedded, alone.with_kind("paper")),
    }


def kl_rows(split: Split, recipe: Recipe, progress: Progress = no_progress) -> dict[str, Matrices]:
    """Trained with the KL ranking loss alone: `kl`."""
    own = _with_loss(recipe, "kl").with_seed(split.number)
    model = train(split.train, own.shape, own.training, progress=progress).model
    music, emotion = embed_heads(model, split.test)
    with torch.no_grad():
        m2e = _kl(music.mu, music.var, emotion.mu, emotion.var)
        e2m = _kl(emotion.mu, emotion.var, music.mu, music.var)
    return {"kl": Matrices(m2e, e2m)}


def cosine_rows(
    split: Split, recipe: Recipe, progress: Progress = no_progress
) -> dict[str, Matrices]:
    """Point embeddings: `cos` alone, and `composite_c` with the CCA half (paper, Section IV-D)."""
    cosine = _with_loss(recipe, "cos").with_seed(split.number)
    model = train(split.train, cosine.shape, cosine.training, progress=progress).model
    music, emotion = embed_heads(model, split.test)
    return {"cos": _cosine(music.mu, emotion.mu), **_composite_c(split, recipe, progress)}


def baseline_rows(split: Split) -> dict[str, Matrices]:
    """Ridge regression, a random ranking, and equal length alone."""
    return {
        "ridge": ridge_retrieval(split.train, split.test),
        "chance": random_retrieval(split.test, split.number),
        "length_only": length_retrieval(split.test),
    }


def regressor_rows(split: Split) -> dict[str, Matrices]:
    """The paper's regression baselines (Section IV-E): `reg_mlp` and `reg_bigru`."""
    mlp, bigru = (replace(config, seed=split.number) for config in (REG_MLP, REG_BIGRU))
    return {
        "reg_mlp": regression_retrieval(split.train, split.test, mlp),
        "reg_bigru": regression_retrieval(split.train, split.test, bigru),
    }


def oriented(embedded: Embedded, scoring: ScoringParams) -> Matrices:
    """Both directions as they should be: every matrix is [query, candidate]."""
    m2e = score(embedded.music, embedded.emotion, scoring, "m2e").total
    e2m = score(embedded.emotion, embedded.music, scoring, "e2m").total
    return Matrices(m2e.double().numpy(), e2m.double().numpy())


def transposed(embedded: Embedded, scoring: ScoringParams) -> Matrices:
    """The published evaluation: the KL half is added as [candidate, query].

    Entry (a, b) then holds KL(b's own partner || a's true partner): the truth leaks into the
    ranking. Only to show how much of a published table that explains.
    """
    m2e = score(embedded.music, embedded.emotion, scoring, "m2e")
    e2m = score(embedded.emotion, embedded.music, scoring, "e2m")
    lam = scoring.lam
    return Matrices(
        (lam * m2e.cca + (1.0 - lam) * m2e.neg_kl.T).double().numpy(),
        (lam * e2m.cca + (1.0 - lam) * e2m.neg_kl.T).double().numpy(),
    )


def mean_r2(fitted: Fitted, split: Split, embedded: Embedded) -> NDArray[np.float64]:
    """R2 of mean (arousal, valence) from (phi, mu, ln var) on the test part, [2]."""
    head = fit_best_head(fitted, split.train.mean_emotion)
    return r2(split.test.mean_emotion, head.predict(embedded.music_embedding))


def cut_to_half(data: Dataset) -> Dataset:
    """The middle half of every curve: 15 of 30 s."""
    return _resampled(data, 0.25, 0.75, int(data.lengths.max()) // 2)


def stretched_to_double(data: Dataset) -> Dataset:
    """Every curve at half its speed: 60 s for 30."""
    return _resampled(data, 0.0, 1.0, 2 * int(data.lengths.max()))


def five_keyframes(data: Dataset) -> Dataset:
    """Every curve redrawn with straight lines between five of its points."""
    frames = int(data.lengths.max())
    return _resampled(_resampled(data, 0.0, 1.0, 5), 0.0, 1.0, frames)


ALTERATIONS: Mapping[str, Callable[[Dataset], Dataset]] = {
    "cut_15s": cut_to_half,
    "stretched_60s": stretched_to_double,
    "5_keyframes": five_keyframes,
}


def _resampled(data: Dataset, start: float, stop: float, frames: int) -> Dataset:
    """The stretch from `start` to `stop` (shares of each curve) as `frames` frames."""
    last = torch.from_numpy(data.lengths - 1).float()[:, None]  # [N, 1]
    positions = torch.linspace(start, stop, frames)[None, :] * last  # [N, frames]
    curves = sample(torch.from_numpy(data.curves), positions).numpy()
    return replace(data, curves=curves, lengths=np.full(len(data), frames, dtype=np.int64))


Family = Callable[[Split, Recipe, Progress], dict[str, Matrices]]

FAMILIES: Mapping[str, Family] = {
    "cca": cca_rows,
    "kl": kl_rows,
    "cos": cosine_rows,
    "baselines": lambda split, _, __: baseline_rows(split),
    "regressors": lambda split, _, __: regressor_rows(split),
}


def run_split(
    split: Split,
    recipe: Recipe,
    families: Sequence[str] = tuple(FAMILIES),
    progress: Progress = no_progress,
) -> Outcome:
    """The composite model and the chosen other families on one split."""
    rows, scores = composite_rows(split, recipe, progress)
    for name in families:
        rows.update(FAMILIES[name](split, recipe, progress))
    return Outcome(rows, scores)


def _fit(split: Split, recipe: Recipe, progress: Progress) -> Fitted:
    own = recipe.with_seed(split.number)
    return fit(split.train, own.shape, own.training, own.fit, progress=progress)


def _composite_c(split: Split, recipe: Recipe, progress: Progress) -> dict[str, Matrices]:
    """The CCA half plus cosine similarities, equally weighted after scaling both to unit spread."""
    fitted = _fit(split, _with_loss(recipe, "composite_c"), progress)
    embedded = embed(fitted, split.test)
    alone = oriented(embedded, replace(fitted.scoring, lambda_gaussian=1.0))
    cosine = _cosine(embedded.music.mu, embedded.emotion.mu)
    return {
        "composite_c": Matrices(
            alone.m2e / alone.m2e.std() + cosine.m2e / cosine.m2e.std(),
            alone.e2m / alone.e2m.std() + cosine.e2m / cosine.e2m.std(),
        )
    }


def _without(scoring: ScoringParams, dimensions: Tensor) -> ScoringParams:
    """The scoring with some canonical dimensions left out ([Dc], bool)."""
    return replace(scoring, rho=scoring.rho.masked_fill(dimensions, -1.0))


def _with_loss(recipe: Recipe, loss: Loss) -> Recipe:
    cosine = loss in ("cos", "composite_c")
    temperature = COSINE_TEMPERATURE if cosine else recipe.training.temperature
    return replace(recipe, training=replace(recipe.training, loss=loss, temperature=temperature))


def _kl(mu_q: Tensor, var_q: Tensor, mu_n: Tensor, var_n: Tensor) -> NDArray[np.float64]:
    negative: NDArray[np.float64] = -kl_divergence(mu_q, var_q, mu_n, var_n).double().numpy()
    return negative


def _cosine(music: Tensor, emotion: Tensor) -> Matrices:
    similarity = functional.normalize(music, dim=1) @ functional.normalize(emotion, dim=1).T
    m2e = similarity.double().numpy()
    return Matrices(m2e, m2e.T)
