"""Figures: the first view, the answer to a line, the frames while a large catalogue is shown.

Each is the best of a few attempts: other work on the machine can only make it worse.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.page_figures import answers_ms, first_view_ms, frames_ms, large
from tests.running import Running

FIRST_VIEW_MS = 1000.0
ANSWER_MS = 150.0
FRAME_MS = 1000.0 / 60.0
ATTEMPTS = 4


@pytest.fixture(scope="module")
def ten_thousand(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service over 10,000 tracks."""
    with large(tmp_path_factory.mktemp("ten-thousand"), 10_000) as running:
        yield running


@pytest.fixture(scope="module")
def hundred_thousand(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A service over 100,000 tracks."""
    with large(tmp_path_factory.mktemp("hundred-thousand"), 100_000) as running:
        yield running


def best_of(attempt: Callable[[], float], good: float) -> float:
    """The smallest of at most `ATTEMPTS` figures; stops at the first that is good."""
    figures: list[float] = []
    while len(figures) < ATTEMPTS and (not figures or min(figures) > good):
        figures.append(attempt())
    return min(figures)


def test_the_first_view_stands_within_a_second(
    browser: Browser, ten_thousand: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the address to 10,000 painted dots, on loopback, with an empty cache each time."""

    def attempt() -> float:
        return first_view_ms(browser, ten_thousand.url)[1]

    attempt()
    ready_ms = best_of(attempt, FIRST_VIEW_MS)

    with capsys.disabled():
        print(f"\nfirst view with 10,000 tracks: {ready_ms:.0f} ms")
    assert ready_ms < FIRST_VIEW_MS


def test_drawing_answers_within_150_ms(
    browser: Browser, ten_thousand: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    """From asking to the list on the page, median over a line drawn by hand."""

    def attempt() -> float:
        return statistics.median(answers_ms(browser, ten_thousand.url))

    answer_ms = best_of(attempt, ANSWER_MS)

    with capsys.disabled():
        print(f"\nanswer while drawing, 10,000 tracks: {answer_ms:.0f} ms")
    assert answer_ms < ANSWER_MS


def test_a_hundred_thousand_dots_stay_fluid(
    browser: Browser, hundred_thousand: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sixty frames a second while a line is drawn over them, median; drawn by the processor."""

    def attempt() -> float:
        return statistics.median(frames_ms(browser, hundred_thousand.url))

    frame_ms = best_of(attempt, FRAME_MS)

    with capsys.disabled():
        print(f"\nframes over 100,000 dots: {1000 / frame_ms:.0f} a second")
    assert frame_ms < FRAME_MS * 1.1
