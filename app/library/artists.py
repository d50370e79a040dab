"""The artists of a catalogue, found by name."""

from __future__ import annotations

from collections.abc import Sequence

from model.folding import fold


class ArtistIndex:
    """Artists with their numbers of tracks, and the folded names they are looked for by."""

    def __init__(self, artists: Sequence[tuple[str, int]]) -> None:
        """Keep `artists`, the largest first."""
        self._artists = [(name, tracks, fold(name)) for name, tracks in artists]

    def find(self, words: str = "") -> list[tuple[str, int]]:
        """The artists whose names hold all of the words, without case and accents.

        Names that begin with them come first, then those in which a word does, then the others;
        among equals whoever has more tracks. Without words: all.
        """
        wanted = fold(words).split()
        phrase = " ".join(wanted)
        found = [
            (_rank(folded, phrase), name, tracks)
            for name, tracks, folded in self._artists
            if all(word in folded for word in wanted)
        ]
        found.sort(key=lambda artist: artist[0])  # stable: the largest stay first
        return [(name, tracks) for _, name, tracks in found]


def _rank(folded: str, phrase: str) -> int:
    if folded.startswith(phrase):
        return 0
    return 1 if f" {phrase}" in folded else 2
