"""Index runs in the database: asked for, claimed under a lease, reported, ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from indexer.catalog import lease
from indexer.catalog.database import transaction
from indexer.catalog.records import IndexRun, RunProgress, RunState
from indexer.catalog.tables import index_runs as runs
from indexer.errors import (
    LeaseLostError,
    RunActiveError,
    RunCancelledError,
    RunNotFoundError,
)

MAX_ATTEMPTS = 10  # processes that may die over one run before it is given up

_PROGRESS = tuple(RunProgress.__dataclass_fields__)


class RunRows:
    """The part of the catalogue that keeps index runs; the database allows one running."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    # For whoever asks ------------------------------------------------------------------------

    def create_run(
        self,
        roots: Sequence[str],
        *,
        full: bool = False,
        only: bool = False,
        allow_shrink: bool = False,
    ) -> IndexRun:
        """Ask for a run over these roots (absolute paths); a worker will claim it."""
        asked = {"roots": list(roots), "full": full, "only": only, "allow_shrink": allow_shrink}
        with transaction(self.engine, writes=True) as connection:
            return self._insert(connection, {**asked, "state": "queued"})

    def run(self, run_id: int) -> IndexRun:
        """One run.

        Raises:
            RunNotFoundError: There is none.
        """
        with transaction(self.engine) as connection:
            return _one(connection, run_id)

    def list_runs(self, *, limit: int = 100, before_id: int | None = None) -> list[IndexRun]:
        """Runs, newest first; `before_id` is the last one of the page before."""
        statement = select(runs).order_by(runs.c.id.desc()).limit(limit)
        if before_id is not None:
            statement = statement.where(runs.c.id < before_id)
        with transaction(self.engine) as connection:
            return [_run(row) for row in connection.execute(statement).mappings()]

    def published_snapshot(self) -> str | None:
        """The snapshot of the run that succeeded last; None where it left no track, or before."""
        ended = select(runs.c.snapshot_id).where(runs.c.state == "succeeded")
        latest = ended.order_by(runs.c.ended.desc()).limit(1)
        with transaction(self.engine) as connection:
            return connection.execute(latest).scalar_one_or_none()

    def cancel_run(self, run_id: int) -> IndexRun:
        """End a run: at once if no living process holds it, else before its next file.

        A run that is over stays as it is.

        Raises:
            RunNotFoundError: There is none.
        """
        with transaction(self.engine, writes=True) as connection:
            run = _one(connection, run_id, lock=True)
            if run.state == "running" and not _is_abandoned(run, _now()):
                _set(connection, run_id, {"cancel_requested": True})
            elif not run.is_over:
                self._end(connection, run_id, "cancelled", None, None)
            return _one(connection, run_id)

    # For whoever does the work ---------------------------------------------------------------

    def claimable_run(self) -> IndexRun | None:
        """The run that a worker may claim now: one whose process died, or the oldest queued."""
        with transaction(self.engine) as connection:
            running = _running(connection)
            if running is not None:
                return running if _is_abandoned(running, _now()) else None
            return _oldest_queued(connection, None)

    def start_run(
        self,
        roots: Sequence[str],
        owner: str,
        *,
        full: bool = False,
        only: bool = False,
        allow_shrink: bool = False,
    ) -> IndexRun:
        """Create a run that this process holds at once.

        Raises:
            RunActiveError: Another process is at work.
        """
        asked = {"roots": list(roots), "full": full, "only": only, "allow_shrink": allow_shrink}
        begun = {**_held_by(owner), "started_at": _now(), "attempts": 1}
        try:
            with transaction(self.engine, writes=True) as connection:
                running = _running(connection, lock=True)
                if running is not None:
                    self._give_up(connection, running)
                return self._insert(connection, {**asked, **begun})
        except IntegrityError as exc:
            raise RunActiveError("another index run has just begun; try again later") from exc

    def claim_run(self, owner: str, run_id: int | None = None) -> IndexRun | None:
        """Take a run whose process died, or the oldest queued one; None if there is none.

        Args:
            owner: Who will hold it, from `lease.new_owner`.
            run_id: Take this one and no other.
        """
        try:
            with transaction(self.engine, writes=True) as connection:
                run = _running(connection, lock=True)
                if run is not None and not self._resumable(connection, run):
                    return None
                run = run or _oldest_queued(connection, run_id)
                if run is None or run_id not in (None, run.id):
                    return None
                begun = {"attempts": run.attempts + 1, "started_at": run.started_at or _now()}
                _set(connection, run.id, {**_held_by(owner), **begun})
                return _one(connection, run.id)
        except IntegrityError:  # another process claimed one in the same moment
            return None

    def is_late(self, run_id: int, pid: int | None = None) -> bool:
        """Whether the process that holds a run has not renewed its lease in time.

        Args:
            run_id: The run.
            pid: A process of this machine; it is late, too, when another one holds the run, or
                when the run has been over for as long as a lease lasts.
        """
        now = _now()
        with transaction(self.engine) as connection:
            run = _one(connection, run_id)
        if pid is not None and run.finished_at is not None:
            return run.finished_at + timedelta(seconds=lease.LEASE_S) <= now
        if run.state != "running" or run.lease_owner is None or run.lease_expires_at is None:
            return False
        lost = pid is not None and not lease.is_of(run.lease_owner, pid)
        return run.lease_expires_at <= now or (lost and not _is_abandoned(run, now))

    def describe_run(
        self,
        run_id: int,
        owner: str,
        *,
        model_id: str | None = None,
        notes: Sequence[str] | None = None,
    ) -> None:
        """Note which checkpoint the run embeds with, or what it has to say.

        Raises:
            LeaseLostError: Another process holds the run.
        """
        values: dict[str, Any] = {} if model_id is None else {"model_id": model_id}
        values |= {} if notes is None else {"notes": list(notes)}
        with transaction(self.engine, writes=True) as connection:
            _set_held(connection, run_id, owner, values)

    def report(self, run_id: int, owner: str, progress: RunProgress) -> bool:
        """Renew the lease and write the progress; True if the run shall be cancelled.

        Raises:
            LeaseLostError: Another process holds the run, or it is over.
        """
        values = {name: getattr(progress, name) for name in _PROGRESS}
        with transaction(self.engine, writes=True) as connection:
            _set_held(connection, run_id, owner, {**values, "lease_expires_at": _expiry()})
            return _one(connection, run_id).cancel_requested

    def end_run(self, run_id: int, owner: str, state: RunState, error: str | None = None) -> None:
        """Note that the run failed or was cancelled.

        Raises:
            LeaseLostError: Another process holds the run.
        """
        with transaction(self.engine, writes=True) as connection:
            self._hold(connection, run_id, owner, may_be_cancelled=True)
            self._end(connection, run_id, state, error, None)

    def release_run(self, run_id: int, owner: str) -> None:
        """Put the run back into the queue: its process was asked to stop.

        Raises:
            LeaseLostError: Another process holds the run.
        """
        with transaction(self.engine, writes=True) as connection:
            run = self._hold(connection, run_id, owner, may_be_cancelled=True)
            attempts = max(run.attempts - 1, 0)
            queued = {"state": "queued", "stage": "queued", "attempts": attempts}
            _set(connection, run_id, {**queued, **_no_lease()})

    # Inside a transaction --------------------------------------------------------------------

    def _hold(
        self, connection: Connection, run_id: int, owner: str, *, may_be_cancelled: bool = False
    ) -> IndexRun:
        run = _one(connection, run_id, lock=True)
        if run.state != "running" or run.lease_owner != owner:
            raise LeaseLostError(_lost(run_id))
        if run.cancel_requested and not may_be_cancelled:
            raise RunCancelledError(f"index run {run_id} was cancelled")
        return run

    def _end(
        self,
        connection: Connection,
        run_id: int,
        state: RunState,
        error: str | None,
        snapshot_id: str | None,
    ) -> None:
        ended = {"state": state, "stage": "finished", "finished_at": _now(), "error": error}
        outcome = {"snapshot_id": snapshot_id, "seconds_left": None, "current_file": None}
        last = connection.execute(select(func.max(runs.c.ended))).scalar_one() or 0
        _set(connection, run_id, {**ended, **outcome, **_no_lease(), "ended": last + 1})

    def _show(self, connection: Connection, run_id: int, snapshot_id: str) -> None:
        _set(connection, run_id, {"snapshot_id": snapshot_id})

    def _insert(self, connection: Connection, values: dict[str, Any]) -> IndexRun:
        empty = {"files_total": 0, "files_done": 0, "files_failed": 0, "attempts": 0}
        new = {"requested_at": _now(), "stage": "queued", "cancel_requested": False}
        row = {**empty, **new, **values}
        run_id = connection.execute(insert(runs).values(row)).inserted_primary_key
        assert run_id is not None
        return _one(connection, run_id[0])

    def _resumable(self, connection: Connection, run: IndexRun) -> bool:
        """Whether a dead process's run may be taken over; ends one that is not worth it."""
        if not _is_abandoned(run, _now()):
            return False
        if run.cancel_requested:
            self._end(connection, run.id, "cancelled", None, None)
            return False
        if run.attempts >= MAX_ATTEMPTS:
            reason = f"its process died {run.attempts} times; last file {run.progress.current_file}"
            self._end(connection, run.id, "failed", reason, None)
            return False
        return True

    def _give_up(self, connection: Connection, running: IndexRun) -> None:
        if not _is_abandoned(running, _now()):
            raise RunActiveError(
                f"index run {running.id} holds the catalogue; wait for it or cancel it"
            )
        reason = "its process died; a later run took over what it had finished"
        self._end(connection, running.id, "failed", reason, None)


