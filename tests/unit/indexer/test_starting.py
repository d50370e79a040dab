"""Starts of processes without the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from indexer.starting import collector_paused


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    yield
    gc.enable()
    gc.unfreeze()


def test_nothing_is_collected_within_the_block() -> None:
    """However many objects it makes."""
    with collector_paused():
        within = gc.isenabled()

    assert (within, gc.isenabled()) == (False, True)


def test_what_is_there_at_the_end_is_looked_at_no_more() -> None:
    """Neither later nor when the process ends."""
    with collector_paused():
        kept = [{"name": str(number)} for number in range(1000)]

    assert gc.get_freeze_count() >= len(kept)


def test_a_block_within_a_block_ends_nothing() -> None:
    """The outer one goes on."""
    with collector_paused():
        with collector_paused():
            pass
        within = gc.isenabled()

    assert not within


def test_imports_that_fail_leave_the_collector_on() -> None:
    """The process goes on as ever."""
    with pytest.raises(ImportError), collector_paused():
        raise ImportError

    assert gc.isenabled()
