"""What `circumplex index` writes where no terminal is."""

from __future__ import annotations

from app.commands.index_progress import LINE_EVERY_S, IndexLines
from indexer.catalog.records import RunProgress


def test_a_log_gets_a_line_at_each_stage_and_one_from_time_to_time() -> None:
    """Not one for each file; each says how far the run is and how long it takes."""
    now_s = 0.0
    lines: list[str] = []
    shown = IndexLines(lines.append, clock=lambda: now_s)
    shown.show(RunProgress("scanning"))
    for done in range(300):
        now_s += 0.1
        shown.show(RunProgress("analysing", 300, done, 2, 10.0, (300 - done) / 10.0))
    shown.show(RunProgress("writing", 300, 300, 2, 10.0))
    shown.show(RunProgress("finished", 300, 300, 2, 10.0))

    assert lines[0] == "Looking for music"
    assert lines[1] == "Listening: 0 of 300 files, 2 failed, 10.0 files/s, 0:30 left"
    assert lines[-1] == "Writing the index: 300 of 300 files, 2 failed"
    assert len(lines) == 3 + int(30.0 // LINE_EVERY_S) - 1
