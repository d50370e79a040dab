"""Which track of a snapshot a listener once spoke of: by content, id, MusicBrainz, or its tags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property

from app.library.live import Live
from indexer.catalog.profiles import Placement
from model.folding import fold

SAME_LENGTH_S = 4.5  # most that two files of one recording differ by


class Recordings:
    """The recordings of a snapshot by everything that names them."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._tracks = live.snapshot.tracks

    def row_of(self, placement: Placement) -> int | None:
        """The row of the recording that was heard, or of a copy of it; None where it is gone.

        The content decides; then the track of that id, if it lasts as long (its file was encoded
        anew in its place); then what names the recording, if that lasts as long.
        """
        same = self._tracks.rows_with_content(placement.content_id)
        if len(same):
            return int(same[0])
        named = (row for row in self._named(placement) if self._lasts(row, placement))
        return next(named, None)

    def _named(self, placement: Placement) -> Iterator[int]:
        """Rows that may be of this recording, the surest first."""
        yield from self._rows_of_id(placement.track_id)
        if placement.recording_id is not None:
            yield from self._by_recording.get(placement.recording_id, ())
        artist = fold(placement.artist or "")
        for row in self._tracks.rows_titled(placement.title).tolist():
            if fold(self._tracks[row].artist or "") == artist:
                yield row

    @cached_property
    def _by_recording(self) -> dict[str, list[int]]:
        """The rows of each MusicBrainz recording."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for row, track_id in enumerate(self._tracks.ids.tolist()):
            named = self._live.identifiers[track_id].recording_mbid
            if named is not None:
                found[named].append(row)
        return dict(found)

    def rows_together(self, row: int) -> list[int]:
        """The rows of a recording's copies, itself included."""
        return sorted([row, *self._tracks.answering.copies_of(row)])

    def _rows_of_id(self, track_id: int) -> Iterator[int]:
        ids = self._tracks.ids
        row = int(ids.searchsorted(track_id))
        if row < len(ids) and ids[row] == track_id:
            yield row

    def _lasts(self, row: int, placement: Placement) -> bool:
        return abs(self._tracks[row].duration_s - placement.duration_s) <= SAME_LENGTH_S


def resolved(
    placements: Sequence[Placement], recordings: Recordings
) -> list[tuple[int | None, Placement]]:
    """Each answer with the row it speaks of; of several about one recording the latest counts."""
    found: dict[int, Placement] = {}
    lost: list[tuple[int | None, Placement]] = []
    for placement in placements:  # the oldest first
        row = recordings.row_of(placement)
        if row is None:
            lost.append((None, placement))
            continue
        found[recordings.rows_together(row)[0]] = placement
    return [*found.items(), *lost]
