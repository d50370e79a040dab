"""The running service: overhead over the bare search, load while snapshots swap, many uploads.

    python -m benchmarks.bench_service [--segments 100000] [--rate 200] [--seconds 20]

Starts `circumplex serve` over a made-up catalogue with the shipped checkpoint and asks it over
loopback. Prints one JSON object. Other programs show in every figure, so the load average stands
beside them.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from app.playlists import make_playlist
from app.schemas import PlaylistRequest
from indexer.catalog import open_catalog
from indexer.records import SnapshotRow
from indexer.search import Searcher
from indexer.snapshot import Snapshot, SnapshotContent, write_snapshot
from indexer.snapshot_tracks import TrackRecord
from model.emotion_model import EmotionModel

TOKEN = "a-token-of-the-benchmark"
SEGMENTS_PER_TRACK = 10
SNAPSHOTS = ("bench-a", "bench-b")
REQUESTS = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--uploads", type=int, default=50)
    options = parser.parse_args()
    model = EmotionModel.load(device="cpu")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_catalogue(folder, model, options.segments)
        with serving(folder) as (port, pid):
            report = {
                "segments": options.segments,
                "cores": os.cpu_count(),
                "load_average": os.getloadavg()[0],
                "overhead": overhead(folder, model, port, pid),
                "three_minute_mp3_ms": long_upload(port),
                "load": load(port, options.rate, options.seconds),
                "uploads": uploads(port, options.uploads),
                "load_average_after": os.getloadavg()[0],
            }
    print(json.dumps(report, indent=2))


def write_catalogue(folder: Path, model: EmotionModel, segments: int) -> None:
    """Two snapshots of made-up segments: the demo-like spread of features, embedded for real."""
    draws = np.random.default_rng(0)
    tracks = segments // SEGMENTS_PER_TRACK
    features = draws.normal(size=(segments, len(model.frontend.feature_names))).astype(np.float32)
    embedding = model.embed_analyses(features * 10.0)
    content = SnapshotContent(
        tracks=[_record(track_id) for track_id in range(1, tracks + 1)],
        segment_track=np.repeat(np.arange(tracks), SEGMENTS_PER_TRACK),
        segment_s=np.tile(np.array([[0.0, 30.0]], dtype=np.float32), (segments, 1)),
        embedding=embedding,
        segment_emotion=np.clip(model.mean_emotion(embedding), -1.0, 1.0),
        curve_offsets=np.arange(tracks + 1, dtype=np.int64),
        curve_values=np.zeros((tracks, 4), dtype=np.float16),
    )
    (folder / "snapshots").mkdir()
    catalog = open_catalog(f"sqlite:///{folder / 'circumplex.db'}")
    for name in SNAPSHOTS:
        write_snapshot(
            folder / "snapshots" / name,
            content,
            model_id=model.model_id,
            scoring=model.scoring,
        )
        now = datetime.now(UTC)
        row = SnapshotRow(name, model.model_id, "ready", False, now, name, tracks, segments)
        catalog.begin_snapshot(row)
    catalog.activate_snapshot(SNAPSHOTS[0])
    catalog.close()


def _record(track_id: int) -> TrackRecord:
    return TrackRecord(
        id=track_id,
        content_id=f"{track_id:032x}",
        root="/music",
        path=f"{track_id}.flac",
        title=f"Piece {track_id}",
        artist=f"Artist {track_id % 997}",
        album=None,
        genre="study",
        year=2000,
        duration_s=180.0,
    )


@contextmanager
def serving(folder: Path) -> Iterator[tuple[int, int]]:
    """`circumplex serve` until the block ends; gives its port and its process."""
    environment = os.environ | {
        "CIRCUMPLEX_DATA_DIR": str(folder),
        "CIRCUMPLEX_ADMIN_TOKEN": TOKEN,
        "CIRCUMPLEX_DEVICE": "cpu",
        "CIRCUMPLEX_SNAPSHOT_POLL_S": "1",
        "COLUMNS": "200",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve", "--port", "0"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        line = next(line for line in process.stderr if "Circumplex is at" in line)
        threading.Thread(target=process.stderr.read, daemon=True).start()
        port = line.partition("http://")[2].split("/")[0].split()[0].rpartition(":")[2]
        yield int(port), process.pid
    finally:
        process.terminate()
        process.wait(timeout=60.0)


def overhead(folder: Path, model: EmotionModel, port: int, pid: int) -> dict[str, Any]:
    """The same playlists by a call in this process and over HTTP, in turns.

    Time on the clock, and processor time, which other programs do not change much.
    """
    snapshot = Snapshot.open(folder / "snapshots" / SNAPSHOTS[0])
    live = _Live(SNAPSHOTS[0], model.model_id, snapshot, Searcher(snapshot, model.scoring))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60.0)
    bare_ms, http_ms, bare_cpu_s, service_cpu_s = [], [], 0.0, -cpu_s(pid)
    for body in bodies(REQUESTS):
        request = PlaylistRequest.model_validate(body)
        started_s, started_cpu_s = time.perf_counter(), time.process_time()
        make_playlist(request, model, live)  # type: ignore[arg-type]
        bare_ms.append((time.perf_counter() - started_s) * 1000)
        bare_cpu_s += time.process_time() - started_cpu_s
        started_s = time.perf_counter()
        assert post(connection, body)[0] == 200
        http_ms.append((time.perf_counter() - started_s) * 1000)
    difference = float(np.median(np.array(http_ms) - np.array(bare_ms)))
    service_cpu_s += cpu_s(pid)
    return {
        "bare_ms": spread(bare_ms),
        "http_ms": spread(http_ms),
        "p50_difference_ms": difference,
        "bare_cpu_ms": bare_cpu_s * 1000 / REQUESTS,
        "service_cpu_ms": service_cpu_s * 1000 / REQUESTS,
    }


def cpu_s(pid: int) -> float:
    """Processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class _Live:
    """What `make_playlist` needs of a live snapshot."""

    def __init__(self, id_: str, model_id: str, snapshot: Snapshot, searcher: Searcher) -> None:
        self.id, self.model_id = id_, model_id
        self.snapshot, self.searcher = snapshot, searcher


