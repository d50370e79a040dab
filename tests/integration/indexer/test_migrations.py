"""The schema goes up and down with data in it, and is what the tables say."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from indexer.catalog.catalog import Catalog, open_catalog
from indexer.catalog.database import alembic_config, make_engine, migrate
from indexer.catalog.records import SnapshotRow, TrackChanges, TrackQuery
from indexer.catalog.tables import metadata
from indexer.errors import CatalogError, CatalogUnavailableError, CatalogVersionError
from tests.catalogue import file_result, new_tracks


def fill(catalog: Catalog) -> None:
    """A row in every table."""
    run = catalog.start_run(["/music"], "owner")
    catalog.begin_snapshot(
        SnapshotRow("first", "model", "writing", False, datetime.now(UTC), "digest", 2, 5)
    )
    catalog.publish(run.id, "owner", new_tracks("a.mp3", "b.mp3"), "first")
    catalog.stage([file_result("c.mp3")])


def test_the_migrated_schema_is_what_the_tables_say(database_url: str) -> None:
    """No table, column, index or type differs between the migrations and the code."""
    engine = make_engine(database_url)
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, metadata)
    engine.dispose()

    assert differences == []


def test_every_migration_keeps_the_data_on_the_way_up_and_undoes_itself(database_url: str) -> None:
    """Down to the empty database and up again, with rows in every table at each step."""
    catalog = open_catalog(database_url)
    fill(catalog)
    with catalog.engine.connect() as connection:
        script = ScriptDirectory.from_config(alembic_config(connection))
    revisions = [step.revision for step in script.walk_revisions()]

    for revision in [*revisions[1:], "base"]:
        migrate(catalog.engine, revision)
    tables_left = set(inspect(catalog.engine).get_table_names()) - {"alembic_version"}
    migrate(catalog.engine)
    fill(catalog)
    counts = catalog.counts()
    catalog.close()

    assert tables_left == set()
    assert counts.ok == 2


def test_opening_again_keeps_what_is_there(database_url: str) -> None:
    """Migrating a database that is up to date changes nothing."""
    first = open_catalog(database_url)
    fill(first)
    first.close()

    second = open_catalog(database_url)
    counts, active = second.counts(), second.active_snapshot()
    second.close()

    assert counts.ok == 2
    assert active is not None
    assert active.id == "first"


def test_several_processes_may_migrate_at_once(database_url: str) -> None:
    """Services that start together do not trip over each other."""
    errors: list[BaseException] = []

    def start() -> None:
        try:
            open_catalog(database_url).close()
        except BaseException as exc:
            errors.append(exc)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []


def test_a_newer_schema_is_refused_by_name(database_url: str) -> None:
    """A database of a newer build is left alone, and the message says what to do."""
    catalog = open_catalog(database_url)
    with catalog.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    catalog.close()

    with pytest.raises(CatalogVersionError, match=r"9999.*newer build"):
        open_catalog(database_url)


def test_only_one_run_can_be_running(catalog: Catalog) -> None:
    """The database itself refuses a second one, whatever the code does."""
    catalog.start_run(["/music"], "one")
    other = catalog.create_run(["/music"])

    with (
        pytest.raises(IntegrityError),
        catalog.engine.connect().execution_options(writes=True) as connection,
        connection.begin(),
    ):
        connection.execute(
            text("UPDATE index_runs SET state = 'running' WHERE id = :id"), {"id": other.id}
        )


def test_only_one_snapshot_can_be_active(catalog: Catalog) -> None:
    """The database itself refuses a second one."""
    now = datetime.now(UTC)
    catalog.begin_snapshot(SnapshotRow("one", "model", "ready", True, now, "d", 1, 1))

    with pytest.raises(IntegrityError):
        catalog.begin_snapshot(SnapshotRow("two", "model", "ready", True, now, "d", 1, 1))


def test_an_unreachable_database_is_named_without_its_password() -> None:
    """The message tells where it looked, not the secret."""
    with pytest.raises(CatalogUnavailableError) as caught:
        open_catalog("postgresql://somebody:secret@127.0.0.1:1/none")

    assert "127.0.0.1" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://host/db", "nonsense", "foo://bar"])
def test_an_unknown_database_is_refused(url: str) -> None:
    """The message names what this build knows."""
    with pytest.raises(CatalogError, match="database"):
        open_catalog(url)


def test_a_catalogue_without_tracks_publishes_nothing(catalog: Catalog) -> None:
    """A run over an empty folder ends without a snapshot."""
    run = catalog.start_run(["/music"], "owner")
    catalog.publish(run.id, "owner", TrackChanges(), None)

    assert catalog.active_snapshot() is None
    assert catalog.run(run.id).state == "succeeded"


def test_search_columns_of_older_rows_are_folded_anew(database_url: str) -> None:
    """What an older build wrote is found by plain letters and by each of its genres, undecoded."""
    catalog = open_catalog(database_url)
    fill(catalog)
    migrate(catalog.engine, "0009")
    older = (
        "UPDATE tracks SET title = 'Łódź', genre = 'Jazz, Rock', search_text = 'x', genre_key='x'"
    )
    with catalog.engine.begin() as connection:
        connection.execute(text(older))

    migrate(catalog.engine)

    assert len(catalog.list_tracks(TrackQuery(text="lodz")).items) == 2
    assert len(catalog.list_tracks(TrackQuery(genre=("rock",))).items) == 2
    catalog.close()
