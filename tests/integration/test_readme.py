"""What the README tells a newcomer to type does what it says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.pictures import size_of
from tests.running import Running

README = Path(__file__).resolve().parents[2] / "README.md"
PORT = "http://127.0.0.1:8000"


def _curls() -> list[str]:
    """Each curl command of the README, as it would be pasted."""
    blocks = re.findall(r"```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    commands = [re.split(r"\n(?=# |curl )", block) for block in blocks if "curl " in block]
    return [part for block in commands for part in block if part.startswith("curl ")]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("command", _curls())
def test_a_curl_of_the_readme_is_answered(service: Running, command: str, tmp_path: Path) -> None:
    """Pasted as it stands, it answers 200 with tracks, a curve, a picture or what was learned."""
    song = next(service.settings.music_roots[0].rglob("*.flac"))
    shutil.copy(song, tmp_path / "song.mp3")
    real = command.replace(PORT, service.url).replace("curl -s", "curl -sS --fail-with-body", 1)

    said = subprocess.run(
        ["bash", "-c", real], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert said.returncode == 0, said.stdout + said.stderr
    if "m3u8" in command:
        assert said.stdout.startswith("#EXTM3U")
    elif "/cover" in command:
        assert size_of((tmp_path / "cover.jpg").read_bytes()) <= (300, 300)
    else:
        answer = json.loads(said.stdout)
        assert answer.get("items") or answer.get("curve") or answer.get("sentences")


def test_the_readme_shows_every_endpoint_of_the_main_job() -> None:
    """There are commands to run: playlists, emotions, tracks."""
    commands = "\n".join(_curls())

    assert len(_curls()) >= 5
    assert all(name in commands for name in ("/v1/playlists", "/v1/emotions", "/v1/tracks"))
