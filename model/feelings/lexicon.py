"""The words: what each means on the plane, how widely, and how it is said in ten languages.

`lexicon.csv` is the data, one meaning a row, for people to read and to add to; `docs/feelings.md`
describes its columns. Positions and spreads are on the relative scale.
"""

from __future__ import annotations

import csv
import difflib
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from model.errors import LexiconError
from model.feelings.inflection import forms_of
from model.feelings.once import once
from model.feelings.regions import Region
from model.feelings.tokens import Key, pieces_of, spelt

MeaningKind = Literal["mood", "texture", "situation", "phase"]

LANGUAGES = ("en", "de", "fr", "es", "pt", "it", "nl", "pl", "ja", "zh")
LEXICON_FILE = Path(__file__).parent / "lexicon.csv"
_NUMBERS = ("valence", "arousal", "spread_valence", "spread_arousal")
_LONGEST_HINT = 40  # letters of an unknown word that near ones are looked for
_CANDIDATES = 60  # that are compared letter by letter
_LIKE = 0.6


@dataclass(frozen=True)
class LexiconEntry:
    """One meaning.

    Attributes:
        name: Its first English word.
        kind: A `mood`, a `texture` of music or mood, a `situation` to hear it in, or a `phase` of
            a session.
        region: Where it lies on the plane, and how widely.
        why: The source of its position, or the reason for it.
        words: Language -> its words, as written; pictures (emoji) stand in each of them.
    """

    name: str
    kind: MeaningKind
    region: Region
    why: str
    words: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Meaning:
    """A form of a word: what it means, in which language, and whether the lexicon lists it."""

    entry: LexiconEntry
    language: str
    listed: bool = True


@dataclass(frozen=True, eq=False)
class Lexicon:
    """All entries, and the dictionary of their forms.

    Attributes:
        entries: In the file's order.
        meanings: Pieces of a form -> what it means, languages in the order of `LANGUAGES`.
    """

    entries: tuple[LexiconEntry, ...]
    meanings: Mapping[Key, tuple[Meaning, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "meanings", _meanings(self.entries))

    @classmethod
    def read(cls, path: Path = LEXICON_FILE) -> Lexicon:
        """The lexicon of a file.

        Raises:
            LexiconError: A row cannot be used; the message names it.
        """
        with path.open(encoding="utf-8", newline="") as file:
            return cls(tuple(_entry(row, line) for line, row in enumerate(csv.DictReader(file), 2)))

    def find(self, word: str) -> LexiconEntry | None:
        """The entry of a word or idiom in any language, English first; None where there is none."""
        found = self.meanings.get(pieces_of(word))
        return found[0].entry if found else None

    def near(self, word: str, count: int = 3) -> tuple[str, ...]:
        """At most `count` written words, of any language, that look like `word`, best first."""
        wanted = spelt(pieces_of(word))[:_LONGEST_HINT]
        written, having = _written(self)
        shared: Counter[str] = Counter()
        for sign in _signs(wanted):
            shared.update(having.get(sign, ()))
        likely = [form for form, _ in shared.most_common(_CANDIDATES)]
        likely += having.get(_letters(wanted), ())
        close = {form: _likeness(wanted, form) for form in likely}
        best = sorted(close, key=lambda form: -close[form])
        return tuple(dict.fromkeys(written[f] for f in best if close[f] >= _LIKE))[:count]

    def beginning(self, letters: str, count: int = 3) -> tuple[str, ...]:
        """At most `count` written words, of any language, that begin so, the shortest first."""
        wanted = spelt(pieces_of(letters))
        if not wanted:
            return ()
        written, _ = _written(self)
        forms = _forms(self)
        found = []
        for form in forms[bisect_left(forms, wanted) :]:
            if not form.startswith(wanted):
                break
            found.append(form)
        return tuple(written[form] for form in sorted(found, key=len)[:count])


@once
def lexicon() -> Lexicon:
    """The lexicon that is shipped, read once."""
    return Lexicon.read()


@once
def _written(words: Lexicon) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Folded form -> as written, and sign -> the forms that have it."""
    written: dict[str, str] = {}
    for _, _, word in _all_words(words.entries):
        written.setdefault(spelt(pieces_of(word)), word)
    having: defaultdict[str, list[str]] = defaultdict(list)
    for form in written:
        for sign in _signs(form):
            having[sign].append(form)
    return written, {sign: tuple(forms) for sign, forms in having.items()}


@once
def _forms(words: Lexicon) -> tuple[str, ...]:
    """The folded forms in order."""
    return tuple(sorted(_written(words)[0]))


def _signs(word: str) -> set[str]:
    """What like words share: pairs of neighbours, and all letters where they changed places."""
    return {_letters(word), *(word[at : at + 2] for at in range(max(1, len(word) - 1)))}


def _letters(word: str) -> str:
    return "*" + "".join(sorted(word))


def _likeness(wanted: str, form: str) -> float:
    """About 0 to 1; letters that changed places, and the same first letter, count for more."""
    ratio = difflib.SequenceMatcher(None, wanted, form).ratio()
    swapped = sorted(wanted) == sorted(form)
    return ratio + (0.2 if swapped else 0.0) + (0.05 if wanted[:1] == form[:1] else 0.0)


def _entry(row: Mapping[str, str], line: int) -> LexiconEntry:
    words = {language: _listed(row, language) for language in LANGUAGES}
    missing = [language for language, given in words.items() if not given]
    if missing:
        raise LexiconError(f"lexicon line {line}: no word in {', '.join(missing)}")
    kinds = get_args(MeaningKind)
    if row["kind"] not in kinds or not row["why"]:
        raise LexiconError(
            f"lexicon line {line}: kind {row['kind']!r} is none of {', '.join(kinds)}, "
            "or the reason is missing"
        )
    try:
        region = Region(*(float(row[name]) for name in _NUMBERS))
    except ValueError as exc:
        raise LexiconError(f"lexicon line {line}: {exc}") from exc
    kind: MeaningKind = row["kind"]  # type: ignore[assignment]  # one of them, see above
    signs = _listed(row, "signs")
    words = {language: given + signs for language, given in words.items()}
    return LexiconEntry(words["en"][0], kind, region, row["why"], words)


def _listed(row: Mapping[str, str], column: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in (row.get(column) or "").split("|") if word.strip())


def _meanings(entries: Sequence[LexiconEntry]) -> dict[Key, tuple[Meaning, ...]]:
    """Listed forms first; forms by regular endings only where nothing is listed."""
    listed: defaultdict[Key, dict[str, Meaning]] = defaultdict(dict)
    made: defaultdict[Key, dict[str, Meaning]] = defaultdict(dict)
    for entry, language, word in _all_words(entries):
        key = pieces_of(word)
        known = listed[key].setdefault(language, Meaning(entry, language))
        if known.entry is not entry:
            raise LexiconError(
                f"lexicon: {word!r} ({language}) stands in {known.entry.name!r} and in "
                f"{entry.name!r}: take it out of one of them"
            )
        for form in forms_of(spelt(key), language):
            made[pieces_of(form)].setdefault(language, Meaning(entry, language, listed=False))
    for key, found in made.items():
        if key not in listed:
            listed[key] = found
    order = {language: place for place, language in enumerate(LANGUAGES)}
    return {
        key: tuple(sorted(found.values(), key=lambda each: order[each.language]))
        for key, found in listed.items()
    }


def _all_words(entries: Sequence[LexiconEntry]) -> Iterator[tuple[LexiconEntry, str, str]]:
    for entry in entries:
        for language, words in entry.words.items():
            for word in words:
                yield entry, language, word
