"""What file names and date tags say: titles without track numbers, years of any notation."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

# Dashes and stops of print, which part numbers from titles.
DASHES = str.maketrans("\N{EN DASH}\N{EM DASH}\uff0e\u3001\u30fb", "--...")
# A number at the beginning of a file name counts the track, and is no part of the title, ...
_TRACK_NUMBER = re.compile(
    r"""^(?!\d{1,2}[-.]\d{1,2}[-.]\d{2,4}(?!\d))(?:  # 01-02-2003 is a day
        [(\[]\d{1,3}[)\]][\s._-]*                  # (04) Song, [04] Song
      | [0-9]\s?-\s?[0-9]{2}(?=[\s._-])[\s._-]*    # 1-04 Song: disc and track
      | 0[0-9]-(?:0[0-9](?=[\s._-])|[0-9]{2}(?=[.-]))[\s._-]*  # 01-04 Song, 01-14-Song
      | [0-9]\.0[0-9](?=[\s._-])[\s._-]*           # 1.04 Song
      | 0\d{1,2}(?:\s*[-)]\s*|\s*\.(?!\.)\s*|\s+|(?=\.\.))  # 04 Song, 04-Song, 04...Song
      | \d{1,3}(?:\s+[-.]|[.)]|\s*-\s)\s+          # 4. Song, 14 - Song, 14) Song
      | (?:cd|disc|disk)\s?\d{1,2}[\s._-]+\d{2}[\s._-]+  # CD1-04 Song, Disc 1 - 04 - Song
      | \d{1,3}[.)](?=[^\W\d_])                    # 4.Song
      | \d{2,3}-(?=[^\W\d_])                       # 14-Song
    )(?=.*[^\W_])""",
    re.VERBOSE | re.IGNORECASE,
)
_UNSEEN = "\u00ad\u061c\u200b\u200c\u200e\u200f\u2060"  # a joiner may shape a last letter
_BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and signs that are drawn as blanks
_NO_SIGNS = frozenset({"Cc", "Cf", "Zs"})
_SLUG = re.compile(r"\w+(?:-\w+)+")  # words-of-an-address, where hyphens stand for spaces
_MONTH, _DAY, _TIME = r"(?:0[0-9]|1[0-2])", r"(?:[0-2][0-9]|3[01])", r"(?:\d{2}){0,3}"
_YEAR = re.compile(rf"(?<!\d)(1\d{{3}}|20\d{{2}})(?:{_MONTH}(?:{_DAY}{_TIME})?)?(?!\d)")
_DAY_FIRST = re.compile(rf"(?<!\d){_DAY}{_MONTH}(1[5-9]\d{{2}}|20\d{{2}})(?!\d)")


def readable_name(path: Path) -> str:
    """A title from a file name: no suffix, no track number, spaces for underscores.

    A number that only a blank parts from the words is a track number where it begins with a zero
    (`04 Song`); otherwise it belongs to the title (`99 Red Balloons`).
    """
    stem = one_line(os.fsencode(path.stem).decode("utf-8", "replace"))
    spaced = stem if " " in stem else stem.replace("_", " ")
    number = _TRACK_NUMBER.match(spaced.translate(DASHES))
    title = spaced[number.end() :] if number else spaced
    if _SLUG.fullmatch(title) and title.islower():
        title = title.replace("-", " ")
    title = one_line(title) or stem
    return title[:1].upper() + title[1:]


def year_of(dates: Iterable[str]) -> int | None:
    """The year of the first date that has one: `1987`, `1987-05-01`, `19870501`, `01.05.1987`."""
    for date in dates:
        digits = unicodedata.normalize("NFKC", date)
        found = [match for each in (_YEAR, _DAY_FIRST) if (match := each.search(digits))]
        if found:
            return int(min(found, key=lambda match: match.start())[1])
    return None


def one_line(text: str) -> str:
    """One line of characters that every database and every JSON reader takes.

    What nobody sees at the ends is left out, and of what nobody sees at all nothing is left.
    """
    plain = text.encode("utf-8", "replace").decode().replace("\0", " ").replace("\ufeff", "")
    line = " ".join(plain.split()).strip(_UNSEEN + " ")
    seen = any(each not in _BLANKS and unicodedata.category(each) not in _NO_SIGNS for each in line)
    return line if seen else ""
