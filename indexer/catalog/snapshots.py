"""Snapshots in the database: begun, activated, retired. Their arrays lie in folders."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, func, insert, select, update

from indexer.catalog.database import transaction
from indexer.catalog.records import SnapshotRow
from indexer.catalog.tables import snapshots
from indexer.errors import SnapshotNotFoundError

_ROW = [snapshots.c[name] for name in SnapshotRow.__dataclass_fields__]


class SnapshotRows:
    """The part of the catalogue that keeps snapshots; the database allows one active."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def begin_snapshot(self, row: SnapshotRow) -> None:
        """Register a snapshot before its folder is written, so that no folder is unknown.

        Doing so twice is no mistake: the first answer may have been lost on its way.
        """
        values = {name: getattr(row, name) for name in SnapshotRow.__dataclass_fields__}
        again = (snapshots.c.id == row.id) & (snapshots.c.state == "writing") & ~snapshots.c.active
        with transaction(self.engine, writes=True) as connection:
            connection.execute(snapshots.delete().where(again))
            last = connection.execute(select(func.max(snapshots.c.ordinal))).scalar_one() or 0
            connection.execute(insert(snapshots).values(**values, ordinal=last + 1))

    def list_snapshots(self) -> list[SnapshotRow]:
        """The complete snapshots, newest first."""
        return [row for row in self.all_snapshots() if row.state == "ready"]

    def all_snapshots(self) -> list[SnapshotRow]:
        """Every snapshot, newest first, also those half written or half deleted.

        The newest is the one begun last, whatever the clock said: clocks are set back.
        """
        statement = select(*_ROW).order_by(snapshots.c.ordinal.desc(), snapshots.c.id.desc())
        with transaction(self.engine) as connection:
            return [SnapshotRow(**row) for row in connection.execute(statement).mappings()]

    def active_snapshot(self) -> SnapshotRow | None:
        """The snapshot that searches use; None before the first."""
        with transaction(self.engine) as connection:
            row = connection.execute(select(*_ROW).where(snapshots.c.active)).mappings().first()
        return None if row is None else SnapshotRow(**row)

    def activate_snapshot(self, snapshot_id: str) -> SnapshotRow:
        """Make searches use this snapshot from now on.

        Raises:
            SnapshotNotFoundError: There is none, or it is not complete.
        """
        with transaction(self.engine, writes=True) as connection:
            self._activate(connection, snapshot_id)
            chosen = select(*_ROW).where(snapshots.c.id == snapshot_id)
            return SnapshotRow(**connection.execute(chosen).mappings().one())

    def retire_snapshots(self, snapshot_ids: Sequence[str]) -> None:
        """Mark snapshots whose folders are about to be deleted; the active one stays."""
        with transaction(self.engine, writes=True) as connection:
            chosen = snapshots.c.id.in_(list(snapshot_ids)) & ~snapshots.c.active
            connection.execute(update(snapshots).where(chosen).values(state="deleting"))

    def forget_snapshots(self, snapshot_ids: Sequence[str]) -> None:
        """Remove the rows of snapshots whose folders are gone; the active one stays."""
        with transaction(self.engine, writes=True) as connection:
            chosen = snapshots.c.id.in_(list(snapshot_ids)) & ~snapshots.c.active
            connection.execute(snapshots.delete().where(chosen))

    def _complete(self, connection: Connection, snapshot_id: str | None) -> None:
        """Note that a snapshot holds all that its run has found."""
        chosen = update(snapshots).where(snapshots.c.id == snapshot_id)
        connection.execute(chosen.values(partial=False))

    def _activate(
        self, connection: Connection, snapshot_id: str | None, *, complete: bool = False
    ) -> None:
        """Switch inside the caller's transaction; `complete` also accepts one just written."""
        connection.execute(update(snapshots).where(snapshots.c.active).values(active=False))
        if snapshot_id is None:
            return
        states = ["ready", "writing"] if complete else ["ready"]
        chosen = (snapshots.c.id == snapshot_id, snapshots.c.state.in_(states))
        values = {"active": True, "state": "ready"}
        if connection.execute(update(snapshots).where(*chosen).values(values)).rowcount != 1:
            raise SnapshotNotFoundError(
                f"no complete snapshot {snapshot_id!r}; GET /v1/admin/snapshots lists them"
            )
