"""Fifty music players at once: does anything fail, and do playlists stay as fast?

    python -m benchmarks.bench_players [--players 50] [--seconds 60] [--pause 1.0] [--write]

Indexes real music where this machine has it, starts `circumplex serve` with its defaults, and saves
three stations. One client asks for a playlist of twenty, ten times a second: for a while alone,
then beside the players, then alone again. The players run in a process of their own. Figures are
medians, so that moments in which the machine did something else count little; `--write` writes
`docs/benchmarks/players.md`.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from app.services import load_model, make_indexer, opened_catalog
from app.settings import Settings
from benchmarks.players import play_together
from benchmarks.service_catalogue import cpu_s, music_folder, serving

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "players.md"
ALONE_S, EVERY_S = 20.0, 0.1
MOODS = ("calm", "happy", "sad", "tense", "energetic", "tender")
STATIONS = {"Calm": "calm", "Happy": "happy", "Sad": "sad"}


@dataclass
class Asked:
    """Times of playlists, milliseconds, and how many were refused."""

    times_ms: list[float] = field(default_factory=list)
    failed: int = 0
    service_cpu: float = 0.0

    def told(self) -> dict[str, float]:
        """Median and 95th percentile."""
        return {
            "asked": len(self.times_ms),
            "failed": self.failed,
            "p50_ms": round(median(self.times_ms), 2),
            "p95_ms": round(quantiles(self.times_ms, n=20)[-1], 2),
            "cores": round(self.service_cpu, 2),
        }


def ask_until(port: int, pid: int, over: threading.Event) -> Asked:
    """Ask for playlists at a steady rate."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60.0)
    found, number, cpu, begun_s = Asked(), 0, cpu_s(pid), time.monotonic()
    while not over.wait(EVERY_S):
        body = json.dumps({"emotion": {"mood": MOODS[number % len(MOODS)]}, "limit": 20})
        number += 1
        start_s = time.perf_counter()
        connection.request("POST", "/v1/playlists", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        found.times_ms.append(1000.0 * (time.perf_counter() - start_s))
        found.failed += answer.status != 200
    found.service_cpu = (cpu_s(pid) - cpu) / (time.monotonic() - begun_s)
    connection.close()
    return found


def alone(port: int, pid: int, seconds: float) -> Asked:
    """Playlists while nobody else asks."""
    over = threading.Event()
    threading.Timer(seconds, over.set).start()
    return ask_until(port, pid, over)


def beside(port: int, pid: int, options: argparse.Namespace) -> tuple[Asked, dict[str, Any]]:
    """Playlists while players play, and what these were answered."""
    given = (str(port), str(options.players), str(options.seconds), str(options.pause))
    command = [sys.executable, "-m", "benchmarks.bench_players", "--play", *given]
    players = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    over, found = threading.Event(), list[Asked]()
    asking = threading.Thread(target=lambda: found.append(ask_until(port, pid, over)))
    asking.start()
    said, _ = players.communicate()
    over.set()
    asking.join()
    return found[0], json.loads(said)


def play(port: str, players: str, seconds: str, pause_s: str) -> None:
    """Be the players; what they were answered goes to standard output."""
    seen = play_together(int(port), int(players), float(seconds), float(pause_s))
    told = {
        "calls": dict(seen.calls),
        "errors": seen.errors[:20],
        "failed": len(seen.errors),
        "audio_mib": round(seen.audio_bytes / 2**20, 1),
    }
    print(json.dumps(told))


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Index, serve, ask."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        music = music_folder(folder)
        settings = Settings(data_dir=folder, device="cpu")
        with opened_catalog(settings) as catalog:
            summary = make_indexer(settings, catalog, load_model(settings)).run([music])
            for title, mood in STATIONS.items():
                catalog.create_station(title, {"emotion": {"mood": mood}, "limit": 20}, "daily")
        with serving(folder, music) as (port, pid):
            alone(port, pid, 3.0)  # what the first requests open
            before = alone(port, pid, ALONE_S)
            during, players = beside(port, pid, options)
            after = alone(port, pid, ALONE_S)
    usual = (before.told()["p50_ms"] + after.told()["p50_ms"]) / 2.0
    return {
        "files": summary.files_total,
        "players": players,
        "before": before.told(),
        "during": during.told(),
        "after": after.told(),
        "ratio": round(during.told()["p50_ms"] / usual, 3),
    }


def page(found: dict[str, Any], options: argparse.Namespace, load: float) -> str:
    """The results as Markdown."""
    players = found["players"]
    calls = ", ".join(f"{count:,} {name}" for name, count in sorted(players["calls"].items()))
    rows = []
    for name in ("before", "during", "after"):
        each = found[name]
        cells = (name, each["asked"], each["failed"], each["p50_ms"], each["p95_ms"], each["cores"])
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(
        [
            "# Many players at once\n",
            f"`make bench-players ARGS=--write`. {options.players} Subsonic players at `/rest` for "
            f"{options.seconds:g} s over {found['files']} files of real music: each lists "
            "playlists and albums, searches, loads a playlist (stations among them), and streams a "
            "song with three seeks of 128 KiB; between two calls it waits "
            f"{options.pause:g} s on average. Beside them one client asks for a playlist of "
            "twenty, ten times a second; before and after it asks alone. The service has its "
            f"defaults; players, client and service share {os.cpu_count()} cores. Load average "
            f"before the start: {load:.1f}.\n",
            f"Players: {calls}; {players['audio_mib']} MiB of audio; "
            f"**{players['failed']} errors**.\n",
            "| playlists | asked | failed | p50, ms | p95, ms | cores used by the service |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
            *rows,
            "",
            "Median beside the players against that without them, in this one run: "
            f"**{found['ratio']}**.",
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--players", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--pause", type=float, default=1.0, help="mean wait between two calls, s")
    parser.add_argument("--write", action="store_true", help="write the page")
    parser.add_argument("--play", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.play:
        play(*options.play)
        return
    load = os.getloadavg()[0]
    found = measured(options)
    print(json.dumps(found, indent=1))
    if options.write:
        PAGE.write_text(page(found, options, load), encoding="utf-8")


if __name__ == "__main__":
    main()
