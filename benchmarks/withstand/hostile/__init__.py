"""Media files that cost more than they weigh: two hundred, made by code, one kind after another.

Each module makes files of one family. All are a few hundred kilobytes at most but for those whose
kind needs more. `all_files` gives them with their names; a name's suffix is what a library would
call the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from benchmarks.withstand.hostile import matroska, mp4, ogg, pcm, pictures, tags
from benchmarks.withstand.hostile.named import NamedFile

FAMILIES = {
    "mp4": mp4.files,
    "pcm": pcm.files,
    "ogg": ogg.files,
    "matroska": matroska.files,
    "tags": tags.files,
}


def audio_files() -> Iterator[NamedFile]:
    """Those that claim to be audio."""
    return chain.from_iterable(family() for family in FAMILIES.values())


def cover_files() -> Iterator[NamedFile]:
    """Those that claim to be pictures."""
    return pictures.files()
