"""Waiting for a database that does not answer: again and again, but not for ever."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from indexer.catalog.catalog import Catalog
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


class WaitingCatalog(Catalog):
    """A catalogue each of whose calls waits for a database that does not answer."""

    def __init__(
        self, catalog: Catalog, check: Callable[[], None], limit_s: float | None = None
    ) -> None:
        """Wait around the calls of `catalog`.

        Args:
            catalog: Answers.
            check: Called before each pause; raises where there is no point in waiting on.
            limit_s: How long one call may take; by default `PATIENCE_S`.
        """
        super().__init__(catalog.engine)
        self._catalog, self._patience = catalog, Patience(check, limit_s)


def _waiting(name: str) -> Callable[..., Any]:
    """The method `name`, with patience."""

    @wraps(getattr(Catalog, name))
    def ask(self: WaitingCatalog, *args: Any, **kwargs: Any) -> Any:
        return self._patience(lambda: getattr(self._catalog, name)(*args, **kwargs))

    return ask


for _name in dir(Catalog):
    if not _name.startswith("_") and callable(getattr(Catalog, _name)):
        setattr(WaitingCatalog, _name, _waiting(_name))
