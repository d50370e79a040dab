"""What names the recordings of a snapshot: kept as JSON bytes, read when a track is shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from indexer.folders.identifiers import NOTHING, Identifiers


class IdentifierTable:
    """The identifiers of tracks by id, a few bytes more than their text each."""

    def __init__(self, known: Sequence[tuple[int, str]] = ()) -> None:
        """Keep (track id, JSON) pairs in order of the ids, as `Catalog.identifiers` gives them."""
        encoded = [text.encode() for _, text in known]
        self._ids = np.array([track_id for track_id, _ in known], dtype=np.int64)
        self._ends = np.cumsum([0, *map(len, encoded)])
        self._text = b"".join(encoded)

    def __getitem__(self, track_id: int) -> Identifiers:
        """What names the track; nothing where it has no identifiers."""
        row = int(np.searchsorted(self._ids, track_id))
        if row == len(self._ids) or self._ids[row] != track_id:
            return NOTHING
        return Identifiers.from_json(self._text[self._ends[row] : self._ends[row + 1]].decode())
