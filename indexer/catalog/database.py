"""The database under the catalogue: engine, transactions, migrations.

SQLite is the embedded default, PostgreSQL the choice for a server; the same code runs on both.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

import migrations
from indexer.errors import CatalogError, CatalogUnavailableError, CatalogVersionError

BUSY_TIMEOUT_S = 10.0  # how long a writer of SQLite waits for another
POOL_TIMEOUT_S = 10.0  # how long a request waits for a connection that others hold
# libpq's own words; a server that vanished without a word is noticed within half a minute.
_POSTGRESQL_WAITS = {
    "connect_timeout": 5,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
_MIGRATION_LOCK = 0x43495243  # "CIRC": serialises migrations of several PostgreSQL clients


def normalised_url(database_url: str) -> str:
    """The URL with the driver that is installed: `postgres://…` -> `postgresql+psycopg://…`."""
    scheme, separator, rest = database_url.partition("://")
    if scheme in {"postgres", "postgresql"}:
        scheme = "postgresql+psycopg"
    return scheme + separator + rest


def make_engine(database_url: str) -> Engine:
    """An engine for SQLite (WAL, foreign keys, waiting writers) or PostgreSQL.

    Raises:
        CatalogError: The URL is none, or of a database this build does not know.
    """
    try:
        url = make_url(normalised_url(database_url))
        if url.get_backend_name() == "sqlite":
            return _sqlite_engine(url)
        if url.get_backend_name() == "postgresql":
            waits = {k: v for k, v in _POSTGRESQL_WAITS.items() if k not in url.query}
            return create_engine(
                url, pool_pre_ping=True, pool_timeout=POOL_TIMEOUT_S, connect_args=waits
            )
    except (ArgumentError, NoSuchModuleError) as exc:
        raise CatalogError(f"database URL: {exc}") from exc
    raise CatalogError(
        f"database {url.get_backend_name()!r}: this build knows sqlite:/// and postgresql://"
    )


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})
    if url.database and url.database != ":memory:" and not url.database.startswith("file:"):
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        _follow_file(engine, Path(url.database))

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and writes later cannot wait for another writer, so
        # writers take the lock at once.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _follow_file(engine: Engine, path: Path) -> None:
    """Let no connection outlive its file, and make no new file where one has gone.

    A file that was deleted or replaced stays alive for whoever has it open; what is written into it
    would be lost without a word.
    """

    @event.listens_for(engine, "do_connect")
    def _refuse_another(*_arguments: object) -> None:
        if known and not path.exists():
            raise sqlite3.OperationalError(f"{path} is gone: put it back or restore a backup")

    @event.listens_for(engine, "connect")
    def _remember(_connection: sqlite3.Connection, entry: ConnectionPoolEntry) -> None:
        known.append(path)
        entry.info["file"] = _identity(path)

    @event.listens_for(engine, "checkout")
    def _compare(
        _connection: sqlite3.Connection, entry: ConnectionPoolEntry, _proxy: object
    ) -> None:
        if entry.info.get("file") != _identity(path):
            raise DisconnectionError(f"{path} is another file now")

    known: list[Path] = []


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


@contextmanager
def transaction(
    engine: Engine, *, writes: bool = False, consistent: bool = False
) -> Iterator[Connection]:
    """A connection inside one transaction, committed at the end.

    Args:
        engine: The database.
        writes: Whether it will write.
        consistent: Whether all its questions shall see one moment, as SQLite's always do.

    Raises:
        CatalogUnavailableError: The database is unreachable, locked, read-only or full.
    """
    options: dict[str, Any] = {"writes": writes}
    if consistent and engine.dialect.name == "postgresql":
        options["isolation_level"] = "REPEATABLE READ"
    with (
        _translated(engine),
        engine.connect().execution_options(**options) as connection,
        connection.begin(),
    ):
        yield connection


@contextmanager
def _translated(engine: Engine) -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as exc:
        raise CatalogUnavailableError(f"the database has no free connection: {exc}") from exc
    except DBAPIError as exc:
        if not _is_unavailability(exc):
            raise
        raise CatalogUnavailableError(
            f"the database {_complaint(exc)} ({engine.url.render_as_string()}): {exc.orig}"
        ) from exc


# What is wrong, by SQLite's names of errors and PostgreSQL's states.
_COMPLAINTS = (
    (("SQLITE_FULL", "53100"), "is full: free space on its disk"),
    (("SQLITE_BUSY", "SQLITE_LOCKED", "55P03"), "is locked by another process"),
    (("SQLITE_READONLY", "25006"), "is read-only"),
    (("SQLITE_CORRUPT", "SQLITE_NOTADB"), "is damaged: `circumplex restore` brings back a backup"),
    (("SQLITE_IOERR",), "cannot be read or written: is its disk full or away?"),
)


def _complaint(exc: DBAPIError) -> str:
    code = _code(exc)
    fitting = [words for codes, words in _COMPLAINTS if code.startswith(codes)]
    return fitting[0] if fitting else "does not answer"


def _code(exc: DBAPIError) -> str:
    orig = exc.orig
    return str(getattr(orig, "sqlite_errorname", None) or getattr(orig, "sqlstate", None) or "")


def _is_unavailability(exc: DBAPIError) -> bool:
    if exc.connection_invalidated or _code(exc).startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return True
    return type(exc).__name__ in {"OperationalError", "InterfaceError", "InternalError"}


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for the package's own migrations on an open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__path__[0])).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to a revision, up or down; several processes may try at once.

    Args:
        engine: The database.
        revision: Alembic's name of the schema; `base` is the empty database.

    Raises:
        CatalogVersionError: A newer build has migrated this database.
        CatalogUnavailableError: The database does not answer.
    """
    with migration_connection(engine) as connection:
        config = alembic_config(connection)
        try:
            if revision == "head" or _is_ahead(config, connection, revision):
                command.upgrade(config, revision)
            else:
                command.downgrade(config, revision)
        except CommandError as exc:
            raise CatalogVersionError(
                f"the database's schema: {exc}; a newer build wrote it: install that one"
            ) from exc


@contextmanager
def migration_connection(engine: Engine) -> Iterator[Connection]:
    """One transaction over the whole migration, without SQLite's foreign keys.

    SQLite alters a table by copying and dropping it, which would fire ON DELETE rules; the
    pragma has no effect inside a transaction, so it is set before.
    """
    if engine.dialect.name == "sqlite":
        with (
            _translated(engine),
            engine.connect().execution_options(writes=True) as connection,
        ):
            connection.detach()  # closed afterwards, so that the pragma does not linger
            connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
            with connection.begin():
                yield connection
        return
    with transaction(engine, writes=True) as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        yield connection


def schema_revision(connection: Connection) -> str:
    """Alembic's name of the schema; `base` for a database without one."""
    return MigrationContext.configure(connection).get_current_revision() or "base"


def _is_ahead(config: Config, connection: Connection, revision: str) -> bool:
    if revision == "base":
        return False
    current = MigrationContext.configure(connection).get_current_revision()
    script = ScriptDirectory.from_config(config)
    behind = {step.revision for step in script.iterate_revisions(current, "base")}
    return revision not in behind
