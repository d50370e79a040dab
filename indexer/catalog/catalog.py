"""The catalogue: the only SQL of the project. Records in, records out, one transaction a call.

`Catalog` joins its parts: tracks (here), index runs (`runs`), snapshots (`snapshots`), stations
(`stations`), what listeners marked and heard (`listening`), where they feel tracks (`profiles`) and
what a run passed over (`passed_over`). What a run found becomes visible in one transaction,
`publish`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    bindparam,
    func,
    insert,
    or_,
    select,
    text,
    type_coerce,
    update,
)

from indexer.catalog.column_types import PlainText
from indexer.catalog.database import make_engine, migrate, transaction
from indexer.catalog.keys import key, search_keys, searchable
from indexer.catalog.listening import ListeningRows
from indexer.catalog.pages import by_fit, by_id
from indexer.catalog.passed_over import PassedOverRows
from indexer.catalog.profiles import ProfileRows
from indexer.catalog.records import (
    Counts,
    FileResult,
    KnownFile,
    Track,
    TrackChange,
    TrackChanges,
    TrackPage,
    TrackQuery,
    address_id,
)
from indexer.catalog.runs import RunRows
from indexer.catalog.snapshots import SnapshotRows
from indexer.catalog.stations import StationRows
from indexer.catalog.tables import snapshots, staged_files, tracks
from indexer.errors import TrackNotFoundError
from indexer.folders.files import FoundFile, Tags
from model.verdict import Verdict

_KNOWN = [tracks.c[name] for name in KnownFile.__dataclass_fields__ if name in tracks.c]
_TRACK = [tracks.c[name] for name in Track.__dataclass_fields__]
MAX_ID = 2**31 - 1
MANY_ROWS = 1000  # written at once: the planner's statistics are out of date
MAX_WORDS = 20  # of a text query


def open_catalog(database_url: str) -> Catalog:
    """The catalogue of a database, its schema brought up to date.

    Args:
        database_url: `sqlite:///file` or `postgresql://…`.

    Raises:
        CatalogError: The URL is none that this build knows.
        CatalogUnavailableError: The database does not answer.
        CatalogVersionError: A newer build wrote it.
    """
    engine = make_engine(database_url)
    try:
        migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return Catalog(engine)


class Catalog(ListeningRows, RunRows, SnapshotRows, StationRows, ProfileRows, PassedOverRows):
    """Tracks, runs, snapshots and what listeners keep: one database, its schema up to date."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def ping(self) -> None:
        """Ask the database for an answer out of its tables: SQLite opens no file for less.

        Raises:
            CatalogUnavailableError: It gives none.
        """
        with transaction(self.engine) as connection:
            connection.execute(select(snapshots.c.id).limit(1))

    # Tracks, for readers ---------------------------------------------------------------------

    def list_tracks(
        self, query: TrackQuery | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> TrackPage:
        """One page of tracks, ordered by id; with a text, those that it fits best first.

        Args:
            query: Which tracks; by default all that are in the index.
            limit: Most items of the page, at least 1.
            cursor: `next_cursor` of the page before; None for the first.

        Raises:
            CursorError: The cursor is none of this listing.
        """
        query = query or TrackQuery()
        phrase = " ".join(_words(query))
        order = by_fit(phrase) if phrase else by_id()
        statement = select(*_TRACK, *order.keys).where(*_conditions(query))
        if cursor is not None:
            statement = statement.where(order.after(cursor))
        with transaction(self.engine) as connection:
            found = connection.execute(statement.order_by(*order.keys).limit(limit + 1)).all()
        rows, more = found[:limit], len(found) > limit
        items = tuple(Track(*row[: len(_TRACK)]) for row in rows)
        return TrackPage(items, order.cursor(rows[-1][len(_TRACK) :]) if more else None)

    def track(self, track_id: int) -> Track:
        """One track, whatever its status.

        Raises:
            TrackNotFoundError: There is none.
        """
        with transaction(self.engine) as connection:
            chosen = select(*_TRACK).where(tracks.c.id == max(-1, min(track_id, MAX_ID)))
            found = connection.execute(chosen).mappings().first()
        if found is None:
            raise TrackNotFoundError(f"no track {track_id}; GET /v1/tracks lists them")
        return Track(**found)

    def track_at(self, address: str) -> Track | None:
        """The track of the file at this whole path (stored text), if it is known."""
        chosen = select(*_TRACK).where(tracks.c.address_id == address_id(address))
        with transaction(self.engine) as connection:
            found = connection.execute(chosen).mappings().first()
        return None if found is None else Track(**found)

    def verdicts(self) -> dict[str, int]:
        """How many tracks of the index are taken for what."""
        kept = select(tracks.c.verdict, func.count()).where(tracks.c.status == "ok")
        with transaction(self.engine) as connection:
            rows = connection.execute(kept.group_by(tracks.c.verdict))
            return {str(row[0]): int(row[1]) for row in rows}

    def counts(self) -> Counts:
        """How many tracks there are of each status."""
        statement = select(tracks.c.status, func.count()).group_by(tracks.c.status)
        with transaction(self.engine) as connection:
            return Counts(**{row[0]: row[1] for row in connection.execute(statement)})

    # Tracks, for index runs ------------------------------------------------------------------

    def known_files(self) -> list[KnownFile]:
        """Every track with what a run compares, ordered by id.

        Rows of the index that somebody edited are told by two things: the length of the track is
        missing, then the file's time is said to be unknown, so that the next run reads it again; or
        the place is not the one that the row was written for.
        """
        told = (tracks.c.duration_s, tracks.c.address_id)
        statement = select(*told, *_KNOWN).order_by(tracks.c.id)
        with transaction(self.engine) as connection:
            rows = [(row[0], row[1], KnownFile(*row[2:])) for row in connection.execute(statement)]
        return [_as_edited(duration_s, place, known) for duration_s, place, known in rows]

    def published_tracks(self) -> list[Track]:
        """Every track that is in the index, ordered by id."""
        statement = select(*_TRACK).where(tracks.c.status == "ok").order_by(tracks.c.id)
        with transaction(self.engine) as connection:
            return [Track(**row) for row in connection.execute(statement).mappings()]

    def identifiers(self) -> list[tuple[int, str]]:
        """Ids of the tracks of the index that have identifiers, ordered, with these as JSON."""
        text_of = type_coerce(tracks.c.identifiers, PlainText)
        known = (tracks.c.status == "ok", tracks.c.identifiers.is_not(None))
        statement = select(tracks.c.id, text_of).where(*known).order_by(tracks.c.id)
        with transaction(self.engine) as connection:
            return [(row[0], row[1]) for row in connection.execute(statement)]

    def restate_file(self, track_id: int, file: FoundFile, content_id: str) -> None:
        """Note what a track's file is now, after this project itself has rewritten its tags."""
        known = {**vars(file), "content_id": content_id}
        changed = update(tracks).where(tracks.c.id == track_id).values(known)
        with transaction(self.engine, writes=True) as connection:
            connection.execute(changed)

    def contents(self) -> set[str]:
        """Contents of the tracks whose files are there, in the index or failed."""
        there = (tracks.c.content_id.is_not(None), tracks.c.status != "missing")
        with transaction(self.engine) as connection:
            return set(connection.execute(select(tracks.c.content_id).where(*there)).scalars())

    def stage(self, results: Iterable[FileResult]) -> None:
        """Keep finished files of a run that is not yet published."""
        rows = [{"address_id": item.address_id, **_file_values(item)} for item in results]
        if not rows:
            return
        gone = staged_files.delete().where(staged_files.c.address_id == bindparam("key"))
        with transaction(self.engine, writes=True) as connection:
            connection.execute(gone, [{"key": row["address_id"]} for row in rows])
            connection.execute(insert(staged_files), rows)

    def staged(self) -> dict[str, FileResult]:
        """What an earlier run finished without publishing, by address."""
        with transaction(self.engine) as connection:
            rows = connection.execute(select(staged_files)).mappings()
            results = [_file_result(row) for row in rows]
        return {result.found.address: result for result in results}

    def clear_staged(self) -> None:
        """Forget what earlier runs finished without publishing."""
        with transaction(self.engine, writes=True) as connection:
            connection.execute(staged_files.delete())

    def publish(
        self,
        run_id: int,
        owner: str,
        changes: TrackChanges,
        snapshot_id: str | None,
        *,
        activate: bool = True,
    ) -> None:
        """Make a run's outcome visible: tracks, active snapshot and the run's end, at once.

        Args:
            run_id: The run.
            owner: Who must hold it.
            changes: Rows to write.
            snapshot_id: The snapshot that holds the outcome; None where no track is in the index.
            activate: Whether searches shall use it; otherwise they go on as before.

        Raises:
            LeaseLostError: Another process holds the run.
            RunCancelledError: It was cancelled meanwhile.
        """
        now = datetime.now(UTC)
        with transaction(self.engine, writes=True) as connection:
            self._hold(connection, run_id, owner)
            _write_changes(connection, changes, now)
            connection.execute(staged_files.delete())
            if activate:
                self._activate(connection, snapshot_id, complete=True)
            self._complete(connection, snapshot_id)
            self._end(connection, run_id, "succeeded", None, snapshot_id)
        if len(changes.new) + len(changes.changed) >= MANY_ROWS:
            self._analyse()

    def publish_part(
        self, run_id: int, owner: str, changes: TrackChanges, snapshot_id: str
    ) -> None:
        """Make visible what a first run has finished so far, at once; the run goes on.

        What is staged stays: it is the run's own account. Doing so twice is no mistake: the first
        answer may have been lost on its way.

        Args:
            run_id: The run.
            owner: Who must hold it.
            changes: Rows to write.
            snapshot_id: The partial snapshot that holds them.

        Raises:
            LeaseLostError: Another process holds the run.
            RunCancelledError: It was cancelled meanwhile.
        """
        with transaction(self.engine, writes=True) as connection:
            if self._hold(connection, run_id, owner).snapshot_id == snapshot_id:
                return
            _write_changes(connection, changes, datetime.now(UTC))
            self._activate(connection, snapshot_id, complete=True)
            self._show(connection, run_id, snapshot_id)

    def _analyse(self) -> None:
        """Let the planner know how the tables have grown."""
        with transaction(self.engine, writes=True) as connection:
            connection.execute(text("ANALYZE"))


def _conditions(query: TrackQuery) -> list[ColumnElement[bool]]:
    at_least = {tracks.c.year: _bounded(query.year_min), tracks.c.duration_s: query.duration_min_s}
    at_most = {tracks.c.year: _bounded(query.year_max), tracks.c.duration_s: query.duration_max_s}
    conditions = [column >= bound for column, bound in at_least.items() if bound is not None]
    conditions += [column <= bound for column, bound in at_most.items() if bound is not None]
    if query.status is not None:
        conditions.append(tracks.c.status == query.status)
    if query.verdict:
        conditions.append(tracks.c.verdict.in_(query.verdict))
    for column, wanted in ((tracks.c.genre_key, query.genre), (tracks.c.artist_key, query.artist)):
        if wanted:
            conditions.append(_any_of(column, wanted))
    for word in _words(query):
        conditions.append(tracks.c.search_text.contains(word, autoescape=True))
    return conditions


def _words(query: TrackQuery) -> list[str]:
    return searchable(query.text or "").split()[:MAX_WORDS]


def _any_of(column: ColumnElement[str], wanted: Sequence[str]) -> ColumnElement[bool]:
    return or_(*(column.contains(key([value]), autoescape=True) for value in wanted))


def _bounded(year: int | None) -> int | None:
    return None if year is None else max(-1_000_000, min(year, 1_000_000))


def _file_values(result: FileResult) -> dict[str, Any]:
    return {
        **vars(result.found),
        **vars(result.tags),
        "content_id": result.content_id,
        "frontend_id": result.frontend_id,
        "duration_s": result.duration_s,
        "failure_reason": result.failure_reason,
        "note": result.note,
        **_verdict_values(result.verdict),
    }


def _verdict_values(verdict: Verdict) -> dict[str, str | None]:
    return {"verdict": verdict.kind, "verdict_reason": verdict.reason or None}


def _file_result(row: RowMapping) -> FileResult:
    return FileResult(
        found=FoundFile(*(row[name] for name in FoundFile.__dataclass_fields__)),
        content_id=row["content_id"],
        frontend_id=row["frontend_id"],
        tags=Tags(
            row["title"],
            row["artist"],
            row["album"],
            row["genre"],
            row["year"],
            identifiers=row["identifiers"],
        ),
        duration_s=row["duration_s"],
        failure_reason=row["failure_reason"],
        note=row["note"],
        verdict=Verdict(row["verdict"], row["verdict_reason"] or ""),
    )


def _track_values(change: TrackChange, now: datetime) -> dict[str, Any]:
    result, tags = change.result, change.result.tags
    return _file_values(result) | {
        "address_id": result.address_id,
        "status": "ok" if result.failure_reason is None else "failed",
        **search_keys(tags.title, tags.artist, tags.album, tags.genre, result.found.path),
        "updated_at": now,
    }


def _as_edited(duration_s: float | None, place: str, known: KnownFile) -> KnownFile:
    if known.status != "ok":
        return known
    if place != address_id(known.address):
        return replace(known, misplaced=True)
    return replace(known, mtime_ns=-1) if duration_s is None else known


def _write_changes(connection: Connection, changes: TrackChanges, now: datetime) -> None:
    by_id = update(tracks).where(tracks.c.id == bindparam("key"))
    if gone := [{"key": key} for key in changes.missing_ids]:
        connection.execute(by_id.values(status="missing", updated_at=now), gone)
    for track_id, verdict in changes.judged.items():
        connection.execute(by_id.values(_verdict_values(verdict)), {"key": track_id})
    if freed := [{"key": key, "free": f"displaced {key}"} for key in changes.displaced_ids]:
        connection.execute(by_id.values(address_id=bindparam("free")), freed)
    if changes.changed:
        # Files may have swapped their names: no row keeps its address while others take theirs.
        freed = [{"key": change.id, "free": f"moving {change.id}"} for change in changes.changed]
        connection.execute(by_id.values(address_id=bindparam("free")), freed)
        rows = [{"key": change.id, **_track_values(change, now)} for change in changes.changed]
        connection.execute(by_id.values(_bound(rows[0])), rows)
    if changes.new:
        rows = [
            {"id": change.id, "added_at": now, **_track_values(change, now)}
            for change in changes.new
        ]
        connection.execute(insert(tracks), rows)


def _bound(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: bindparam(name) for name in row if name != "key"}
