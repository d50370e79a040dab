"""How well a listener's plane is learned from a few words.

Letters: N songs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import cross_val_predict
from sklearn.preprocessing import QuantileTransformer
from sklearn.svm import SVR

from benchmarks.personal.listeners import Listener
from model.arrays import Doubles
from model.personal.asking import chosen
from model.personal.features import MOST, features_of
from model.personal.learning import Learned, learn

Rows = NDArray[np.intp]

COUNTS = (0, 5, 10, 20, 50, 100)
FEWER = {10: 7, 20: 13, 50: 33}  # two thirds of as many words
DRAWS, CHOSEN_DRAWS = 200, 100
FEW, MORE_DRAWS = (5, 7, 10, 13), 1000  # words after which it is told how often a draw is worse
POOL = 0.5  # of the songs, from which those that are asked about are chosen
POOLS, POOL_COUNTS = (50, 100, 200, 400, 600), (5, 7, 10, 13, 20, 33, 50)
"""Numbers of songs to choose from, and words after which it is told what difference they make."""
LEAST_LEFT = 40  # songs to judge by
BEYOND = 2.0  # standard errors by which a draw is worse
NOISE_SD = 0.25  # of one annotator on the relative plane
GRID = np.array([(a, v) for a in np.linspace(-1, 1, 9) for v in np.linspace(-1, 1, 9)])


@dataclass(frozen=True)
class Drawn:
    """One draw of placed songs, judged by the others.

    Attributes:
        error: Root mean squared error of both axes, learned.
        plain: The same of the model alone.
        worse: By how many standard errors (over songs) the squared error grew.
        rank: Mean rank of a song where its place is asked for, over the number of songs.
        plain_rank: The same of the model alone.
    """

    error: float
    plain: float
    worse: float
    rank: float
    plain_rank: float


def learning_figures(listener: Listener) -> dict[str, Any]:
    """Errors and ranks after each number of words, at random and chosen."""
    features = features_of(listener.embedding)
    base = _rmse(listener.heard, listener.felt)
    own = own_model(listener)
    found: dict[str, Any] = {
        "songs": len(listener.heard),
        "error": {"model": _axes(listener.heard, listener.felt), "own": _axes(own, listener.felt)},
        "random": {},
        "chosen": {},
    }
    gap = base - _rmse(own, listener.felt)
    most = min(int(POOL * len(listener.heard)), len(listener.heard) - LEAST_LEFT)
    counts = [count for count in sorted({*COUNTS, *FEWER.values()}) if count <= most]
    pool = int(POOL * len(listener.heard))
    orders = [_well(listener, features, pool, counts[-1], seed) for seed in range(CHOSEN_DRAWS)]
    for count in counts:
        at_random = [_judged(listener, features, _some(listener, count, s)) for s in range(DRAWS)]
        found["random"][count] = _summary(at_random, gap)
        well = [_judged(listener, features, order[:count]) for order in orders]
        found["chosen"][count] = _summary(well, gap)
        print(listener.name, count, found["random"][count], found["chosen"][count], flush=True)
    found["worse of more draws"] = {count: _worse(listener, features, count) for count in FEW}
    if len(listener.heard) - LEAST_LEFT >= POOLS[-1]:
        found["pools"] = {size: _out_of(listener, features, size, gap) for size in POOLS}
    return found


def behaved(listener: Listener, count: int = 50, draws: int = DRAWS) -> dict[str, Any]:
    """What becomes of a listener who agrees with the model, and of one who answers at random."""
    features = features_of(listener.embedding)

    def moved(said: Callable[[np.random.Generator, Rows], Doubles]) -> list[tuple[float, float]]:
        """How far the warp moves the plane at most, and songs on the mean, in each draw."""
        found = []
        for seed in range(draws):
            random = np.random.default_rng(seed)
            rows = random.choice(len(places), count, replace=False)
            learned = learn(places[rows], np.clip(said(random, rows), -1, 1), features[rows])
            shown = learned.places(places, features)
            warp = np.abs(learned.warp.displacement(GRID)).max()
            found.append((float(warp), float(np.abs(shown - places).mean())))
        return found

    places = _relative(listener.heard)
    agreeing = moved(lambda random, rows: places[rows] + random.normal(0, NOISE_SD, (count, 2)))
    at_random = moved(lambda random, rows: random.uniform(-1, 1, (count, 2)))
    return {
        "words": count,
        "draws": draws,
        "agreeing": _moves(agreeing),
        "random": _moves(at_random),
    }


def learning_ms(count: int = 500, repeats: int = 20) -> float:
    """Median time to learn from so many words."""
    draws = np.random.default_rng(0)
    heard = draws.uniform(-1, 1, (count, 2))
    features = draws.normal(size=(count, MOST)) / np.sqrt(MOST)
    times = []
    for _ in range(repeats):
        start = perf_counter()
        learn(heard, heard * 0.8 + 0.1, features)
        times.append(perf_counter() - start)
    return round(1000.0 * float(np.median(times)), 2)


def own_model(listener: Listener) -> Doubles:
    """What a model trained on this population says of songs it never met (ten folds), [N, 2]."""
    transform = QuantileTransformer(output_distribution="normal", n_quantiles=100)
    x = transform.fit_transform(listener.columns)
    machine = SVR(C=0.3, gamma=0.5 / x.shape[1], epsilon=0.05)
    parts = [cross_val_predict(machine, x, listener.felt[:, axis], cv=10) for axis in range(2)]
    return np.stack(parts, axis=1)


def _relative(heard: Doubles) -> Doubles:
    """Places by rank on each axis: a catalogue's relative plane, about."""
    ranks = heard.argsort(axis=0).argsort(axis=0)
    return np.asarray(2.0 * ranks / (len(heard) - 1) - 1.0)


