"""Folders of services that come and go beside each other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from app.clips.upload_folder import private_folder
from tests.conftest import REPOSITORY

SERVICES, TIMES = 4, 200
COME_AND_GO = """
import sys
from pathlib import Path
from app.clips.upload_folder import private_folder
for _ in range(int(sys.argv[2])):
    with private_folder(Path(sys.argv[1])) as folder:
        (folder / "upload").write_bytes(b"music")
"""


def test_services_that_start_at_once_do_not_sweep_each_other_up(tmp_path: Path) -> None:
    """A folder is made before it is locked: whoever sees it in between takes it for left over."""
    command = [sys.executable, "-c", COME_AND_GO, str(tmp_path / "uploads"), str(TIMES)]
    started = [
        subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True)
        for _ in range(SERVICES)
    ]

    complaints = [process.communicate(timeout=300)[1] for process in started]

    assert complaints == [""] * SERVICES
    assert list((tmp_path / "uploads").iterdir()) == []


def test_the_folder_of_a_killed_service_is_swept_up(tmp_path: Path) -> None:
    """What kill -9 left goes at the next start; what a living service holds stays."""
    parent = tmp_path / "uploads"
    with private_folder(parent) as living:
        left = parent / "service-killed"
        left.mkdir()
        (left / "upload-x").write_bytes(b"left behind")

        with private_folder(parent) as second:
            assert sorted(parent.iterdir()) == sorted([living, second])

    assert list(parent.iterdir()) == []
