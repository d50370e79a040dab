"""Text that is written in another character set than its file says.

ID3 says "Latin-1" of most text that is none, and RIFF INFO says nothing. What is certain is read
as what it is; anything else stays as the file says. Chinese and Korean sets cannot be told apart in
a few characters, and are not guessed.
"""

from __future__ import annotations

import re
from contextlib import suppress

_CONTROLS = re.compile(r"[\x80-\x9f]")  # Latin-1 has no letters there
_WORD = re.compile(r"[A-Za-zÀ-ÿ¨\xb8]+")
# A word of which not one letter is without an accent is Cyrillic, read as Latin-1.
_CYRILLIC = re.compile(r"[À-ß¨]?[à-ÿ\xb8]{4,}|[À-ß¨][à-ÿ\xb8]{3}|[À-ß¨]{4,}")
_JAPANESE = re.compile(r"[\s\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef]{2,}")


def reread(text: str) -> str:
    """A tag's text in the character set in which it was written.

    Args:
        text: As the file's tags declare it. Bytes that are no UTF-8 may stand as surrogates, as
            Python's `surrogateescape` writes them.

    Returns:
        The text. UTF-8 that was declared as Latin-1 or as Windows-1252 is read as UTF-8. Where
        Latin-1 makes no sense, Windows-1252, Windows-1251 and Shift-JIS are tried.
    """
    if text.isascii():
        return text
    if any("\udc80" <= each <= "\udcff" for each in text):
        text = text.encode("utf-8", "surrogateescape").decode("latin-1")
    raw = _bytes_of(text)
    if raw is None:
        return text
    with suppress(UnicodeDecodeError):
        return raw.decode("utf-8")
    if max(text) > "\xff":  # typographic signs, which are meant
        return text
    if _is_cyrillic(text):
        return raw.decode("cp1251", "replace")
    if _CONTROLS.search(text) is None:
        return text
    japanese = raw.decode("cp932", "replace")
    if _JAPANESE.fullmatch(japanese):
        return japanese
    return "".join(bytes([each]).decode("cp1252", "ignore") or chr(each) for each in raw)


def _bytes_of(text: str) -> bytes | None:
    """The bytes of a text of a set of one byte a character; None where there is no such set."""
    found = bytearray()
    for each in text:
        try:
            found += each.encode("latin-1" if each <= "\xff" else "cp1252")
        except UnicodeEncodeError:
            return None
    return bytes(found)


def _is_cyrillic(text: str) -> bool:
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    mixed = any(each.isascii() for word in words for each in word)
    return not mixed and any(_CYRILLIC.fullmatch(word) for word in words)
