"""Snapshots are verified by a process of their own, behind everything else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from indexer.errors import SnapshotDamagedError
from indexer.snapshot.verification import verify_in_process
from tests import snapshots


def damage(path: Path) -> None:
    """Flip the last bit of a file."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_another_process_finds_the_damage(tmp_path: Path) -> None:
    """The message is the one that the comparison here would give."""
    harmed = snapshots.written(tmp_path / "harmed", snapshots.content(20, 2))
    damage(harmed.folder / "mu.npy")

    with pytest.raises(SnapshotDamagedError, match=r"mu\.npy has SHA-256 .*--full"):
        verify_in_process(harmed.folder, least_bytes=0)
    with pytest.raises(SnapshotDamagedError, match=r"mu\.npy has SHA-256 .*--full"):
        harmed.verify()


def test_verification_needs_no_process_of_its_own(tmp_path: Path) -> None:
    """Where none starts, or it is killed, the comparison happens all the same."""
    whole = snapshots.written(tmp_path / "whole", snapshots.content(20, 1)).folder
    harmed = snapshots.written(tmp_path / "harmed", snapshots.content(20, 2)).folder
    damage(harmed / "mu.npy")

    for command in (("/no/such/program",), (sys.executable, "-c", "import os; os.abort()")):
        verify_in_process(whole, command, least_bytes=0)
        with pytest.raises(SnapshotDamagedError, match=r"mu\.npy"):
            verify_in_process(harmed, command, least_bytes=0)


def test_verification_runs_behind_requests(tmp_path: Path) -> None:
    """The process that hashes has a low priority."""
    script = (
        "import os, sys\n"
        "from indexer.snapshot import verification\n"
        "code = verification.main(sys.argv[2:])\n"
        "open(sys.argv[1], 'w').write(f'{code} {os.nice(0)}')\n"
    )
    folder = snapshots.written(tmp_path / "whole", snapshots.content(20, 0)).folder

    verify_in_process(folder, (sys.executable, "-c", script, str(tmp_path / "seen")), least_bytes=0)

    assert (tmp_path / "seen").read_text() == "0 19"
