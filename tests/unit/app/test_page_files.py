"""The page's files as files: types, size, and that they name nothing outside."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

WEB = REPOSITORY / "app" / "web"
MODULES = sorted(path for path in WEB.glob("*.js") if path.name != "docs.js")
TEXTS = sorted(path for path in WEB.iterdir() if path.suffix in {".js", ".css", ".html", ".svg"})
XML_NAMES = {"http://www.w3.org/2000/svg"}


def test_the_modules_types_hold() -> None:
    """TypeScript's checker finds nothing wrong with the JSDoc types."""
    checker = shutil.which("tsc")
    if checker is None:
        pytest.skip("no TypeScript on this machine: npm install --global typescript")
    options = "--allowJs --checkJs --noEmit --strict --skipLibCheck --target es2022 --module esnext"
    more = ["--moduleResolution", "bundler", "--lib", "es2023,dom,dom.iterable"]

    checked = subprocess.run(
        [checker, *options.split(), *more, *map(str, MODULES)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_nothing_names_another_machine(path: Path) -> None:
    """No address, and no absolute path: the page works below any path and asks no one else."""
    text = path.read_text(encoding="utf-8")

    assert set(re.findall(r"https?://[^\s\"'`)>]+", text)) <= XML_NAMES
    assert not re.findall(r"(?:href|src|url)\s*[=(]\s*[\"']?/", text)
    assert not re.findall(r"""(?:fetch|import)\(\s*["'`]/""", text)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_a_file_fits_the_houses_size(path: Path) -> None:
    """Under 400 lines, written by hand: no line is as long as a minified one."""
    lines = path.read_text(encoding="utf-8").splitlines()

    assert len(lines) < 400
    assert max(map(len, lines)) < 400
