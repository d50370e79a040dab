"""What a run says of how fast it is."""

from __future__ import annotations

from indexer.runs.progress import ProgressMeter


def test_the_rate_is_that_of_analysing_also_later() -> None:
    """Writing the index takes moments; it does not make the files faster."""
    now_s = 100.0
    meter = ProgressMeter(clock=lambda: now_s)
    meter.enter("scanning")
    assert meter.now().files_per_s is None
    meter.enter("analysing")
    meter.found(4, done=0, failed=0)
    for number in range(4):
        now_s += 0.05
        meter.finished(f"{number}.flac", failed=False)

    analysing = meter.now().files_per_s
    meter.enter("writing")
    writing = meter.now()
    meter.enter("finished")
    now_s += 0.1
    finished = meter.now()

    assert analysing is not None
    assert round(analysing, 6) == 20.0
    assert writing.files_per_s == analysing
    assert finished.files_per_s == analysing
    assert finished.seconds_left is None
