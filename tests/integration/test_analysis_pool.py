"""The worker processes that decode uploads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from app.clips.analysis_pool import AnalysisLimits, PooledAnalyser
from app.errors import AnalysisLimitError, BusyError
from indexer.errors import WorkerStartError
from indexer.isolation.limits import ProcessLimits
from indexer.isolation.serving import ran_out_of_memory
from model.analysis import Analysis, analyse
from model.errors import AudioTooLongError, UndecodableAudioError
from model.frontends import get_frontend

LIMITS = AnalysisLimits(max_duration_s=60.0, timeout_s=60.0, memory_bytes=1 << 30)


def wait_until_started(pool: PooledAnalyser) -> None:
    """Wait for the only worker of a pool to be ready."""
    pool.prepare()
    with pool._pool.taken(120.0) as worker:
        worker.process.wait_until_ready()


@pytest.fixture(scope="module")
def pool() -> Iterator[PooledAnalyser]:
    """One worker."""
    analyser = PooledAnalyser("descriptors", 1, LIMITS)
    wait_until_started(analyser)
    yield analyser
    analyser.close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds of noise."""
    path = tmp_path_factory.mktemp("clips") / "noise.wav"
    soundfile.write(path, np.random.default_rng(0).normal(size=220_500) * 0.1, 22_050)
    return path


def test_a_worker_gives_what_this_process_would(pool: PooledAnalyser, clip: Path) -> None:
    """The analysis crosses the boundary unchanged."""
    here = analyse(clip, get_frontend("descriptors"))

    there = pool.analyse(clip)

    assert there.duration_s == here.duration_s
    np.testing.assert_allclose(there.segment_features, here.segment_features, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(there.window_features, here.window_features, rtol=1e-4, atol=1e-4)


def test_audio_errors_keep_their_kind(pool: PooledAnalyser, tmp_path: Path) -> None:
    """What is wrong with the file is said as if it had been decoded here."""
    text, long = tmp_path / "text.mp3", tmp_path / "long.wav"
    text.write_text("words " * 1000)
    soundfile.write(long, np.zeros(70 * 8000), 8000)

    with pytest.raises(UndecodableAudioError):
        pool.analyse(text)
    with pytest.raises(AudioTooLongError):
        pool.analyse(long)


def test_a_worker_that_dies_is_replaced(pool: PooledAnalyser, clip: Path) -> None:
    """The upload that did it gets an error, the next one an answer."""
    with pool._pool.taken() as worker:
        os.kill(worker.process._process.pid, signal.SIGSTOP)  # so that it dies with the file
    _kill_soon(worker.process._process.pid)

    with pytest.raises(AnalysisLimitError, match="broke the decoder"):
        pool.analyse(clip)

    assert pool.analyse(clip).duration_s == pytest.approx(10.0)


class Fragile:
    """A worker that is lost over its first file."""

    alive = True

    def analyse(self, path: Path) -> Analysis:
        """Be lost."""
        self.alive = False
        raise AnalysisLimitError(f"{path.name} broke the decoder")

    def close(self) -> None:
        """It is lost already."""


def test_a_worker_that_cannot_be_started_is_tried_again(clip: Path) -> None:
    """While the machine has no room for a process uploads are put off; then all is well."""
    refusals = [False, True, False]

    def start() -> Fragile:
        if refusals.pop(0):
            raise WorkerStartError("no worker can be started: no room")
        return Fragile()

    limits = AnalysisLimits(max_duration_s=60.0, timeout_s=0.2, memory_bytes=1 << 30)
    pool = PooledAnalyser("descriptors", 1, limits, start)
    with pytest.raises(AnalysisLimitError):
        pool.analyse(clip)  # and its worker is not replaced

    with pytest.raises(BusyError, match="can be started"):
        pool.analyse(clip)

    with pytest.raises(AnalysisLimitError, match="broke"):
        pool.analyse(clip)


def _kill_soon(pid: int) -> None:
    timer = threading.Timer(0.5, os.kill, (pid, signal.SIGKILL))
    timer.daemon = True
    timer.start()


def test_a_worker_that_hangs_is_replaced(clip: Path) -> None:
    """After the time limit the process is gone and another answers."""
    pool = PooledAnalyser("descriptors", 1, AnalysisLimits(60.0, 120.0, 1 << 30))
    wait_until_started(pool)
    try:
        with pool._pool.taken() as worker:
            os.kill(worker.process._process.pid, signal.SIGSTOP)
        worker.process._limits = ProcessLimits(0.5, 1 << 30)

        with pytest.raises(AnalysisLimitError, match=r"longer than 0\.5 s"):
            pool.analyse(clip)

        assert worker.process._process.poll() is not None
        assert pool.analyse(clip).duration_s == pytest.approx(10.0)
    finally:
        pool.close()


def test_memory_is_bounded(tmp_path: Path) -> None:
    """A clip that needs more than its share is refused, and the next one is answered."""
    big, small = tmp_path / "big.flac", tmp_path / "small.wav"
    rng = np.random.default_rng(0)
    soundfile.write(big, (rng.normal(size=96_000 * 200) * 0.1), 96_000)
    soundfile.write(small, rng.normal(size=80_000) * 0.1, 8000)
    pool = PooledAnalyser("descriptors", 1, AnalysisLimits(3600.0, 120.0, 160 << 20))
    before = children()
    try:
        with pytest.raises(AnalysisLimitError, match="more memory"):
            pool.analyse(big)

        assert children() <= before  # a process that lacked memory reads nothing more
        assert pool.analyse(small).duration_s == pytest.approx(10.0)
    finally:
        pool.close()


LATE_IMPORTS = """
import sys
from indexer.isolation import reader

def serve(options, handle):
    before = set(sys.modules)
    for do in ("tags", "analyse"):
        with open(sys.argv[1], "rb") as file:
            handle({"do": do, "name": "noise.wav"}, file)
    print(sorted(set(sys.modules) - before))

reader.serve = serve
reader.main({"frontend": "descriptors", "max_duration_s": 60.0})
"""


def test_a_worker_has_imported_everything_before_its_first_file(clip: Path) -> None:
    """No import fails half done because a file left no memory for it."""
    command = [sys.executable, "-c", LATE_IMPORTS, str(clip)]

    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120.0)

    assert answer.stdout.strip() == "[]"


