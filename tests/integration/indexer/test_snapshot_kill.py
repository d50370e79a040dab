"""kill -9 while a snapshot is written: the old one serves, the next run succeeds, nothing stays."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.search.searcher import Searcher
from indexer.snapshot.reader import Snapshot
from tests import snapshots

STEPS = ("tracks", "curves", "search", "sync", "manifest", "verify", "rename", "published")
WRITER = """
import os, signal, sys
from pathlib import Path
from tests import snapshots

def observe(step):
    if step == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

snapshots.written(Path(sys.argv[1]), snapshots.content(15, 1), observe=observe)
"""


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_writer_leaves_the_catalogue_whole(tmp_path: Path, step: str) -> None:
    """At every step: the new snapshot is absent or complete, the old one answers as before."""
    old = snapshots.written(tmp_path / "old", snapshots.content(15, 0))
    query = snapshots.embedding(1, 3)
    before = snapshots.found(Searcher(old, snapshots.scoring()), query, limit=5)

    ended = subprocess.run(
        [sys.executable, "-c", WRITER, str(tmp_path / "new"), step],
        cwd=Path(__file__).parents[3],
        check=False,
    )

    assert ended.returncode == -signal.SIGKILL
    again = Snapshot.open(tmp_path / "old")
    again.verify()
    assert snapshots.found(Searcher(again, snapshots.scoring()), query, limit=5) == before
    if (tmp_path / "new").exists():
        assert step == "published"
        Snapshot.open(tmp_path / "new").verify()
        return
    snapshots.written(tmp_path / "new", snapshots.content(15, 1)).verify()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]


def test_a_folder_that_is_being_written_is_no_leftover(tmp_path: Path) -> None:
    """A second writer beside a running one leaves its partial folder alone."""
    inside: list[set[str]] = []

    def observe(step: str) -> None:
        if step == "sync":
            snapshots.written(tmp_path / "second", snapshots.content(15, 1))
            inside.append({path.name for path in tmp_path.iterdir()})

    snapshots.written(tmp_path / "first", snapshots.content(15, 0), observe=observe)

    assert len(inside[0]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]
