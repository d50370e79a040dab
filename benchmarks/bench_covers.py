"""How long a cover takes: from the track's file to a small JPEG, and to "you have it already".

    make bench-covers          measures, prints and rewrites docs/benchmarks/covers.md

Pictures of noise over a smooth ground, about as large as photographs, inside a FLAC file. Times are
the best of several: other programs can only make them worse.
"""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from app.library.covers import CoverMaker, cover_files
from indexer.snapshot.tracks import TrackRecord
from model.audio.pictures import embedded_picture
from tests.pictures import FRONT, embed

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "covers.md"
PICTURES = (("JPEG", 600), ("JPEG", 1500), ("JPEG", 3000), ("PNG", 600), ("PNG", 1500))
SIZES = (96, 512)
REPEATS = 7
PAGE = """# Covers

`make bench-covers` on {cores} cores, load average {load:.1f} before. Milliseconds, best of
{repeats}: the picture taken out of a FLAC file, and all the way to a small JPEG.

| picture | KiB | taken out | to 96 pixels | to 512 pixels |
|---|---:|---:|---:|---:|
{rows}

Whether a browser has it already (304) is known after {known:.2f} ms.
"""


def main() -> None:
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        rows = [_row(Path(folder), *each) for each in PICTURES]
        known = _best_ms(lambda: _tag(_track(Path(folder))))
    text = PAGE.format(
        cores=os.cpu_count(), load=load, repeats=REPEATS, rows="\n".join(rows), known=known
    )
    print(text)
    REPORT.write_text(text, encoding="utf-8")


def _row(folder: Path, kind: str, side: int) -> str:
    content = _photograph(kind, side)
    soundfile.write(folder / "track.flac", np.zeros(44_100), 44_100)
    embed(folder / "track.flac", (FRONT, content))
    out = _best_ms(lambda: embedded_picture(folder / "track.flac"))
    maker = CoverMaker()
    with cover_files(_track(folder), ()) as files:
        small = [_best_ms(lambda size=size: maker.jpeg(files, size)) for size in SIZES]
    maker.close()
    figures = " | ".join(f"{ms:.1f}" for ms in (out, *small))
    return f"| {kind} {side} x {side} | {len(content) // 1024:,} | {figures} |"


def _tag(track: TrackRecord) -> str:
    with cover_files(track, ()) as files:
        return files.tag(96)


def _track(folder: Path) -> TrackRecord:
    return TrackRecord(1, "0" * 32, str(folder), "track.flac", None, None, None, None, None, 1.0)


def _photograph(kind: str, side: int) -> bytes:
    rng = np.random.default_rng(0)
    ground = Image.fromarray(rng.integers(0, 255, (12, 12, 3), dtype=np.uint8))
    smooth = np.asarray(ground.resize((side, side), Image.Resampling.BICUBIC), dtype=np.int16)
    noisy = np.clip(smooth + rng.integers(-12, 12, (side, side, 3), dtype=np.int16), 0, 255)
    file = io.BytesIO()
    Image.fromarray(noisy.astype(np.uint8)).save(file, kind, quality=90)
    return file.getvalue()


def _best_ms(work: Callable[[], object]) -> float:
    times_s = []
    for _ in range(REPEATS):
        start_s = time.perf_counter()
        work()
        times_s.append(time.perf_counter() - start_s)
    return 1000.0 * min(times_s)


if __name__ == "__main__":
    main()
