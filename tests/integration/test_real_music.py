"""Mood playlists over real music, Debian's `wesnoth-1.16-music`, where it is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

MUSIC = Path("/usr/share/games/wesnoth/1.16/data/core/music")


def circumplex(data: Path, *arguments: str) -> str:
    """What the command prints on standard output."""
    command = [sys.executable, "-m", "app.cli", *arguments, "--data-dir", str(data)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the music indexed."""
    if not MUSIC.is_dir():
        pytest.skip(f"no music at {MUSIC}: apt-get install wesnoth-1.16-music")
    data = tmp_path_factory.mktemp("real")
    circumplex(data, "index", str(MUSIC))
    return data


def top_ten(data: Path, mood: str) -> dict[int, str]:
    """Titles of the ten best tracks, by id."""
    playlist = json.loads(circumplex(data, "playlist", "--mood", mood, "--limit", "10"))
    return {item["track"]["id"]: item["track"]["title"] for item in playlist["items"]}


@pytest.mark.parametrize("mood", ["tense", "energetic", "angry"])
def test_calm_and_aroused_moods_share_no_track(library: Path, mood: str) -> None:
    """Ten of 41 tracks each, and none is in both; prints them."""
    calm, aroused = top_ten(library, "calm"), top_ten(library, mood)

    sys.stdout.write(f"calm: {', '.join(calm.values())}\n{mood}: {', '.join(aroused.values())}\n")
    assert len(calm) == len(aroused) == 10
    assert not calm.keys() & aroused.keys()
