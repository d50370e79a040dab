"""What others wait for while one client attacks, and what two hundred hostile files cost.

    python -m benchmarks.bench_withstand [--segments 60000] [--seconds 15] [--attacks NAME ...]
        [--every 1] [--write]

Starts `circumplex serve` over a made-up catalogue, as it starts for anybody, but allowed 1,024 open
files. Each attack goes on for some seconds from this machine, on loopback, bounded in number and
time, while a well-behaved client asks for `/healthz` and a playlist of five. Worst times contain
whatever else the machine does, so the same client asks for a while without an attack first.
Then another service gets the files of `benchmarks.withstand.hostile`: as uploads, as a library to
index, and as covers. `--write` writes `docs/benchmarks/withstand.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.service.catalogue import serving, write_catalogue
from benchmarks.withstand.connections import ATTACKS, longest_journey
from benchmarks.withstand.files import files_found, files_page
from benchmarks.withstand.target import PLAYLIST, Probe, Target
from model.emotion_model import EmotionModel
from model.shipped import FAST_CHECKPOINT

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "withstand.md"
SETTLE_S = 5.0


def attacked(target: Target, attack: Callable[[Target], None]) -> dict[str, Any]:
    """What an attack did to others and to the service."""
    before, probe, over = target.state(), Probe(target), threading.Event()
    watching = threading.Thread(target=probe.watch, args=(over,))
    watching.start()
    attack(target)
    over.set()
    watching.join()
    time.sleep(SETTLE_S)
    return {
        "health_worst_s": round(probe.worst_s["health"], 3),
        "playlist_worst_s": round(probe.worst_s["playlist"], 3),
        "asked": probe.asked,
        "failed": probe.failed,
        "before": before,
        "most_mib": probe.most_mib,
        "after": target.state(),
    }


def seconds(each: dict[str, Any], name: str) -> str:
    """The worst time, where the attack lasted long enough to ask."""
    return f"{each[f'{name}_worst_s']:.2f}" if each["asked"] else "not asked"


def page(found: dict[str, dict[str, Any]], segments: int, load: float) -> str:
    """The results as Markdown."""
    rows = []
    for name, each in found.items():
        before, after = each["before"], each["after"]
        rows.append(
            f"| {name} | {seconds(each, 'health')} | {seconds(each, 'playlist')} | "
            f"{each['failed']} of {each['asked']} | {before['memory_mib']} / "
            f"{each['most_mib'] or 'not seen'} / "
            f"{after['memory_mib']} | {before['threads']} / {after['threads']} | "
            f"{before['files']} / {after['files']} |"
        )
    return "\n".join(
        [
            "# What others wait for during an attack\n",
            "`make bench-withstand ARGS=--write`. `circumplex serve` with its defaults over a "
            f"made-up catalogue of {segments:,} rows, allowed 1,024 open files; attacker and "
            "well-behaved client on the same machine. One playlist and one of the longest journeys "
            "were asked before. Memory before, at most and after, in MiB; threads and open files "
            "before and after. The first row is the same client without an "
            f"attack: what the machine itself costs. Load average before the start: {load:.1f}.\n",
            "| attack | health, worst s | playlist, worst s | failed | memory | threads | files |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
            *rows,
            "",
        ]
    )


def attacks_found(
    names: list[str], segments: int, seconds_each: float
) -> dict[str, dict[str, Any]]:
    """What each of the attacks did to others and to the service."""
    if not names:
        return {}
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with tempfile.TemporaryDirectory() as folder:
        write_catalogue(Path(folder), EmotionModel.load(FAST_CHECKPOINT, "cpu"), segments)
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
        with serving(Path(folder), checkpoint="fast") as (port, pid):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (1024, 1024))
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
            target = Target(port, pid, seconds_each)
            for question in (PLAYLIST, longest_journey()):  # the first use of either takes memory
                target.ask("POST", "/v1/playlists", question)
            return {name: attacked(target, ATTACKS[name]) for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=60_000)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each attack")
    parser.add_argument("--attacks", nargs="*", choices=ATTACKS, default=list(ATTACKS))
    parser.add_argument("--every", type=int, default=1, help="take each n-th hostile file; 0: none")
    parser.add_argument("--write", action="store_true", help="write the page")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    found = attacks_found(options.attacks, options.segments, options.seconds)
    print(json.dumps(found, indent=1))
    files = ""
    if options.every:
        with tempfile.TemporaryDirectory() as name:
            files = files_page(files_found(Path(name), options.every))
        print(files)
    if options.write:
        PAGE.write_text(page(found, options.segments, load) + files, encoding="utf-8")


if __name__ == "__main__":
    main()
