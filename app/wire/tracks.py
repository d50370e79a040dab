"""Tracks as they go over the wire."""

from __future__ import annotations

from collections.abc import Sequence

from app.wire.identifiers import IdentifierTable
from app.wire.responses import CopyOut, IdentifiersOut, TrackOut
from indexer.catalog.records import Track
from indexer.folders.files import values_of
from indexer.folders.identifiers import NOTHING, Identifiers
from indexer.snapshot.reader import Snapshot
from indexer.snapshot.tracks import TrackRecord, TrackTable

REMEMBERED = 10_000  # tracks, about a kilobyte each


def track_out(
    record: TrackRecord | Track,
    identifiers: Identifiers = NOTHING,
    copies: Sequence[TrackRecord] = (),
) -> TrackOut:
    """A track of the snapshot or of the catalogue as it goes over the wire, with its copies."""
    return TrackOut(
        id=record.id,
        title=record.title,
        artist=record.artist,
        artists=list(values_of(record.artist)),
        album=record.album,
        genre=record.genre,
        year=record.year,
        duration_s=None if record.duration_s is None else round(record.duration_s, 3),
        path=record.path,
        identifiers=identifiers_out(identifiers),
        verdict=record.verdict,
        copies=[CopyOut(id=copy.id, path=copy.path) for copy in copies],
    )


def copies_in(tracks: TrackTable, row: int) -> list[TrackRecord]:
    """The other tracks of the same recording."""
    return [tracks[copy] for copy in tracks.answering.copies_of(row)]


def identifiers_out(identifiers: Identifiers) -> IdentifiersOut | None:
    """What names a recording as it goes over the wire; None where nothing does."""
    return None if identifiers == NOTHING else IdentifiersOut.model_validate(vars(identifiers))


class ShownTracks:
    """The tracks of a snapshot as they go over the wire; the ones asked for are remembered."""

    def __init__(self, snapshot: Snapshot, identifiers: IdentifierTable | None = None) -> None:
        self._tracks = snapshot.tracks
        self._identifiers = identifiers or IdentifierTable()
        self._known: dict[int, TrackOut] = {}

    def __getitem__(self, track_id: int) -> TrackOut:
        """The track of that id.

        Raises:
            TrackNotFoundError: The snapshot lacks it.
        """
        known = self._known.get(track_id)
        if known is None:
            row = self._tracks.row_of(track_id)
            copies = copies_in(self._tracks, row)
            known = track_out(self._tracks[row], self._identifiers[track_id], copies)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[track_id] = known
        return known
