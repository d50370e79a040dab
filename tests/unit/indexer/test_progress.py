"""What a run says of how fast it is."""

from __future__ import annotations

import time

import pytest

from indexer.runs.progress import ProgressMeter


def test_the_rate_is_that_of_analysing_also_later() -> None:
    """Writing the index takes moments; it does not make the files faster."""
    meter = ProgressMeter()
    meter.enter("scanning")
    assert meter.now().files_per_s is None
    meter.enter("analysing")
    meter.found(4, done=0, failed=0)
    for number in range(4):
        time.sleep(0.05)
        meter.finished(f"{number}.flac", failed=False)

    analysing = meter.now().files_per_s
    meter.enter("writing")
    writing = meter.now()
    meter.enter("finished")
    time.sleep(0.1)
    finished = meter.now()

    assert analysing is not None
    assert analysing <= 20.0
    assert writing.files_per_s == pytest.approx(analysing, rel=0.2)
    assert finished.files_per_s == writing.files_per_s
    assert finished.seconds_left is None
