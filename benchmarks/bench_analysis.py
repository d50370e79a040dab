"""Speed of decoding and describing real music: per stage, for threads and for processes.

    python -m benchmarks.bench_analysis [--music DIR ...] [--minutes 60] [--write]

Prints Markdown; --write puts it into docs/benchmarks/analysis.md. Rates are seconds of audio per
second. Processor seconds stand beside the wall clock because other programs may run meanwhile.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
import torch

from benchmarks.shared_data import data_folder
from model.analysis import analyse, segment_spans, window_spans
from model.audio.decoding import decode, probe
from model.frontends import get_frontend, loudness
from model.frontends.onsets import RATE_HZ as ONSETS_HZ
from model.frontends.onsets import OnsetFrames
from model.frontends.resampling import resample
from model.frontends.spectral import RATE_HZ, SpectralFrames
from model.frontends.tonality import PitchFrames
from model.learning.datasets import SHIPPED_FEATURES as FRONTEND

REPOSITORY = Path(__file__).resolve().parent.parent
REPORT = REPOSITORY / "docs" / "benchmarks" / "analysis.md"
WESNOTH = Path("/usr/share/games/wesnoth/1.16/data/core/music")
SHARED = data_folder()
SUFFIXES = {".mp3", ".ogg", ".flac", ".m4a", ".wav", ".opus"}
LONG_HOURS = 3

T = TypeVar("T")


@dataclass(frozen=True)
class Took:
    """Seconds of audio that were analysed, and the wall-clock and processor seconds it took."""

    audio_s: float
    wall_s: float
    cpu_s: float

    @property
    def row(self) -> str:
        """Both rates, as cells of a table."""
        wall, cpu = self.audio_s / self.wall_s, self.audio_s / self.cpu_s
        return f"{wall:.0f} | {cpu:.0f}"


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    if options.memory_of:
        _analyse_file(options.memory_of)
        print(_peak_kib())
        return
    files = _files(options.music, options.minutes * 60)
    if not files:
        sys.exit(f"no music under {', '.join(map(str, options.music))}: give --music DIR")
    text = "\n".join(_report(files))
    print(text)
    if options.write:
        REPORT.write_text(text + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--music", type=Path, nargs="+", default=[WESNOTH, SHARED])
    parser.add_argument("--minutes", type=float, default=60.0, help="of music, at most")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks/analysis.md")
    parser.add_argument("--memory-of", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _files(folders: Iterable[Path], most_s: float) -> list[Path]:
    """Files of at most `most_s` seconds together, MP3 and others in turn."""
    found = sorted(p for f in folders for p in f.rglob("*") if p.suffix.lower() in SUFFIXES)
    mp3 = [p for p in found if p.suffix.lower() == ".mp3"]
    chosen, total_s = [], 0.0
    for path in [*mp3, *(p for p in found if p not in mp3)]:
        length_s = probe(path).duration_s or 0.0
        if total_s + length_s <= most_s:
            chosen.append(path)
            total_s += length_s
    return chosen


def _report(files: list[Path]) -> Iterator[str]:
    cores = os.cpu_count()
    yield "# Analysis: decoding and descriptors"
    yield ""
    yield (
        f"`python -m benchmarks.bench_analysis --write`. Decoding (PyAV) and the `{FRONTEND}` "
        "frontend: all segments and a curve window every 0.5 s. Rates are seconds of audio per "
        "second: by the wall clock, and by processor seconds of all workers together, which other "
        "programs on the machine disturb less. Each worker computes on one thread; idle cores give "
        "the last column times their number. With a load average above the number of cores, the "
        "wall clock tells what was left over."
    )
    yield ""
    load = os.getloadavg()[0]
    yield (
        f"Machine: {_processor()}, {cores} cores, {platform.system()}; "
        f"Python {platform.python_version()}, torch {torch.__version__}, PyAV {av.__version__}; "
        f"load average {load:.1f} before the start."
    )
    yield ""
    one = _run(files, None)
    kinds = sorted({p.suffix[1:].lower() for p in files})
    yield f"Music: {len(files)} files ({', '.join(kinds)}), {one.audio_s / 60:.0f} minutes."
    yield ""
    yield "| workers | x real time (wall clock) | x real time (per processor second) |"
    yield "| --- | ---: | ---: |"
    yield f"| 1 | {one.row} |"
    for n in sorted({2, cores or 2}):
        with ThreadPoolExecutor(n) as threads:
            yield f"| {n} threads | {_run(files, threads).row} |"
        with ProcessPoolExecutor(n, get_context("spawn"), _single_thread) as processes:
            list(processes.map(_analyse_file, files[:1] * n))  # start them before the clock
            yield f"| {n} processes | {_run(files, processes).row} |"
    yield ""
    yield "One file of the longest kind, stage by stage (processor time, one thread):"
    yield ""
    yield "| stage | ms per minute of audio | x real time |"
    yield "| --- | ---: | ---: |"
    yield from _stages(files)
    yield ""
    yield from _single_file(files)
    yield ""
    yield from _memory()


def _run(files: list[Path], pool: Executor | None) -> Took:
    start, cpu = time.perf_counter(), _cpu_s()
    results = list(pool.map(_analyse_file, files) if pool else map(_analyse_file, files))
    wall = time.perf_counter() - start
    in_workers = sum(cpu_s for _, cpu_s, _ in results)
    own = _cpu_s() - cpu
    shared_process = pool is None or isinstance(pool, ThreadPoolExecutor)
    return Took(sum(r[0] for r in results), wall, own if shared_process else in_workers)


def _analyse_file(path: Path) -> tuple[float, float, int]:
    """Seconds of audio, processor seconds of this process, and number of segments."""
    cpu = _cpu_s()
    analysis = analyse(path, get_frontend(FRONTEND))
    return analysis.duration_s, _cpu_s() - cpu, len(analysis.segments_s)


def _single_thread() -> None:
    torch.set_num_threads(1)


def _cpu_s() -> float:
    return time.process_time()


def _stages(files: list[Path]) -> Iterator[str]:
    path = max(files, key=lambda p: p.stat().st_size)
    audio, cost_s = _timed(lambda: decode(path))
    costs = {f"decode ({path.suffix[1:]})": cost_s}
    mp3 = _three_minutes(path)
    short, cost_s = _timed(lambda: decode(mp3))
    costs["decode (mp3)"] = cost_s * audio.duration_s / short.duration_s
    samples = torch.from_numpy(audio.samples)
    at_rate, costs["resample"] = _timed(lambda: resample(samples, audio.sample_rate_hz, RATE_HZ))
    frames, costs["spectral frames"] = _timed(lambda: SpectralFrames(at_rate))
    contour, costs["loudness contour"] = _timed(lambda: loudness.loudness_contour(at_rate))
    finer = resample(samples, audio.sample_rate_hz, ONSETS_HZ)  # most files have this rate
    onsets, costs["onset frames"] = _timed(lambda: OnsetFrames(finer))
    pitches, costs["pitch frames"] = _timed(lambda: PitchFrames(at_rate))
    spans = np.concatenate([segment_spans(audio.duration_s), window_spans(audio.duration_s)])
    windows = torch.from_numpy(spans)
    _, costs["windows of timbre"] = _timed(lambda: _split(frames.describe, windows))
    _, costs["windows of loudness"] = _timed(
        lambda: _split(lambda rows: loudness.describe(contour, rows), windows)
    )
    _, costs["windows of onsets"] = _timed(lambda: _split(onsets.describe, windows))
    _, costs["windows of pitches"] = _timed(lambda: _split(pitches.describe, windows))
    for name, seconds in costs.items():
        per_minute = seconds / audio.duration_s * 60
        yield f"| {name} | {per_minute * 1e3:.0f} | {60 / per_minute:.0f} |"


def _split(describe: Callable[[torch.Tensor], torch.Tensor], windows: torch.Tensor) -> None:
    for rows in torch.split(windows, 64):
        describe(rows)


def _timed(work: Callable[[], T], repeats: int = 3) -> tuple[T, float]:
    """The result, and the least processor seconds of `repeats` runs."""
    least = float("inf")
    for _ in range(repeats):
        start = time.thread_time()
        result = work()
        least = min(least, time.thread_time() - start)
    return result, least


def _single_file(files: list[Path]) -> Iterator[str]:
    mp3 = _three_minutes(max(files, key=lambda p: p.stat().st_size))
    frontend = get_frontend(FRONTEND)
    walls = []
    for _ in range(5):
        start = time.perf_counter()
        analyse(mp3, frontend)
        walls.append(time.perf_counter() - start)
    yield (
        f"A three-minute MP3, alone, from bytes to its analysis: {min(walls):.2f} s at best, "
        f"{sorted(walls)[2]:.2f} s in the middle of five."
    )


def _three_minutes(path: Path) -> bytes:
    """Three minutes of `path` as a 192 kbit/s MP3."""
    audio = decode(path)
    samples = np.resize(audio.samples, 180 * audio.sample_rate_hz)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3") as container:
        track = container.add_stream("libmp3lame", rate=audio.sample_rate_hz, layout="stereo")
        track.bit_rate = 192_000
        frame = av.AudioFrame.from_ndarray(np.stack([samples, samples]), "fltp", "stereo")
        frame.sample_rate = audio.sample_rate_hz
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return buffer.getvalue()


def _memory() -> Iterator[str]:
    """Peak resident memory of a process that analyses hours of sound, and of one for seconds."""
    peaks = []
    for hours in (1 / 120, LONG_HOURS):
        path = REPORT.with_suffix(".flac")
        try:
            _write_noise(path, hours)
            command = [sys.executable, "-m", "benchmarks.bench_analysis", "--memory-of", str(path)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            peaks.append(int(done.stdout) / 1024)
        finally:
            path.unlink(missing_ok=True)
    yield (
        f"Peak memory of a process that analyses {LONG_HOURS} hours at 44.1 kHz: "
        f"{peaks[1]:.0f} MiB; for 30 seconds: {peaks[0]:.0f} MiB."
    )


def _write_noise(path: Path, hours: float) -> None:
    noise = np.random.default_rng(0).integers(-2000, 2000, (1, 44_100), dtype=np.int16)
    with av.open(path, "w", format="flac") as container:
        track = container.add_stream("flac", rate=44_100, layout="mono")
        for _ in range(round(hours * 3600)):
            frame = av.AudioFrame.from_ndarray(noise, "s16", "mono")
            frame.sample_rate = 44_100
            container.mux(track.encode(frame))
        container.mux(track.encode(None))


def _peak_kib() -> int:
    # Not getrusage: after fork and exec that still counts the parent.
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
