"""Which track of a snapshot a listener once spoke of: by content, id, MusicBrainz, or its tags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from app.library.live import Live
from indexer.catalog.profiles import Placement
from model.folding import fold

SAME_LENGTH_S = 4.5  # most that two files of one recording differ by


class Recordings:
    """The recordings of a snapshot by everything that names them."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._tracks = live.snapshot.tracks
        self._by_content: dict[str, int] = {}
        self._by_tags: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self._by_recording: dict[str, int] = {}
        for row, record in enumerate(self._tracks):
            self._by_content.setdefault(record.content_id, row)
            if record.title:
                self._by_tags[_tags(record.title, record.artist)].append(row)
            named = live.identifiers[record.id].recording_mbid
            if named is not None:
                self._by_recording.setdefault(named, row)

    def row_of(self, placement: Placement) -> int | None:
        """The row of the recording that was heard, or of a copy of it; None where it is gone.

        The content decides; then the track of that id, if it lasts as long (its file was encoded
        anew in its place); then what names the recording, if that lasts as long.
        """
        row = self._by_content.get(placement.content_id)
        if row is not None:
            return row
        named = [self._row_of_id(placement.track_id)]
        named.append(self._by_recording.get(placement.recording_id or ""))
        named += self._by_tags.get(_tags(placement.title, placement.artist), [])
        return next((row for row in named if row is not None and self._lasts(row, placement)), None)

    def rows_together(self, row: int) -> list[int]:
        """The rows of a recording's copies, itself included."""
        return sorted([row, *self._tracks.answering.copies_of(row)])

    def _row_of_id(self, track_id: int) -> int | None:
        ids = self._tracks.ids
        row = int(ids.searchsorted(track_id))
        return row if row < len(ids) and ids[row] == track_id else None

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


def _tags(title: str, artist: str | None) -> tuple[str, str]:
    return fold(title), fold(artist or "")
