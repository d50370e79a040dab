"""Keeps the server that people already have in step while this one serves.

With each new snapshot and each new day the ids of its songs are learned again, and stations are
pushed. A server that is away is tried again later; it never stops this one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from app.errors import AppError
from app.library.live import Live
from app.library.live_index import LiveIndex
from indexer.errors import IndexerError

logger = logging.getLogger("circumplex.companion")

LOOK_S = 30.0
LinkWork = Callable[[Live], None]


class Companion:
    """Does some work for each snapshot and day, in a thread of its own."""

    def __init__(self, live: LiveIndex, work: LinkWork, look_s: float = LOOK_S) -> None:
        """Do nothing yet.

        Args:
            live: Says which snapshot answers.
            work: Done once for each snapshot and day; repeated where it fails.
            look_s: Time between looks, seconds.
        """
        self._live, self._work, self._look_s = live, work, look_s
        self._done: tuple[str, str] | None = None
        self._failed = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="companion", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; work under way is waited for a moment."""
        self._stop.set()
        self._thread.join(timeout=5.0)

    def look(self) -> bool:
        """Do the work if a new snapshot or day asks for it; whether it was done."""
        live = self._live.current_or_none()
        if live is None:
            return False
        now = (live.id, datetime.now().astimezone().date().isoformat())
        if now == self._done:
            return False
        try:
            self._work(live)
        except (AppError, IndexerError) as exc:
            if not self._failed:
                logger.warning("the other server is not in step: %s", exc)
            self._failed = True
            return False
        self._done, self._failed = now, False
        return True

    def _run(self) -> None:
        while not self._stop.wait(self._look_s):
            try:
                self.look()
            except Exception:  # the next look tries again
                logger.exception("keeping the other server in step failed")
