"""Listeners notice neither index runs nor swaps."""

from __future__ import annotations

import threading
from pathlib import Path

from benchmarks.service.client import NO_ANSWER, arrivals_s, playlist_request, send
from benchmarks.service.load import bodies
from tests.running import ADMIN, fake_settings, index_now, running_service, write_library

RATE, SECONDS = 40.0, 3.0


def test_no_request_fails_while_music_is_indexed_anew_and_snapshots_swap(tmp_path: Path) -> None:
    """A steady load sees nothing but 200 while full runs end and older snapshots come back."""
    write_library(tmp_path / "music")
    with running_service(fake_settings(tmp_path, keep_snapshots=100)) as running:
        first = index_now(running)["snapshot_id"]
        stop, seen = threading.Event(), list[str]()

        def unrest() -> None:
            while not stop.is_set():
                seen.append(index_now(running, full=True)["snapshot_id"])
                path = f"/v1/admin/snapshots/{first}/activate"
                assert running.client.post(path, headers=ADMIN).status_code == 200

        thread = threading.Thread(target=unrest)
        thread.start()
        port = int(running.url.rpartition(":")[2])
        due_s = arrivals_s(RATE, SECONDS)
        answers = send(port, [playlist_request(b, port) for b in bodies(len(due_s))], due_s)
        stop.set()
        thread.join()

    assert answers.statuses == {200: RATE * SECONDS}
    assert len(answers.latency_ms) == len(due_s)
    assert len(set(seen)) == len(seen) >= 1


def test_the_client_counts_what_it_does_not_get(tmp_path: Path) -> None:
    """Refusals by their status, and a service that went away as no answer."""
    with running_service(fake_settings(tmp_path)) as running:
        port = int(running.url.rpartition(":")[2])
        requests = [playlist_request(body, port) for body in bodies(5)]
        unready = send(port, requests, arrivals_s(100.0, 0.05, steady=True))

    gone = send(port, requests, arrivals_s(100.0, 0.05, steady=True))

    assert unready.statuses == {503: 5}
    assert gone.statuses == {NO_ANSWER: 5}


def test_arrivals_come_at_the_rate_that_is_asked_for() -> None:
    """Steady ones evenly, others at random with that mean; the same for the same seed."""
    steady, random = arrivals_s(100.0, 10.0, steady=True), arrivals_s(100.0, 10.0)

    assert steady[:3] == [0.0, 0.01, 0.02]
    assert len(random) == len(steady) == 1000
    assert 9.0 < random[-1] < 11.0
    assert random == arrivals_s(100.0, 10.0)
