"""Text from tags and file names, made fit for files that others read."""

from __future__ import annotations

import re

# Characters that neither XML 1.0 nor a line of a playlist may hold, nor UTF-8 (half ones).
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]+")

_FORMULAS = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")  # some read signs of double width too


def printable_line(text: str) -> str:
    """The text in one line, with a blank for what cannot be printed."""
    return UNPRINTABLE.sub(" ", text).strip()


def spreadsheet_cell(text: str) -> str:
    """The text in one line that no spreadsheet takes for a formula."""
    line = printable_line(text)
    return "'" + line if line[:1] in _FORMULAS else line


def spreadsheet_path(path: str) -> str:
    """A relative path that no spreadsheet takes for a formula, and that is still the file's."""
    return f"./{path}" if path[:1] in _FORMULAS or path[:1].isspace() else path
