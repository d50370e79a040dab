"""How a server shares the interpreter among its threads."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.commands.serving import SWITCH_S, Server
from app.settings import Settings


@pytest.fixture
def kept_interval() -> Iterator[float]:
    """The interval of this process, put back afterwards."""
    before = sys.getswitchinterval()
    yield before
    sys.setswitchinterval(before)


def test_a_server_hands_the_lock_over_sooner(tmp_path: Path, kept_interval: float) -> None:
    """While it serves, the event loop waits a millisecond for a search's Python."""
    server = Server(Settings(data_dir=tmp_path, port=0, device="cpu"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 300.0
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.05)
    interval = sys.getswitchinterval()
    server.stop()
    thread.join(60.0)

    assert server.started
    assert interval == pytest.approx(SWITCH_S)
    assert interval < kept_interval
