"""The image and the stack, built and run: `make test-image`.

The order is that of a first evening: build, start, index, ask, upload, index again, stop, start.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
import yaml

from tests.image.engine import REPOSITORY, Stack, running_stack
from tests.running import ADMIN, RATE_HZ, TOKEN, tone, write_library

CALM = {"emotion": {"mood": "calm"}, "limit": 3}


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the folder that MUSIC names, or a small library of tones."""
    folder = tmp_path_factory.mktemp("library") / "music"
    if named := os.environ.get("MUSIC"):
        shutil.copytree(Path(named).expanduser(), folder)
    else:
        write_library(folder)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, music: Path) -> Iterator[Stack]:
    """The running stack."""
    with running_stack(tmp_path_factory.mktemp("stack"), music, TOKEN) as running:
        yield running


def playlist(stack: Stack) -> dict[str, Any]:
    """Three calm tracks."""
    with stack.client as client:
        answer = client.post("/v1/playlists", json=CALM)
    assert answer.status_code == 200, answer.text
    return answer.json()


def run_until(stack: Stack, run_id: int, states: set[str], timeout_s: float = 300.0) -> str:
    """The state of an index run once it is one of `states`."""
    deadline, state = time.monotonic() + timeout_s, ""
    with stack.client as client:
        while state not in states and time.monotonic() < deadline:
            time.sleep(0.2)
            state = client.get(f"/v1/admin/index-runs/{run_id}", headers=ADMIN).json()["state"]
    return state


def start_run(stack: Stack) -> int:
    """Ask for an index run of everything."""
    with stack.client as client:
        accepted = client.post("/v1/admin/index-runs", json={"full": True}, headers=ADMIN)
    assert accepted.status_code == 202, accepted.text
    return int(accepted.json()["id"])


def test_the_service_starts_without_an_index(stack: Stack) -> None:
    """Alive, not ready, the page and the documentation are there, the administration is closed."""
    stack.figures["start until it answers"] = f"{stack.wait('/healthz'):.1f} s"

    with stack.client as client:
        statuses = [client.get(path).status_code for path in ("/", "/docs", "/readyz")]
        refused = client.post("/v1/admin/index-runs").status_code

    assert statuses == [200, 200, 503]
    assert refused == 401


def test_it_has_no_rights(stack: Stack) -> None:
    """Not root, no capability, nothing writable but the data and /tmp; another group if wished."""
    status = stack.inside("id -u; id -G; cat /proc/1/status")
    refused = [
        stack.inside(f"touch {path}/x 2>&1 || true") for path in ("", "/opt/circumplex", "/music")
    ]

    assert status.split()[0] == "10001"
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert all("Read-only file system" in line for line in refused)
    assert stack.inside("touch /data/x /tmp/x && rm /data/x /tmp/x && echo written") == "written"


def test_the_music_is_indexed_beside_the_service(stack: Stack) -> None:
    """`compose --profile index run --rm indexer`; the service takes the index by itself."""
    began = time.monotonic()
    said = stack.done("--profile", "index", "run", "--rm", "indexer")
    stack.figures["index run, container and all"] = f"{time.monotonic() - began:.0f} s"
    stack.wait("/readyz", timeout_s=30.0)

    assert "Indexed" in said


def test_it_answers_and_hears(stack: Stack, music: Path) -> None:
    """A playlist, and the emotion curve of an upload."""
    began = time.monotonic()
    items = playlist(stack)["items"]
    stack.figures["first playlist"] = f"{(time.monotonic() - began) * 1000:.0f} ms"
    clip = max(music.rglob("*.flac"), default=None) or max(music.rglob("*.ogg"))
    with clip.open("rb") as file, stack.client as client:
        heard = client.post("/v1/emotions", files={"file": file})

    assert len(items) == 3
    assert heard.status_code == 200, heard.text
    assert heard.json()["curve"]


def test_the_search_came_compiled(stack: Stack) -> None:
    """Nothing was compiled when it was first asked: the image holds the machine code."""
    kept = stack.inside("find /data/compiled -type f")

    assert kept == ""
    assert "compiled for this processor" not in stack.done("logs", "app")


def test_the_health_check_of_the_image_is_content(stack: Stack) -> None:
    """Its own command, in the container."""
    recipe = (REPOSITORY / "docker" / "Dockerfile").read_text(encoding="utf-8")
    found = re.search(r"^HEALTHCHECK[^[]*(\[.*\])$", recipe, re.MULTILINE)
    assert found

    stack.inside(shlex.join(json.loads(found[1])))


def test_new_music_is_indexed_from_the_service(stack: Stack, music: Path) -> None:
    """A file is added, an index run asked for with the token, and the file is found."""
    soundfile.write(music / "a newcomer.flac", tone(0.5, 440.0, 40.0), RATE_HZ)
    (music / "a newcomer.flac").chmod(0o644)

    state = run_until(stack, start_run(stack), {"succeeded", "failed"})
    found: list[str] = []
    deadline = time.monotonic() + 30.0  # the service looks every two seconds
    with stack.client as client:
        while not found and time.monotonic() < deadline:
            time.sleep(0.2)
            answer = client.get("/v1/tracks", params={"q": "newcomer"}).json()
            found = [track["path"] for track in answer["items"]]

    assert state == "succeeded"
    assert found == ["a newcomer.flac"]


def test_a_backup_can_be_written(stack: Stack) -> None:
    """Beside the running service, into the data folder."""
    stack.inside("circumplex backup /data/library.tar && rm /data/library.tar")


def test_it_stops_in_time_and_goes_on(stack: Stack, music: Path) -> None:
    """Stopped in the middle of an index run: no killing, the same answer, the run resumed."""
    for number in range(20):
        path = music / f"long {number}.flac"
        soundfile.write(path, tone(0.1 + number / 30, 300.0 + 40 * number, 180.0), RATE_HZ)
        path.chmod(0o644)
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))
    grace_s = float(compose["services"]["app"]["stop_grace_period"].removesuffix("s"))
    before, run_id = playlist(stack), start_run(stack)
    assert run_until(stack, run_id, {"running"}) == "running"

    began = time.monotonic()
    stack.done("stop", "app")
    stopped_s = time.monotonic() - began
    stack.done("start", "app")
    ready_s = stack.wait("/readyz")
    after = playlist(stack)
    stack.figures["stop in an index run"] = f"{stopped_s:.1f} s of {grace_s:.0f} s"
    stack.figures["start until it is ready"] = f"{ready_s:.1f} s"

    assert stopped_s < grace_s
    assert "Application shutdown complete" in stack.done("logs", "app")
    assert after == before
    assert run_until(stack, run_id, {"succeeded", "failed"}) == "succeeded"
