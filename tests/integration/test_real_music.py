"""Mood playlists over real music, Debian's `wesnoth-1.16-music`, where it is installed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.processes import circumplex

MUSIC = Path("/usr/share/games/wesnoth/1.16/data/core/music")
FIRST = 7  # of the 37 tracks that are music: hardly more lie in a quarter of the plane

FirstTracks = Callable[[str], dict[int, str]]


@pytest.fixture(scope="module")
def first_tracks(tmp_path_factory: pytest.TempPathFactory) -> FirstTracks:
    """Titles of the best tracks for a mood, by id, from an index of the music."""
    if not MUSIC.is_dir():
        pytest.skip(f"no music at {MUSIC}: apt-get install wesnoth-1.16-music")
    folder = tmp_path_factory.mktemp("real")

    def printed(*arguments: str) -> str:
        done = circumplex(folder, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    printed("index", str(MUSIC))

    @cache
    def asked(mood: str) -> dict[int, str]:
        playlist = json.loads(printed("playlist", "--mood", mood, "--limit", str(FIRST)))
        return {item["track"]["id"]: item["track"]["title"] for item in playlist["items"]}

    return asked


@pytest.mark.parametrize("mood", ["tense", "energetic", "angry"])
def test_calm_and_aroused_moods_share_no_track(first_tracks: FirstTracks, mood: str) -> None:
    """Seven of 37 tracks each, and none is in both; prints them."""
    calm, aroused = first_tracks("calm"), first_tracks(mood)

    sys.stdout.write(f"calm: {', '.join(calm.values())}\n{mood}: {', '.join(aroused.values())}\n")
    assert len(calm) == len(aroused) == FIRST
    assert not calm.keys() & aroused.keys()


def test_happy_and_angry_are_two_lists(first_tracks: FirstTracks) -> None:
    """In music of one style valence still tells lively moods apart; prints both."""
    happy, angry = first_tracks("happy"), first_tracks("angry")

    sys.stdout.write(f"happy: {', '.join(happy.values())}\nangry: {', '.join(angry.values())}\n")
    assert len(happy.keys() & angry.keys()) <= FIRST // 3
