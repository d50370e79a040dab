"""What starting the service costs: modules that it does not need are not imported."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY

LATER = (
    "alembic",
    "indexer.runs.indexer",
    "indexer.runs.job",
    "matplotlib",
    "mutagen.flac",
    "scipy.optimize",
    "scipy.signal",
    "scipy.sparse",
    "scipy.spatial",
    "silero_vad",
    "torchaudio",
)


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """The modules of a process that could serve."""
    code = "import json, sys, app.main, app.services; print(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("name", LATER)
def test_starting_does_not_import(imported: set[str], name: str) -> None:
    """It takes time and memory, and is imported where it is used."""
    assert name not in imported


def test_what_is_imported_is_seen(imported: set[str]) -> None:
    """The test above can fail."""
    assert {"torch", "fastapi", "app.main"} <= imported


def test_one_cuda_is_installed() -> None:
    """Torch's: packages of another one take a gigabyte, and memory of each process."""
    pins = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()

    assert [pin for pin in pins if "-cu12" in pin or pin.startswith("faiss-gpu")] == []
    assert any(pin.startswith("faiss-cpu==") for pin in pins)
