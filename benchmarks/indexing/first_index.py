"""A first index of many short files: when its parts can be played, and what they cost.

    make bench-index ARGS='--first 1000'

Pieces of 21 s are cut, without decoding, from all music at hand. The extra time is counted inside
the one run, so that other programs beside it cancel out.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

from app.services import make_indexer
from app.settings import Settings
from benchmarks.indexing.music_at_hand import music_at_hand
from indexer.catalog.catalog import open_catalog
from indexer.runs.summary import RunSummary
from model.emotion_model import EmotionModel

PIECE_S = 21.0


def cut(files: int, work: Path) -> Path:
    """A folder with so many pieces of the music at hand."""
    music = work / "pieces"
    music.mkdir()
    sources = [path for paths in music_at_hand(work).values() for path in paths]
    for number, (source, start_s) in enumerate(islice(_pieces(sources), files)):
        target = music / f"{number // 100:02}" / f"{number:04}{source.suffix}"
        target.parent.mkdir(exist_ok=True)
        command = ["ffmpeg", "-v", "error", "-ss", str(start_s), "-t", str(PIECE_S)]
        subprocess.run([*command, "-i", source, "-c", "copy", target], check=False)
    return music


def _pieces(sources: list[Path]) -> Iterator[tuple[Path, float]]:
    """Each source's first piece, then each one's next; those that are too short fall out."""
    length_s = {source: _length_s(source) for source in sources}
    for turn in count():
        start_s = turn * PIECE_S / 2
        left = [path for path in sources if start_s + PIECE_S <= length_s[path]]
        if not left:
            return
        yield from ((path, start_s) for path in left)


def _length_s(path: Path) -> float:
    asked = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path]
    told = subprocess.run(asked, check=False, capture_output=True, text=True).stdout
    try:
        return float(told)
    except ValueError:
        return 0.0


def bench_first_index(files: int, work: Path) -> None:
    """Index the pieces as a service would, and tell of the parts."""
    music = cut(files, work)
    catalog = open_catalog(f"sqlite:///{work / 'first.db'}")
    model: Any = EmotionModel.load(None, "cpu")
    settings = Settings(data_dir=work / "first")
    summary = make_indexer(settings, catalog, model).run([music])
    catalog.close()
    tell(summary)


def tell(summary: RunSummary) -> None:
    """Print what a run did."""
    extra_s = sum(part.took_s for part in summary.parts)
    print(
        f"{summary.files_total} files, {summary.audio_s:.0f} s of audio, {summary.files_failed} "
        f"failed, in {summary.elapsed_s:.1f} s; load average {os.getloadavg()[0]:.1f}"
    )
    print(f"{'part':>4} {'tracks':>7} {'can be played after':>20} {'took':>7}")
    for number, part in enumerate(summary.parts, 1):
        print(f"{number:>4} {part.tracks:>7} {part.after_s:>18.1f} s {part.took_s:>5.2f} s")
    share = extra_s / (summary.elapsed_s - extra_s)
    print(f"all parts together: {extra_s:.1f} s, {share:.1%} of the time of all other work")