def _now() -> datetime:
    return datetime.now(UTC)


def _expiry() -> datetime:
    return _now() + timedelta(seconds=lease.LEASE_S)


def _held_by(owner: str) -> dict[str, Any]:
    return {"state": "running", "lease_owner": owner, "lease_expires_at": _expiry()}


def _no_lease() -> dict[str, Any]:
    return {"lease_owner": None, "lease_expires_at": None}


def _is_abandoned(run: IndexRun, now: datetime) -> bool:
    if run.lease_owner is None or run.lease_expires_at is None:
        return True
    if run.lease_expires_at <= now or lease.is_dead(run.lease_owner):
        return True
    # No lease is longer than LEASE_S: the clock was set back since. A holder that lives renews it.
    longest = timedelta(seconds=lease.LEASE_S + lease.CLOCK_TOLERANCE_S)
    return run.lease_expires_at > now + longest and not lease.is_alive(run.lease_owner)


def _lost(run_id: int) -> str:
    return f"index run {run_id} is over or held by another process; this one stops"


def _one(connection: Connection, run_id: int, *, lock: bool = False) -> IndexRun:
    statement = select(runs).where(runs.c.id == max(-1, min(run_id, 2**31 - 1)))
    row = connection.execute(statement.with_for_update() if lock else statement).mappings().first()
    if row is None:
        raise RunNotFoundError(f"no index run {run_id}; GET /v1/admin/index-runs lists them")
    return _run(row)


