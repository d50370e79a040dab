"""Fifty music players at once: does anything fail, and do playlists stay as fast?

    python -m benchmarks.bench_players [--players 50] [--seconds 60] [--pause 1.0] [--write]

Indexes real music where this machine has it, starts `circumplex serve` with its defaults, and saves
three stations. One client asks for a playlist of twenty, ten times a second, alone and beside the
players by turns: what else the machine does changes within minutes, and so counts on both sides.
The players, in a process of their own, play for a minute in all. `--write` writes
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
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from app.opening import opened_catalog
from app.services import load_model, make_indexer
from app.settings import Settings
from benchmarks.service.catalogue import cpu_s, music_folder, serving
from benchmarks.service.players import play_together

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "players.md"
EVERY_S = 0.1
TURNS = 4
MOODS = ("calm", "happy", "sad", "tense", "energetic", "tender")
STATIONS = {"Calm": "calm", "Happy": "happy", "Sad": "sad"}


@dataclass
class Asked:
    """Times of playlists, milliseconds, how many were refused, and the service's processor time."""

    times_ms: list[float] = field(default_factory=list)
    failed: int = 0
    cpu_s: float = 0.0
    lasted_s: float = 0.0

    def add(self, other: Asked) -> None:
        """Count another turn too."""
        self.times_ms += other.times_ms
        self.failed += other.failed
        self.cpu_s += other.cpu_s
        self.lasted_s += other.lasted_s

    def told(self) -> dict[str, float]:
        """Median and 95th percentile."""
        return {
            "asked": len(self.times_ms),
            "failed": self.failed,
            "p50_ms": round(median(self.times_ms), 2),
            "p95_ms": round(quantiles(self.times_ms, n=20)[-1], 2),
            "cores": round(self.cpu_s / self.lasted_s, 2),
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
    found.cpu_s, found.lasted_s = cpu_s(pid) - cpu, time.monotonic() - begun_s
    connection.close()
    return found


def alone(port: int, pid: int, seconds: float) -> Asked:
    """Playlists while nobody else asks."""
    over = threading.Event()
    threading.Timer(seconds, over.set).start()
    return ask_until(port, pid, over)


def beside(
    port: int, pid: int, options: argparse.Namespace, seconds: float
) -> tuple[Asked, dict[str, Any]]:
    """Playlists while players play, and what these were answered."""
    given = (str(port), str(options.players), str(seconds), str(options.pause))
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
        "errors": seen.errors,
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
            apart, together, players = Asked(), Asked(), Counter[str]()
            errors: list[str] = []
            turn_s = options.seconds / TURNS
            for _ in range(TURNS):
                apart.add(alone(port, pid, turn_s / 2.0))
                asked, seen = beside(port, pid, options, turn_s)
                together.add(asked)
                players += Counter(seen["calls"])
                errors += seen["errors"]
                apart.add(alone(port, pid, turn_s / 2.0))
    return {
        "files": summary.files_total,
        "calls": dict(players),
        "errors": errors,
        "alone": apart.told(),
        "beside": together.told(),
        "ratio": round(together.told()["p50_ms"] / apart.told()["p50_ms"], 3),
    }


def page(found: dict[str, Any], options: argparse.Namespace, load: float) -> str:
    """The results as Markdown."""
    calls = ", ".join(f"{count:,} {name}" for name, count in sorted(found["calls"].items()))
    rows = []
    for name in ("alone", "beside"):
        each = found[name]
        cells = (name, each["asked"], each["failed"], each["p50_ms"], each["p95_ms"], each["cores"])
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(
        [
            "# Many players at once\n",
            f"`make bench-players ARGS=--write`. {options.players} Subsonic players at `/rest` "
            f"over {found['files']} files of real music: each lists playlists and albums, "
            "searches, loads a playlist (stations among them), and streams a song with three "
            f"seeks of 128 KiB; between two calls it waits {options.pause:g} s on average. One "
            "client asks for a playlist of twenty, ten times a second: beside the players for "
            f"{TURNS} turns of {options.seconds / TURNS:g} s, and alone for half a turn before and "
            "after each, so that whatever else the machine does counts on both sides. The service "
            f"has its defaults; players, client and service share {os.cpu_count()} cores. Load "
            f"average before the start: {load:.1f}.\n",
            f"Players: {calls}; **{len(found['errors'])} errors**.\n",
            "| playlists | asked | failed | p50, ms | p95, ms | cores used by the service |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
            *rows,
            "",
            f"Median beside the players against that alone, in this one run: **{found['ratio']}**.",
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
