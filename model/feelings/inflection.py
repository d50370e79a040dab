"""Further forms of a word, by the regular endings of its language.

A form that the lexicon lists itself always goes before one that is made here, so a form that no
speaker uses does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

_HARD = ("a", "e", "ego", "ej", "emu", "ych", "ym", "ymi", "o", "ie", "i")  # Polish, after -y
_SOFT = ("a", "ie", "iego", "iej", "iemu", "ich", "im", "imi", "o", "ia")  # after -i
_LEAST = 3  # letters of a word that takes endings


def forms_of(word: str, language: str) -> set[str]:
    """The forms of one folded word, without the word itself; none for several words.

    Args:
        word: A word, folded by `model.folding.fold`.
        language: Its code, such as `de`.
    """
    make = _MAKERS.get(language)
    if make is None or " " in word or len(word) < (2 if language == "ja" else _LEAST):
        return set()
    return set(make(word)) - {word}


def _english(word: str) -> Iterable[str]:
    if word.endswith("y"):
        stem = word[:-1] + "i"
        return [stem + "ly", stem + "ness", stem + "er", stem + "est", stem + "es"]
    stem = word[:-1] if word.endswith("e") else word
    return [word + "ly", word + "ness", stem + "er", stem + "est", word + "s"]


def _german(word: str) -> Iterable[str]:
    if word.endswith("e"):
        return [word + ending for ending in "rsnm"]
    stems = [word, word[:-2] + "l"] if word.endswith("el") else [word]
    return [stem + ending for stem in stems for ending in ("e", "er", "es", "en", "em")]


def _french(word: str) -> Iterable[str]:
    changes = {"eux": "eus", "if": "iv", "el": "ell", "en": "enn", "er": "er", "f": "v"}
    made = [word + ending for ending in ("e", "s", "es")]
    for end, new in changes.items():
        if word.endswith(end):
            stem = word[: -len(end)] + new
            made += [stem + "e", stem + "es"]
    if word.endswith("al"):
        made.append(word[:-1] + "ux")
    return made


def _spanish(word: str) -> Iterable[str]:
    if word.endswith("o"):
        return [word[:-1] + ending for ending in ("a", "os", "as")]
    if word.endswith("z"):
        return [word[:-1] + "ces"]
    if word.endswith(("a", "e")):
        return [word + "s"]
    return [word + ending for ending in ("es", "a", "as")]


def _portuguese(word: str) -> Iterable[str]:
    if word.endswith("o"):
        return [word[:-1] + ending for ending in ("a", "os", "as")]
    if word.endswith("l"):
        return [word[:-1] + "is"]
    if word.endswith(("a", "e")):
        return [word + "s"]
    return [word + ending for ending in ("es", "a", "as")]


def _italian(word: str) -> Iterable[str]:
    if word.endswith(("co", "go")):
        stem = word[:-1]
        return [stem + "a", stem + "hi", stem + "i", stem + "he"]
    if word.endswith("o"):
        return [word[:-1] + ending for ending in "aie"]
    return [word[:-1] + "i"] if word.endswith("e") else [word[:-1] + "e"]


def _dutch(word: str) -> Iterable[str]:
    made = [word + "e", word + "er"]
    if word.endswith("s"):
        made.append(word[:-1] + "ze")
    if len(word) > _LEAST and word[-3] == word[-2] and word[-2] in "aeou":
        made.append(word[:-2] + word[-1] + "e")
    return made


def _polish(word: str) -> Iterable[str]:
    if word.endswith("y"):
        return [word[:-1] + end for end in _HARD]
    if word.endswith("i"):
        return [word[:-1] + end for end in _SOFT]
    if word.endswith("ie"):
        return [word[:-1] + end for end in ("a", "u", "em")]
    if word.endswith("a"):
        return [word[:-1] + end for end in ("y", "i", "e", "ie", "o")]
    return [word + end for end in ("u", "em", "ie", "i", "owi")]


def _japanese(word: str) -> Iterable[str]:
    if word.endswith("い"):
        stem = word[:-1]
        return [stem + end for end in ("く", "くて", "かった", "さ", "み")]
    return []


_MAKERS: Mapping[str, Callable[[str], Iterable[str]]] = {
    "en": _english,
    "de": _german,
    "fr": _french,
    "es": _spanish,
    "pt": _portuguese,
    "it": _italian,
    "nl": _dutch,
    "pl": _polish,
    "ja": _japanese,
}
