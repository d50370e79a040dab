"""How fast the page is, measured in the browser; for the tests and for `make bench-page`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page

from tests.e2e.large import write_large_catalogue
from tests.e2e.page.browser import open_page, place_of, wait_until, watched_page
from tests.fakes import FakeModel
from tests.running import Running, fake_settings, running_service

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
PAINTINGS = "performance.getEntriesByName('paint-dots').length"
WORDS_MS = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
ANSWERS_MS = "performance.getEntriesByName('answer').map(e => e.duration)"


@contextmanager
def large(folder: Path, tracks: int, model: Any = None) -> Iterator[Running]:
    """A service over `tracks` tracks, under the fake model unless another is given."""
    settings, model = fake_settings(folder), model or FakeModel()
    write_large_catalogue(settings, model, tracks)
    with running_service(settings, model) as running:
        yield running


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


def first_view_ms(browser: Browser, url: str) -> tuple[float, float]:
    """From the address, with an empty cache: until words stand there, until the dots do."""
    with watched_page(browser) as (page, _):
        open_page(page, url)
        return float(page.evaluate(WORDS_MS)), float(page.evaluate(READY_MS))


def first_view_work_ms(browser: Browser, url: str) -> float:
    """Processor time of the page's thread for a first view: other programs do not show in it."""
    with watched_page(browser) as (page, _):
        tools = _counting(page)
        open_page(page, url)
        return _thread_ms(tools)


def answers_ms(browser: Browser, url: str) -> list[float]:
    """From asking to the list on the page, for each answer while a line is drawn by hand."""
    with watched_page(browser) as (page, _):
        open_page(page, url)
        wander(page)
        wait_until(page, "performance.getEntriesByName('answer').length > 5")
        return list(page.evaluate(ANSWERS_MS))


def frames_ms(browser: Browser, url: str) -> list[float]:
    """Between frames while a line is drawn over the dots, answers and all."""
    with watched_page(browser) as (page, _):
        open_page(page, url)
        page.wait_for_timeout(300)
        page.evaluate(FRAMES)
        wander(page)
        return list(page.evaluate("window.frames_ms.slice(2)"))


@dataclass(frozen=True)
class Drawing:
    """What a line drawn over the dots took.

    Attributes:
        paintings: How often the dots were painted, since the page was opened.
        work_ms: Processor time of the page's thread while the line was drawn.
    """

    paintings: int
    work_ms: float


def drawing(browser: Browser, url: str) -> Drawing:
    """The work of drawing a line, answers and all."""
    with watched_page(browser) as (page, _):
        tools = _counting(page)
        open_page(page, url)
        page.wait_for_timeout(300)
        before_ms = _thread_ms(tools)
        wander(page)
        return Drawing(int(page.evaluate(PAINTINGS)), _thread_ms(tools) - before_ms)


def _counting(page: Page) -> CDPSession:
    tools = page.context.new_cdp_session(page)
    tools.send("Performance.enable")
    return tools


def _thread_ms(tools: CDPSession) -> float:
    """Processor time of the page's thread so far."""
    metrics = tools.send("Performance.getMetrics")["metrics"]
    return next(1000.0 * m["value"] for m in metrics if m["name"] == "ThreadTime")
