"""The grammar: from the words of a phrase to steps of feelings.

It reads from left to right. Degrees, hints and negations wait for the next feeling; connections
decide whether that joins the step at hand, stands beside it or begins the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from model.errors import FeelingError
from model.feelings.grammar import Role
from model.feelings.lexicon import Lexicon, lexicon
from model.feelings.scanner import PhraseItem, scan
from model.feelings.understanding import Step, Term, Understanding, Unread

MOST_LETTERS = 300
MOST_STEPS = 12
_MILD = 0.5  # "not too": what is left of it
_FAR = 0.35  # between two readings of one word, from which the other one is told
_ADJACENT = frozenset({"en", "ja", "zh"})  # where "A to B" needs no "from"
_HOUR_S = 3600.0
_DAY_S = 24 * _HOUR_S


def understand(text: str, words: Lexicon | None = None) -> Understanding:
    """Read a phrase such as "calm then triumphant" or "traurig, aber nicht wütend".

    Args:
        text: The phrase, in one of the lexicon's languages.
        words: The lexicon; None: the shipped one.

    Raises:
        FeelingError: No word of it is a feeling; the message names near words. Or the phrase is
            longer than 300 characters, or has more than 12 steps.
    """
    if len(text) > MOST_LETTERS:
        raise FeelingError(f"a feeling of {len(text)} characters; at most {MOST_LETTERS}")
    words = lexicon() if words is None else words
    items, language = scan(text, words)
    steps, glides, lasts_s, unread = _Reader(items, language).read()
    unknown = tuple(Unread(each, words.near(each)) for each in dict.fromkeys(unread))
    if not steps:
        raise _nothing(text, unknown)
    if len(steps) > MOST_STEPS:
        raise FeelingError(f"a sequence of {len(steps)} feelings; at most {MOST_STEPS}")
    return Understanding(text, language, tuple(steps), tuple(glides), lasts_s, unknown)


def _nothing(text: str, unknown: Sequence[Unread]) -> FeelingError:
    near = tuple(word for each in unknown for word in each.near)[:5]
    hint = f"did you mean {', '.join(near)}?" if near else "try words such as calm, sad or running"
    return FeelingError(f"no feeling is known in {text.strip()[:60]!r}; {hint}", near)


@dataclass
class _Draft:
    """A step while it is read."""

    blends: list[list[Term]] = field(default_factory=list)
    away: list[Term] = field(default_factory=list)
    lengths: list[float] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.blends or self.away)

    @property
    def phases(self) -> bool:
        """Whether it names phases of a session and nothing else."""
        terms = [term for terms in self.blends for term in terms]
        return bool(terms) and all(term.entry.kind == "phase" for term in terms)


@dataclass
class _Waiting:
    """What is said of the next feeling."""

    degree: float = 1.0
    weight: float = 1.0
    negated: bool = False
    beside: bool = False  # "or": it stands beside what came before
    mild: bool = False  # "not very"


class _Reader:
    def __init__(self, items: Sequence[PhraseItem], language: str) -> None:
        self._items, self._language = items, language
        self._steps = [_Draft()]
        self._glides: list[bool] = []
        self._waiting = _Waiting()
        self._unread: list[str] = []
        self._from = False  # "from" was said, so that "to" leads to the next step
        self._last_negated = False
        self._number: float | None = None
        self._sequence = self._is_sequence()

    def read(self) -> tuple[list[Step], list[bool], float | None, list[str]]:
        """Steps, whether each glides into the next, the length of all, unknown words."""
        for at, item in enumerate(self._items):
            self._take(at, item)
        if self._steps[-1].empty and len(self._steps) > 1:
            left = self._steps.pop()
            self._glides.pop()
            self._steps[-1].lengths += left.lengths
        if self._steps[-1].empty:
            return [], [], None, self._unread
        total, each = self._lengths()
        steps = [
            Step(tuple(map(tuple, draft.blends)), tuple(draft.away), lasts_s)
            for draft, lasts_s in zip(self._steps, each, strict=True)
        ]
        return steps, self._glides, total, self._unread

    def _is_sequence(self) -> bool:
        """Whether a connection of time stands between two feelings of the phrase."""
        feelings = [at for at, item in enumerate(self._items) if item.entry]
        return any(
            self._items[at].does("then") is not None
            for before, after in combinations(feelings, 2)
            for at in range(before + 1, after)
        )

    def _take(self, at: int, item: PhraseItem) -> None:
        if item.pause:
            self._pause(at, item)
        elif self._is_length(at, item):
            pass
        elif item.unknown or (item.number is not None and not item.functions and not item.entry):
            self._unread.append(item.text)
            self._waiting = _Waiting()
        elif not self._connects(at, item) and not self._qualifies(at, item) and item.entry:
            self._feel(item)

    def _pause(self, at: int, item: PhraseItem) -> None:
        """A comma: the next step where the phrase is a sequence, else the same feeling."""
        commas = item.text in ",;、"
        if commas and self._sequence and self._feeling_follows(at) and not self._then_follows(at):
            self._next_step(glides=False)
        self._last_negated = False

    def _is_length(self, at: int, item: PhraseItem) -> bool:
        """Take numbers, units and lengths."""
        length, unit = item.does("length"), item.does("unit")
        if length is not None:
            self._lasts(length.value)
        elif unit is not None and self._number is not None:
            self._lasts(self._number * unit.value)
        elif self._unit_follows(at):
            number = item.does("number")
            said = number.value if number is not None else None
            self._number = said if item.number is None else item.number
            return self._number is not None
        else:
            return unit is not None and not item.entry
        self._number = None
        return True

    def _lasts(self, seconds: float) -> None:
        if 0.0 < seconds <= _DAY_S:
            self._steps[-1].lengths.append(seconds)

    def _connects(self, at: int, item: PhraseItem) -> bool:
        """Take connections between feelings."""
        if item.does("then") and self._sequence:
            self._next_step(glides=False)
        elif item.does("to") and self._leads(at):
            self._next_step(glides=True)
        elif item.entry and not self._steps[-1].empty and self._starts_phase(item):
            self._next_step(glides=False)
            self._feel(item)
        elif item.does("or") and not item.entry:
            self._waiting.beside = not self._steps[-1].empty
            self._waiting.negated = self._last_negated
        elif item.does("but") and not item.entry:
            self._waiting = _Waiting()
        elif item.does("from") and not item.entry:
            self._from = True
        else:
            return bool(item.does("slow") and self._sequence)
        return True

    def _starts_phase(self, item: PhraseItem) -> bool:
        entry = item.entry
        return entry is not None and entry.kind == "phase" and self._steps[-1].phases

    def _qualifies(self, at: int, item: PhraseItem) -> bool:
        """Take what is said of the next feeling, or in Japanese of the one before."""
        function = item.does("not", "less", "hint", "degree", "too")
        if function is None or (item.entry and not self._feeling_next(at)):
            return False
        if function.role == "not":
            self._negate()
        elif function.role == "hint":
            self._waiting.weight = function.value
        elif self._waiting.negated and function.role in ("degree", "too") and function.value > 1.0:
            self._waiting = replace(self._waiting, negated=False, degree=_MILD, mild=True)
        else:
            self._waiting.degree *= function.value
            self._waiting.mild = self._waiting.mild or function.role == "less"
        return True

    def _negate(self) -> None:
        blends = self._steps[-1].blends
        if self._language != "ja":
            self._waiting.negated = True
        elif blends and blends[-1] and blends[-1][-1].degree != _MILD:
            self._steps[-1].away.append(blends[-1].pop())
            self._steps[-1].blends = [terms for terms in blends if terms]

    def _feel(self, item: PhraseItem) -> None:
        meaning, waiting, step = item.meanings[0], self._waiting, self._steps[-1]
        here = meaning.entry.region
        also = tuple(
            (other.language, other.entry.name)
            for other in item.meanings[1:]
            if max(
                abs(other.entry.region.valence - here.valence),
                abs(other.entry.region.arousal - here.arousal),
            )
            > _FAR
        )
        term = Term(
            item.text, meaning.entry, meaning.language, waiting.degree, waiting.weight, also
        )
        if waiting.negated:
            step.away.append(term)
        elif waiting.beside or not step.blends:
            step.blends.append([term])
        else:
            step.blends[-1].append(term)
        self._last_negated = waiting.negated
        self._waiting = _Waiting()

    def _next_step(self, *, glides: bool) -> None:
        self._waiting = _Waiting()
        if not self._steps[-1].empty:
            self._steps.append(_Draft())
            self._glides.append(glides)

    def _leads(self, at: int) -> bool:
        """Whether "to" stands between two feelings and leads from one to the other."""
        near = self._language in _ADJACENT and at > 0 and self._items[at - 1].entry is not None
        if self._steps[-1].empty or not (self._from or near):
            return False
        return self._following(at, fillers=self._from) is not None

    def _following(self, at: int, *, fillers: bool = True) -> PhraseItem | None:
        """The feeling that comes next, over small words that say something of it."""
        roles: tuple[Role, ...] = ("degree", "less", "hint", "too", "not", "slow")
        if fillers:
            roles = (*roles, "filler")
        for item in self._items[at + 1 :]:
            if item.entry:
                return item
            if item.pause or not item.does(*roles):
                return None
        return None

    def _feeling_follows(self, at: int) -> bool:
        return self._following(at) is not None

    def _feeling_next(self, at: int) -> bool:
        """Whether a feeling or a further degree comes directly after."""
        after = self._items[at + 1] if at + 1 < len(self._items) else None
        return after is not None and (after.entry is not None or after.does("degree") is not None)

    def _then_follows(self, at: int) -> bool:
        after = self._items[at + 1] if at + 1 < len(self._items) else None
        return after is not None and after.does("then") is not None

    def _unit_follows(self, at: int) -> bool:
        after = self._items[at + 1] if at + 1 < len(self._items) else None
        return after is not None and after.does("unit") is not None

    def _lengths(self) -> tuple[float | None, list[float | None]]:
        """The length of all, and that of each step where it is said."""
        said = [sum(draft.lengths) or None for draft in self._steps]
        known = [length for length in said if length is not None]
        if not known:
            return None, said
        if len(self._steps) == 1 or len(known) == 1:
            return min(sum(known), _DAY_S), [None] * len(said)
        return (min(sum(known), _DAY_S) if len(known) == len(said) else None), said
