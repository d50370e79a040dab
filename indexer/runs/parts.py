"""Partial snapshots of a first index run: what is finished can be played while the rest is read.

A part is a snapshot like any other, with the relative scale, the balance and the recordings of
its own tracks. It becomes visible together with their rows, in one transaction. Parts are made as
often as their cost allows, a small share of the run's time; the first one comes early (ADR 93).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from indexer.catalog.catalog import Catalog
from indexer.catalog.records import FileResult, IndexRun, SnapshotRow, TrackChanges
from indexer.errors import StorageError
from indexer.runs.embed import BlockBuilder
from indexer.runs.identity import match_identities
from indexer.runs.outcome import file_sizes, final_tracks, judged_by_length
from indexer.runs.scan import Scan
from indexer.runs.snapshot_maker import SnapshotMaker
from indexer.runs.snapshot_store import SnapshotStore, is_current
from indexer.runs.summary import PartialSnapshot

logger = logging.getLogger(__name__)


class PartSchedule:
    """Says when a part is due.

    Args:
        first_s: Time until the first one, seconds.
        share: Most of the other work's time that all parts together may take.
        clock: Seconds that pass, from any beginning.
    """

    def __init__(
        self, first_s: float, share: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.clock = clock
        self._first_s, self._share = first_s, share
        self._began = clock()
        self._last = self._began
        self._spent_s = 0.0
        self._costs: list[tuple[int, float]] = []  # tracks and seconds of each

    def is_due(self, tracks: int, left_s: float | None) -> bool:
        """Whether to make one now.

        Args:
            tracks: How many tracks it would hold.
            left_s: Time until the run has read all files; None while that is unknown.
        """
        now = self.clock()
        if now - self._last < self._first_s or not tracks:
            return False
        if left_s is not None and left_s < self._first_s:  # all of it comes as soon
            return False
        others_s = now - self._began - self._spent_s
        return self._spent_s + self._foreseen_s(tracks) <= self._share * others_s

    def took(self, seconds: float, tracks: int) -> None:
        """Note what a part has taken, which ends now."""
        self._last = self.clock()
        self._spent_s += seconds
        self._costs.append((tracks, seconds))

    def _foreseen_s(self, tracks: int) -> float:
        """What one of so many tracks will take, by the last two; half more than the only one."""
        if len(self._costs) < 2:
            return 1.5 * self._spent_s
        (few, before_s), (more, last_s) = self._costs[-2:]
        each_s = max(0.0, last_s - before_s) / max(1, more - few)
        return last_s + each_s * max(0, tracks - more)


@dataclass
class Parts:
    """Publishes parts of one run.

    Attributes:
        catalog: Where they are published.
        run: The run.
        owner: Who holds it.
        seen: What the folders hold.
        builder: Embeds what is finished.
        maker: Makes their snapshots.
        store: Removes those that a later part has replaced.
        schedule: Says when.
        next_id: The first free id of a track.
        published: Addresses of files that parts have made tracks of.
        made: What was published.
    """

    catalog: Catalog
    run: IndexRun
    owner: str
    seen: Scan
    builder: BlockBuilder
    maker: SnapshotMaker
    store: SnapshotStore
    schedule: PartSchedule
    next_id: int
    published: set[str] = field(default_factory=set)
    made: list[PartialSnapshot] = field(default_factory=list)
    _began: float = 0.0

    def __post_init__(self) -> None:
        self._began = self.schedule.clock()
        self._waiting = self._contents_that_may_move()

    def offer(self, results: Sequence[FileResult], left_s: float | None) -> None:
        """Publish a part of these finished files and of what is published, if one is due.

        Args:
            results: All files that the run has finished.
            left_s: Time until it has read all; None while that is unknown.
        """
        most = len(results) + len(self.seen.unchanged)
        if not self.schedule.is_due(most, left_s):
            return
        began = self.schedule.clock()
        try:
            tracks = self._publish(self._unpublished(results))
        except StorageError as exc:  # the end of the run will say whether it must fail
            logger.warning("no part of the index can be shown for now: %s", exc)
            tracks = 0
        took_s = self.schedule.clock() - began
        self.schedule.took(took_s, tracks or most)

    def remaining(self, results: Iterable[FileResult]) -> list[FileResult]:
        """The results that no part has published."""
        return [one for one in results if one.found.address not in self.published]

    def _unpublished(self, results: Sequence[FileResult]) -> list[FileResult]:
        """New files whose ids no other file of the run can claim."""
        return [
            one
            for one in self.remaining(results)
            if one.found.address not in self.seen.known and one.content_id not in self._waiting
        ]

    def _contents_that_may_move(self) -> frozenset[str | None]:
        read = [self.seen.known.get(file.address) for file in self.seen.to_read]
        tracks = [*self.seen.gone, *(track for track in read if track is not None)]
        return frozenset(track.content_id for track in tracks if track.content_id is not None)

    def _publish(self, fresh: Sequence[FileResult]) -> int:
        """Publish; how many tracks the part holds, 0 if there is nothing to show yet."""
        began = self.schedule.clock()
        changes = match_identities(fresh, {}, (), self.next_id)
        before = self.catalog.published_tracks()
        changes = judged_by_length(
            before, changes, self.maker.model.judge, self.maker.analyses.load
        )
        tracks = final_tracks(before, changes)
        known = all(self.builder.has(track.content_id) for track in tracks)
        if not known or len(tracks) == len(before):
            return 0
        row, wrote = self.maker.make(tracks, file_sizes(before, changes), partial=True)
        if row is None or not wrote:
            return 0
        self._make_visible(row, changes)
        self.published |= {one.found.address for one in fresh}
        self.next_id += len(changes.new)
        now = self.schedule.clock()
        self.made.append(PartialSnapshot(row.id, len(tracks), now - self._began, now - began))
        logger.info(
            "%d tracks can be played, the index goes on", len(tracks), extra={"snapshot": row.id}
        )
        return len(tracks)

    def _make_visible(self, row: SnapshotRow, changes: TrackChanges) -> None:
        self.catalog.publish_part(self.run.id, self.owner, changes, row.id)
        self.builder.grouped = self.store.open(row)
        self.store.retire_parts(keep=1)  # a service may be about to open the one before


def shows_parts(run: IndexRun, active: SnapshotRow | None, model_id: str) -> bool:
    """Whether a run shows parts: a first one, also one that goes on after a break.

    Later runs do not, because the index of before answers meanwhile, and it holds more. That holds
    too of what another first run left, where all files are read anew (`full`).
    """
    if active is None:
        return True
    own = run.snapshot_id == active.id or not run.full
    return own and active.partial and is_current(active, model_id)
