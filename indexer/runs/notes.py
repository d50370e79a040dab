"""What a run has to say beside its counts: what it passed over, kept as it was, decoded in part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from indexer.catalog.records import FileResult, KnownFile, PassedOver
from indexer.folders.walk import WalkReport
from indexer.runs.outcome import keep_unread

NAMED = 20  # files that a run names, of each kind of note
NOTE_LENGTH = 1000  # characters
UNREADABLE = "cannot be looked at"


class RunNotes:
    """Gathers the notes of one run.

    Attributes:
        kept: Files that could not be read and whose tracks stay, each with the reason.
        partial: Files that decode only in part, each with what is missing.
    """

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.partial: list[str] = []

    def usable(
        self,
        results: Iterable[FileResult],
        known: Mapping[str, KnownFile],
        has_rows: Callable[[str], bool],
    ) -> list[FileResult]:
        """The results that say something of a file; one that cannot be read keeps its track."""
        usable, kept = keep_unread(results, known, has_rows)
        self.kept = [f"{one.found.address} stays as it was: {one.failure_reason}" for one in kept]
        self.partial = [
            f"{one.found.address}: {one.note}" for one in usable if one.note is not None
        ]
        return usable

    def lines(self, report: WalkReport) -> tuple[str, ...]:
        """All notes but for what was skipped, a line each; of many of one kind the first."""
        lines = report.troubles()
        for named in (self.kept, self.partial):
            lines += named[:NAMED]
            if len(named) > NAMED:
                lines.append(f"{len(named) - NAMED} more like this")
        return tuple(line[:NOTE_LENGTH] for line in lines)


def skipped_lines(report: WalkReport) -> tuple[str, ...]:
    """What a walk skipped, one line for each reason."""
    return tuple(line[:NOTE_LENGTH] for line in report.skipped())


def passed_over(report: WalkReport) -> tuple[PassedOver, ...]:
    """All that a walk passed over or could not look at."""
    unreadable = [PassedOver(f"{UNREADABLE}: {why}", at) for at, why in report.unreadable.items()]
    named = [PassedOver(why, at) for why, all_at in report.named.items() for at in all_at]
    return (*unreadable, *named)
