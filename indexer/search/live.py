"""The searcher in service, and its replacement without a pause."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexer.errors import SnapshotNotFoundError
from indexer.snapshot.tracks import TrackFilter
from indexer.snapshot.verification import verify_apart

if TYPE_CHECKING:
    from indexer.search.searcher import Searcher

WARM_UP_QUERIES = 3
PAUSE_S = 0.005  # between them: those who ask meanwhile go first


@dataclass
class _Generation:
    """One searcher and how many queries are running on it."""

    searcher: Searcher
    users: int = 0


class LiveSearcher:
    """Holds the current searcher; swapping it never disturbs a running query.

    A query keeps the searcher it began with, so no answer mixes two snapshots. The old snapshot's
    memory is freed when its last query ends.
    """

    def __init__(self, searcher: Searcher | None = None) -> None:
        self._changed = threading.Condition()
        self._current = None if searcher is None else _Generation(searcher)

    @property
    def current(self) -> Searcher | None:
        """The searcher that the next query gets, or None before the first swap."""
        generation = self._current  # one read: the reference changes atomically
        return None if generation is None else generation.searcher

    @contextmanager
    def use(self) -> Iterator[Searcher]:
        """The current searcher, for one query.

        Raises:
            SnapshotNotFoundError: Nothing is in service yet.
        """
        with self._changed:
            generation = self._current
            if generation is None:
                raise SnapshotNotFoundError(
                    "no snapshot is in service: run `circumplex index` first"
                )
            generation.users += 1
        try:
            yield generation.searcher
        finally:
            with self._changed:
                generation.users -= 1
                self._changed.notify_all()

    def swap(
        self,
        searcher: Searcher,
        *,
        verify: bool = True,
        drain_s: float = 0.0,
        warm: Callable[[Searcher], None] | None = None,
    ) -> bool:
        """Put `searcher` into service once it is checked and warm.

        Args:
            searcher: Opened beside the current one.
            verify: Hash every byte of its snapshot first, so that a damaged one is never served.
            drain_s: How long to wait for the queries that still run on the old searcher.
            warm: What to run on it first; by default a few queries of its own.

        Returns:
            Whether no query runs on the old searcher any more.

        Raises:
            SnapshotDamagedError: The new snapshot is damaged; the old one stays in service.
        """
        if verify and self._current is None:  # nobody is waiting for a core yet
            searcher.snapshot.verify()
        elif verify:
            verify_apart(searcher.snapshot.folder)
        (warm or _warm_up)(searcher)
        with self._changed:
            old, self._current = self._current, _Generation(searcher)
            return old is None or self._changed.wait_for(lambda: old.users == 0, drain_s)


def _warm_up(searcher: Searcher) -> None:
    """Compile what is not compiled yet, and touch the arrays with a few of their own segments."""
    nothing = TrackFilter(duration_max_s=0.0)
    for row in range(min(WARM_UP_QUERIES, searcher.snapshot.manifest.segments)):
        own = searcher.snapshot.embedding[row : row + 1]
        searcher.search(own, limit=10, direction="m2m")
        searcher.search(own, limit=10, direction="m2m", level="track")
        searcher.search(own, limit=10, direction="m2m", filters=nothing)
        time.sleep(PAUSE_S)
