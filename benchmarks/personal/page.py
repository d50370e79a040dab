"""The report page of `make bench-personal`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

STUDIES = ("PMEmo", "Emotify", "MuSe")
BOTH = (*STUDIES, *(f"{name}, relative" for name in STUDIES))
ENOUGH = (10, 20, 50)  # words at random, which chosen ones are compared with
_HEAD = """# A listener's own plane

Written by `make bench-personal` (`benchmarks/bench_personal.py`).

A listener is made of data: songs as a model hears them, and where some people put them. PMEmo: 701
songs, heard by a model trained on DEAM alone (the columns that both share), felt by PMEmo's
annotators. Emotify (100 songs, its criteria of arousal and valence, brought to the model's mean and
spread, since the study has no such scales) and MuSe (164 fragments, valence apart from arousal):
heard by the shipped checkpoint. `own`: what a model trained on that population says of songs that
it never met (support vectors on the same columns, ten folds); the gap is what it has over the model
that is corrected.

Errors are root mean squared over both axes, on the other songs. The rank is that of a song when its
own place is asked for, by distance, over the number of songs. `at random`: 200 draws of songs to
place; `chosen`: the service's own choice out of a random half of the songs, 100 draws. `worst`: the
error of the worst draw over the model's. `worse`: draws in which the squared error grew by more
than two standard errors over songs. How much asking well saves depends on how many songs there are
to choose from: where a study has enough, it is told for several numbers.

