"""What nobody waits for runs behind everything else."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from indexer.behind import NICENESS

REPORT = """
import json, os
from concurrent.futures import ThreadPoolExecutor
from indexer import behind
from indexer.embed import ahead

{before}
policy = lambda _=None: os.sched_getscheduler(0)
workers = list(ahead([1, 2, 3], policy, workers=2))
print(json.dumps([os.nice(0), policy(), workers]))
"""

linux = pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="another scheduler")


def seen(before: str) -> list[object]:
    """Niceness, policy of the main thread and of the decoding threads of a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", REPORT.format(before=before)],
        capture_output=True,
        check=True,
        text=True,
    )
    found: list[object] = json.loads(done.stdout)
    return found


@linux
def test_decoding_threads_of_a_process_that_gave_way_take_what_is_left() -> None:
    """The thread that renews the lease and ends the run keeps its small share."""
    assert seen("behind.give_way()") == [NICENESS, os.SCHED_OTHER, [os.SCHED_IDLE] * 3]


@linux
def test_decoding_threads_of_another_process_are_like_any_others() -> None:
    """`circumplex index` in a shell has the shell's priority."""
    assert seen("pass") == [os.nice(0), os.SCHED_OTHER, [os.SCHED_OTHER] * 3]
