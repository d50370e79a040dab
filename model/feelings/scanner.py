"""From a phrase to what each of its words may be, in the language that most of it is in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from model.feelings.grammar import Function, Role, functions
from model.feelings.lexicon import LANGUAGES, Lexicon, LexiconEntry, Meaning
from model.feelings.tokens import PAUSES, Key, is_asian, pieces_of, spelt

_LONGEST = 12  # pieces of an idiom
_LISTED, _ACTS, _OTHER = 2.0, 1.25, 1.0
"""Votes for a language: of a listed word, of a small word that acts, of any other known one."""


@dataclass(frozen=True)
class PhraseItem:
    """A word or idiom of a phrase.

    Attributes:
        text: As it stands there, folded.
        meanings: What it may mean; the phrase's language first.
        functions: What it may do; those of the phrase's language alone, where there are any.
        number: Its value, where it is one in digits.
        pause: Whether it is a comma or the like.
    """

    text: str
    meanings: tuple[Meaning, ...] = ()
    functions: tuple[Function, ...] = ()
    number: float | None = None
    pause: bool = False

    @property
    def entry(self) -> LexiconEntry | None:
        """What it means in the phrase's language, or the first language that knows it."""
        return self.meanings[0].entry if self.meanings else None

    @property
    def unknown(self) -> bool:
        """Whether nothing is known of it."""
        known = self.meanings or self.functions or self.number is not None
        return not (known or self.pause)

    def does(self, *roles: Role) -> Function | None:
        """Its first function among `roles`."""
        return next((each for each in self.functions if each.role in roles), None)


def scan(text: str, words: Lexicon) -> tuple[list[PhraseItem], str]:
    """The words of a phrase and the language most of them are in."""
    found = _longest(pieces_of(text), words)
    language = _language(found)
    return [_in_language(item, language) for item in found], language


def _longest(pieces: Key, words: Lexicon) -> list[PhraseItem]:
    """The longest known words from left to right; unknown Asian characters in one."""
    found: list[PhraseItem] = []
    at = 0
    while at < len(pieces):
        item, length = _at(pieces, at, words)
        at += length
        if found and item.unknown and found[-1].unknown and _asian(found[-1], item):
            found[-1] = PhraseItem(found[-1].text + item.text)
        else:
            found.append(item)
    return found


def _asian(before: PhraseItem, after: PhraseItem) -> bool:
    return is_asian(before.text[-1]) and is_asian(after.text[0])


def _at(pieces: Key, at: int, words: Lexicon) -> tuple[PhraseItem, int]:
    for length in range(min(_LONGEST, len(pieces) - at), 0, -1):
        key = pieces[at : at + length]
        meanings, does = words.meanings.get(key, ()), functions().get(key, ())
        if meanings or does:
            return PhraseItem(spelt(key), meanings, does, _number(key)), length
    piece = pieces[at]
    return PhraseItem(piece, number=_number((piece,)), pause=piece in PAUSES), 1


def _number(key: Key) -> float | None:
    if len(key) != 1 or not key[0][0].isdigit():
        return None
    try:
        return float(key[0].replace(",", "."))
    except ValueError:  # digits of other scripts, such as a circled one
        return None


def _language(items: Sequence[PhraseItem]) -> str:
    """The language that can read most of the phrase; of equals the first of `LANGUAGES`."""
    votes: Counter[str] = Counter()
    for item in items:
        readings: dict[str, float] = {}
        for each in item.functions:
            vote = _OTHER if each.role == "filler" else _ACTS
            readings[each.language] = max(vote, readings.get(each.language, 0.0))
        for word in item.meanings:
            readings[word.language] = _LISTED if word.listed else _OTHER
        votes.update(readings)
    return max(LANGUAGES, key=lambda language: votes[language])


def _in_language(item: PhraseItem, language: str) -> PhraseItem:
    meanings = sorted(item.meanings, key=lambda each: each.language != language)
    own = tuple(each for each in item.functions if each.language == language)
    means_here = any(each.language == language for each in meanings)
    if own and not means_here:  # a small word of this language is no feeling of another one
        meanings = []
    foreign = () if means_here else item.functions
    return PhraseItem(item.text, tuple(meanings), own or foreign, item.number, item.pause)
