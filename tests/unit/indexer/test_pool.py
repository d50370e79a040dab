"""Workers that start when they are needed and are let go when they rest."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import pytest

from indexer.isolation.pool import WorkerPool
from tests.waiting import wait_until


class Tool:
    """A worker that remembers whether it was closed."""

    def __init__(self) -> None:
        self.alive = True

    def close(self) -> None:
        """Be closed."""
        self.alive = False


class Shop:
    """Starts tools and keeps them."""

    def __init__(self) -> None:
        self.made: list[Tool] = []

    def __call__(self) -> Tool:
        """Another one."""
        self.made.append(Tool())
        return self.made[-1]

    @property
    def living(self) -> int:
        """How many are not closed."""
        return sum(tool.alive for tool in self.made)


def wait_for(what: Callable[[], bool]) -> None:
    """Wait until something holds."""
    wait_until(what, 30.0)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_a_worker_is_started_for_the_first_work_and_used_again(shop: Shop) -> None:
    """One after the other needs one."""
    pool = WorkerPool(shop, 3)
    before = len(shop.made)
    for _ in range(5):
        with pool.taken():
            pass

    assert before == 0
    assert len(shop.made) == 1


def test_as_many_as_allowed_work_at_once(shop: Shop) -> None:
    """The next one waits, as long as it likes."""
    pool = WorkerPool(shop, 2)
    with pool.taken() as one, pool.taken() as two, pytest.raises(queue.Empty), pool.taken(0.01):
        pass

    assert one is not two
    assert len(shop.made) == 2


def test_a_lost_worker_is_replaced_by_the_next_work(shop: Shop) -> None:
    """Whether it was lost at work or at rest."""
    pool = WorkerPool(shop, 1)
    with pool.taken() as lost:
        lost.alive = False
    with pool.taken() as other:
        pass
    other.alive = False
    with pool.taken() as third:
        pass

    assert len({id(lost), id(other), id(third)}) == 3


def test_a_place_survives_a_worker_that_cannot_be_started() -> None:
    """And one that fails at its work."""
    refusals = [OSError("no room"), None]

    def start() -> Tool:
        refused = refusals.pop(0)
        if refused is not None:
            raise refused
        return Tool()

    pool = WorkerPool(start, 1)
    with pytest.raises(OSError, match="no room"), pool.taken():
        pass
    with pytest.raises(ValueError, match="work"), pool.taken():
        raise ValueError("work")
    with pool.taken(0.1) as tool:
        assert tool.alive


def test_workers_are_let_go_after_a_rest_and_not_at_work(shop: Shop) -> None:
    """The whole pool rests; then work begins again with a new one."""
    pool = WorkerPool(shop, 2, idle_s=0.05)
    with pool.taken() as working:
        with pool.taken():
            pass
        wait_for(lambda: shop.living == 1)
        assert working.alive
    wait_for(lambda: shop.living == 0)
    with pool.taken() as again:
        assert again.alive


def test_prepare_starts_one_and_only_one(shop: Shop) -> None:
    """It is there when the work comes; while all are at work there is nothing to prepare."""
    pool = WorkerPool(shop, 1)
    pool.prepare()
    pool.prepare()
    with pool.taken() as tool:
        pool.prepare()

    assert shop.made == [tool]


def test_a_closed_pool_leaves_nothing(shop: Shop) -> None:
    """Neither what rests, nor what was at work, nor a timer."""
    pool = WorkerPool(shop, 2, idle_s=3600.0)
    with pool.taken():
        with pool.taken():
            pass
        pool.close()
    timers = [each for each in threading.enumerate() if isinstance(each, threading.Timer)]

    assert shop.living == 0
    assert not any(each.interval == 3600.0 and not each.finished.is_set() for each in timers)
