"""What the index holds once a run's changes are applied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from indexer.catalog.records import FileResult, KnownFile, Track, TrackChange, TrackChanges
from indexer.snapshot.tracks import TrackRecord


def final_tracks(published: Iterable[Track], changes: TrackChanges) -> list[TrackRecord]:
    """The tracks of the index after the changes, by id."""
    replaced = {change.id for change in changes.changed} | set(changes.missing_ids)
    kept = [_record_of_track(track) for track in published if track.id not in replaced]
    fresh = [
        _record_of_change(change)
        for change in (*changes.changed, *changes.new)
        if change.result.failure_reason is None
    ]
    return sorted(kept + fresh, key=lambda record: record.id)


def keep_unread(
    results: Iterable[FileResult], known: Mapping[str, KnownFile]
) -> tuple[list[FileResult], list[FileResult]]:
    """The results that say something of a file, and those of files that could not be read.

    A track in the index whose file cannot be read now stays as it was; its size or its time still
    differ from what is kept, so that the next run reads it again.

    Args:
        results: What was found out about new and changed files.
        known: The track of each address.
    """
    usable: list[FileResult] = []
    kept: list[FileResult] = []
    for result in results:
        track = known.get(result.found.address)
        stays = result.content_id is None and track is not None and track.status == "ok"
        (kept if stays else usable).append(result)
    return usable, kept


def _record_of_track(track: Track) -> TrackRecord:
    values = {name: getattr(track, name) for name in TrackRecord.__dataclass_fields__}
    return TrackRecord(**values)


def _record_of_change(change: TrackChange) -> TrackRecord:
    result, tags = change.result, change.result.tags
    return TrackRecord(
        id=change.id,
        content_id=str(result.content_id),
        root=result.found.root,
        path=result.found.path,
        title=tags.title,
        artist=tags.artist,
        album=tags.album,
        genre=tags.genre,
        year=tags.year,
        duration_s=float(result.duration_s or 0.0),
    )
