"""What a start costs: modules that it does not need are not imported."""

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

HEAVY = ("av", "faiss", "fastapi", "numba", "sqlalchemy", "torch")


def modules_after(statement: str) -> set[str]:
    """What a process has imported after `statement`."""
    code = f"import json, sys; {statement}; print(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    return set(json.loads(done.stdout))


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """The modules of a process that could serve."""
    return modules_after("import app.main, app.services")


@pytest.fixture(scope="module")
def imported_by_cli() -> set[str]:
    """The modules of `circumplex --help`, and of every command before it begins."""
    return modules_after("import app.cli")


@pytest.mark.parametrize("name", LATER)
def test_starting_does_not_import(imported: set[str], name: str) -> None:
    """It takes time and memory, and is imported where it is used."""
    assert name not in imported


def test_a_command_about_the_catalogue_needs_no_model() -> None:
    """Keys, stations and verdicts come from the database alone."""
    assert {"faiss", "numba", "torch"}.isdisjoint(modules_after("import app.cli, app.opening"))


@pytest.mark.parametrize("name", HEAVY)
def test_the_command_line_is_light(imported_by_cli: set[str], name: str) -> None:
    """A command that opens no index answers in a third of a second."""
    assert name not in imported_by_cli


def test_what_is_imported_is_seen(imported: set[str]) -> None:
    """The tests above can fail."""
    assert {*HEAVY, "app.main"} <= imported


def test_one_cuda_is_installed() -> None:
    """Torch's: packages of another one take a gigabyte, and memory of each process."""
    pins = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()

    assert [pin for pin in pins if "-cu12" in pin or pin.startswith("faiss-gpu")] == []
    assert any(pin.startswith("faiss-cpu==") for pin in pins)
