"""The database under the catalogue: engine, transactions, migrations.

SQLite is the embedded default, PostgreSQL the choice for a server; the same code runs on both.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

import migrations
from indexer.errors import CatalogError, CatalogUnavailableError, CatalogVersionError
from indexer.storage import PRIVATE_FILE, PRIVATE_FOLDER, may_write

if TYPE_CHECKING:
    from alembic.config import Config

BUSY_TIMEOUT_S = 10.0  # how long a writer of SQLite waits for another
WRITERS = 4
"""Writers of SQLite that may wait for its lock at a time: readers need connections too."""
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

    In the path of a SQLite file `?` is written as `%3F` and `%` as `%25`.

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


def is_read_only(engine: Engine) -> bool:
    """Whether the database can only be read: its folder or its file may not be written."""
    return bool(engine.get_execution_options().get("read_only"))


def _sqlite_engine(url: URL) -> Engine:
    path = Path(url.database or "")
    if path.is_file() and not (may_write(path.parent) and os.access(path, os.W_OK)):
        return _reading_engine(path)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})
    engine.update_execution_options(writers=threading.BoundedSemaphore(WRITERS))
    if url.database and url.database != ":memory:" and not url.database.startswith("file:"):
        Path(url.database).parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        _follow_file(engine, Path(url.database))

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun by hand, not by the driver
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    _begin_by_hand(engine)
    return engine


def _begin_by_hand(engine: Engine) -> None:
    """Let writers take the lock when they begin.

    A transaction that reads first and writes later cannot wait for another writer; and where
    nothing may be written a writer is refused here and not at its first row.
    """

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _reading_engine(path: Path) -> Engine:
    """An engine for a file that may not be written, such as one on a read-only disk."""
    engine = create_engine("sqlite://", creator=partial(_reading, path), poolclass=QueuePool)
    engine.update_execution_options(read_only=True)

    _begin_by_hand(engine)
    return engine


def _reading(path: Path) -> sqlite3.Connection:
    """A connection that only reads.

    Raises:
        OperationalError: A process was killed while it wrote, and the rest of its work cannot be
            read without writing.
    """
    address = f"file:{quote(str(path))}?mode=ro"
    try:
        return _checked(address)
    except sqlite3.OperationalError as exc:  # the file that readers share cannot be made
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise sqlite3.OperationalError(
                f"{exc}; {log.name} holds changes: make the folder writable once"
            ) from exc
        return _checked(f"{address}&immutable=1")


def _checked(address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        address, uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False, isolation_level=None
    )
    try:
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _follow_file(engine: Engine, path: Path) -> None:
    """Let no connection outlive its file, and make no new file where one has gone.

    A file that was deleted or replaced stays alive for whoever has it open; what is written into it
    would be lost without a word.
    """

    @event.listens_for(engine, "do_connect")
    def _refuse_another(*_arguments: object) -> None:
        if not known:
            _create_private(path)
        elif not path.exists():
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


def _create_private(path: Path) -> None:
    """Make the file where there is none; SQLite would make it as open as the umask lets it."""
    with suppress(OSError):  # it is there; what else is wrong SQLite says
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE))


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
    writers = engine.get_execution_options().get("writers")
    if consistent and engine.dialect.name == "postgresql":
        options["isolation_level"] = "REPEATABLE READ"
    with (
        _translated(engine),
        _turn(writers) if writes and writers is not None else nullcontext(),
        engine.connect().execution_options(**options) as connection,
        connection.begin(),
    ):
        yield connection


@contextmanager
def _turn(writers: threading.BoundedSemaphore) -> Iterator[None]:
    """One of the turns of writers; who gets none in time holds no connection meanwhile."""
    if not writers.acquire(timeout=BUSY_TIMEOUT_S):
        complaint = f"the database is locked: {WRITERS} writers wait for it already"
        raise CatalogUnavailableError(complaint, complaint)
    try:
        yield
    finally:
        writers.release()


@contextmanager
def _translated(engine: Engine) -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as exc:
        raise CatalogUnavailableError(f"the database has no free connection: {exc}") from exc
    except DBAPIError as exc:
        if not _is_unavailability(exc):
            raise
        complaint = f"the database {_complaint(exc)}"
        raise CatalogUnavailableError(
            f"{complaint} ({engine.url.render_as_string()}): {exc.orig}", complaint
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
    from alembic.config import Config  # not needed to open a database that is up to date

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
    if revision == "head" and _is_newest(engine):
        return
    from alembic import command
    from alembic.util import CommandError

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


def newest_revision() -> str:
    """The schema of this build: the last of its migrations, by their numbers."""
    versions = Path(migrations.__path__[0]) / "versions"
    return max(path.name.partition("_")[0] for path in versions.glob("[0-9]*_*.py"))


def _is_newest(engine: Engine) -> bool:
    """Whether there is nothing to migrate.

    Raises:
        CatalogVersionError: There is, and the database cannot be written.
    """
    with transaction(engine) as connection:
        found = schema_revision(connection)
    newest = newest_revision()
    if is_read_only(engine) and found != newest:
        raise CatalogVersionError(
            f"the database has schema {found}, this build reads {newest}, and it cannot be "
            "migrated because it is read-only: make the data folder writable"
        )
    return found == newest


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
    if not inspect(connection).has_table("alembic_version"):
        return "base"
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(found or "base")


def _is_ahead(config: Config, connection: Connection, revision: str) -> bool:
    if revision == "base":
        return False
    from alembic.script import ScriptDirectory

    current = schema_revision(connection)
    script = ScriptDirectory.from_config(config)
    behind = {step.revision for step in script.iterate_revisions(current, "base")}
    return revision not in behind
