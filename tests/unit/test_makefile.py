"""The commands a newcomer types first."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
TARGETS = [
    "install",
    "demo",
    "test",
    "test-image",
    "bench-model",
    "bench-search",
    "bench-analysis",
    "clean",
]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def _make(*arguments: str, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    return subprocess.run(
        ["make", *arguments], cwd=cwd, capture_output=True, text=True, check=False, env=environment
    )


@pytest.mark.parametrize("target", TARGETS)
def test_help_lists_every_target(target: str) -> None:
    """Plain `make` explains itself."""
    listing = _make()

    assert listing.returncode == 0, listing.stderr
    assert re.search(rf"^  {target} +\S", listing.stdout, re.MULTILINE)


def test_every_benchmark_has_a_target_and_every_target_a_benchmark() -> None:
    """`make bench-x` runs benchmarks/bench_x.py."""
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    scripts = {path.stem for path in (REPOSITORY / "benchmarks").glob("bench_*.py")}

    assert set(re.findall(r"-m benchmarks\.(bench_\w+)", makefile)) == scripts


def test_an_old_python_is_refused_by_name(tmp_path: Path) -> None:
    """A Python before 3.11 gets a sentence, not a traceback of pip."""
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    old.chmod(0o755)

    refusal = _make("install", f"PYTHON={old}", cwd=tmp_path)

    assert refusal.returncode != 0
    assert "needs Python 3.11 or later" in refusal.stderr
    assert "Python 3.9.2" in refusal.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "demo --data-dir demo-data --port 8000"),
        (["CHECK=1", "PORT=9001"], "demo --data-dir demo-data --port 9001 --check"),
        (["MUSIC=/srv/my  music"], "demo /srv/my  music --data-dir demo-data --port 8000"),
        (["MUSIC=~/Music"], "demo {home}/Music --data-dir demo-data --port 8000"),
    ],
)
def test_demo_hands_its_variables_on(tmp_path: Path, arguments: list[str], expected: str) -> None:
    """MUSIC (blanks and all), PORT and CHECK reach the command line."""
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    commands = tmp_path / ".venv" / "bin"
    commands.mkdir(parents=True)
    for name in ("pyproject.toml", "constraints.txt", ".venv/bin/python", ".venv/.runtime"):
        (tmp_path / name).touch()
    (commands / "circumplex").write_text("#!/bin/sh\nIFS='|'; echo \"$*\"\n")
    (commands / "circumplex").chmod(0o755)

    said = _make("demo", *arguments, cwd=tmp_path)

    assert said.returncode == 0, said.stderr
    assert said.stdout.strip().replace("|", " ") == expected.format(home=Path.home())


def test_a_change_of_pins_installs_again(tmp_path: Path) -> None:
    """The stamp is older than constraints.txt after an edit: make installs and compiles again."""
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("pyproject.toml", "constraints.txt", ".venv/bin/python", ".venv/.dev"):
        (tmp_path / name).touch()
    os.utime(tmp_path / ".venv" / ".dev", (0, 0))

    plan = _make("--dry-run", "install", cwd=tmp_path)
    os.utime(tmp_path / ".venv" / ".dev")
    settled = _make("--dry-run", "install", cwd=tmp_path)

    assert "-m pip install" in plan.stdout
    assert "-m indexer.runs.precompile" in plan.stdout
    assert "pip install" not in settled.stdout
