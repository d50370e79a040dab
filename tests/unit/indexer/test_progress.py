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


def test_the_time_left_is_right_after_a_break() -> None:
    """Files that were finished before come back in moments; they say nothing of the others."""
    now_s = 0.0
    meter = ProgressMeter(clock=lambda: now_s)
    meter.enter("scanning")
    meter.found(1000, done=0, failed=0)
    meter.enter("analysing")
    meter.recalls(500)
    for _ in range(500):
        now_s += 0.001
        meter.finished("a.flac", failed=False, recalled=True)
        assert meter.now().seconds_left is None
    meter.recalls(0)
    for left in range(499, 0, -1):
        now_s += 2.0
        meter.finished("b.flac", failed=False)
        foreseen = meter.now().seconds_left
        assert foreseen is not None
        assert abs(foreseen - 2.0 * left) <= 0.01 * 2.0 * left


def test_the_time_left_follows_what_comes_now() -> None:
    """After moved files, which take moments, a minute of others tells how long the rest takes."""
    now_s = 0.0
    meter = ProgressMeter(clock=lambda: now_s)
    meter.enter("analysing")
    meter.found(1000, done=0, failed=0)
    for _ in range(400):
        now_s += 0.001
        meter.finished("moved.flac", failed=False)
    for _ in range(45):
        now_s += 2.0
        meter.finished("new.flac", failed=False)
    foreseen = meter.now().seconds_left

    assert foreseen is not None
    assert abs(foreseen - 555 * 2.0) <= 0.1 * 555 * 2.0


def test_where_all_is_recalled_the_time_left_is_that_of_recalling() -> None:
    """A new checkpoint over kept analyses is foreseen by its own speed."""
    now_s = 0.0
    meter = ProgressMeter(clock=lambda: now_s)
    meter.enter("analysing")
    meter.found(100, done=0, failed=0)
    meter.recalls(100)
    for _ in range(50):
        now_s += 0.1
        meter.finished("a.flac", failed=False, recalled=True)
    foreseen = meter.now().seconds_left

    assert foreseen is not None
    assert abs(foreseen - 5.0) < 0.2