def load(port: int, rate: float, seconds: float) -> dict[str, Any]:
    """Requests at a steady rate, late or not, while snapshots swap every two seconds."""
    total = int(rate * seconds)
    asked = list(bodies(total))
    start_s = time.perf_counter() + 0.5
    local = threading.local()
    stop = threading.Event()
    swaps = threading.Thread(target=_swap, args=(port, stop), daemon=True)
    swaps.start()

    def one(number: int) -> tuple[int, float]:
        due_s = start_s + number / rate
        time.sleep(max(0.0, due_s - time.perf_counter()))
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60.0)
        try:
            status, _ = post(local.connection, asked[number])
        except OSError:
            status = 0
        return status, (time.perf_counter() - due_s) * 1000

    with ThreadPoolExecutor(32) as clients:
        answers = list(clients.map(one, range(total)))
    took_s = time.perf_counter() - start_s
    stop.set()
    swaps.join(timeout=10.0)
    return {
        "asked_per_s": rate,
        "answered_per_s": total / took_s,
        "statuses": dict(Counter(status for status, _ in answers)),
        "swaps": _swap.count,  # type: ignore[attr-defined]
        "latency_ms": spread([ms for _, ms in answers]),
    }


def _swap(port: int, stop: threading.Event) -> None:
    _swap.count = 0  # type: ignore[attr-defined]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60.0)
    while not stop.wait(2.0):
        name = SNAPSHOTS[(_swap.count + 1) % 2]  # type: ignore[attr-defined]
        headers = {"Authorization": f"Bearer {TOKEN}"}
        connection.request("POST", f"/v1/admin/snapshots/{name}/activate", headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        _swap.count += 1  # type: ignore[attr-defined]


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


def bodies(count: int) -> Iterator[dict[str, Any]]:
    """Different playlists: points all over the plane."""
    draws = np.random.default_rng(1)
    for valence, arousal in draws.uniform(-1.0, 1.0, (count, 2)).tolist():
        yield {"emotion": {"curve": [{"t": 0, "valence": valence, "arousal": arousal}]}}


def post(connection: http.client.HTTPConnection, body: dict[str, Any]) -> tuple[int, bytes]:
    """Ask for a playlist."""
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/v1/playlists", json.dumps(body), headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def spread(values: list[float]) -> dict[str, float]:
    """Percentiles."""
    p50, p90, p99 = np.percentile(values, [50, 90, 99]).round(2).tolist()
    return {"p50": p50, "p90": p90, "p99": p99, "max": round(max(values), 2)}


if __name__ == "__main__":
    main()
