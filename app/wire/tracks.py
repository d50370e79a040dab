"""Tracks as they go over the wire."""

from __future__ import annotations

from app.wire.identifiers import IdentifierTable
from app.wire.responses import IdentifiersOut, TrackOut
from indexer.folders.files import values_of
from indexer.folders.identifiers import NOTHING, Identifiers
from indexer.snapshot.reader import Snapshot
from indexer.snapshot.tracks import TrackRecord

REMEMBERED = 10_000  # tracks, about a kilobyte each


def track_out(record: TrackRecord, identifiers: Identifiers = NOTHING) -> TrackOut:
    """A track of the snapshot as it goes over the wire."""
    return TrackOut(
        id=record.id,
        title=record.title,
        artist=record.artist,
        artists=list(values_of(record.artist)),
        album=record.album,
        genre=record.genre,
        year=record.year,
        duration_s=round(record.duration_s, 3),
        path=record.path,
        identifiers=identifiers_out(identifiers),
    )


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
            record = self._tracks[self._tracks.row_of(track_id)]
            known = track_out(record, self._identifiers[track_id])
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[track_id] = known
        return known
