"""`/v1/admin` over HTTP: index runs, their events, snapshots, and who may do it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from app.settings import Settings
from indexer.catalog.catalog import open_catalog
from indexer.errors import StorageError
from indexer.runs.indexer import Indexer, RunOptions
from model.analysis import Analysis
from tests.fakes import FakeModel
from tests.running import (
    ADMIN,
    Running,
    fake_settings,
    index_now,
    problem_of,
    running_service,
    tone,
    wait_for_run,
    write_library,
)

ENDPOINTS = [
    ("POST", "/v1/admin/index-runs"),
    ("GET", "/v1/admin/index-runs"),
    ("GET", "/v1/admin/index-runs/1"),
    ("DELETE", "/v1/admin/index-runs/1"),
    ("GET", "/v1/admin/index-runs/1/events"),
    ("GET", "/v1/admin/failures"),
    ("GET", "/v1/admin/passed-over"),
    ("GET", "/v1/admin/snapshots"),
    ("POST", "/v1/admin/snapshots/x/activate"),
]


class GatedModel(FakeModel):
    """Analyses a file only when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Semaphore(0)

    def analyse(self, source: Any, *, max_duration_s: float | None = None) -> Analysis:
        """Wait for the gate, then analyse."""
        self.gate.acquire(timeout=120.0)
        return super().analyse(source, max_duration_s=max_duration_s)


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[Running]:
    """A service whose index run goes on file by file."""
    write_library(tmp_path / "music")
    with running_service(fake_settings(tmp_path), GatedModel()) as running:
        yield running
        running.model.gate.release(100)


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_every_admin_endpoint_wants_the_token(service: Running, method: str, path: str) -> None:
    """401 without one, with a wrong one, and with another scheme."""
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}):
        response = service.client.request(method, path, headers=headers)

        problem_of(response, 401, "unauthenticated")
        assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_without_a_configured_token_nobody_is_administrator(
    open_service: Running, method: str, path: str
) -> None:
    """403 that says what to set, even for one who sends something."""
    response = open_service.client.request(method, path, headers=ADMIN)

    assert "CIRCUMPLEX_ADMIN_TOKEN" in problem_of(response, 403, "admin-disabled")["detail"]


@pytest.fixture(scope="module")
def open_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service without an admin token."""
    settings = fake_settings(tmp_path_factory.mktemp("open"), admin_token=None)
    with running_service(settings) as running:
        yield running


def test_an_index_run_is_accepted_followed_and_listed(empty_service: Running) -> None:
    """202 with Location; then it succeeds and its snapshot answers at once."""
    accepted = empty_service.client.post("/v1/admin/index-runs", headers=ADMIN)

    run = wait_for_run(empty_service, accepted.json()["id"])
    listed = empty_service.client.get("/v1/admin/index-runs", headers=ADMIN).json()["items"]
    playlist = empty_service.client.post("/v1/playlists", json={"emotion": {"mood": "calm"}})

    assert accepted.status_code == 202
    assert accepted.headers["location"].endswith(f"/v1/admin/index-runs/{run['id']}")
    assert (run["state"], run["files_total"], run["files_failed"]) == ("succeeded", 10, 1)
    assert [item["id"] for item in listed] == [run["id"]]
    assert playlist.json()["snapshot_id"] == run["snapshot_id"]


def test_failures_are_listed_with_their_reasons(service: Running) -> None:
    """The text file that calls itself MP3."""
    items = service.client.get("/v1/admin/failures", headers=ADMIN).json()["items"]

    assert [item["path"] for item in items] == ["broken.mp3"]
    assert "decode" in items[0]["reason"]
    assert "broken" not in items[0]["reason"]


def test_roots_outside_the_music_roots_are_refused(service: Running, tmp_path: Path) -> None:
    """Neither another folder, nor a way out of a root, nor a link, nor nonsense."""
    root = service.settings.music_roots[0]
    link = root.parent / "link"
    link.symlink_to(tmp_path)
    for folder in (str(tmp_path), f"{root}/../..", str(link), "/nowhere", "relative", "a\\0"):
        response = service.client.post(
            "/v1/admin/index-runs", json={"roots": [folder]}, headers=ADMIN
        )

        problem_of(response, 422, "unknown-root")


def test_a_folder_inside_a_root_may_be_indexed_alone(empty_service: Running) -> None:
    """Only its three files are looked at."""
    root = empty_service.settings.music_roots[0]

    run = index_now(empty_service, roots=[str(root / "loud")])

    assert (run["state"], run["files_total"]) == ("succeeded", 3)


def test_tracks_of_other_folders_leave_when_asked(empty_service: Running) -> None:
    """Folders that are no music root any more, for example."""
    root = empty_service.settings.music_roots[0]
    index_now(empty_service)
    before = empty_service.client.get("/v1/library").json()["tracks"]

    run = index_now(empty_service, roots=[str(root / "loud")], only=True)

    assert (run["state"], run["only"]) == ("succeeded", True)
    assert before == 9
    assert empty_service.client.get("/v1/library").json()["tracks"] == 3


def events_of(running: Running, run_id: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The server-sent events of a run."""
    url = f"/v1/admin/index-runs/{run_id}/events"
    with running.client.stream("GET", url, headers=ADMIN) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in response.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


