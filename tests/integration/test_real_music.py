"""Moods over real music, `wesnoth-1.16-music` of Debian, and clips that people annotated."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.processes import circumplex
from tests.running import Running, fake_settings, running_service

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


def felt(running: Running, clip: Path) -> dict[str, float]:
    """The mean emotion of a file."""
    files = {"file": (clip.name, clip.read_bytes())}
    mean: dict[str, float] = running.client.post("/v1/emotions", files=files).json()["mean"]
    return mean


def test_people_agree_with_the_emotion_of_the_deam_clips(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Five clips through the API with the shipped model: means correlate with the human ones."""
    from model.emotion_model import EmotionModel
    from model.shipped import FAST_CHECKPOINT

    human = human_means(shared_data / "deam" / "dynamic_annotations.csv")
    clips = sorted((shared_data / "deam" / "audio").glob("*.mp3"), key=lambda path: int(path.stem))
    with running_service(
        fake_settings(tmp_path), EmotionModel.load(FAST_CHECKPOINT, "cpu")
    ) as running:
        answers = [felt(running, clip) for clip in clips]

    expected = np.array([human[int(clip.stem)] for clip in clips])  # [5, 2]
    predicted = np.array([(answer["arousal"], answer["valence"]) for answer in answers])
    arousal, valence = (np.corrcoef(expected[:, k], predicted[:, k])[0, 1] for k in (0, 1))
    both = np.corrcoef(expected.ravel(), predicted.ravel())[0, 1]
    with capsys.disabled():
        print(f"\nDEAM clips: r arousal {arousal:.2f}, valence {valence:.2f}, both {both:.2f}")
    assert arousal > 0
    assert both > 0.3


def human_means(table: Path) -> dict[int, tuple[float, float]]:
    """Mean (arousal, valence) of each song over its annotation, in [-1, 1]."""
    with table.open(newline="") as file:
        rows = [[float(value) for value in row] for row in list(csv.reader(file))[1:]]
    values = np.array(rows)  # song, time, arousal, valence
    songs = {int(song): 2.0 * values[values[:, 0] == song, 2:] - 1.0 for song in set(values[:, 0])}
    return {song: tuple(frames.mean(axis=0)) for song, frames in songs.items()}
