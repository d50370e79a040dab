"""Text without case, accents and the strokes of single letters, for comparing.

Every search of the project compares text that `fold` made: tags, titles, feelings.
"""

from __future__ import annotations

import unicodedata

_LETTERS = str.maketrans(
    {
        "ł": "l",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ħ": "h",
        "ŧ": "t",
        "ŋ": "ng",
        "\u0131": "i",
        "ĸ": "k",
        "ß": "ss",
        "æ": "ae",
        "œ": "oe",
        "\u02bb": "",
        "\u02bc": "'",
        "\u2019": "'",
        "\u2018": "'",
        "\u2032": "'",
        "\u201c": '"',
        "\u201d": '"',
        **dict.fromkeys("\u2010\u2012\u2013\u2014\u2212", "-"),  # MusicBrainz: `Jay\u2010Z`
        # What nobody sees: soft hyphens, joiners, marks of direction, variants of a sign.
        **dict.fromkeys((0xAD, 0x61C, 0xFEFF, *range(0x200B, 0x2010)), None),
        **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFE0E, 0xFE0F), None),
    }
)
"""Letters that Unicode does not take apart into a letter and a mark, signs of print, and what
nobody sees."""

_MARKS = range(0x0300, 0x0370)  # of Latin, Greek and Cyrillic; Japanese marks make other letters


def fold(text: str) -> str:
    """Text without case, accents and strokes: `Björk` -> `bjork`, `Łódź` -> `lodz`.

    Characters that nobody sees are left out. Hyphens, dashes and quotation marks of print become
    those of a keyboard, letters of other widths the plain ones. Marks of Japanese, Hindi and their
    kind stay, because they make other letters.
    """
    apart = unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS)
    plain = "".join(letter for letter in apart if ord(letter) not in _MARKS)
    return unicodedata.normalize("NFC", plain)
