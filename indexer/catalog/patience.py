"""Waiting for a database that does not answer: again and again, but not for ever."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from indexer.errors import CatalogUnavailableError

logger = logging.getLogger(__name__)

PATIENCE_S = 60.0  # how long an index run waits for a database that does not answer
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0

_T = TypeVar("_T")


class Patience:
    """Asks the database, and again with growing pauses while it does not answer.

    Args:
        check: Called before each pause; raises where there is no point in waiting on.
        limit_s: How long one question may take; by default `PATIENCE_S`.
    """

    def __init__(self, check: Callable[[], None], limit_s: float | None = None) -> None:
        self._check = check
        self._limit_s = PATIENCE_S if limit_s is None else limit_s

    def __call__(self, ask: Callable[[], _T]) -> _T:
        """The answer.

        Raises:
            CatalogUnavailableError: None came within the limit.
        """
        deadline = time.monotonic() + self._limit_s
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return ask()
            except CatalogUnavailableError as exc:
                if time.monotonic() >= deadline:
                    raise
                if pause_s == FIRST_PAUSE_S:
                    logger.warning("waiting for the database: %s", exc)
            self._check()
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