def test_events_follow_a_run_to_its_end(gated: Running) -> None:
    """Progress comes while it works; the last event is the end."""
    run = gated.client.post("/v1/admin/index-runs", headers=ADMIN).json()
    seen = []
    for name, state in events_of(gated, run["id"]):
        seen.append((name, state["files_done"]))
        gated.model.gate.release(100)

    assert seen[0][0] == "progress"
    assert seen[-1] == ("end", 10)
    assert [done for _, done in seen] == sorted(done for _, done in seen)


def test_the_library_tells_everyone_how_far_a_run_is(gated: Running) -> None:
    """Counts alone, without a token, until it is over."""
    run = gated.client.post("/v1/admin/index-runs", headers=ADMIN).json()
    for _, state in events_of(gated, run["id"]):
        if state["files_total"]:
            break
    under_way = gated.client.get("/v1/library").json()
    gated.model.gate.release(100)
    wait_for_run(gated, run["id"])
    after = gated.client.get("/v1/library").json()

    assert under_way["indexing"] is True
    assert under_way["progress"]["files_total"] == 10
    assert set(under_way["progress"]) == {
        "files_total",
        "files_done",
        "files_failed",
        "seconds_left",
    }
    assert (after["indexing"], after["progress"]) == (False, None)


def test_a_running_run_can_be_cancelled(gated: Running) -> None:
    """It ends before the rest of the files, and the old state answers on."""
    run = gated.client.post("/v1/admin/index-runs", headers=ADMIN).json()
    for _, state in events_of(gated, run["id"]):
        if state["state"] == "running":
            break

    answer = gated.client.delete(f"/v1/admin/index-runs/{run['id']}", headers=ADMIN).json()
    gated.model.gate.release(100)

    assert answer["cancel_requested"]
    assert wait_for_run(gated, run["id"])["state"] == "cancelled"
    problem_of(gated.client.get("/readyz"), 503, "not-ready")


def test_a_queued_run_is_cancelled_at_once(gated: Running) -> None:
    """One at a time runs; the one behind it need not wait to be dropped."""
    first = gated.client.post("/v1/admin/index-runs", headers=ADMIN).json()
    for _, state in events_of(gated, first["id"]):
        if state["state"] == "running":
            break
    second = gated.client.post("/v1/admin/index-runs", headers=ADMIN).json()

    cancelled = gated.client.delete(f"/v1/admin/index-runs/{second['id']}", headers=ADMIN).json()

    assert (second["state"], cancelled["state"]) == ("queued", "cancelled")


def test_a_new_snapshot_takes_over_while_the_service_answers(empty_service: Running) -> None:
    """A file more, a run more, another snapshot: no request fails meanwhile."""
    index_now(empty_service)
    soundfile.write(empty_service.settings.music_roots[0] / "new.flac", tone(0.7, 900.0), 8000)
    run = empty_service.client.post("/v1/admin/index-runs", headers=ADMIN).json()
    statuses, snapshots = set(), set()
    while wait_once(empty_service, run["id"])["state"] in {"queued", "running"}:
        answer = empty_service.client.post("/v1/playlists", json={"emotion": {"mood": "calm"}})
        statuses.add(answer.status_code)
        snapshots.add(answer.json()["snapshot_id"])
    last = empty_service.client.post("/v1/playlists", json={"emotion": {"mood": "calm"}}).json()

    assert statuses <= {200}
    assert len(last["items"]) == 10
    assert last["snapshot_id"] not in snapshots or len(snapshots) == 2


def wait_once(running: Running, run_id: int) -> dict[str, Any]:
    """The run as it is now."""
    return running.client.get(f"/v1/admin/index-runs/{run_id}", headers=ADMIN).json()


def test_an_older_snapshot_can_be_activated(empty_service: Running) -> None:
    """Roll back: the removed track is there again, and forward: it is gone again."""
    first = index_now(empty_service)["snapshot_id"]
    (empty_service.settings.music_roots[0] / "loud" / "bright.flac").unlink()
    second = index_now(empty_service)["snapshot_id"]

    def activate(snapshot_id: str) -> int:
        url = f"/v1/admin/snapshots/{snapshot_id}/activate"
        answer = empty_service.client.post(url, headers=ADMIN)
        assert answer.json()["active"], answer.text
        body = {"emotion": {"mood": "calm"}}
        playlist = empty_service.client.post("/v1/playlists", json=body).json()
        assert playlist["snapshot_id"] == snapshot_id
        return len(playlist["items"])

    listed = empty_service.client.get("/v1/admin/snapshots", headers=ADMIN).json()["items"]
    assert [item["id"] for item in listed] == [second, first]
    assert [item["active"] for item in listed] == [True, False]
    assert (activate(first), activate(second)) == (9, 8)


