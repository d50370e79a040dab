"""Notices that music folders have changed, so that a service can index them again.

By looking, not by the kernel's notices: those miss network drives and run out on large libraries,
while a look at 10,000 unchanged files takes about a tenth of a second.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from indexer.errors import LibraryError
from indexer.folders.roots import MusicRoot
from indexer.folders.walk import WalkReport, distinct_roots, present_roots, walk

logger = logging.getLogger(__name__)


State = tuple[int, int, int]  # size of a file, times of its content and its status


class FolderWatch:
    """A thread that looks at folders and calls back once files have changed and rest again.

    A file that is being copied changes from look to look; it counts once two looks agree, so that
    half a copy is not indexed. One that never rests holds back no other. What cannot be looked at
    counts as unchanged.

    Args:
        roots: Music roots; while a folder is missing (a disk that is not mounted) its files count
            as unchanged. Object stores are not watched: each look would list them.
        on_change: Called from the thread.
        every_s: Time between two looks.
    """

    def __init__(
        self, roots: Sequence[MusicRoot], on_change: Callable[[], object], *, every_s: float = 30.0
    ) -> None:
        self._roots = [root for root in roots if isinstance(root, Path)]
        if len(self._roots) < len(roots):
            logger.warning("object stores are not watched: let CIRCUMPLEX_RESCAN_S index them")
        self._on_change = on_change
        self._every_s = every_s
        self._settled: dict[str, State] | None = None
        self._last: dict[str, State] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to look; what is there at the first look counts as known."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> bool:
        """Look once, and call back if files that rest differ from the last call."""
        report = WalkReport()
        try:
            seen = self._states(report)
        except LibraryError as exc:
            logger.warning("not watching for the moment: %s", exc)
            self._last = None
            return False
        if self._settled is None:
            self._settled = dict(seen)
        before, self._last = self._last, seen
        changed = [] if before is None else self._changed(seen, before, report)
        if changed:
            self._on_change()
            for address in changed:
                if address in seen:
                    self._settled[address] = seen[address]
                else:
                    del self._settled[address]
        return bool(changed)

    def _changed(
        self, seen: dict[str, State], before: dict[str, State], report: WalkReport
    ) -> list[str]:
        """The files that are not as at the last call, but as at the look before."""
        settled = self._settled or {}
        return [
            address
            for address in {**settled, **seen}
            if seen.get(address) != settled.get(address)
            and seen.get(address) == before.get(address)
            and (address in seen or report.could_look_at(address))
        ]

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
            except Exception:  # the callback's; the next look is another chance
                logger.exception("watching music folders")
            self._stop.wait(self._every_s)

    def _states(self, report: WalkReport) -> dict[str, State]:
        """Size and times of every audio file by its address."""
        there, absent = present_roots(self._roots, distinct_roots)
        report.unreadable.update((address, str(exc)) for address, exc in absent.items())
        found = walk(there, report)
        return {file.address: (file.size_bytes, file.mtime_ns, file.ctime_ns) for file in found}
