"""Index runs in processes of their own: stopped, killed, crashing; nothing is lost or half done."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from indexer.catalog import lease
from indexer.catalog.records import TrackQuery
from indexer.catalog.tables import index_runs
from indexer.runs import worker
from indexer.runs.worker import Job, ProcessExecutor
from tests.catalogue import write_tone
from tests.indexing_place import CHILD, READ_LIMITS, Place, end

KILLS = int(os.environ.get("CIRCUMPLEX_KILLS", "5"))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.catalog.close()


def test_a_run_is_carried_out_in_another_process(place: Place) -> None:
    """The parent sees its progress and its end in the catalogue."""
    run_id = place.queue()

    place.execute(run_id)

    run = place.catalog.run(run_id)
    assert (run.state, run.progress.files_done, run.attempts) == ("succeeded", 12, 1)
    assert place.check_whole() == 12


def test_stopping_puts_the_run_back_and_the_next_process_resumes(place: Place) -> None:
    """What was finished is not done again."""
    run_id = place.queue()
    executor = ProcessExecutor(place.job, CHILD)
    thread = threading.Thread(target=executor, args=(run_id,))
    thread.start()
    place.wait_for(lambda: place.catalog.run(run_id).progress.files_done > 0)

    executor.stop()
    thread.join()
    stopped, kept = place.catalog.run(run_id), len(place.catalog.staged())
    place.execute(run_id)

    assert (stopped.state, stopped.attempts) == ("queued", 0)
    assert 0 < kept < 12
    assert place.catalog.run(run_id).state == "succeeded"
    assert place.check_whole() == 12


def test_a_process_ends_with_its_parent(place: Place) -> None:
    """A killed service leaves no indexer behind: the closed pipe tells it."""
    run_id = place.queue()
    process = place.start(run_id)
    place.wait_for(lambda: place.catalog.run(run_id).progress.files_done > 0)

    end(process)

    assert process.returncode == 0
    assert place.catalog.run(run_id).state == "queued"


def test_sigterm_puts_the_run_back(place: Place) -> None:
    """As an operator's `docker stop` does."""
    run_id = place.queue()
    process = place.start(run_id)
    place.wait_for(lambda: place.catalog.run(run_id).progress.files_done > 0)

    process.terminate()
    process.wait(200)
    end(process)

    assert process.returncode == 0
    assert place.catalog.run(run_id).state == "queued"


def test_a_running_run_is_cancelled_from_outside(place: Place) -> None:
    """The process that holds it notices within a heartbeat."""
    run_id = place.queue()
    process = place.start(run_id)
    place.wait_for(lambda: place.catalog.run(run_id).progress.files_done > 0)

    place.catalog.cancel_run(run_id)
    process.wait(200)
    end(process)

    assert place.catalog.run(run_id).state == "cancelled"
    assert place.check_whole() == 0


