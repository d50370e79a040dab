"""A client that `openapi-python-client` generates from the OpenAPI document, once for all tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.main import create_app
from tests.running import ADMIN, TOKEN, fake_settings, index_now, running_service, write_library

BIN = Path(sys.executable).parent
PROGRAM = '''
"""What a program would do with it: a playlist, a clip, an index run."""
import sys
import time
from io import BytesIO
from pathlib import Path

from generated import AuthenticatedClient
from generated.api.admin import create_index_run, get_index_run
from generated.api.emotions import create_emotion
from generated.api.playlists import create_playlist
from generated.models import (
    CreateEmotionBody,
    EmotionResponse,
    IndexRunOut,
    MoodEmotion,
    PlaylistRequest,
    PlaylistResponse,
)
from generated.types import File

url, token, clip = sys.argv[1:]
with AuthenticatedClient(base_url=url, token=token, raise_on_unexpected_status=True) as client:
    question = PlaylistRequest(emotion=MoodEmotion(mood="wistful"), limit=3)
    playlist = create_playlist.sync(client=client, body=question)
    assert isinstance(playlist, PlaylistResponse), playlist
    print(len(playlist.items), [item.track.title for item in playlist.items])

    file = File(payload=BytesIO(Path(clip).read_bytes()), file_name="clip.flac")
    emotion = create_emotion.sync(client=client, body=CreateEmotionBody(file=file), similar=2)
    assert isinstance(emotion, EmotionResponse), emotion
    print(len(emotion.curve), emotion.mean.valence, len(emotion.similar))

    run = create_index_run.sync(client=client)
    for _ in range(600):
        assert isinstance(run, IndexRunOut), run
        if run.finished_at is not None:
            break
        time.sleep(0.1)
        run = get_index_run.sync(run.id, client=client)
    assert isinstance(run, IndexRunOut), run
    print(run.state.value, run.snapshot_id)
'''


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds the generated package, and the program that uses it."""
    folder = tmp_path_factory.mktemp("generated")
    document = create_app(fake_settings(folder)).openapi()
    (folder / "openapi.json").write_text(json.dumps(document), encoding="utf-8")
    (folder / "config.yml").write_text("post_hooks: []\n", encoding="utf-8")
    made = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"),
            *("--path", "openapi.json", "--config", "config.yml", "--output-path", "generated"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    (folder / "program.py").write_text(PROGRAM, encoding="utf-8")
    return folder


def test_a_generated_client_has_every_operation(package: Path) -> None:
    """Under its own id, whatever the generator makes of answers that are audio or pictures."""
    document = json.loads((package / "openapi.json").read_text(encoding="utf-8"))
    items = document["paths"].values()

    known = {operation["operationId"] for item in items for operation in item.values()}

    assert known <= {path.stem for path in (package / "generated" / "api").rglob("*.py")}


def test_a_generated_client_type_checks(package: Path) -> None:
    """Together with a program that sends what the service accepts."""
    options = ("--config-file=", "--no-incremental", "--ignore-missing-imports")
    checked = subprocess.run(
        [BIN / "mypy", *options, "program.py"],
        cwd=package,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout


def test_a_generated_client_asks_a_service(package: Path, tmp_path: Path) -> None:
    """For a playlist, the emotion of a clip, and an index run."""
    pieces = write_library(tmp_path / "music")
    with running_service(fake_settings(tmp_path, require_key=True)) as running:
        index_now(running)
        before = running.client.get("/v1/library", headers=ADMIN).json()["snapshot_id"]
        done = subprocess.run(
            [sys.executable, "program.py", running.url, TOKEN, pieces["loud bright"]],
            cwd=package,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    playlist, clip, run = done.stdout.splitlines()
    assert playlist.startswith("3 ")
    assert clip.endswith(" 2")
    assert run.startswith("succeeded ")
    assert before