def _some(listener: Listener, count: int, seed: int) -> Rows:
    return np.random.default_rng(seed).choice(len(listener.heard), count, replace=False)


def _well(listener: Listener, features: Doubles, size: int, count: int, seed: int) -> Rows:
    """Songs chosen as the service chooses them, the first one first, out of so many of all."""
    pool = np.random.default_rng(seed).choice(len(listener.heard), size, replace=False)
    nothing, allowed = np.array([], dtype=np.intp), np.ones(len(pool), dtype=np.bool_)
    rows, _ = chosen(listener.heard[pool], features[pool], nothing, allowed, count)
    return pool[np.array(rows, dtype=np.intp)]


def _out_of(listener: Listener, features: Doubles, size: int, gap: float) -> dict[int, float]:
    """How much of the gap is closed by numbers of words chosen out of so many songs."""
    most, seeds = POOL_COUNTS[-1], range(CHOSEN_DRAWS)
    orders = [_well(listener, features, size, most, seed) for seed in seeds]
    found = {}
    for count in POOL_COUNTS:
        drawn = [_learned(listener, features, order[:count]) for order in orders]
        less = [_rmse(heard, felt) - _rmse(places, felt) for places, heard, felt in drawn]
        found[count] = round(float(np.mean(less)) / gap, 3)
    return found


def _worse(listener: Listener, features: Doubles, count: int) -> int:
    """Of many draws of words at random, those whose squared error grew by two standard errors."""
    draws = [_some(listener, count, seed) for seed in range(MORE_DRAWS)]
    return int(sum(_grown(*_learned(listener, features, rows)) > BEYOND for rows in draws))


def _judged(listener: Listener, features: Doubles, rows: Rows) -> Drawn:
    places, heard, felt = _learned(listener, features, rows)
    return Drawn(
        _rmse(places, felt),
        _rmse(heard, felt),
        _grown(places, heard, felt),
        _rank(places, felt),
        _rank(heard, felt),
    )


def _learned(listener: Listener, features: Doubles, rows: Rows) -> tuple[Doubles, Doubles, Doubles]:
    """The other songs' places once these were placed, learned, heard and felt, [rest, 2] each."""
    learned: Learned = learn(listener.heard[rows], listener.felt[rows], features[rows])
    rest = np.setdiff1d(np.arange(len(listener.heard)), rows)
    heard = listener.heard[rest]
    return learned.places(heard, features[rest]), heard, listener.felt[rest]


def _grown(places: Doubles, heard: Doubles, felt: Doubles) -> float:
    """By how many standard errors (over songs) the squared error of places is above the model's."""
    grown = ((places - felt) ** 2 - (heard - felt) ** 2).sum(axis=1)
    spread = float(grown.std()) / np.sqrt(len(felt))
    return float(grown.mean()) / spread if spread > 0 else 0.0


def _summary(draws: list[Drawn], gap: float) -> dict[str, float]:
    error = float(np.mean([each.error for each in draws]))
    plain = float(np.mean([each.plain for each in draws]))
    return {
        "rmse": round(error, 4),
        "gap closed": round((plain - error) / gap, 3),
        "rank": round(float(np.mean([each.rank for each in draws])), 4),
        "plain rank": round(float(np.mean([each.plain_rank for each in draws])), 4),
        "worst ratio": round(max(each.error / each.plain for each in draws), 4),
        "worse by 2 se": int(sum(each.worse > BEYOND for each in draws)),
        "draws": len(draws),
    }


def _moves(draws: list[tuple[float, float]]) -> dict[str, float]:
    warp, mean = np.array(draws).T
    return {
        "warp at most, median": round(float(np.median(warp)), 4),
        "warp within .02": round(float((warp <= 0.02).mean()), 3),
        "warp at most, worst": round(float(warp.max()), 4),
        "songs moved, mean": round(float(mean.mean()), 4),
        "songs moved, worst draw": round(float(mean.max()), 4),
    }


def _rmse(places: Doubles, felt: Doubles) -> float:
    return float(np.sqrt(((places - felt) ** 2).mean()))


def _axes(places: Doubles, felt: Doubles) -> list[float]:
    return np.sqrt(((places - felt) ** 2).mean(axis=0)).round(4).tolist()


def _rank(places: Doubles, felt: Doubles) -> float:
    """Mean rank of a song among all when its place is asked for, over their number."""
    distance = ((felt[:, None] - places[None]) ** 2).sum(axis=2)  # [asked, song]
    own = np.diag(distance)[:, None]
    return float(((distance < own).sum(axis=1) + 1).mean() / len(felt))
