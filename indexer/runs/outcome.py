"""What the index holds once a run's changes are applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from indexer.catalog.records import FileResult, KnownFile, Track, TrackChange, TrackChanges
from indexer.folders.files import genres_of
from indexer.snapshot.tracks import TrackRecord
from model.analysis import Analysis
from model.judge import Judge
from model.verdict import Verdict


def final_tracks(published: Iterable[Track], changes: TrackChanges) -> list[TrackRecord]:
    """The tracks of the index after the changes, by id."""
    replaced = {change.id for change in changes.changed} | set(changes.missing_ids)
    kept = [_record_of_track(track) for track in published if track.id not in replaced]
    kept = [_judged(track, changes.judged.get(track.id)) for track in kept]
    fresh = [
        _record_of_change(change)
        for change in (*changes.changed, *changes.new)
        if change.result.failure_reason is None
    ]
    return sorted(kept + fresh, key=lambda record: record.id)


def judged_by_length(
    published: Iterable[Track],
    changes: TrackChanges,
    judge: Judge,
    analysis: Callable[[str], Analysis | None],
) -> TrackChanges:
    """The changes, with a verdict on each piece that is short beside the others (ADR 104).

    A piece that was short beside others and is so no longer is judged by its sound again.

    Args:
        published: Tracks of the index before the changes.
        changes: What the run has found.
        judge: Knows what is short.
        analysis: The kept analysis of a content.
    """
    tracks = final_tracks(published, changes)
    long_enough = [track for track in tracks if track.duration_s >= judge.least_s]
    lengths_s = [one.duration_s for one in long_enough if one.verdict in {"music", "short"}]
    least_s = judge.shortest_s(lengths_s)
    judged: dict[int, Verdict] = {}
    for track in long_enough:
        if track.verdict == "music" and track.duration_s < least_s:
            judged[track.id] = _brief(track, least_s)
        elif track.verdict == "short" and track.duration_s >= least_s:
            heard = analysis(track.content_id)
            verdict = None if heard is None else judge.verdict(heard, genres_of(track.genre))
            if verdict is not None and verdict.kind != track.verdict:  # else it holds little sound
                judged[track.id] = verdict
    fresh = {change.id for change in (*changes.changed, *changes.new)}
    return replace(
        changes,
        new=_with_verdicts(changes.new, judged),
        changed=_with_verdicts(changes.changed, judged),
        judged={track: verdict for track, verdict in judged.items() if track not in fresh},
    )


def file_sizes(published: Iterable[Track], changes: TrackChanges) -> dict[int, int]:
    """Bytes of the files of the index after the changes, by id of their tracks."""
    sizes = {track.id: track.size_bytes for track in published}
    fresh = (*changes.changed, *changes.new)
    return sizes | {change.id: change.result.found.size_bytes for change in fresh}


def keep_unread(
    results: Iterable[FileResult],
    known: Mapping[str, KnownFile],
    has_rows: Callable[[str], bool] = lambda _content: True,
) -> tuple[list[FileResult], list[FileResult]]:
    """The results that say something of a file, and those of files that could not be read.

    A track in the index whose file cannot be read now stays as it was; its size or its time still
    differ from what is kept, so that the next run reads it again.

    Args:
        results: What was found out about new and changed files.
        known: The track of each address.
        has_rows: Whether the rows of a content are there, or can be made; a track without cannot
            stay.
    """
    usable: list[FileResult] = []
    kept: list[FileResult] = []
    for result in results:
        track = known.get(result.found.address)
        stays = (
            result.content_id is None
            and track is not None
            and track.status == "ok"
            and has_rows(str(track.content_id))
        )
        (kept if stays else usable).append(result)
    return usable, kept


def _record_of_track(track: Track) -> TrackRecord:
    names = TrackRecord.__dataclass_fields__.keys() - {"recording"}
    return TrackRecord(**{name: getattr(track, name) for name in names})


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
        verdict=result.verdict.kind,
    )


def _brief(track: TrackRecord, least_s: float) -> Verdict:
    return Verdict(
        "short",
        f"{track.duration_s:.1f} s long; at least {least_s:.0f} s are needed beside music of "
        "such length as the rest here",
    )


def _judged(track: TrackRecord, verdict: Verdict | None) -> TrackRecord:
    return track if verdict is None else replace(track, verdict=verdict.kind)


def _with_verdicts(
    changes: Iterable[TrackChange], verdicts: Mapping[int, Verdict]
) -> tuple[TrackChange, ...]:
    return tuple(
        replace(one, result=replace(one.result, verdict=verdicts[one.id]))
        if one.id in verdicts
        else one
        for one in changes
    )
