"""A few of the hostile files of the benchmark, through uploads, an index run and covers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.withstand.files import files_found
from benchmarks.withstand.hostile import audio_files, cover_files

EVERY = int(os.environ.get("CIRCUMPLEX_HOSTILE_EVERY", "40"))


@pytest.mark.timeout(1800)
def test_hostile_files_cost_no_process_more_than_it_may_take(tmp_path: Path) -> None:
    """All are answered in time, and good music is indexed beside them.

    `CIRCUMPLEX_HOSTILE_EVERY` says which share of them is taken.
    """
    found = files_found(tmp_path, EVERY)

    assert found.unexpected == []
    assert found.over_limit == []
    assert 0 < found.run["files_failed"] < found.run["files_total"]


def test_there_are_more_than_two_hundred_different_files() -> None:
    """Of at least five families, none of them twice."""
    files = [*audio_files(), *cover_files()]

    assert len({file.name for file in files}) == len(files) > 200
    assert len({file.content for file in files}) == len(files)