def test_closing_leaves_no_process(clip: Path) -> None:
    """The worker ends with its pool."""
    pool = PooledAnalyser("descriptors", 1, LIMITS)
    pool.analyse(clip)
    with pool._pool.taken() as worker:
        pass

    pool.close()

    assert worker.process._process.poll() is not None


def test_at_rest_there_is_no_process(clip: Path) -> None:
    """None before an upload comes, and none once none has come for a while."""
    pool = PooledAnalyser("descriptors", 1, LIMITS, idle_s=0.2)
    before = children()
    pool.analyse(clip)
    with pool._pool.taken() as worker:
        pid = worker.process._process.pid
        during = children()
    deadline = time.monotonic() + 60.0
    while pid in children() and time.monotonic() < deadline:
        time.sleep(0.05)
    after = children()
    again = pool.analyse(clip)
    pool.close()

    assert pid in during - before
    assert pid not in after
    assert again.duration_s == pytest.approx(10.0)


def children() -> set[int]:
    """The living processes that this one has started."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread may have ended since
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


def test_running_out_of_memory_is_told_from_bad_audio() -> None:
    """Torch says so in a RuntimeError, whose words are these; the interpreter in a SystemError."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60)

    assert ran_out_of_memory(caught.value)
    assert ran_out_of_memory(MemoryError())
    assert ran_out_of_memory(SystemError("error return without exception set"))
    assert not ran_out_of_memory(RuntimeError("shapes do not match"))


def test_the_worker_knows_no_secrets(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its environment holds neither token nor address of the database; it may be lost first."""
    monkeypatch.setenv("CIRCUMPLEX_ADMIN_TOKEN", "hunter2")
    monkeypatch.setenv("CIRCUMPLEX_DATABASE_URL", "postgresql://user:hunter2@db/circumplex")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    pool = PooledAnalyser("descriptors", 1, LIMITS)
    pool.analyse(clip)  # only then has the process become another program for certain
    with pool._pool.taken() as worker:
        own = Path(f"/proc/{worker.process._process.pid}")
        environment = (own / "environ").read_bytes()
        victim = int((own / "oom_score_adj").read_text())

    pool.close()
    assert victim > int(Path("/proc/self/oom_score_adj").read_text())  # it goes before the service
    assert b"PATH=" in environment
    assert b"hunter2" not in environment
