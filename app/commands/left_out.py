"""What an index run left out of the answers: told in one line, or file by file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexer.catalog.catalog import Catalog
    from indexer.catalog.records import Track, TrackQuery
    from model.verdict import VerdictKind

NOT_MUSIC: dict[VerdictKind, str] = {
    "speech": "speech",
    "noise": "noise or tone",
    "short": "too short",
}
_PAGE = 1000


def count_left_out(catalog: Catalog) -> str:
    """How many files below the folders do not answer, and why, in one line; empty if all do."""
    parts = [f"{count} {reason}" for reason, count in catalog.count_passed_over().items()]
    failed = catalog.counts().failed
    parts += [f"{failed} that cannot be indexed"] if failed else []
    verdicts = catalog.verdicts()
    parts += [
        f"{verdicts[kind]} that is no music: {called}"
        for kind, called in NOT_MUSIC.items()
        if verdicts.get(kind)
    ]
    return f"Passed over: {'; '.join(parts)} (--passed-over lists them)" if parts else ""


def list_left_out(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Each file or folder that does not answer, with the reason."""
    from indexer.catalog.records import TrackQuery

    after = 0
    while entries := catalog.list_passed_over(limit=_PAGE, after=after):
        yield from ((entry.address, entry.reason) for entry in entries)
        after += len(entries)
    for track in every_track(catalog, TrackQuery(status="failed")):
        yield track.address, track.failure_reason or "cannot be indexed"
    for track in every_track(catalog, TrackQuery(verdict=tuple(NOT_MUSIC))):
        reason = f": {track.verdict_reason}" if track.verdict_reason else ""
        yield track.address, f"{NOT_MUSIC[track.verdict]}{reason}"


def every_track(catalog: Catalog, query: TrackQuery) -> Iterator[Track]:
    """The tracks of a query, page by page."""
    cursor, more = None, True
    while more:
        page = catalog.list_tracks(query, limit=_PAGE, cursor=cursor)
        yield from page.items
        cursor = page.next_cursor
        more = cursor is not None
