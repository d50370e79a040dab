"""Shows on standard error how far an index run is: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from app.commands.common import notes

if TYPE_CHECKING:
    from indexer.catalog.records import RunProgress

LINE_EVERY_S = 10.0
STAGES = {
    "queued": "Waiting",
    "scanning": "Looking for music",
    "analysing": "Listening",
    "writing": "Writing the index",
    "finished": "Done",
}


class IndexProgress(Protocol):
    """Shows the progress of a run."""

    def show(self, state: RunProgress) -> None:
        """Show a new state."""


class IndexBar:
    """A bar on a terminal: files, rate, time left."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task("Looking for music", total=None, rate="", left="")

    def show(self, state: RunProgress) -> None:
        """Draw a new state."""
        working = state.stage == "analysing"
        rate = f"{state.files_per_s:.1f} files/s" if working and state.files_per_s else ""
        left = f"{_clock(state.seconds_left)} left" if working and state.seconds_left else ""
        failed = f" [red]({state.files_failed} failed)[/]" if state.files_failed else ""
        self._progress.update(
            self._task,
            description=STAGES.get(state.stage, state.stage) + failed,
            completed=state.files_done,
            total=state.files_total or None,
            rate=rate,
            left=left,
        )


class IndexLines:
    """Plain lines for a log: one at each stage, and one from time to time.

    Args:
        write: Takes a line.
        clock: Seconds that pass, from any beginning.
    """

    def __init__(
        self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write, self._clock = write, clock
        self._stage: str | None = None
        self._written_s = 0.0

    def show(self, state: RunProgress) -> None:
        """Write a line, if it is time for one."""
        now = self._clock()
        if state.stage == self._stage and now - self._written_s < LINE_EVERY_S:
            return
        if state.stage != "finished":
            self._write(line_of(state))
        self._stage, self._written_s = state.stage, now


def line_of(state: RunProgress) -> str:
    """A state in one line."""
    parts = [STAGES.get(state.stage, state.stage)]
    if state.files_total:
        parts[0] += f": {state.files_done} of {state.files_total} files"
    if state.files_failed:
        parts.append(f"{state.files_failed} failed")
    if state.stage == "analysing" and state.files_per_s:
        parts.append(f"{state.files_per_s:.1f} files/s")
    if state.stage == "analysing" and state.seconds_left:
        parts.append(f"{_clock(state.seconds_left)} left")
    return ", ".join(parts)


@contextmanager
def index_progress() -> Iterator[IndexProgress]:
    """A progress bar on standard error; lines where that is no terminal."""
    if not notes.is_terminal:
        yield IndexLines(lambda line: notes.print(line, highlight=False, markup=False))
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=notes) as progress:
        yield IndexBar(progress)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
