"""Analyses one file in a process of its own: `python -m indexer.runs.isolated FRONTEND FILE`.

For files that were being decoded when an indexing process died: most likely it was killed from
outside, but if the file is what kills decoders, it kills this process and not the next run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from indexer.errors import StorageError
from model.analysis import Analysis, analyse
from model.errors import AudioError, UndecodableAudioError
from model.frontends import Frontend, get_frontend

TIMEOUT_S = 3600.0  # of one file; ten hours of audio take minutes
_REFUSED = 3  # exit code: the file is no usable audio, the reason is on standard error
_COMMAND = (sys.executable, "-m", "indexer.runs.isolated")


def analyse_isolated(path: Path, frontend_name: str, command: Sequence[str] = _COMMAND) -> Analysis:
    """The analysis of a file, made by another process on the CPU.

    Args:
        path: The file.
        frontend_name: What describes it.
        command: How to start the process.

    Raises:
        AudioError: The file is no usable audio, or the process died over it.
        StorageError: No process can be started.
    """
    line = [*command, frontend_name, os.fspath(path)]
    try:
        done = subprocess.run(
            line, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise UndecodableAudioError(f"decoding took longer than {TIMEOUT_S:.0f} s") from exc
    except OSError as exc:
        raise StorageError(f"no process can be started: {exc}") from exc
    reason = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
    if done.returncode == _REFUSED:
        raise AudioError(reason)
    if done.returncode:
        raise UndecodableAudioError(
            f"decoding it ended its process ({done.returncode}{', ' if reason else ''}{reason}); "
            "a full run tries it again"
        )
    return Analysis.from_bytes(done.stdout)


def main(arguments: Sequence[str], get: Callable[[str], Frontend] = get_frontend) -> int:
    """Write the analysis of a file to standard output."""
    name, path = arguments
    try:
        analysis = analyse(Path(path), get(name))
    except AudioError as exc:
        sys.stderr.write(f"{exc}\n".replace("\n", " ").strip() + "\n")
        return _REFUSED
    sys.stdout.buffer.write(analysis.to_bytes())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
