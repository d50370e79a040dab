"""The whole catalogue as rows that any database takes: out for a backup, in for a restore.

One form for SQLite and PostgreSQL: a table is a file of JSON lines, one row each, times in UTC. So
a backup of one can be restored into the other, and no program of the database is needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any

from alembic import command
from alembic.util import CommandError
from sqlalchemy import Connection, DateTime, Engine, MetaData, Table, func, insert, select, text

from indexer.catalog.catalog import Catalog
from indexer.catalog.database import (
    alembic_config,
    migration_connection,
    schema_revision,
    transaction,
)
from indexer.catalog.tables import index_runs, metadata, snapshots
from indexer.errors import BackupDamagedError, CatalogVersionError
from indexer.folders.identifiers import Identifiers

BATCH = 2000  # rows read or written at once
INTERRUPTED = "the backup was made while this run was at work; start it again"
_ORDER = (  # referenced tables first
    *("snapshots", "tracks", "staged_files", "index_runs"),
    *("stations", "saved_playlists", "marks", "plays", "profiles", "placements", "passed_over"),
)


@dataclass(frozen=True)
class DumpView:
    """One consistent view of a catalogue, to be written down table by table.

    Attributes:
        schema: Revision of the schema.
        database: `sqlite` or `postgresql`.
        active: The active snapshot; None before the first.
        snapshots: The snapshots that the dump tells of.
    """

    connection: Connection
    schema: str
    database: str
    active: str | None
    snapshots: tuple[str, ...]

    def tables(self) -> Sequence[str]:
        """Names of the tables, in the order in which they can be filled."""
        return _ORDER

    def write(self, name: str, file: IO[bytes]) -> int:
        """Write a table as JSON lines; returns the number of rows."""
        table = metadata.tables[name]
        statement = select(table).order_by(*table.primary_key.columns)
        if table is snapshots:
            statement = statement.where(snapshots.c.id.in_(self.snapshots))
        rows = self.connection.execute(statement.execution_options(yield_per=BATCH)).mappings()
        count = 0
        for row in rows:
            line = json.dumps(self._plain(table, row), ensure_ascii=False, separators=(",", ":"))
            file.write(line.encode() + b"\n")
            count += 1
        return count

    def _plain(self, table: Table, row: Mapping[Any, Any]) -> dict[str, Any]:
        values = {str(name): _written(value) for name, value in row.items()}
        if table is index_runs and values["snapshot_id"] not in self.snapshots:
            values["snapshot_id"] = None
        return values


@contextmanager
def dumping(catalog: Catalog, *, all_snapshots: bool) -> Iterator[DumpView]:
    """A view of the catalogue that does not change while it is written down.

    Args:
        catalog: What to dump.
        all_snapshots: Tell of every complete snapshot, not of the active one alone.

    Raises:
        CatalogUnavailableError: The database does not answer.
    """
    engine = catalog.engine
    with transaction(engine, consistent=True) as connection:
        complete = select(snapshots.c.id, snapshots.c.active).where(snapshots.c.state == "ready")
        rows = connection.execute(complete.order_by(snapshots.c.created_at)).all()
        active = next((row.id for row in rows if row.active), None)
        chosen = tuple(row.id for row in rows if all_snapshots or row.active)
        schema = schema_revision(connection)
        yield DumpView(connection, schema, engine.dialect.name, active, chosen)


def is_empty(catalog: Catalog) -> bool:
    """Whether nothing has ever been indexed or asked for."""
    with transaction(catalog.engine) as connection:
        counts = [select(func.count()).select_from(metadata.tables[name]) for name in _ORDER]
        return not any(connection.execute(statement).scalar_one() for statement in counts)


def load(engine: Engine, schema: str, tables: Mapping[str, Iterable[bytes]]) -> None:
    """Replace everything in a database, in one transaction; an older dump is brought up to date.

    Args:
        engine: The database.
        schema: Revision of the schema that the rows were written under.
        tables: Lines of each table.

    Raises:
        BackupDamagedError: A row is none.
        CatalogVersionError: A newer build wrote the rows, or the database.
        CatalogUnavailableError: The database does not answer.
    """
    with migration_connection(engine) as connection:
        config = alembic_config(connection)
        try:
            command.downgrade(config, "base")
            command.upgrade(config, schema)
        except CommandError as exc:
            raise CatalogVersionError(
                f"schema {schema}: {exc}; a newer build wrote it: install that one"
            ) from exc
        found = MetaData()
        found.reflect(connection)  # as of that revision, which need not be the newest
        for name in (name for name in _ORDER if name in found.tables):
            if name not in tables:
                raise BackupDamagedError(f"the backup lacks the table {name}")
            _fill(connection, found.tables[name], tables[name])
        _end_interrupted(connection, found.tables["index_runs"])
        command.upgrade(config, "head")


def _fill(connection: Connection, table: Table, lines: Iterable[bytes]) -> None:
    batch: list[dict[str, Any]] = []
    for line in lines:
        batch.append(_read(table, line))
        if len(batch) == BATCH:
            connection.execute(insert(table), batch)
            batch = []
    if batch:
        connection.execute(insert(table), batch)


def _end_interrupted(connection: Connection, runs: Table) -> None:
    """A run that was at work is over here, and new runs get new numbers."""
    ended = {"state": "failed", "stage": "finished", "error": INTERRUPTED}
    freed = {"lease_owner": None, "lease_expires_at": None, "finished_at": datetime.now(UTC)}
    connection.execute(runs.update().where(runs.c.state == "running").values(ended | freed))
    if connection.dialect.name == "postgresql":
        connection.execute(
            text(
                "SELECT setval(pg_get_serial_sequence('index_runs', 'id'), "
                "(SELECT coalesce(max(id), 0) + 1 FROM index_runs), false)"
            )
        )


def _written(value: Any) -> Any:
    if isinstance(value, Identifiers):
        return value.to_json()
    return value.isoformat() if isinstance(value, datetime) else value


def _read(table: Table, line: bytes) -> dict[str, Any]:
    try:
        row: dict[str, Any] = json.loads(line)
        for column in table.columns:
            if isinstance(column.type, DateTime) and row[column.name] is not None:
                row[column.name] = datetime.fromisoformat(row[column.name]).astimezone(UTC)
        return {column.name: row[column.name] for column in table.columns}
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise BackupDamagedError(f"a row of {table.name} is none: {exc}") from exc
