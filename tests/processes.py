"""`circumplex` as real processes, for tests."""

from __future__ import annotations

import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.cli import main
from tests.running import TOKEN

COMMAND = [sys.executable, "-m", "app.cli"]
START_S = COMMAND_S = 300.0
_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["app.main", "tests.processes"])  # and with them torch


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a command over the library in `folder`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CIRCUMPLEX_")}
    own = {
        "CIRCUMPLEX_DATA_DIR": str(folder / "data"),
        "CIRCUMPLEX_MUSIC_ROOTS": str(folder / "music"),
        "CIRCUMPLEX_ADMIN_TOKEN": TOKEN,
        "CIRCUMPLEX_DEVICE": "cpu",
        "COLUMNS": "100",
    }
    return kept | own | more


def circumplex(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in a process that is forked from one which has torch loaded."""
    with tempfile.TemporaryDirectory() as name:
        paths = [Path(name) / "stdout", Path(name) / "stderr"]
        process = _FORKING.Process(
            target=_command, args=(arguments, environment(folder, **more), paths)
        )
        process.start()
        process.join(COMMAND_S)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(["circumplex", *arguments], COMMAND_S)
        texts = [path.read_text(encoding="utf-8") for path in paths]
    return subprocess.CompletedProcess(["circumplex", *arguments], process.exitcode, *texts)


def _command(arguments: Sequence[str], variables: dict[str, str], outputs: list[Path]) -> None:
    for number, path in enumerate(outputs, start=1):
        with path.open("wb") as file:
            os.dup2(file.fileno(), number)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = ["circumplex", *arguments]
    main()


@dataclass
class Served:
    """A service process and where it is."""

    process: subprocess.Popen[str]
    client: httpx.Client
    lines: list[str]


@contextmanager
def serving(folder: Path, **more: str) -> Iterator[Served]:
    """`circumplex serve` on a free port, until the block ends."""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0"],
        env=environment(folder, **more),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    lines: list[str] = []
    url: list[str] = []
    known = threading.Event()

    def read() -> None:
        assert process.stderr is not None
        with suppress(ValueError):  # closed while a child of a killed service still holds it
            for line in process.stderr:
                lines.append(line)
                found = re.search(r"Circumplex is at (http://\S+)", line)
                if found:
                    url.append(found[1])
                    known.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert known.wait(START_S), "".join(lines)
        with httpx.Client(base_url=url[0], timeout=300.0, trust_env=False) as client:
            yield Served(process, client, lines)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(timeout=300.0)
        reader.join(timeout=10.0)
        assert process.stderr is not None
        process.stderr.close()
