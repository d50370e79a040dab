"""All music that can be had here, for benchmarks of verdicts and recordings.

The datasets of `CIRCUMPLEX_SHARED_DATA`, Debian's `wesnoth-1.16-music`, the demo's pieces, and any
folders that the command line adds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from app.demo.catalogue import render
from benchmarks.shared_data import data_folder
from indexer.folders.files import content_id
from model.analysis import Analysis
from model.emotion_model import EmotionModel
from model.errors import AudioError

WESNOTH = Path("/usr/share/games/wesnoth/1.16/data/core/music")
SETS = ("open_audio", "emotify_dev", "muse_dev", "deam/audio")
ENDINGS = frozenset((".mp3", ".ogg", ".flac", ".wav", ".opus", ".m4a"))


def music_at_hand(work: Path, more: Iterable[Path] = ()) -> dict[str, list[Path]]:
    """Files by the set they belong to; the demo's pieces are rendered into `work`."""
    folders = {name: data_folder() / name for name in SETS}
    folders |= {"wesnoth": WESNOTH, "demo": work / "demo"}
    folders |= {folder.name: folder for folder in more}
    render(work / "demo")
    found = {name: files_of(folder) for name, folder in folders.items()}
    return {name: files for name, files in found.items() if files}


def files_of(folder: Path) -> list[Path]:
    """The audio files below a folder, by name."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return content_id(file)


def analyses_of(
    files: Sequence[Path],
    model: EmotionModel,
    kept: Path,
    progress: Callable[[int], None] = lambda done: None,
) -> Mapping[Path, Analysis]:
    """The analysis of each file that is usable audio, kept by content below `kept`."""
    kept.mkdir(parents=True, exist_ok=True)

    def analysis(path: Path) -> Analysis | None:
        place = kept / f"{_digest(path)}.{model.checkpoint.frontend_id}"
        if place.is_file():
            return Analysis.from_bytes(place.read_bytes())
        try:
            made = model.analyse(path)
        except AudioError:
            return None
        place.write_bytes(made.to_bytes())
        return made

    found: dict[Path, Analysis] = {}
    with ThreadPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for done, (path, made) in enumerate(zip(files, pool.map(analysis, files), strict=True)):
            if made is not None:
                found[path] = made
            progress(done + 1)
    return found
