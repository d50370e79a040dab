"""Media files that cost more than they weigh: two hundred, made by code, one kind after another.

Each module makes files of one family. All are a few hundred kilobytes at most but for those whose
kind needs more. `audio_files` and `cover_files` give them with their names; the suffix of a name
is what a library would call the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from benchmarks.withstand.hostile import matroska, mp4, ogg, pcm, pictures, tags
from benchmarks.withstand.hostile.named import NamedFile

FAMILIES = (mp4.files, pcm.files, ogg.files, matroska.files, tags.files)


def audio_files() -> Iterator[NamedFile]:
    """Those that claim to be audio."""
    return chain.from_iterable(family() for family in FAMILIES)


def cover_files() -> Iterator[NamedFile]:
    """Those that claim to be pictures."""
    return pictures.files()
