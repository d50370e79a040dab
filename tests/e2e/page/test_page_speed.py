"""The page's work does not grow with the catalogue: 100,000 tracks beside 1,000 in one run.

Nothing here measures the machine; `make bench-page` holds the figures on the clock.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.page.page_figures import answers_ms, drawing, first_view_work_ms, large
from tests.running import Running

ATTEMPTS = 2
ROOM = 4.0  # the catalogue is a hundred times larger


@pytest.fixture(scope="module")
def small(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service over 1,000 tracks."""
    with large(tmp_path_factory.mktemp("thousand"), 1_000) as running:
        yield running


@pytest.fixture(scope="module")
def hundredfold(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service over 100,000 tracks."""
    with large(tmp_path_factory.mktemp("hundred-thousand"), 100_000) as running:
        yield running


def test_the_first_view_of_many_tracks_costs_little_more(
    browser: Browser, small: Running, hundredfold: Running
) -> None:
    """Processor time of the page's thread until all dots are painted."""
    few_ms, many_ms = (
        min(first_view_work_ms(browser, each.url) for _ in range(ATTEMPTS))
        for each in (small, hundredfold)
    )

    assert many_ms < ROOM * few_ms


def test_answers_while_drawing_come_as_fast_from_many_tracks(
    browser: Browser, small: Running, hundredfold: Running
) -> None:
    """From asking to the list on the page, the fastest of a line drawn by hand."""
    few_ms, many_ms = (min(answers_ms(browser, each.url)) for each in (small, hundredfold))

    assert many_ms < ROOM * few_ms


def test_drawing_over_many_dots_costs_no_more(
    browser: Browser, small: Running, hundredfold: Running
) -> None:
    """Dots are painted once, and the line above them takes the same work."""
    few, many = drawing(browser, small.url), drawing(browser, hundredfold.url)

    assert (few.paintings, many.paintings) == (1, 1)
    assert many.work_ms < ROOM * few.work_ms
