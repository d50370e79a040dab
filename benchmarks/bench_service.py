"""The running service: overhead over the bare search, load while it swaps and indexes, uploads.

    python -m benchmarks.bench_service [--segments 100000] [--rate 200] [--seconds 60]
        [--parts weight overhead clips levels steady swaps index uploads] [--rows music|noise]
        [--folder DIR]

Starts `circumplex serve` over a made-up catalogue with the shipped checkpoint and asks it over
loopback, from the same machine. The rows are those of the search benchmark, made of DEAM's songs,
or noise, a harder case. The index run of the part `index` is a real one, started through
the API: a full run over real music where Battle for Wesnoth's lies at its usual place, else over
pieces that the demo composes. Prints one JSON object. Other programs show in every figure, so the
load average stands beside them. A catalogue that `--folder` holds already is used as it is, if it
is of the same rows, size and checkpoint.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from app.clips.clips import Clip, clip_emotions
from app.library.live import Live
from app.playlists.match import make_playlist
from app.playlists.queries import absolute_curve
from app.wire.schemas import PlaylistRequest
from benchmarks.search.vectors import annotators_curves
from benchmarks.service.catalogue import (
    DESCRIPTION,
    SNAPSHOTS,
    cpu_s,
    described,
    live_of,
    music_folder,
    serving,
    write_catalogue,
)
from benchmarks.service.load import bodies, load, spread
from benchmarks.service.weight import weight
from benchmarks.shared_data import data_folder
from indexer.search.searcher import Level, Searcher, SearchRequest
from indexer.snapshot.reader import Snapshot
from model.emotion_model import EmotionModel
from model.learning.datasets import load_deam
from model.shipped import FAST_CHECKPOINT

REQUESTS = 300
LIMIT = 20  # items of a playlist that names no number
WARM_UP = 50
TOGETHER = (1, 2, 4, 8, 16)  # clips heard in one call
CLIP_REPEATS = 40
PARTS = ("weight", "overhead", "clips", "levels", "steady", "swaps", "index", "uploads")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the part `index`")
    parser.add_argument("--uploads", type=int, default=50)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--rows", choices=("music", "noise"), default="music")
    parser.add_argument("--data", type=Path, default=data_folder(), help="holds DEAM's tables")
    parser.add_argument("--folder", type=Path, help="catalogue to use, made where it is missing")
    parser.add_argument("--prepare", action="store_true", help="make the catalogue and stop")
    options = parser.parse_args()
    torch.set_num_threads(1)  # as the service does
    model = EmotionModel.load(FAST_CHECKPOINT, "cpu")
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name) / "data"
        prepare(folder, model, options)
        if not options.prepare:
            print(json.dumps(measured(folder, model, options), indent=2))


def prepare(folder: Path, model: EmotionModel, options: argparse.Namespace) -> None:
    """Make the catalogue, or see that the one that is there is what was asked for."""
    noise = options.rows == "noise"
    wanted = described(model, options.segments, noise)
    if not (folder / DESCRIPTION).exists():
        songs = None if noise else load_deam(options.data)
        write_catalogue(folder, model, options.segments, songs)
    found = json.loads((folder / DESCRIPTION).read_text())
    if found != wanted:
        raise SystemExit(f"{folder} holds {found}, not {wanted}: name another folder")


def measured(folder: Path, model: EmotionModel, options: argparse.Namespace) -> dict[str, Any]:
    """Every part that was asked for, on one service."""
    report: dict[str, Any] = {
        **json.loads((folder / DESCRIPTION).read_text()),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
    }
    music = music_folder(folder)
    if "weight" in options.parts:
        clip = _form(_noise(30.0, "FLAC"))
        report["weight"] = weight(folder, music, lambda port: _upload(port, clip))
    if set(options.parts) == {"weight"}:
        return report
    with serving(folder, music, "fast") as (port, pid):
        warm_up(port)
        parts = {
            "overhead": lambda: overhead(folder, model, port, pid),
            "clips": lambda: clips(folder, model),
            "levels": lambda: levels(folder, model, options.data),
            "steady": lambda: load(port, pid, options.rate, 15.0),
            "swaps": lambda: load(port, pid, options.rate, 20.0, swap=True),
            "index": lambda: load(port, pid, options.rate, options.seconds, swap=True, index=True),
            "uploads": lambda: {
                "at_once": uploads(port, options.uploads),
                "three_minute_mp3_ms": long_upload(port),
            },
        }
        for part in (part for part in PARTS[1:] if part in options.parts):
            report[part] = parts[part]()
    return report | {"load_average_after": os.getloadavg()[0]}


def warm_up(port: int) -> None:
    """The first requests map the arrays and import what is imported late."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60.0)
    for body in bodies(WARM_UP):
        assert post(connection, body)[0] == 200
    connection.close()


