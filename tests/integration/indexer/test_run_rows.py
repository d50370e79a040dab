"""Index runs in both databases: the queue, the lease, who may do what."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from indexer.catalog import lease
from indexer.catalog import runs as catalog_runs
from indexer.catalog.catalog import Catalog
from indexer.catalog.records import RunProgress, SnapshotRow, TrackChanges
from indexer.catalog.tables import index_runs, snapshots
from indexer.errors import LeaseLostError, RunActiveError, RunNotFoundError


def dead_owner() -> str:
    """The name of a process of this machine that has ended."""
    code = "from indexer.catalog import lease; print(lease.new_owner())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def expire(catalog: Catalog, run_id: int) -> None:
    """Let a lease have ended a second ago."""
    ago = datetime.now(UTC) - timedelta(seconds=1)
    with catalog.engine.begin() as connection:
        rows = update(index_runs).where(index_runs.c.id == run_id)
        connection.execute(rows.values(lease_expires_at=ago))


def test_an_owner_of_this_process_lives() -> None:
    """And so does one of a machine of which nothing is known."""
    assert not lease.is_dead(lease.new_owner())
    assert not lease.is_dead("another machine/1/2/3")
    assert lease.new_owner() != lease.new_owner()


def test_an_owner_whose_process_has_ended_is_dead() -> None:
    """Recognised by its number and its start."""
    assert lease.is_dead(dead_owner())


def test_a_process_number_that_is_used_again_does_not_bring_the_owner_back() -> None:
    """The number lives, the start differs."""
    machine, number, _start, rest = lease.new_owner().split("/")

    assert lease.is_dead(f"{machine}/{number}/1/{rest}")


def test_runs_are_claimed_in_the_order_they_were_asked_for(catalog: Catalog) -> None:
    """One at a time: the second waits for the end of the first."""
    first, second = catalog.create_run(["/a"]), catalog.create_run(["/b"], full=True)
    owner = lease.new_owner()

    claimed = catalog.claim_run(owner)
    refused = catalog.claim_run(lease.new_owner())
    catalog.end_run(first.id, owner, "failed", "because")
    next_one = catalog.claim_run(owner)

    assert claimed is not None
    assert (claimed.id, claimed.state, claimed.attempts) == (first.id, "running", 1)
    assert refused is None
    assert next_one is not None
    assert (next_one.id, next_one.full, next_one.roots) == (second.id, True, ("/b",))
    assert (catalog.run(first.id).state, catalog.run(first.id).error) == ("failed", "because")


def test_of_many_that_claim_at_once_one_gets_the_run(catalog: Catalog) -> None:
    """The database decides."""
    catalog.create_run(["/a"])
    barrier, claims = threading.Barrier(6), []

    def claim() -> None:
        barrier.wait()
        claims.append(catalog.claim_run(lease.new_owner()))

    threads = [threading.Thread(target=claim) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(run is not None for run in claims) == 1


def test_of_many_that_start_at_once_one_runs(catalog: Catalog) -> None:
    """The others are told that a run is active."""
    barrier, refused = threading.Barrier(6), []

    def start() -> None:
        barrier.wait()
        try:
            catalog.start_run(["/a"], lease.new_owner())
        except RunActiveError as exc:
            refused.append(exc)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 5
    assert [run.state for run in catalog.list_runs()] == ["running"]


def test_the_run_of_a_dead_process_is_claimed_again(catalog: Catalog) -> None:
    """At once, without waiting for the lease."""
    run = catalog.start_run(["/a"], dead_owner())

    claimable = catalog.claimable_run()
    again = catalog.claim_run(lease.new_owner())

    assert claimable is not None
    assert again is not None
    assert (claimable.id, again.id, again.attempts) == (run.id, run.id, 2)


def test_an_expired_lease_is_lost_to_whoever_claims(catalog: Catalog) -> None:
    """The former owner can neither report nor end the run."""
    former, owner = lease.new_owner(), lease.new_owner()
    run = catalog.start_run(["/a"], former)
    held = catalog.claimable_run()
    expire(catalog, run.id)

    taken = catalog.claim_run(owner)

    assert held is None
    assert taken is not None
    for act in (
        lambda: catalog.report(run.id, former, RunProgress()),
        lambda: catalog.end_run(run.id, former, "failed"),
        lambda: catalog.release_run(run.id, former),
        lambda: catalog.describe_run(run.id, former, model_id="m"),
    ):
        with pytest.raises(LeaseLostError, match=str(run.id)):
            act()
    assert not catalog.report(run.id, owner, RunProgress())


def test_reporting_renews_the_lease_and_keeps_the_progress(catalog: Catalog) -> None:
    """What a client sees of a running run."""
    owner = lease.new_owner()
    run = catalog.start_run(["/a"], owner)
    expire(catalog, run.id)
    progress = RunProgress("analysing", 10, 4, 1, 2.5, 2.4, "a/b.mp3")

    catalog.report(run.id, owner, progress)

    assert catalog.run(run.id).progress == progress
    assert catalog.claimable_run() is None


def test_a_new_run_takes_over_from_a_dead_process(catalog: Catalog) -> None:
    """`circumplex index` after a crash need not wait."""
    dead = catalog.start_run(["/a"], dead_owner())

    fresh = catalog.start_run(["/a"], lease.new_owner())

    assert catalog.run(dead.id).state == "failed"
    assert "died" in str(catalog.run(dead.id).error)
    assert catalog.run(fresh.id).state == "running"


def test_a_run_that_kills_every_process_is_given_up(catalog: Catalog) -> None:
    """So that the queue behind it gets its turn."""
    owner = dead_owner()
    run = catalog.start_run(["/a"], owner)
    behind = catalog.create_run(["/b"])
    for _ in range(catalog_runs.MAX_ATTEMPTS - 1):
        assert catalog.claim_run(owner) is not None

    given_up = catalog.claim_run(lease.new_owner())
    after = catalog.claim_run(lease.new_owner())

    assert given_up is None
    assert catalog.run(run.id).state == "failed"
    assert "died 10 times" in str(catalog.run(run.id).error)
    assert after is not None
    assert after.id == behind.id


def test_cancelling(catalog: Catalog) -> None:
    """Queued and abandoned runs end at once, held ones are asked, ended ones stay as they are."""
    owner = lease.new_owner()
    held = catalog.start_run(["/a"], owner)
    queued = catalog.create_run(["/b"])

    asked = catalog.cancel_run(held.id)
    told = catalog.report(held.id, owner, RunProgress())
    ended = catalog.cancel_run(queued.id)
    catalog.end_run(held.id, owner, "cancelled")
    again = catalog.cancel_run(held.id)
    dead = catalog.cancel_run(catalog.start_run(["/c"], dead_owner()).id)

    assert (asked.state, asked.cancel_requested, told) == ("running", True, True)
    assert (ended.state, again.state, dead.state) == ("cancelled",) * 3
    assert catalog.claimable_run() is None


def test_a_released_run_goes_back_into_the_queue(catalog: Catalog) -> None:
    """Its attempt does not count as a death."""
    owner = lease.new_owner()
    run = catalog.start_run(["/a"], owner)

    catalog.release_run(run.id, owner)

    released = catalog.run(run.id)
    assert (released.state, released.attempts, released.lease_owner) == ("queued", 0, None)


def test_runs_are_listed_newest_first_in_pages(catalog: Catalog) -> None:
    """`before_id` continues a listing."""
    ids = [catalog.create_run([f"/{number}"]).id for number in range(5)]

    page = catalog.list_runs(limit=2)
    rest = catalog.list_runs(before_id=page[-1].id)

    assert [run.id for run in page + rest] == ids[::-1]


@pytest.mark.parametrize("run_id", [0, 99, 2**80])
def test_an_unknown_run_is_named(catalog: Catalog, run_id: int) -> None:
    """Also by numbers that no column could hold."""
    with pytest.raises(RunNotFoundError, match=str(run_id)):
        catalog.run(run_id)


@pytest.mark.parametrize("ahead", [timedelta(minutes=10), timedelta(days=40), timedelta(days=9000)])
def test_a_lease_of_a_clock_that_was_set_back_is_none(catalog: Catalog, ahead: timedelta) -> None:
    """No lease is so long. Its holder, unless it lives on this machine, was lost before."""
    run = catalog.start_run(["/a"], "another-machine/1/1/x")
    live = catalog.claimable_run()
    set_lease(catalog, run.id, datetime.now(UTC) + ahead)

    claimable = catalog.claimable_run()

    assert live is None
    assert claimable is not None
    assert claimable.id == run.id


def test_a_holder_that_lives_here_keeps_its_run_when_the_clock_is_set_back(
    catalog: Catalog,
) -> None:
    """It renews its lease in a moment."""
    run = catalog.start_run(["/a"], lease.new_owner())
    set_lease(catalog, run.id, datetime.now(UTC) + timedelta(days=40))

    assert catalog.claimable_run() is None


def test_the_run_that_ended_last_is_the_last_one_whatever_the_clock_said(
    catalog: Catalog,
) -> None:
    """A run under a clock that was ahead does not stay the newest for weeks."""
    owner = lease.new_owner()
    for name in ("ahead", "now"):
        catalog.begin_snapshot(snapshot_row(name))
        run = catalog.start_run(["/a"], owner)
        catalog.publish(run.id, owner, TrackChanges(), name)
        if name == "ahead":
            far = datetime.now(UTC) + timedelta(days=40)
            with catalog.engine.begin() as connection:
                connection.execute(update(index_runs).values(finished_at=far))
                connection.execute(update(snapshots).values(created_at=far))

    assert catalog.published_snapshot() == "now"
    assert [row.id for row in catalog.list_snapshots()] == ["now", "ahead"]


def set_lease(catalog: Catalog, run_id: int, until: datetime) -> None:
    """Let the lease of a run end then."""
    with catalog.engine.begin() as connection:
        chosen = update(index_runs).where(index_runs.c.id == run_id)
        connection.execute(chosen.values(lease_expires_at=until))


def snapshot_row(name: str) -> SnapshotRow:
    """A snapshot that is being written."""
    return SnapshotRow(name, "m", "writing", False, datetime.now(UTC), "0" * 32, 1, 1)
