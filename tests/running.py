"""A real server in a thread, and a small library of real audio for it to index."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import soundfile
import uvicorn
from mutagen.flac import FLAC

from app.main import create_app
from app.settings import Settings
from tests.fakes import FakeModel
from tests.pictures import BLUE, FRONT, RED, embed, picture

TOKEN = "a-token-for-tests-0123456789"
ADMIN = {"Authorization": f"Bearer {TOKEN}"}
RATE_HZ = 8000
LEVELS = {"quiet": 0.05, "middling": 0.4, "loud": 0.95}
TONES_HZ = {"dull": 150.0, "plain": 700.0, "bright": 1300.0}
ARTISTS = ("Ada", "Ada", "Ben", "Cleo")


@dataclass(frozen=True)
class Running:
    """A service that answers, and what it was started with."""

    client: httpx.Client
    settings: Settings
    model: FakeModel
    url: str


def tone(level: float, tone_hz: float, seconds: float = 3.0) -> np.ndarray:
    """A steady tone: to the fake model louder is more aroused and higher more pleasant."""
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (level * np.sin(2 * np.pi * tone_hz * t)).astype(np.float32)


def write_library(folder: Path) -> dict[str, Path]:
    """Nine tagged FLAC files, one for each level and tone, and one broken file.

    One file holds a picture, and the folder of the quiet ones has one.
    """
    pieces = {}
    for level_name, level in LEVELS.items():
        for tone_name, tone_hz in TONES_HZ.items():
            name = f"{level_name} {tone_name}"
            path = folder / level_name / f"{tone_name}.flac"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, tone(level, tone_hz), RATE_HZ)
            tags = FLAC(path)
            index = len(pieces)
            tags.update(
                {
                    "title": name.capitalize(),
                    "artist": ARTISTS[index % len(ARTISTS)],
                    "genre": "Étude" if index % 2 else "Drone",
                    "date": str(1990 + index),
                }
            )
            tags.save()
            pieces[name] = path
    embed(pieces["loud bright"], (FRONT, picture(RED)))
    (folder / "quiet" / "Cover.png").write_bytes(picture(BLUE, kind="PNG"))
    (folder / "broken.mp3").write_bytes(b"this is text, not music\n" * 100)
    return pieces


def fake_settings(folder: Path, **changes: Any) -> Settings:
    """Settings for tests: everything below `folder`, uploads analysed in the test's process."""
    values: dict[str, Any] = {
        "data_dir": folder / "data",
        "music_roots": (folder / "music",),
        "admin_token": TOKEN,
        "isolate_uploads": False,
        "isolate_index_runs": False,
        "snapshot_poll_s": 0.2,
    }
    return Settings(**(values | changes))


@contextmanager
def running_service(settings: Settings, model: Any = None) -> Iterator[Running]:
    """Serve over loopback until the block ends."""
    model = FakeModel() if model is None else model
    app = create_app(settings, load=lambda _settings: model)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            port=0,
            root_path=settings.root_path,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        for _ in range(6000):
            if server.started or not thread.is_alive():
                break
            time.sleep(0.05)
        assert server.started, "the service did not start"
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, timeout=300.0, trust_env=False) as client:
            yield Running(client, settings, model, url)
    finally:
        server.should_exit = True
        thread.join(timeout=120.0)


def index_now(running: Running, **body: Any) -> dict[str, Any]:
    """Start an index run over the API and wait for its end."""
    accepted = running.client.post("/v1/admin/index-runs", json=body, headers=ADMIN)
    assert accepted.status_code == 202, accepted.text
    return wait_for_run(running, accepted.json()["id"])


def wait_for_run(running: Running, run_id: int, timeout_s: float = 300.0) -> dict[str, Any]:
    """The run once it is over."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        run = running.client.get(f"/v1/admin/index-runs/{run_id}", headers=ADMIN).json()
        if run["state"] in {"succeeded", "failed", "cancelled"}:
            return run
        time.sleep(0.05)
    raise AssertionError(f"run {run_id} did not end: {run}")


def problem_of(response: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """The problem of a response, checked to be a whole one of this kind."""
    body = response.json()
    assert response.status_code == status, body
    assert response.headers["content-type"] == "application/problem+json"
    assert body["type"] == f"urn:circumplex:problem:{slug}", body
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == response.headers["x-request-id"]
    return body