`relative`: the same on the relative plane of the study's songs, where the service learns. What
people feel is brought to it by the same quantiles, so that much of it lies at its edges.
"""


def markdown(found: Mapping[str, Any]) -> str:
    """The page."""
    return "\n".join([_HEAD, *_studies(found), *_behaviour(found), *_search(found)]) + "\n"


def _studies(found: Mapping[str, Any]) -> Iterator[str]:
    for name in BOTH:
        study = found.get(name)
        if study is None:
            continue
        model, own = study["error"]["model"], study["error"]["own"]
        yield f"## {name}: {study['songs']} songs\n"
        yield (
            f"Error of the model {model[0]:.3f} (arousal) and {model[1]:.3f} (valence), "
            f"of `own` {own[0]:.3f} and {own[1]:.3f}.\n"
        )
        yield (
            "| words | at random: error | gap closed | rank (model's) | worst | worse | "
            "chosen: error | gap closed | rank | worst | worse |"
        )
        yield "|---|---|---|---|---|---|---|---|---|---|---|"
        for count, one in study["random"].items():
            other = study["chosen"][count]
            yield (
                f"| {count} | {one['rmse']:.4f} | {one['gap closed']:.0%} | "
                f"{one['rank']:.3f} ({one['plain rank']:.3f}) | {one['worst ratio']:.3f} | "
                f"{one['worse by 2 se']} of {one['draws']} | {other['rmse']:.4f} | "
                f"{other['gap closed']:.0%} | {other['rank']:.3f} | {other['worst ratio']:.3f} | "
                f"{other['worse by 2 se']} of {other['draws']} |"
            )
        yield f"\n{_asking_well(study)}\n"
        yield f"{_worse(study)}\n"


def _asking_well(study: Mapping[str, Any]) -> str:
    """How many chosen words close as much of the gap as some at random do."""
    needed = _needed(study, {n: one["gap closed"] for n, one in study["chosen"].items()})
    lines = [
        f"As much of the gap as {_listed(f'{count}' for count in needed)} words at random is "
        f"closed by {_listed(f'{words:.0f}' for words in needed.values())} chosen ones "
        f"({_shares(needed)} of their number)."
    ]
    for size, closed in study.get("pools", {}).items():
        needed = _needed(study, closed)
        counts = _listed(f"{count}" for count in needed)
        lines.append(f"Chosen out of {size} songs: {_shares(needed)} of {counts}.")
    return "\n".join(lines)


def _needed(study: Mapping[str, Any], chosen: Mapping[Any, float]) -> dict[int, float]:
    """For some numbers of words at random, how many chosen ones close as much, interpolated."""
    at_random = {int(count): one["gap closed"] for count, one in study["random"].items()}
    counts = [0, *(int(count) for count in chosen)]
    closed = np.maximum.accumulate([0.0, *chosen.values()])
    targets = {count: at_random[count] for count in ENOUGH if count in at_random}
    return {
        count: float(np.interp(target, closed, counts))
        for count, target in targets.items()
        if target <= closed[-1]
    }


def _shares(needed: Mapping[int, float]) -> str:
    return _listed(f"{words / count:.2f}" for count, words in needed.items())


def _worse(study: Mapping[str, Any]) -> str:
    """How often words at random made it worse, in more draws than the table has."""
    found = study["worse of more draws"]
    return (
        f"Of 1,000 draws of {_listed(f'{count}' for count in found)} words at random "
        f"{_listed(f'{worse}' for worse in found.values())} were worse (23 are by chance)."
    )


def _listed(parts: Iterable[str]) -> str:
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def _behaviour(found: Mapping[str, Any]) -> Iterator[str]:
    part = found.get("behaviour")
    if part is None:
        return
    yield "## Who agrees, and who answers at random\n"
    yield (
        f"{part['words']} words in each of {part['draws']} draws on the relative plane of PMEmo's "
        "songs; who agrees answers with a standard deviation of .25.\n"
    )
    yield "| | warp moves at most, median | within .02 | worst | songs move, mean | worst draw |"
    yield "|---|---|---|---|---|---|"
    for name in ("agreeing", "random"):
        one = part[name]
        yield (
            f"| {name} | {one['warp at most, median']} | {one['warp within .02']:.1%} | "
            f"{one['warp at most, worst']} | {one['songs moved, mean']} | "
            f"{one['songs moved, worst draw']} |"
        )
    yield f"\n500 words are learned in {part['500 words learned ms']} ms (median, one thread).\n"


def _search(found: Mapping[str, Any]) -> Iterator[str]:
    proven, timed = found.get("proof"), found.get("times")
    if proven is not None:
        yield "## Exact\n"
        yield (
            f"Of {proven['queries']:,} places asked on a plane of 100 words, in "
            f"{proven['rows']:,} rows, {proven['exact']:,} answers called themselves exact; "
            f"{proven['wrong']} differed from float64 brute force by more than 1e-6. Whole tracks "
            "and segments in turn.\n"
        )
    if timed is not None:
        yield f"## Quick: {timed['rows']:,} rows, {timed['tracks']:,} tracks, 100 words\n"
        yield (
            "| | search p50 ms | p99 | processor | of segments p50 ms | processor | "
            "whole answer p50 ms | processor |"
        )
        yield "|---|---|---|---|---|---|---|---|"
        for name in ("plain", "personal", "strong taste"):
            one = timed[name]
            yield (
                f"| {name} | {one['search p50 ms']} | {one['search p99 ms']} | "
                f"{one['search processor ms']} | {one['segments p50 ms']} | "
                f"{one['segments processor ms']} | {one['answer p50 ms']} | "
                f"{one['answer processor ms']} |"
            )
        yield "\nOver plain, by the clock and of the processor:\n"
        for name in ("personal", "strong taste"):
            ratios = [
                f"{what} {timed[name][f'{what} p50 ratio']} and "
                f"{timed[name][f'{what} processor ratio']}"
                for what in ("search", "segments", "answer")
            ]
            yield f"- {name}: {_listed(ratios)}"
        yield (
            "\nThe listener hears all music as less pleasant, some kinds of it elsewhere (a "
            "standard deviation of .3 for a coefficient of the music, .8 for a strong taste), and "
            "put a fifth of the words anywhere. A plane is "
            f"learned and laid out over all tracks in {timed['a plane learned and laid out ms']} "
            f"ms, a snapshot is read for it once in {timed['first use of a snapshot ms']} ms."
        )
