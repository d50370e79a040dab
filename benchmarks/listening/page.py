"""`listening.md`: the figures beside those of others, for people to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.listening.measures import DEPTHS, MOODS

EMOTIFY = (
    ("arousal", "arousal"),
    ("arousal within genre", "… within genre"),
    ("valence with joy", "valence, joy"),
    ("valence with joy within genre", "… within genre"),
    ("valence with sadness", "valence, sadness"),
    ("valence with sadness within genre", "… within genre"),
    ("valence beyond arousal", "valence beyond arousal"),
    ("valence beyond arousal within genre", "… within genre"),
)
MUSE = (
    ("arousal", "arousal"),
    ("valence", "valence"),
    ("valence beyond arousal", "valence beyond arousal"),
)
RIVALS = (
    ("VibeNet", None, 0.18, None),
    ("Essentia, musicnn with the head of DEAM", None, 0.09, None),
    ("Essentia, musicnn with the head of emoMusic", None, 0.28, None),
    ("a convolutional key recogniser alone (madmom)", 0.458, 0.543, 0.538),
)
"""Valence beyond arousal on Emotify, valence and valence beyond arousal on MuSe: measured once, on
all of both studies, not by this command; None where nobody did."""

_INTRODUCTION = """\
Written by `make bench-listening` (`benchmarks/bench_listening.py`). Two studies with other
listeners than DEAM's rated real audio: Emotify (100 one-minute tracks of four genres, the share of
raters who chose each of nine feelings) and MuSe (164 fragments of six seconds, arousal and valence,
uncorrelated). Figures are rank correlations. Valence is judged *beyond arousal* as well: what a
line through arousal leaves, in prediction and rating. The criterion of arousal on Emotify is joyful
activation + power + tension - calmness - tenderness - sadness, that of valence joyful activation +
amazement + tenderness + calmness - sadness - tension. Two halves of Emotify's raters agree with
.84: no model can do much better."""

_PARTS = """\
These parts of the studies decided how far experts are trusted (see *nested* below); other parts,
which nothing was tuned to, are kept aside."""

_NESTED = """\
Each expert trusted as the *other* study likes best (mean of its figures of arousal and of valence
beyond arousal), as a multiple of the precision it ships with: """

_LISTS = """\
Mean rating of the feeling in the first tracks for a mood over that of all 100: nearest on the
relative plane, and ranked as the service does it."""


_PLACES = """\
Each study's tracks, and those of each genre of Emotify (25 each), as a library, ranked as the
service does it. Distance of the ten first (five within a genre) to what was asked, by where
*raters* put them on the relative plane, for 81 places of it; and the share that two of the lists of
happy, angry, tense and energetic have in common (ADR 98)."""

PLACES = (
    ("emotify", "Emotify, distance"),
    ("emotify within genre", "… within genre"),
    ("muse", "MuSe, distance"),
    ("emotify shared", "Emotify, shared"),
    ("emotify shared within genre", "… within genre"),
    ("muse shared", "MuSe, shared"),
)


def markdown(found: Mapping[str, Any]) -> str:
    """The page."""
    agreement = found["agreement"]
    ids = ", ".join(f"`{name}` is `{model}`" for name, model in found["models"].items())
    lines = [
        "# How well music is heard",
        "",
        _INTRODUCTION,
        f"{ids}.",
        "",
        _PARTS,
        "",
        "## Emotify",
        "",
        *_table(EMOTIFY, {name: each["emotify"] for name, each in agreement.items()}),
        "",
        "## MuSe",
        "",
        *_table(MUSE, {name: each["muse"] for name, each in agreement.items()}),
        "",
        "## Nested",
        "",
        _NESTED
        + "; ".join(
            f"`{name}`: {_trusts(each['trusts by muse'])} by MuSe, "
            f"{_trusts(each['trusts by emotify'])} by Emotify"
            for name, each in found["nested"].items()
        )
        + ".",
        "",
        *_table(EMOTIFY, {name: each["emotify"] for name, each in found["nested"].items()}),
        "",
        *_table(MUSE, {name: each["muse"] for name, each in found["nested"].items()}),
        "",
        "## Playlists",
        "",
        _LISTS,
        "",
        *_lifts(found["lifts"]),
        "",
        "## Places",
        "",
        _PLACES,
        "",
        *_table(PLACES, found["places"], sign=""),
        "",
        "## Others",
        "",
        "| | Emotify, beyond arousal | MuSe, valence | MuSe, beyond arousal |",
        "|---|---|---|---|",
        *(f"| {name} | {' | '.join(_number(each) for each in rest)} |" for name, *rest in RIVALS),
        "",
        "Measured once on all of both studies, of which the parts above are a quarter and a half.",
    ]
    return "\n".join(lines) + "\n"


def _table(
    measures: Sequence[tuple[str, str]], rows: Mapping[str, Mapping[str, float]], sign: str = "+"
) -> list[str]:
    return [
        f"| | {' | '.join(title for _, title in measures)} |",
        "|---|" + "---|" * len(measures),
        *(
            f"| {name} | {' | '.join(_number(each[key], sign) for key, _ in measures)} |"
            for name, each in rows.items()
        ),
    ]


def _lifts(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[str]:
    keys = [f"{word} {depth}" for depth in DEPTHS for word in MOODS]
    return [
        f"| | {' | '.join(keys)} |",
        "|---|" + "---|" * len(keys),
        *(
            f"| {name}, {way} | {' | '.join(f'{each[key]:.2f}' for key in keys)} |"
            for name, ways in found.items()
            for way, each in ways.items()
        ),
    ]


def _trusts(each: Mapping[str, float]) -> str:
    return ", ".join(f"{kind} {trust:g}" for kind, trust in each.items())


def _number(value: float | None, sign: str = "+") -> str:
    return "" if value is None else f"{value:{sign}.3f}".replace("0.", ".")
