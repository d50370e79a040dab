"""The small words: degrees, negation, connections, lengths, and those that say no feeling.

`grammar.csv` is the data: a role, its value, and its words in ten languages.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from model.errors import LexiconError
from model.feelings.lexicon import LANGUAGES
from model.feelings.once import once
from model.feelings.tokens import Key, pieces_of

Role = Literal[
    "degree", "less", "hint", "too", "not", "and", "but", "or", "then", "from", "to", "over",
    "unit", "length", "number", "slow", "filler",
]  # fmt: skip
GRAMMAR_FILE = Path(__file__).parent / "grammar.csv"


@dataclass(frozen=True)
class Function:
    """What a small word does.

    Attributes:
        role: Its part in a phrase.
        value: Factor of a degree, weight of a hint, seconds of a unit or length, a number; else 0.
        language: Where it does so.
    """

    role: Role
    value: float
    language: str


@once
def functions(path: Path = GRAMMAR_FILE) -> Mapping[Key, tuple[Function, ...]]:
    """Pieces of a small word -> all it may do, read once.

    Raises:
        LexiconError: A row has an unknown role or a value that is no number.
    """
    found: defaultdict[Key, list[Function]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for line, row in enumerate(csv.DictReader(file), 2):
            if row["role"] not in get_args(Role):
                raise LexiconError(f"grammar line {line}: no role {row['role']!r}")
            try:
                value = float(row["value"] or 0.0)
            except ValueError as exc:
                raise LexiconError(f"grammar line {line}: value {row['value']!r}") from exc
            role: Role = row["role"]  # type: ignore[assignment]  # one of them, see above
            for language in LANGUAGES:
                for word in row[language].split("|"):
                    if key := pieces_of(word):
                        found[key].append(Function(role, value, language))
    return {key: tuple(each) for key, each in found.items()}
