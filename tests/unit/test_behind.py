"""What runs behind everything else does so from its first moment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from indexer import behind, verification
from indexer.worker import Job, ProcessExecutor

REPORT = """
import json, os, sys
os.write(1, json.dumps([__name__, sys.argv[1:], os.nice(0), at_import, policy()]).encode())
sys.exit(3)
"""
PRELUDE = """
import os
policy = lambda: os.sched_getscheduler(0) if hasattr(os, "SCHED_IDLE") else None
at_import = policy()
"""


@pytest.fixture
def reporting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that tells how it is run."""
    (tmp_path / "reporting.py").write_text(PRELUDE + REPORT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "reporting"


def test_a_module_runs_as_the_program_with_the_lowest_priority(reporting: str) -> None:
    """Its arguments, its exit code, and no core while anybody else wants one."""
    done = subprocess.run(
        behind.command(reporting, "one", "two"), capture_output=True, check=False, text=True
    )

    idle = getattr(os, "SCHED_IDLE", None)
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout) == ["__main__", ["one", "two"], 19, idle, idle]


def test_indexing_and_hashing_run_behind() -> None:
    """Both processes that a service starts beside its listeners."""
    assert tuple(ProcessExecutor(Job("", ""))._command) == behind.command("indexer.worker")
    assert behind.command("indexer.verification") == verification._COMMAND
