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


FIRST = 7  # of the 37 tracks that are music: hardly more lie in a quarter of the plane


def first_tracks(data: Path, mood: str) -> dict[int, str]:
    """Titles of the best tracks, by id."""
    playlist = json.loads(circumplex(data, "playlist", "--mood", mood, "--limit", str(FIRST)))
    return {item["track"]["id"]: item["track"]["title"] for item in playlist["items"]}


@pytest.mark.parametrize("mood", ["tense", "energetic", "angry"])
def test_calm_and_aroused_moods_share_no_track(library: Path, mood: str) -> None:
    """Seven of 37 tracks each, and none is in both; prints them."""
    calm, aroused = first_tracks(library, "calm"), first_tracks(library, mood)

    sys.stdout.write(f"calm: {', '.join(calm.values())}\n{mood}: {', '.join(aroused.values())}\n")
    assert len(calm) == len(aroused) == FIRST
    assert not calm.keys() & aroused.keys()


def test_happy_and_angry_are_two_lists(library: Path) -> None:
    """In music of one style valence still tells lively moods apart; prints both."""
    happy, angry = first_tracks(library, "happy"), first_tracks(library, "angry")

    sys.stdout.write(f"happy: {', '.join(happy.values())}\nangry: {', '.join(angry.values())}\n")
    assert len(happy.keys() & angry.keys()) <= FIRST // 3
