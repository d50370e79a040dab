"""Text from tags and file names, made fit for files that others read."""

from __future__ import annotations

import re

# Characters that neither XML 1.0 nor a line of a playlist may hold, nor UTF-8 (half ones).
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]+")


def printable_line(text: str) -> str:
    """The text in one line, with a blank for what cannot be printed."""
    return UNPRINTABLE.sub(" ", text).strip()
