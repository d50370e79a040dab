"""Figures: the first view, the answer to a line, the frames while a large catalogue is shown.

Each is the best of a few attempts: other work on the machine can only make it worse.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.browser import open_page, place_of, wait_until, watched_page
from tests.e2e.large import write_large_catalogue
from tests.fakes import FakeModel
from tests.running import Running, fake_settings, running_service

FIRST_VIEW_MS = 1000.0
ANSWER_MS = 150.0
FRAME_MS = 1000.0 / 60.0
ATTEMPTS = 4
FRAMES = """() => {
    window.frames_ms = [];
    let last = performance.now();
    const frame = (now) => { window.frames_ms.push(now - last); last = now;
                             window.counting = requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
}"""
READY_MS = """(() => {
    const dots = performance.getEntriesByName("paint-dots");
    return Math.max(...dots.map((entry) => entry.startTime + entry.duration));
})()"""


@contextmanager
def large(folder: Path, tracks: int) -> Iterator[Running]:
    """A service over `tracks` tracks."""
    settings, model = fake_settings(folder), FakeModel()
    write_large_catalogue(settings, model, tracks)
    with running_service(settings, model) as running:
        yield running


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


def wander(page: Page, moves: int = 60) -> None:
    """Draw a slow wavy line over the whole plane."""
    left, top = place_of(page, -0.9, 0.6)
    right, bottom = place_of(page, 0.9, -0.6)
    page.mouse.move(left, bottom)
    page.mouse.down()
    for step in range(1, moves + 1):
        wave = 0.5 + 0.5 * (-1) ** (step // 15) * (step % 15) / 15
        page.mouse.move(left + (right - left) * step / moves, top + (bottom - top) * wave)
        page.wait_for_timeout(16)
    page.mouse.up()


def test_the_first_view_stands_within_a_second(
    browser: Browser, ten_thousand: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the address to 10,000 painted dots, on loopback, with an empty cache each time."""

    def attempt() -> float:
        with watched_page(browser) as (page, _):
            open_page(page, ten_thousand.url)
            return float(page.evaluate(READY_MS))

    attempt()
    first_view_ms = best_of(attempt, FIRST_VIEW_MS)

    with capsys.disabled():
        print(f"\nfirst view with 10,000 tracks: {first_view_ms:.0f} ms")
    assert first_view_ms < FIRST_VIEW_MS


def test_drawing_answers_within_150_ms(
    browser: Browser, ten_thousand: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    """From asking to the list on the page, median over a line drawn by hand."""

    def attempt() -> float:
        with watched_page(browser) as (page, _):
            open_page(page, ten_thousand.url)
            wander(page)
            wait_until(page, "performance.getEntriesByName('answer').length > 5")
            durations = page.evaluate("performance.getEntriesByName('answer').map(e => e.duration)")
            return statistics.median(durations)

    answer_ms = best_of(attempt, ANSWER_MS)

    with capsys.disabled():
        print(f"\nanswer while drawing, 10,000 tracks: {answer_ms:.0f} ms")
    assert answer_ms < ANSWER_MS


def test_a_hundred_thousand_dots_stay_fluid(
    browser: Browser, hundred_thousand: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sixty frames a second while a line is drawn over them, median; drawn by the processor."""

    def attempt() -> float:
        with watched_page(browser) as (page, _):
            open_page(page, hundred_thousand.url)
            page.wait_for_timeout(300)
            page.evaluate(FRAMES)
            wander(page)
            return statistics.median(page.evaluate("window.frames_ms.slice(2)"))

    frame_ms = best_of(attempt, FRAME_MS)

    with capsys.disabled():
        print(f"\nframes over 100,000 dots: {1000 / frame_ms:.0f} a second")
    assert frame_ms < FRAME_MS * 1.1
