"""Asks a service 500 questions and compares its answers with those of another build.

    python benchmarks/service/compare_answers.py prepare FOLDER    # catalogues, made by this build
    python benchmarks/service/compare_answers.py ask FOLDER ANSWERS         # over them
    python benchmarks/service/compare_answers.py compare BEFORE AFTER       # 1 where they differ

Run with `PYTHONPATH` naming the tree of the build, `prepare` once, with the older one. Both builds
answer over the same catalogues, embedded by copies of one checkpoint: music made of DEAM's songs,
and the demo's pieces, each under both kinds of scoring. Equal are answers that name the same tracks
in the same order, with scores equal to 1e-9, and OpenAPI documents with the same bytes. What only
one build tells of a track is not compared.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from app.demo.catalogue import render
from benchmarks.service.catalogue import serving, write_catalogue
from benchmarks.shared_data import data_folder
from model.checkpoint import load_checkpoint, save_checkpoint
from model.emotion_model import EmotionModel
from model.learning.datasets import load_deam
from model.shipped import FAST_CHECKPOINT

KINDS = ("gaussian", "paper")
SEGMENTS = 30_000
QUESTIONS = 125  # of each of the four catalogues
TOLERANCE = 1e-9
WORDS = ("angry", "calm", "excited", "happy", "melancholic", "relaxed", "sad", "tense")
TRACKS = {"music": SEGMENTS // 15, "demo": 40}
Question = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, arguments in (
        ("prepare", ["folder"]),
        ("ask", ["folder", "answers"]),
        ("compare", ["before", "after"]),
    ):
        command = commands.add_parser(name)
        for argument in arguments:
            command.add_argument(argument, type=Path)
    options = parser.parse_args()
    if options.command == "prepare":
        prepare(options.folder)
    elif options.command == "ask":
        options.answers.write_text(json.dumps(ask_all(options.folder)))
    else:
        differences = list(compare(_read(options.before), _read(options.after)))
        print("\n".join(differences) or "equal")
        sys.exit(bool(differences))


def prepare(folder: Path) -> None:
    """Four catalogues and the checkpoints that embedded them."""
    folder.mkdir(parents=True)
    render(folder / "pieces")
    shipped = load_checkpoint(FAST_CHECKPOINT).checkpoint
    for kind in KINDS:
        path = folder / f"{kind}.safetensors"
        save_checkpoint(path, replace(shipped, scoring=shipped.scoring.with_kind(kind)))
        model = EmotionModel.load(path, "cpu")
        write_catalogue(folder / f"music-{kind}", model, SEGMENTS, load_deam(data_folder()))
        demo = folder / f"demo-{kind}"
        if kind != KINDS[0]:
            shutil.copytree(folder / f"demo-{KINDS[0]}", demo)
        index = [sys.executable, "-m", "app.cli", "index", str(folder / "pieces")]
        subprocess.run([*index, "--data-dir", str(demo), "--checkpoint", str(path)], check=True)


def ask_all(folder: Path) -> dict[str, Any]:
    """The answers of this build over copies of all catalogues, and its OpenAPI document."""
    answers: dict[str, Any] = {}
    for rows, tracks in TRACKS.items():
        for kind in KINDS:
            name = f"{rows}-{kind}"
            os.environ["CIRCUMPLEX_CHECKPOINT"] = str(folder / f"{kind}.safetensors")
            with tempfile.TemporaryDirectory() as aside:
                shutil.copytree(folder / name, Path(aside) / "data")
                with serving(Path(aside) / "data") as (port, _):
                    asked = questions(tracks, QUESTIONS)
                    answers[name] = [_ask(port, question) for question in asked]
                    answers["openapi"] = _get(port, "/openapi.json").decode()
    return answers


def compare(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """What differs, a line each."""
    if before.pop("openapi") != after.pop("openapi"):
        yield "the OpenAPI documents differ"
    if before.keys() != after.keys():
        yield f"catalogues {sorted(before)} and {sorted(after)}"
    for name, answers in before.items():
        for number, (old, new) in enumerate(zip(answers, after[name], strict=True)):
            where = _difference(old, new)
            if where is not None:
                yield f"{name}, question {number}: {where}"


def questions(tracks: int, count: int) -> Iterator[Question]:
    """Playlist requests over a catalogue with track ids 1 to `tracks`, the same each time."""
    draws = np.random.default_rng(7)
    for number in range(count):
        question: Question = {
            "emotion": _emotion(draws, number, tracks),
            "scale": ("relative", "absolute")[number % 2],
            "level": ("track", "segment")[number // 2 % 2],
            "limit": int(draws.integers(1, 60)),
            "explain": number % 3 == 0,
        }
        if number % 5 == 4:
            question["mode"] = "journey"
            if number % 2:
                del question["limit"]
                question["duration_s"] = float(draws.integers(300, 6000))
        if number % 4 == 3:
            question["max_per_artist"] = int(draws.integers(1, 4))
        if number % 3 == 2:
            question["filters"] = _filters(draws, number, tracks)
        yield question


def _emotion(draws: np.random.Generator, number: int, tracks: int) -> Question:
    which = number % 7
    if which == 0:
        return {"mood": str(draws.choice(WORDS))}
    if which == 1:
        return {"track_id": int(draws.integers(1, tracks + 1))}
    if which == 2:
        chosen = draws.integers(1, tracks + 1, int(draws.integers(2, 6)))
        return {"tracks": [int(track) for track in chosen]}
    points = 1 if which in (3, 4) else int(draws.integers(2, 12))
    places = draws.uniform(-0.95, 0.95, (points, 2)).round(3).tolist()
    return {
        "curve": [
            {"t": 30.0 * at, "valence": valence, "arousal": arousal}
            for at, (valence, arousal) in enumerate(places)
        ]
    }


def _filters(draws: np.random.Generator, number: int, tracks: int) -> Question:
    which = number // 3 % 5
    some = [int(track) for track in draws.integers(1, tracks + 1, 90)]
    return (
        {"artist": [f"Artist {track}" for track in range(0, 500, 3)]},
        {"exclude_ids": some[:20]},
        {"exclude_ids": some},
        {"duration_s": {"min": 20.0, "max": 200.0}},
        {"year": {"min": 1990, "max": 2100}, "genre": ["study", "demo"]},
    )[which]


def _ask(port: int, question: Question) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120.0)
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/v1/playlists", json.dumps(question), headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    if response.status != 200:
        return [response.status, answer.get("title")]
    return answer


def _get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60.0)
    connection.request("GET", path)
    return connection.getresponse().read()


def _difference(old: Any, new: Any, at: str = "") -> str | None:
    """Where two answers differ first; None where they do not."""
    if isinstance(old, dict) and isinstance(new, dict):  # one build may tell more
        pairs = [(old[key], new[key], f"{at}.{key}") for key in old.keys() & new.keys()]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = [(*pair, f"{at}[{row}]") for row, pair in enumerate(zip(old, new, strict=True))]
    elif isinstance(old, float) and isinstance(new, float) and abs(old - new) <= TOLERANCE:
        return None
    else:
        return None if old == new else f"{at}: {str(old)[:80]} is now {str(new)[:80]}"
    found = (_difference(*pair) for pair in pairs)
    return next((each for each in found if each is not None), None)


def _read(path: Path) -> dict[str, Any]:
    answers: dict[str, Any] = json.loads(path.read_text())
    return answers


if __name__ == "__main__":
    main()
