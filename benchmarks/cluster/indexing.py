"""Index runs on a cluster of several nodes on this machine: speed, a lost node, a killed driver."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.service.catalogue import music_folder
from indexer.catalog.catalog import Catalog, open_catalog
from indexer.cluster.indexing import RayPool
from indexer.runs.indexer import Indexer
from indexer.runs.options import RunOptions
from indexer.runs.pools import Pool, Threads
from indexer.snapshot.format import read_manifest
from model.emotion_model import EmotionModel
from tests.cluster import running_cluster

CPUS = 2  # of this machine, for the one-machine run


def measure(folder: Path, files: int, nodes: Sequence[int]) -> dict[str, Any]:
    """Index the same music on one machine and on clusters."""
    music = folder / "chosen"
    music.mkdir()
    for path in sorted(path for path in music_folder(folder).iterdir() if path.is_file())[:files]:
        shutil.copy(path, music / path.name)
    alone = Place(folder / "alone", music)
    found: dict[str, Any] = {"one machine": alone.index(Threads())}
    for count in nodes:
        with running_cluster(count) as cluster:
            found[f"{count} nodes"] = Place(folder / f"on-{count}", music, alone).on(cluster)
    with running_cluster(2) as cluster:
        found["2 nodes, one lost"] = Place(folder / "lost", music, alone).on(cluster, lose=True)
        found["2 nodes, driver killed"] = Place(folder / "killed", music, alone).again(cluster)
    return found


class Place:
    """A data folder over the same music; compared with the one that one machine made."""

    def __init__(self, folder: Path, music: Path, like: Place | None = None) -> None:
        folder.mkdir()
        self.folder, self.music, self._like = folder, music, like
        self.catalog: Catalog = open_catalog(f"sqlite:///{folder / 'circumplex.db'}")

    def index(self, pool: Pool, **options: Any) -> dict[str, Any]:
        """Index; seconds, and whether all bytes are those of the other place."""
        model = EmotionModel.load(None, "cpu")
        indexer = Indexer(self.catalog, model, self.folder, RunOptions(workers=CPUS), pool=pool)
        began = time.perf_counter()
        summary = indexer.run([self.music], **options)
        return self._told(time.perf_counter() - began) | {
            "files": summary.files_total,
            "failed": summary.files_failed,
            "decoded": summary.files_decoded,
            "times real time": round(summary.audio_s / summary.elapsed_s, 1),
        }

    def on(self, cluster: Any, *, lose: bool = False) -> dict[str, Any]:
        """Index on a cluster, which may lose a node on the way."""
        pool = RayPool(partial(EmotionModel.load, None, "cpu"), self.folder, None, cluster.address)
        begun = threading.Event()

        def node_dies() -> None:
            begun.wait()
            others = [n for n in cluster.list_all_nodes() if n is not cluster.head_node]
            cluster.remove_node(others[0], allow_graceful=False)

        if lose:
            threading.Thread(target=node_dies, daemon=True).start()
        return self.index(pool, progress=lambda now: begun.set() if now.files_done > 1 else None)

    def again(self, cluster: Any) -> dict[str, Any]:
        """Kill the driver in the middle of its run, and begin again."""
        began = time.perf_counter()
        process = self._driver(cluster)
        while len(self._analyses()) < 3:
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        before = self._analyses()
        while True:  # until the lease of the dead run is over
            process = self._driver(cluster)
            if process.wait() == 0:
                break
            time.sleep(3.0)
        kept = self._analyses()
        return self._told(time.perf_counter() - began) | {
            "finished before": len(before),
            "analysed again": sum(kept[path] != since for path, since in before.items()),
            "analyses": len(kept),
        }

    def _driver(self, cluster: Any) -> subprocess.Popen[bytes]:
        command = ["index", str(self.music), "--engine", "ray", "--address", cluster.address]
        environment = os.environ | {"CIRCUMPLEX_DEVICE": "cpu", "CIRCUMPLEX_ISOLATE_UPLOADS": "0"}
        return subprocess.Popen(
            [sys.executable, "-m", "app.cli", *command, "--data-dir", str(self.folder)],
            env=environment,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _analyses(self) -> dict[Path, int]:
        found = self.folder.glob("analyses/*/??/*")
        return {p: p.stat().st_mtime_ns for p in found if not p.name.startswith(".")}

    def _told(self, seconds: float) -> dict[str, Any]:
        equal = True if self._like is None else self.files() == self._like.files()
        return {"seconds": round(seconds, 1), "equal to the last bit": equal}

    def files(self) -> dict[str, Any]:
        """Size and hash of every file of the active snapshot."""
        active = self.catalog.active_snapshot()
        assert active is not None
        return dict(read_manifest(self.folder / "snapshots" / active.id).files)
