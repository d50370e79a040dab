"""What was understood of a phrase: steps of feelings, lengths, and what was not understood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from model.curves.curve import EmotionCurve, Keyframe
from model.feelings.lexicon import LexiconEntry
from model.feelings.regions import Region, WeightedPoints, blend, points_of

SESSION_S = 1800.0  # how long a sequence lasts where nothing is said of it
_TURN = 0.1  # share of a step in which the next one comes, at either side
_WEIGHT = {"mood": 1.0, "texture": 1.0, "situation": 0.5, "phase": 1.0}
"""A situation says where music is heard; a mood beside it says what it should feel like."""


@dataclass(frozen=True)
class Term:
    """A feeling of a phrase.

    Attributes:
        text: How it stands there.
        entry: What it means.
        language: The language it was read in.
        degree: Factor: more than 1 for "very", less for "slightly".
        weight: How much it counts in a blend; less than 1 for "a hint of".
        also: What the same word means in other languages, where that is far away.
    """

    text: str
    entry: LexiconEntry
    language: str
    degree: float = 1.0
    weight: float = 1.0
    also: tuple[tuple[str, str], ...] = ()

    @property
    def region(self) -> Region:
        """Where it lies."""
        return self.entry.region.scaled(self.degree)


@dataclass(frozen=True)
class Step:
    """What is felt at one time.

    Attributes:
        blends: Any of these; each is a blend of its terms. None: the whole plane.
        away: What must not be.
        lasts_s: How long, where it is said.
    """

    blends: tuple[tuple[Term, ...], ...]
    away: tuple[Term, ...] = ()
    lasts_s: float | None = None

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """The regions of the plane, any of which will do."""
        return tuple(
            blend(
                [term.region for term in terms],
                [term.weight * _WEIGHT[term.entry.kind] for term in terms],
            )
            for terms in self.blends
        )

    @cached_property
    def points(self) -> WeightedPoints:
        """The points that stand for the step in a search."""
        return points_of(self.regions, [term.region for term in self.away])


@dataclass(frozen=True)
class Unread:
    """A word that was not understood, and words that look like it."""

    text: str
    near: tuple[str, ...]


@dataclass(frozen=True)
class Understanding:
    """A phrase as it was understood.

    Attributes:
        text: The phrase.
        language: The language most of it is in.
        steps: At least one, in order of time.
        glides: Whether each step moves steadily into the next one, one less than steps.
        lasts_s: The length that was asked for, in seconds, if any.
        unread: What was not understood.
    """

    text: str
    language: str
    steps: tuple[Step, ...]
    glides: tuple[bool, ...] = ()
    lasts_s: float | None = None
    unread: tuple[Unread, ...] = ()

    @property
    def moves(self) -> bool:
        """Whether it is a sequence."""
        return len(self.steps) > 1

    @property
    def words(self) -> str:
        """How the phrase was understood, in English words."""
        parts = [_step_words(self.steps[0])]
        for step, glides in zip(self.steps[1:], self.glides, strict=True):
            parts.append((", moving steadily to " if glides else ", then ") + _step_words(step))
        if self.lasts_s is not None:
            parts.append(f", {_length_words(self.lasts_s)} in all")
        return "".join(parts)

    def curve(self) -> EmotionCurve:
        """The phrase as a curve on the relative scale.

        One step is a steady emotion. A sequence lasts as long as was asked for, or half an hour.
        """
        centres = [step.points.centre for step in self.steps]
        if not self.moves:
            return EmotionCurve.constant(*centres[0])
        return EmotionCurve(
            tuple(
                Keyframe(at_s, *(float(np.clip(x, -1.0, 1.0)) for x in centres[step]))
                for at_s, step in self._times()
            )
        )

    def _times(self) -> list[tuple[float, int]]:
        """When which step holds, as pairs of a time and a step."""
        lengths = _lengths(self.steps, self.lasts_s)
        ends = np.cumsum([0.0, *lengths])
        if all(self.glides) and all(step.lasts_s is None for step in self.steps):
            even = np.linspace(0.0, ends[-1], len(self.steps))
            return [(float(at_s), step) for step, at_s in enumerate(even)]
        times = []
        for step, length in enumerate(lengths):
            start = 0.0 if step == 0 else self._turn(step - 1)
            end = 0.0 if step == len(lengths) - 1 else self._turn(step)
            times.append((float(ends[step] + start * length), step))
            times.append((float(ends[step + 1] - end * length), step))
        return times

    def _turn(self, boundary: int) -> float:
        return 0.45 if self.glides[boundary] else _TURN


def _lengths(steps: Sequence[Step], lasts_s: float | None) -> list[float]:
    said = [step.lasts_s for step in steps if step.lasts_s is not None]
    usual = sum(said) / len(said) if said else SESSION_S / len(steps)
    lengths = [usual if step.lasts_s is None else step.lasts_s for step in steps]
    factor = 1.0 if lasts_s is None else lasts_s / sum(lengths)
    return [length * factor for length in lengths]


def _step_words(step: Step) -> str:
    blends = " or ".join(" and ".join(map(_term_words, terms)) for terms in step.blends)
    away = " and ".join(f"not {_term_words(term)}" for term in step.away)
    said = " but ".join(filter(None, (blends, away)))
    return said if step.lasts_s is None else f"{_length_words(step.lasts_s)} of {said}"


def _term_words(term: Term) -> str:
    degree = next((word for least, word in _DEGREES if term.degree >= least), "barely ")
    hint = "a hint of " if term.weight < 1.0 else ""
    return f"{hint}{degree}{term.entry.name}"


_DEGREES = (
    (1.4, "extremely "),
    (1.15, "very "),
    (0.95, ""),
    (0.75, "fairly "),
    (0.52, "slightly "),
    (0.45, "not very "),
)


def _length_words(seconds: float) -> str:
    minutes = round(seconds / 60.0)
    if minutes < 60:
        return f"{minutes} minute{'s' if minutes != 1 else ''}" if minutes else f"{seconds:g} s"
    hours, rest = divmod(minutes, 60)
    said = f"{hours} hour{'s' if hours != 1 else ''}"
    return f"{said} {rest} minutes" if rest else said
