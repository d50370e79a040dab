"""The files of the repository, for tests of its rules."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY


def tracked(*patterns: str) -> list[Path]:
    """The files that git knows or would add, by its patterns; skips outside a checkout."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    names = (name for name in listing.stdout.split("\0") if name)
    return [path for path in (REPOSITORY / name for name in names) if path.is_file()]