@pytest.mark.timeout(3600)
def test_killed_at_random_moments_nothing_is_half_visible(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kill -9 again and again while a run works; in the end everything is there, once.

    `CIRCUMPLEX_KILLS` says how often.
    """
    dice, resumed, half_done = random.Random(0), 0, 0
    for _ in range(KILLS):
        run_id = resumable(place)
        place.kill_after(run_id, dice.uniform(0.0, 0.6))
        assert place.check_whole() in {0, 12}
        half_done += not place.catalog.run(run_id).is_over
        if dice.random() < 0.3:  # otherwise the next kill hits the same run again
            place.execute(run_id)
            assert place.catalog.run(run_id).state == "succeeded"
            assert place.check_whole() == 12
            resumed += 1
    place.execute(resumable(place))
    place.execute(place.queue())  # tidies up after a run that died when it was already published

    with capsys.disabled():
        print(f"\n{KILLS} kills of the indexer: {half_done} in the middle, {resumed + 1} resumed")
    assert place.check_whole() == 12
    folders = {path.name for path in (place.data_dir / "snapshots").iterdir()}
    assert folders == {row.id for row in place.catalog.all_snapshots()}
    assert place.catalog.staged() == {}
    assert list((place.data_dir / "analyses").rglob(".*")) == []
    assert all(run.is_over for run in place.catalog.list_runs())


@pytest.mark.timeout(3600)
def test_a_first_index_that_is_killed_loses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kill -9 while parts are made: what could be played still can, under its ids, and is whole.

    `CIRCUMPLEX_KILLS` says how often.
    """
    dice, kills, libraries, in_the_middle, with_part = random.Random(1), 0, 0, 0, 0
    while kills < KILLS:
        libraries += 1
        place = Place(tmp_path / str(libraries))
        place.show_parts()
        run_id, before = place.queue(), 0
        for _ in range(min(5, KILLS - kills)):  # a run is given up after ten processes
            if place.catalog.run(run_id).is_over:
                break
            delay_s, next_part = dice.uniform(0.0, 1.5), kills % 2 == 1
            place.kill_after(run_id, delay_s / 10 if next_part else delay_s, next_part=next_part)
            kills += 1
            tracks = place.check_whole()
            assert tracks >= before
            before = tracks
            in_the_middle += not place.catalog.run(run_id).is_over
            with_part += 0 < tracks < 12
        place.execute(run_id)
        assert place.catalog.run(run_id).state == "succeeded"
        assert place.check_whole() == 12
        place.catalog.close()

    with capsys.disabled():
        print(f"\n{KILLS} kills of first indexes: {in_the_middle} in the middle, {with_part} parts")
    assert with_part


def resumable(place: Place) -> int:
    """The run that a killed process left, or a new one over everything."""
    left = place.catalog.claimable_run()
    if left is not None and left.attempts < 8:
        return left.id
    if left is not None:
        place.execute(left.id)
    return place.queue(full=True)


def test_a_killed_run_does_not_repeat_what_it_finished(place: Place) -> None:
    """Kept analyses outlive the process."""
    run_id = place.queue()
    process = place.start(run_id)
    kept = place.data_dir / "analyses"
    place.wait_for(lambda: sum(path.is_file() for path in kept.rglob("??/*")) >= 5)
    process.kill()
    end(process)
    stamps = {path: path.stat().st_mtime_ns for path in kept.rglob("??/[0-9a-f]*")}

    place.execute(run_id)

    assert len(stamps) >= 5
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    assert place.check_whole() == 12


def test_a_file_that_kills_its_process_is_left_out_and_the_others_are_not(place: Place) -> None:
    """A decoder that crashes, or takes too long or too much memory, ends no run."""
    place.limit(READ_LIMITS)
    for name in ("crash.wav", "greedy.wav", "hang.wav"):
        write_tone(place.music / name, duration_s=1.0)
    run_id = place.queue()

    place.execute(run_id)

    failed = place.catalog.list_tracks(TrackQuery(status="failed")).items
    assert place.catalog.run(run_id).state == "succeeded"
    reasons = {track.path: str(track.failure_reason) for track in failed}
    assert sorted(reasons) == ["crash.wav", "greedy.wav", "hang.wav"]
    assert "broke the decoder" in reasons["crash.wav"]
    assert "more memory" in reasons["greedy.wav"]
    assert "longer than" in reasons["hang.wav"]
    assert place.catalog.run(run_id).attempts == 1
    assert place.check_whole() == 12


def test_a_run_is_cancelled_within_a_file(place: Place) -> None:
    """It does not wait for the end of a file that takes long."""
    place.limit(replace(READ_LIMITS, timeout_s=3600.0))
    write_tone(place.music / "hang.wav", duration_s=1.0)
    run_id = place.queue()
    process = place.start(run_id)
    place.wait_for(lambda: place.catalog.run(run_id).progress.files_done == 12)

    place.catalog.cancel_run(run_id)

    place.wait_for(lambda: place.catalog.run(run_id).is_over, timeout_s=60)
    end(process)
    assert place.catalog.run(run_id).state == "cancelled"


def stopped(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, threading.Thread, subprocess.Popen[bytes]]:
    """A run whose process stands still in the middle of a file, and the thread that looks on."""
    monkeypatch.setattr(worker, "LOOK_S", 0.1)
    place.limit(replace(READ_LIMITS, timeout_s=3600.0))
    write_tone(place.music / "hang.wav", duration_s=1.0)
    run_id = place.queue()
    executor = ProcessExecutor(place.job, CHILD, place.catalog.is_late)
    thread = threading.Thread(target=executor, args=(run_id,))
    thread.start()
    place.wait_for(lambda: place.catalog.run(run_id).progress.files_done == 12)
    process = executor._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    return run_id, thread, process


def test_a_process_that_was_stopped_is_killed_and_its_run_goes_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds its run only as long as it renews the lease."""
    run_id, thread, process = stopped(place, monkeypatch)
    with place.catalog.engine.begin() as connection:
        over = {"lease_expires_at": datetime.now(UTC) - timedelta(seconds=1)}
        connection.execute(update(index_runs).values(over))

    thread.join(60)

    assert process.returncode == -signal.SIGKILL
    claimable = place.catalog.claimable_run()
    assert claimable is not None
    assert claimable.id == run_id


def test_a_stopped_process_that_lost_its_run_is_killed_too(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another service was quicker: the run stays with that one, and this one's queue goes on."""
    run_id, thread, process = stopped(place, monkeypatch)
    other, held = lease.new_owner(), datetime.now(UTC) + timedelta(seconds=lease.LEASE_S)
    with place.catalog.engine.begin() as connection:
        taken = {"lease_owner": other, "lease_expires_at": held}
        connection.execute(update(index_runs).values(taken))
    thread.join(60)

    assert process.returncode == -signal.SIGKILL
    assert place.catalog.run(run_id).lease_owner == other


def test_a_process_is_late_only_where_the_run_is_not_its_own(place: Place) -> None:
    """Not while it holds the run, nor while it has yet to take over from one that died."""
    run_id = place.queue()
    own, catalog = os.getpid(), place.catalog
    queued = catalog.is_late(run_id, own)
    catalog.claim_run(lease.new_owner(), run_id)
    held, lost = catalog.is_late(run_id, own), catalog.is_late(run_id, own + 1)
    with catalog.engine.begin() as connection:
        dead = lease.new_owner().partition("/")[0] + "/4194305/0/dead"  # no process number
        connection.execute(update(index_runs).values(lease_owner=dead))
    resuming = catalog.is_late(run_id, own)

    assert (queued, held, lost, resuming) == (False, False, True, False)


def test_two_services_on_one_folder_leave_no_error(
    place: Place, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Both take up the same run: one does it, the other says so and goes on."""
    run_id = place.queue()
    executors = [ProcessExecutor(place.job, CHILD, place.catalog.is_late) for _ in range(2)]
    threads = [threading.Thread(target=one, args=(run_id,)) for one in executors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    said = capfd.readouterr().err
    assert place.catalog.run(run_id).state == "succeeded"
    assert place.catalog.run(run_id).attempts == 1
    assert "Traceback" not in said
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
    assert place.check_whole() == 12


def test_a_run_without_a_model_fails_with_the_reason(place: Place, tmp_path: Path) -> None:
    """Instead of waiting in the queue for ever."""
    run_id = place.queue()
    job = Job(place.job.database_url, place.job.data_dir, checkpoint=str(tmp_path / "none"))

    ProcessExecutor(job)(run_id)

    run = place.catalog.run(run_id)
    assert run.state == "failed"
    assert "no model" in str(run.error)


def test_a_run_stands_behind_everything_else(place: Place) -> None:
    """The real process has the lowest priority before it knows its job."""
    command = [sys.executable, "-m", "indexer.runs.worker"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)

    place.wait_for(lambda: os.getpriority(os.PRIO_PROCESS, process.pid) == 19)

    end(process)


def test_the_job_is_in_no_process_list(place: Place) -> None:
    """The database's password travels through the pipe."""
    run_id = place.queue()
    process = place.start(run_id)
    command = Path(f"/proc/{process.pid}/cmdline")
    shown = command.read_bytes() if command.exists() else b""
    end(process)

    assert place.job.database_url.encode() not in shown