def _running(connection: Connection, *, lock: bool = False) -> IndexRun | None:
    statement = select(runs).where(runs.c.state == "running")
    row = connection.execute(statement.with_for_update() if lock else statement).mappings().first()
    return None if row is None else _run(row)


def _oldest_queued(connection: Connection, run_id: int | None) -> IndexRun | None:
    statement = select(runs).where(runs.c.state == "queued").order_by(runs.c.id).limit(1)
    if run_id is not None:
        statement = statement.where(runs.c.id == run_id)
    row = connection.execute(statement.with_for_update()).mappings().first()
    return None if row is None else _run(row)


def _set(connection: Connection, run_id: int, values: dict[str, Any]) -> None:
    connection.execute(update(runs).where(runs.c.id == run_id).values(values))


def _set_held(connection: Connection, run_id: int, owner: str, values: dict[str, Any]) -> None:
    held = (runs.c.id == run_id, runs.c.lease_owner == owner, runs.c.state == "running")
    if connection.execute(update(runs).where(*held).values(values)).rowcount != 1:
        raise LeaseLostError(_lost(run_id))


def _run(row: RowMapping) -> IndexRun:
    values = {name: row[name] for name in IndexRun.__dataclass_fields__ if name in row}
    progress = RunProgress(**{name: row[name] for name in _PROGRESS})
    lists = {name: tuple(row[name]) for name in ("roots", "notes")}
    return IndexRun(**{**values, **lists, "progress": progress})
