"""From a phrase to the pieces that words are looked up by.

Words of alphabets are pieces as they stand; Chinese and Japanese are written without blanks, so
each of their characters is a piece of its own, and so are pictures.
"""

from __future__ import annotations

import re

from model.folding import fold

Key = tuple[str, ...]
"""The pieces of a word or of several, by which dictionaries are searched."""

PAUSES = frozenset(",;.!?:|、。・")
_ASIAN = "々〆ー\u3041-\u309f\u30a1-\u30ff\u3400-\u9fff"
_PICTURES = "\u2600-\u263f\u2643-\u27bf\u2b50\U0001f300-\U0001f3fa\U0001f400-\U0001faff"
_PIECE = re.compile(
    rf"\d+(?:[.,]\d+)?|[{_ASIAN}]|[{_PICTURES}]|->|=>|→|[&+/>,;.!?:|、。・]|[^\W\d_{_ASIAN}]+"
)
_SHORT = re.compile(r"(?<=\w)'(s|t|re|ve|ll|d|m)\b")


def pieces_of(text: str) -> Key:
    """The pieces of a text, folded.

    `can't` is one piece, `laid-back` two, and each picture (emoji) is one, without its colour;
    marks that say nothing (quotes, brackets, hashes) are left out.
    """
    joined = _SHORT.sub(r"\1", fold(text).replace("->", "→").replace("=>", "→"))
    return tuple(_PIECE.findall(joined))


def is_asian(piece: str) -> bool:
    """Whether a piece is a Chinese or Japanese character."""
    return re.fullmatch(rf"[{_ASIAN}]", piece) is not None


def spelt(pieces: Key) -> str:
    """Pieces as one text, without blanks between Asian characters."""
    text = ""
    for piece in pieces:
        text += piece if not text or (is_asian(text[-1]) and is_asian(piece)) else " " + piece
    return text
