"""Variety with a say: which of the tracks that fit about equally well are shown (ADR 82).

A list may be drawn instead of read off the ranking: a track's chance is `exp(score / variety)`,
scores being log-likelihood ratios in nats. At 0 the best list comes, at 1 each track with the
likelihood that it is what was asked for; on a journey the same noise is added to the scores that
its places are decided by. And no artist fills a list, unless that is asked for.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.search.searcher import Hit
from model.arrays import Doubles

BLOCK = 20  # places of a list
MOST_IN_BLOCK = 2  # of them that one artist may have
MOST_COST = 1.0  # nats that another artist may cost in a place
_POOL = 10  # times as many tracks as places are drawn from
_LEAST_POOL = 200
_MOST_POOL = 2_000
_SPREAD = 3  # times as many tracks as places are looked at, where only artists are spread

ArtistsOf = Callable[[Hit], Collection[int]]


@dataclass(frozen=True)
class Variety:
    """How a list is chosen from a ranking.

    Attributes:
        amount: 0 (the best list) to 1.
        seed: What the draw depends on.
        spread: Whether an artist has two places in twenty at most, as far as others fit as well.
    """

    amount: float = 0.0
    seed: int = 0
    spread: bool = False

    def pool(self, places: int) -> int:
        """How many tracks of the ranking a list of so many places is chosen from."""
        if self.amount > 0.0:
            return min(max(_LEAST_POOL, _POOL * places), max(_MOST_POOL, places))
        return min(_SPREAD * places + BLOCK, max(_MOST_POOL, places)) if self.spread else places

    def choose(self, ranking: Sequence[Hit], places: int, artists_of: ArtistsOf) -> list[Hit]:
        """A list of so many places, best first."""
        if self.amount <= 0.0 and not self.spread:
            return list(ranking[:places])
        ordered = self._drawn(ranking)
        cost = MOST_COST if self.amount <= 0.0 else math.inf  # a draw costs what it costs
        chosen = spread(ordered, places, artists_of, cost) if self.spread else ordered[:places]
        place = {hit.track_id: at for at, hit in enumerate(ranking)}
        return sorted(chosen, key=lambda hit: place[hit.track_id])

    def noise(self, track_ids: NDArray[Any]) -> Doubles:
        """What chance adds to the scores of tracks, nats, [N]; the same for the same track.

        The largest of score and noise is a draw by `exp(score / amount)` (Gumbel's maximum trick).
        """
        if self.amount <= 0.0:
            return np.zeros(len(track_ids))
        return self.amount * gumbel(np.asarray(track_ids).astype(np.uint64), self.seed)

    def _drawn(self, ranking: Sequence[Hit]) -> list[Hit]:
        """The ranking in the order of a draw without replacement."""
        if self.amount <= 0.0 or not ranking:
            return list(ranking)
        score = np.array([hit.score for hit in ranking])
        ids = np.array([hit.track_id for hit in ranking])
        order = np.argsort(-(score + self.noise(ids)), kind="stable")
        return [ranking[at] for at in order.tolist()]


BEST = Variety()


def spread(
    ranking: Sequence[Hit], places: int, artists_of: ArtistsOf, most_cost: float = math.inf
) -> list[Hit]:
    """The first tracks of a ranking, an artist at most twice in each twenty places.

    What comes too often waits for the next twenty. Where nothing else is left, or what is left
    fits worse by more than `most_cost` nats, it comes anyhow.
    """
    chosen: list[Hit] = []
    counts: Counter[int] = Counter()
    waiting: deque[Hit] = deque()
    ahead = deque(ranking)

    def fits(hit: Hit) -> bool:
        most = MOST_IN_BLOCK * (len(chosen) // BLOCK + 1)
        return all(counts[artist] < most for artist in artists_of(hit))

    while len(chosen) < places and (ahead or waiting):
        again = waiting and (not ahead or len(chosen) % BLOCK == 0)
        found = next((hit for hit in waiting if fits(hit)), None) if again else None
        if (
            found is None
            and waiting
            and (not ahead or waiting[0].score - ahead[0].score > most_cost)
        ):
            found = waiting[0]
        if found is not None:
            waiting.remove(found)
        elif fits(ahead[0]):
            found = ahead.popleft()
        else:
            waiting.append(ahead.popleft())
            continue
        chosen.append(found)
        counts.update(artists_of(found))
    return chosen


def most_of_one(places: int) -> int:
    """How many of so many places one artist has at most: two in twenty."""
    return MOST_IN_BLOCK * -(-places // BLOCK)


def gumbel(ids: NDArray[np.uint64], seed: int) -> Doubles:
    """Standard Gumbel noise that depends on a track and the seed alone, [N]."""
    mixed = ids * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed % 2**64)
    with np.errstate(over="ignore"):
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    uniform = (mixed.astype(np.float64) + 0.5) / 2.0**64
    return np.asarray(-np.log(-np.log(np.clip(uniform, 1e-16, 1.0 - 1e-16))), dtype=np.float64)


def below_best(best: Sequence[float], chosen: Sequence[float]) -> float:
    """How far the mean of a list's scores lies below that of the best one's, in nats."""
    if not chosen:
        return 0.0
    return float(np.mean(best[: len(chosen)]) - np.mean(chosen))
