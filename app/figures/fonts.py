"""Which font draws a text, and what is left of a text that no font here can draw (ADR 0060)."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

SYSTEM_FONTS = (  # Linux, then macOS and Windows: wide ones first, then those of single scripts
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKjp-Regular.otf",
    "DroidSansFallbackFull.ttf",
    "wqy-microhei.ttc",
    "ipag.ttf",
    "TakaoGothic.ttf",
    "unifont.otf",
    "unifont.ttf",
    "Arial Unicode.ttf",
    "Hiragino Sans GB.ttc",
    "AppleSDGothicNeo.ttc",
    "arial.ttf",
    "YuGothM.ttc",
    "msgothic.ttc",
    "msyh.ttc",
    "malgun.ttf",
)
UNKNOWN = "?"
_PLAIN = str.maketrans(
    {"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "\u0131": "i", "ð": "d", "Ð": "D"}
    | {"þ": "th", "Þ": "Th", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ß": "ss"}
    | {"\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-"}
    | {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"'}
)
_UNSEEN = {"Cc", "Cf", "Mn"}
_NO_LETTER = "\uffff"  # no font has one: it shows as the box that missing letters show as


def lettered(text: str, size: int, fonts: Sequence[str] = SYSTEM_FONTS) -> tuple[str, Font]:
    """The text as it can be drawn, and the font to draw it with.

    Args:
        text: Any.
        size: Pixels.
        fonts: Files, or names of the system's, to try after Pillow's own, which holds ASCII.

    Returns:
        The text itself and the first font that has all its letters. Where there is none, the font
        that has most of them, and a plain letter or a question mark for each of the others; nothing
        where nothing but these is left.
    """
    text = unicodedata.normalize("NFC", text)
    own = _own(size)
    best, missing = own, _missing(own, text)
    for name in fonts:
        if not missing:
            break
        font = _system(name, size)
        lacking = missing if font is None else _missing(font, text)
        if font is not None and len(lacking) < len(missing):
            best, missing = font, lacking
    if not missing:
        return text, best
    return _without(text, best, missing), best


def _without(text: str, font: Font, missing: set[str]) -> str:
    """The text without letters that the font lacks, nothing if it lacks all."""
    drawn = "".join(_nearest(letter, font) if letter in missing else letter for letter in text)
    return drawn if any(letter.isalnum() for letter in drawn) else ""


def _nearest(letter: str, font: Font) -> str:
    """The letter without its marks, or what is commonly written for it, if the font has that."""
    if unicodedata.category(letter) in _UNSEEN:
        return ""
    decomposed = unicodedata.normalize("NFKD", letter)
    plain = "".join(c for c in decomposed if not unicodedata.combining(c)).translate(_PLAIN)
    return plain if plain and not _missing(font, plain) else UNKNOWN


def _missing(font: Font, text: str) -> set[str]:
    """The letters of the text that show as a box."""
    box = _drawn(font, _NO_LETTER)
    return {letter for letter in set(text) if _drawn(font, letter) == box}


def _drawn(font: Font, letter: str) -> bytes:
    return bytes(font.getmask(letter))


@lru_cache(maxsize=4)
def _own(size: int) -> Font:
    return ImageFont.load_default(size)


@lru_cache(maxsize=64)
def _system(name: str, size: int) -> Font | None:
    try:
        return ImageFont.truetype(name, size)
    except OSError:  # not here, or no font
        return None