def test_a_damaged_snapshot_is_not_activated(empty_service: Running) -> None:
    """It is refused, and the next start finds the index of before, not none."""
    first = index_now(empty_service)["snapshot_id"]
    (empty_service.settings.music_roots[0] / "loud" / "bright.flac").unlink()
    second = index_now(empty_service)["snapshot_id"]
    damaged = empty_service.settings.data_dir / "snapshots" / first / "mu.npy"
    damaged.write_bytes(damaged.read_bytes()[:-8] + b"\xff" * 8)
    path = f"/v1/admin/snapshots/{first}/activate"

    refusal = empty_service.client.post(path, headers=ADMIN)

    assert "cannot be opened" in problem_of(refusal, 409, "conflict")["detail"]
    listed = empty_service.client.get("/v1/admin/snapshots", headers=ADMIN).json()["items"]
    assert [item["id"] for item in listed if item["active"]] == [second]
    ask = {"emotion": {"mood": "calm"}}
    answer = empty_service.client.post("/v1/playlists", json=ask).json()
    assert answer["snapshot_id"] == second


def test_unknown_runs_and_snapshots_are_not_found(service: Running) -> None:
    """404 for each."""
    client = service.client
    for path in ("/v1/admin/index-runs/999", "/v1/admin/index-runs/999/events"):
        problem_of(client.get(path, headers=ADMIN), 404, "index-run-not-found")
    gone = client.delete("/v1/admin/index-runs/999", headers=ADMIN)
    problem_of(gone, 404, "index-run-not-found")
    unknown = client.post("/v1/admin/snapshots/none/activate", headers=ADMIN)
    problem_of(unknown, 404, "snapshot-not-found")


def test_a_run_of_another_process_is_noticed(empty_service: Running) -> None:
    """`circumplex index` in another terminal: the service swaps by itself."""
    settings = empty_service.settings
    catalog = open_catalog(settings.resolved_database_url)
    Indexer(catalog, FakeModel(), settings.data_dir).run(settings.music_roots)
    catalog.close()
    deadline = time.monotonic() + 120.0
    while time.monotonic() < deadline:
        response = empty_service.client.get("/readyz")
        if response.status_code == 200:
            break
        time.sleep(0.1)

    assert response.status_code == 200
    assert response.json()["tracks"] == 9


# Keys and rates ----------------------------------------------------------------------------------


def test_what_a_run_passed_over_is_listed(empty_service: Running) -> None:
    """Each entry with its reason, page by page, and how many there are of each.

    A page that ends with the last entry has none behind it.
    """
    music = empty_service.settings.music_roots[0]
    for name in ("a.mid", "b.mid", "c.mod"):
        (music / name).write_bytes(b"x")
    index_now(empty_service)

    first = empty_service.client.get("/v1/admin/passed-over?limit=2", headers=ADMIN).json()
    rest = f"/v1/admin/passed-over?limit=2&cursor={first['next_cursor']}"
    second = empty_service.client.get(rest, headers=ADMIN).json()

    paths = [item["path"] for item in (*first["items"], *second["items"])]
    assert paths == [f"{music}/{name}" for name in ("a.mid", "b.mid", "c.mod")]
    assert sorted(first["counts"].values()) == [1, 2]
    assert second["next_cursor"] is None
    full = empty_service.client.get("/v1/admin/passed-over?limit=3", headers=ADMIN).json()
    assert len(full["items"]) == 3
    assert full["next_cursor"] is None


def test_a_part_of_a_first_index_is_said_to_be_one(tmp_path: Path) -> None:
    """The library and the list of snapshots say so, until a run has come to its end."""
    write_library(tmp_path / "music")
    settings = fake_settings(tmp_path)
    _break_off(settings)

    with running_service(settings) as running:
        part = running.client.get("/v1/library").json()
        snapshots = running.client.get("/v1/admin/snapshots", headers=ADMIN).json()["items"]
        index_now(running)
        whole = running.client.get("/v1/library").json()

    assert (part["partial"], whole["partial"]) == (True, False)
    assert 0 < part["tracks"] < whole["tracks"]
    assert [row["partial"] for row in snapshots] == [True] * len(snapshots)


def _break_off(settings: Settings) -> None:
    """Leave a first index run after some files."""

    class Breaking(FakeModel):
        def analyse(self, source: Any, *, max_duration_s: float | None = None) -> Analysis:
            if self.analysed == 7:
                raise StorageError("no room")
            return super().analyse(source, max_duration_s=max_duration_s)

    settings.data_dir.mkdir(parents=True, exist_ok=True)
    catalog = open_catalog(settings.resolved_database_url)
    options = RunOptions(workers=1, stage_s=0.0, first_part_s=0.0, parts_share=1e9)
    with pytest.raises(StorageError):
        Indexer(catalog, Breaking(), settings.data_dir, options).run(settings.music_roots)
    catalog.close()