def overhead(folder: Path, model: EmotionModel, port: int, pid: int) -> dict[str, Any]:
    """The same playlists three ways, in turns: the bare search, the whole call, and over HTTP.

    Time on the clock, and processor time, which other programs do not change much.
    """
    live = _live(folder, model)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60.0)

    def bare(body: dict[str, Any]) -> Callable[[], Any]:
        curve = absolute_curve(PlaylistRequest.model_validate(body), live.snapshot)
        query = model.embed_emotion([curve])
        return lambda: live.searcher.search(SearchRequest(query, LIMIT, level="track"))

    def call(body: dict[str, Any]) -> Callable[[], Any]:
        request = PlaylistRequest.model_validate(body)
        return lambda: make_playlist(request, model, live)

    def over_http(body: dict[str, Any]) -> Callable[[], Any]:
        return lambda: post(connection, body)

    ways = {"search": bare, "call": call, "http": over_http}
    ms: dict[str, list[float]] = {way: [] for way in ways}
    service_cpu_s = -cpu_s(pid)
    for number, body in enumerate(bodies(WARM_UP + REQUESTS)):
        for way, prepared in ways.items():
            work = prepared(body)
            started_s = time.perf_counter()
            work()
            if number >= WARM_UP:
                ms[way].append((time.perf_counter() - started_s) * 1000)
    differences = np.array(ms["http"]) - np.array(ms["search"])
    return {
        **{f"{way}_ms": spread(took) for way, took in ms.items()},
        "http_over_search_ms": spread(differences.tolist()),
        "service_cpu_ms": (service_cpu_s + cpu_s(pid)) * 1000 / (WARM_UP + REQUESTS),
    }


def clips(folder: Path, model: EmotionModel) -> dict[str, Any]:
    """Processor time to hear an analysed clip of three minutes, by how many are heard together."""
    live = _live(folder, model)
    heard = model.analyse(io.BytesIO(_noise(180.0, "FLAC")))
    ms: dict[int, list[float]] = {count: [] for count in TOGETHER}
    for _ in range(CLIP_REPEATS):
        for count in TOGETHER:
            asked = [Clip(heard, None, 10)] * count
            started_s = time.process_time()
            answers = clip_emotions(asked, model, live)
            ms[count].append((time.process_time() - started_s) * 1000 / count)
            assert len(answers) == count
    return {f"{count}_together_cpu_ms": spread(took) for count, took in ms.items()}


def levels(folder: Path, model: EmotionModel, data: Path) -> dict[str, Any]:
    """The bare search at both levels, in turns, for places of both scales and real curves."""
    live = _live(folder, model)
    asked = {
        scale: [
            absolute_curve(PlaylistRequest.model_validate(body | {"scale": scale}), live.snapshot)
            for body in bodies(REQUESTS)
        ]
        for scale in ("relative", "absolute")
    }
    asked["annotators"] = annotators_curves(load_deam(data), REQUESTS, seed=2)
    report: dict[str, Any] = {}
    for name, curves in asked.items():
        queries = model.embed_emotion(curves)
        ms: dict[Level, list[float]] = {"track": [], "segment": []}
        for row in range(len(queries)):
            for level, took in ms.items():
                started_s = time.perf_counter()
                live.searcher.search(SearchRequest(queries[row : row + 1], LIMIT, level=level))
                took.append((time.perf_counter() - started_s) * 1000)
        report |= {f"{name}_{level}_ms": spread(took[WARM_UP:]) for level, took in ms.items()}
    return report


def _live(folder: Path, model: EmotionModel) -> Live:
    snapshot = Snapshot.open(folder / "snapshots" / SNAPSHOTS[0])
    return live_of(Searcher(snapshot, model.scoring))


def uploads(port: int, count: int) -> dict[str, Any]:
    """Many clips at once: each answered, or refused with 429."""
    body = _form(_noise(30.0, "FLAC"))
    started_s = time.perf_counter()
    with ThreadPoolExecutor(count) as clients:
        statuses = Counter(clients.map(lambda _: _upload(port, body), range(count)))
    return {"sent": count, "statuses": dict(statuses), "took_s": time.perf_counter() - started_s}


def long_upload(port: int, repeats: int = 5) -> dict[str, Any]:
    """A 3-minute MP3 through `POST /v1/emotions`, one after the other."""
    body = _form(_noise(180.0, "MP3"))
    took = []
    for _ in range(repeats):
        started_s = time.perf_counter()
        assert _upload(port, body) == 200
        took.append(1000 * (time.perf_counter() - started_s))
    return spread(took)


def _noise(seconds: float, form: str) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).normal(size=(int(44_100 * seconds), 2)) * 0.1
    soundfile.write(file, noise, 44_100, format=form)
    return file.getvalue()


def _form(file: bytes) -> bytes:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="clip"\r\n\r\n'
    return head + file + b"\r\n--x--\r\n"


def _upload(port: int, body: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300.0)
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    connection.request("POST", "/v1/emotions", body, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def post(connection: http.client.HTTPConnection, body: dict[str, Any]) -> tuple[int, bytes]:
    """Ask for a playlist."""
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/v1/playlists", json.dumps(body), headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


if __name__ == "__main__":
    main()
