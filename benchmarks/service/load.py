"""Load on a running service: steady, while snapshots swap, and while music is indexed anew."""

from __future__ import annotations

import http.client
import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.service.catalogue import SNAPSHOTS, TOKEN, cpu_s
from benchmarks.service.client import arrivals_s, playlist_request, send

SWAP_S = 2.0
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
OVER = {"succeeded", "failed", "cancelled"}


class Unrest(threading.Thread):
    """Swaps the two snapshots every two seconds; with `index`, a full index run goes on as well.

    A run that ends puts its own small snapshot into service; the next swap brings a large one back.
    """

    def __init__(self, port: int, *, index: bool) -> None:
        super().__init__(daemon=True)
        self.swaps = 0
        self.run_report: dict[str, Any] | None = None
        self._port, self._index = port, index
        self._stop_asked = threading.Event()

    def run(self) -> None:
        """Do it until `stop`."""
        started = (
            self._call("POST", "/v1/admin/index-runs", {"full": True}) if self._index else None
        )
        while not self._stop_asked.wait(SWAP_S):
            name = SNAPSHOTS[(self.swaps + 1) % 2]
            self._call("POST", f"/v1/admin/snapshots/{name}/activate")
            self.swaps += 1
        if started is not None:
            path = f"/v1/admin/index-runs/{started['id']}"
            run = self._call("GET", path)
            members = ("state", "files_done", "files_total", "files_failed", "files_per_s")
            self.run_report = {name: run[name] for name in members}
            if run["state"] not in OVER:
                self._call("DELETE", path)

    def stop(self) -> None:
        """End after the swap in work."""
        self._stop_asked.set()
        self.join(timeout=120.0)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120.0)
        connection.request(method, path, None if body is None else json.dumps(body), HEADERS)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        assert answer.status in {200, 202}, content
        shown: dict[str, Any] = json.loads(content)
        return shown


def load(
    port: int,
    pid: int,
    rate: float,
    seconds: float,
    *,
    swap: bool = False,
    index: bool = False,
    steady: bool = False,
) -> dict[str, Any]:
    """Playlists at `rate` a second, each at its time whether or not the others are answered."""
    due_s = arrivals_s(rate, seconds, steady=steady)
    requests = [playlist_request(body, port) for body in bodies(len(due_s))]
    unrest = Unrest(port, index=index) if swap else None
    before_s, load_average = cpu_s(pid), os.getloadavg()[0]
    if unrest is not None:
        unrest.start()
    answers = send(port, requests, due_s)
    service_cpu_s = cpu_s(pid) - before_s
    if unrest is not None:
        unrest.stop()
    count = len(requests)
    return {
        "arrivals": "steady" if steady else "poisson",
        "asked_per_s": rate,
        "answered_per_s": count / answers.took_s,
        "statuses": dict(answers.statuses),
        "latency_ms": spread(answers.latency_ms),
        "sent_late_ms": spread(answers.late_ms),
        "service_cpu_ms": 1000 * service_cpu_s / count,
        "client_cpu_ms": 1000 * answers.client_cpu_s / count,
        "connections": answers.connections,
        "swaps": unrest.swaps if unrest else 0,
        "index_run": unrest.run_report if unrest else None,
        "load_average_before": load_average,
    }


def bodies(count: int) -> Iterator[dict[str, Any]]:
    """Different playlists: points all over the plane."""
    draws = np.random.default_rng(1)
    for valence, arousal in draws.uniform(-1.0, 1.0, (count, 2)).tolist():
        yield {"emotion": {"curve": [{"t": 0, "valence": valence, "arousal": arousal}]}}


def spread(values: list[float]) -> dict[str, float]:
    """Percentiles."""
    p50, p90, p99 = np.percentile(values, [50, 90, 99]).round(2).tolist()
    return {"p50": p50, "p90": p90, "p99": p99, "max": round(max(values), 2)}
