"""What `circumplex demo --check` asks a running service over HTTP, and when it is satisfied."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import httpx

from app.errors import AppError
from indexer.folders.walk import AUDIO_SUFFIXES

OPPOSITES = (("calm", "aggressive"), ("sad", "ecstatic"))
MAX_CLIP_BYTES = 32 * 1024 * 1024


class CheckError(AppError):
    """An answer of the running service is not sane."""


def check_service(url: str, music: Path) -> dict[str, Any]:
    """Ask for playlists and an emotion curve.

    Args:
        url: Where the service is.
        music: Folder with at least one audio file to upload.

    Returns:
        A playlist and the emotion curve of a clip, as the service gave them.

    Raises:
        CheckError: An answer is missing, empty, not finite, out of range or out of order, or
            opposite moods get the same first track.
    """
    with httpx.Client(base_url=url, timeout=120.0, trust_env=False) as client:
        playlists = {
            mood: _playlist(client, mood) for mood in itertools.chain.from_iterable(OPPOSITES)
        }
        for one, other in OPPOSITES:
            first, second = playlists[one]["items"][0], playlists[other]["items"][0]
            many = playlists[one]["library_size"] > 1
            _demand(
                not many or first["track"]["id"] != second["track"]["id"],
                f"{one} and {other} begin with the same track",
            )
        emotion = _emotion(client, _clip(music))
    return {"playlist": playlists["calm"], "emotion": emotion}


def _playlist(client: httpx.Client, mood: str) -> dict[str, Any]:
    answer = _json(client.post("/v1/playlists", json={"emotion": {"mood": mood}, "limit": 10}))
    items = answer["items"]
    _demand(bool(items), f"the playlist for {mood} is empty")
    scores = [item["score"] for item in items]
    _demand(all(map(math.isfinite, scores)), f"a score of {mood} is not finite")
    _demand(scores == sorted(scores, reverse=True), f"the scores of {mood} are out of order")
    for item in items:
        _demand_emotion(item, f"an item of {mood}")
    answer["library_size"] = _json(client.get("/v1/library"))["tracks"]
    return answer


def _emotion(client: httpx.Client, clip: Path) -> dict[str, Any]:
    with clip.open("rb") as file:
        answer = _json(client.post("/v1/emotions", files={"file": (clip.name, file)}))
    _demand(bool(answer["curve"]), "the emotion curve is empty")
    for point in answer["curve"]:
        _demand_emotion(point, f"the curve at {point['t']} s")
        _demand(point["valence_sd"] >= 0 and point["arousal_sd"] >= 0, "an uncertainty is negative")
    _demand_emotion(answer["mean"], "the mean emotion")
    return answer


def _json(response: httpx.Response) -> dict[str, Any]:
    _demand(response.status_code == 200, f"{response.url} answers {response.text[:300]}")
    body: dict[str, Any] = response.json()
    return body


def _clip(music: Path) -> Path:
    found = sorted(path for path in music.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    usable = [path for path in found if path.stat().st_size <= MAX_CLIP_BYTES]
    _demand(bool(usable), f"no audio file under 32 MiB in {music}")
    return usable[0]


def _demand_emotion(point: dict[str, Any], what: str) -> None:
    for axis in ("valence", "arousal"):
        value = point[axis]
        _demand(math.isfinite(value) and -1.0 <= value <= 1.0, f"{what}: {axis} is {value}")


def _demand(condition: bool, complaint: str) -> None:
    if not condition:
        raise CheckError(complaint)
