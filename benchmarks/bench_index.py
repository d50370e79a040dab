"""Indexing real music: first run, unchanged run, new checkpoint, moved files; large catalogues.

    python -m benchmarks.bench_index [--music DIR] [--tracks 100000] [--first FILES]

Prints wall-clock seconds and, because other programs may run beside it, processor seconds.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.indexing.first_index import bench_first_index
from benchmarks.shared_data import data_folder
from indexer.catalog.catalog import Catalog, open_catalog
from indexer.catalog.records import FileResult, TrackChange, TrackChanges, TrackQuery
from indexer.folders.disk import FoldersAndStores
from indexer.folders.files import FoundFile, Tags
from indexer.runs.indexer import Indexer, RunSummary
from indexer.runs.scan import scan
from model.emotion_model import EmotionModel


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--music", type=Path, default=data_folder() / "open_audio")
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--first", type=int, help="only a first index of so many short files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.first:
            bench_first_index(options.first, Path(folder))
            return
        bench_runs(options.music, Path(folder))
        bench_scan(Path(folder), options.files)
        bench_catalogue(Path(folder), options.tracks)


@dataclass
class Renamed:
    """The same model under another name, as a new checkpoint of the same frontend."""

    model: EmotionModel
    model_id: str = "renamed-000000000000"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


@dataclass
class Taken:
    """Seconds that something took."""

    wall_s: float = 0.0
    cpu_s: float = 0.0

    def times(self, other: Taken) -> str:
        """How many times as long this took as the other, by the clock and by the processor."""
        return f"{self.wall_s / other.wall_s:.0f} (cpu {self.cpu_s / other.cpu_s:.0f})"


@contextmanager
def taking() -> Iterator[Taken]:
    taken = Taken()
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    yield taken
    taken.wall_s, taken.cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s


def bench_runs(source: Path, folder: Path) -> None:
    music = folder / "music"
    shutil.copytree(source, music)
    catalog = open_catalog(f"sqlite:///{folder / 'circumplex.db'}")
    model: Any = EmotionModel.load(None, "cpu")

    def index(name: str, **options: Any) -> tuple[RunSummary, Taken]:
        with taking() as taken:
            summary = Indexer(catalog, model, folder / "data").run([music], **options)
        print(
            f"{name:<34} {taken.wall_s:8.3f} s wall {taken.cpu_s:8.3f} s cpu   "
            f"{summary.files_total} files, {summary.files_decoded} decoded"
        )
        return summary, taken

    first, first_s = index("first run")
    speed = first.audio_s / first_s.wall_s, first.audio_s / first_s.cpu_s
    print(f"  {first.audio_s:.0f} s of audio: {speed[0]:.0f} x real time ({speed[1]:.0f} x by cpu)")
    _, second_s = index("second run, nothing changed")
    print(f"  {first_s.times(second_s)} times faster than the first")
    shutil.move(music, folder / "moved")
    music.mkdir()
    shutil.move(folder / "moved", music / "elsewhere")
    index("every file moved")
    model = Renamed(model)
    _, anew_s = index("new checkpoint, analyses kept")
    print(f"  {first_s.times(anew_s)} times faster than the first")
    catalog.close()


def bench_scan(folder: Path, count: int) -> None:
    music = folder / "many"
    for number in range(count):
        path = music / f"{number % 100:02}" / f"{number}.mp3"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    catalog = open_catalog(f"sqlite:///{folder / 'many.db'}")
    disk = FoldersAndStores()
    found = scan([music], [], disk=disk, frontend_id="descriptors-2", full=False).to_read
    publish(catalog, [_result(file, number) for number, file in enumerate(found)])

    def unchanged() -> None:
        known = catalog.known_files()
        seen = scan([music], known, disk=disk, frontend_id="descriptors-2", full=False)
        assert (len(seen.to_read), len(seen.unchanged)) == (0, count)

    timed(f"scan of {count} unchanged files", unchanged)
    catalog.close()


def bench_catalogue(folder: Path, count: int) -> None:
    catalog = open_catalog(f"sqlite:///{folder / 'large.db'}")
    files = [FoundFile("/music", f"{i % 500}/{i}.mp3", 1, 1) for i in range(count)]
    results = [_result(file, number) for number, file in enumerate(files)]
    timed(f"publishing {count} tracks", lambda: publish(catalog, results))
    timed("reading what a run compares", catalog.known_files)
    timed("a page of 100 tracks", lambda: catalog.list_tracks(limit=100))
    words = TrackQuery(text=f"title {count - 1}")
    timed("one track by its title", lambda: catalog.list_tracks(words))
    catalog.close()


def publish(catalog: Catalog, results: list[FileResult]) -> None:
    run = catalog.start_run(["/music"], "bench")
    new = tuple(TrackChange(number, result) for number, result in enumerate(results, 1))
    catalog.publish(run.id, "bench", TrackChanges(new=new), None)


def timed(name: str, act: Callable[[], object]) -> None:
    with taking() as taken:
        act()
    print(f"{name:<34} {taken.wall_s:8.3f} s wall {taken.cpu_s:8.3f} s cpu")


def _result(file: FoundFile, number: int) -> FileResult:
    tags = Tags(f"Title {number}", f"Artist {number % 500}", None, "Rock", 2000)
    return FileResult(file, f"{number:032x}", "descriptors-2", tags, 200.0)


if __name__ == "__main__":
    main()
