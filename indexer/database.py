"""The database under the catalogue: engine, transactions, migrations.

SQLite is the embedded default, PostgreSQL the choice for a server; the same code runs on both.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

import migrations
from indexer.errors import CatalogError, CatalogUnavailableError, CatalogVersionError

BUSY_TIMEOUT_S = 30.0  # how long a writer of SQLite waits for another
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
            return create_engine(url, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError) as exc:
        raise CatalogError(f"database URL: {exc}") from exc
    raise CatalogError(
        f"database {url.get_backend_name()!r}: this build knows sqlite:/// and postgresql://"
    )


def _sqlite_engine(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})

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


@contextmanager
def transaction(engine: Engine, *, writes: bool = False) -> Iterator[Connection]:
    """A connection inside one transaction, committed at the end.

    Raises:
        CatalogUnavailableError: The database is unreachable, locked, read-only or full.
    """
    with (
        _translated(engine),
        engine.connect().execution_options(writes=writes) as connection,
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
            f"the database does not answer ({engine.url.render_as_string()}): {exc.orig}"
        ) from exc


def _is_unavailability(exc: DBAPIError) -> bool:
    return exc.connection_invalidated or type(exc).__name__ in {
        "OperationalError",
        "InterfaceError",
        "InternalError",
    }


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
    with _migration_connection(engine) as connection:
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
def _migration_connection(engine: Engine) -> Iterator[Connection]:
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


def _is_ahead(config: Config, connection: Connection, revision: str) -> bool:
    if revision == "base":
        return False
    current = MigrationContext.configure(connection).get_current_revision()
    script = ScriptDirectory.from_config(config)
    behind = {step.revision for step in script.iterate_revisions(current, "base")}
    return revision not in behind
