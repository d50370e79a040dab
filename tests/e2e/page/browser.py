"""The system's Chromium, driven over loopback, and a watch over what a page does."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from model.feelings.moods import plane_words

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)
NAMES = ("chromium", "chromium-browser", "google-chrome")
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
IGNORED = "Failed to load resource"  # Chromium logs every refused request; see `refused`


@dataclass
class Watch:
    """What a page did that no page should, and the requests that were refused.

    Attributes:
        errors: Errors on the console and exceptions nobody caught.
        foreign: Requests that left the machine.
        refused: Answers with an error status, as "status path".
        expected: Beginnings of the refusals that the test wants to see.
    """

    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()

    def expect(self, *refusals: str) -> None:
        """The page may and must be refused so until its end, as "status" or "status path"."""
        self.expected += refusals

    def check(self) -> None:
        """Nothing happened that no page should do, and every expected refusal came."""
        assert not self.errors, self.errors
        assert not self.foreign, self.foreign
        unexpected = [line for line in self.refused if not line.startswith(self.expected)]
        assert not unexpected, unexpected
        for start in self.expected:
            assert any(line.startswith(start) for line in self.refused), f"never refused: {start}"

    def follow(self, page: Page) -> None:
        """Listen to everything `page` says."""
        page.on("console", lambda message: self._console(message.type, message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._request(request.url))
        page.on("response", lambda response: self._response(response.status, response.url))

    def _console(self, kind: str, text: str) -> None:
        if kind == "error" and not text.startswith(IGNORED):
            self.errors.append(text)

    def _request(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "data:", "blob:http://127.0.0.1:")):
            self.foreign.append(url)

    def _response(self, status: int, url: str) -> None:
        if status >= 400:
            self.refused.append(f"{status} /{url.split('/', 3)[3]}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium; skips the test where there is none."""
    asked = os.environ.get("CIRCUMPLEX_CHROMIUM")
    path = asked or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watched_page(
    browser: Browser, watch: Watch | None = None, **options: Any
) -> Iterator[tuple[Page, Watch]]:
    """A page of its own profile with a watch over it; motion is reduced unless asked for."""
    settings: dict[str, Any] = {"viewport": DESKTOP, "reduced_motion": "reduce"}
    context = browser.new_context(**settings | options)
    page = context.new_page()
    page.set_default_timeout(20_000)
    watch = watch or Watch()
    watch.follow(page)
    try:
        yield page, watch
    finally:
        context.close()


def open_page(page: Page, url: str, hash_: str = "") -> None:
    """Open the page and wait until the catalogue's dots are painted."""
    page.goto("about:blank")
    page.goto(url + (f"#{hash_}" if hash_ else ""))
    wait_until(page, "performance.getEntriesByName('paint-dots').length > 0")


def wait_until(page: Page, condition: str, timeout_s: float = 120.0) -> None:
    """Wait for a JavaScript expression; `wait_for_function` needs eval, which the page forbids."""
    deadline_s = time.monotonic() + timeout_s
    while not page.evaluate(condition):
        assert time.monotonic() < deadline_s, f"still not: {condition}"
        page.wait_for_timeout(25)


def place_of(page: Page, valence: float, arousal: float) -> tuple[float, float]:
    """Where an emotion lies on the screen, CSS pixels, found through two affect words."""
    boxes = page.locator("#words button").evaluate_all(
        "nodes => nodes.filter("
        " n => n.style.visibility !== 'hidden' && !('moved' in n.dataset)).map(n => {"
        " const b = n.getBoundingClientRect();"
        " return [n.textContent, b.x + b.width / 2, b.y + b.height / 2]; })"
    )
    across = _line([(plane_words()[word][0], x) for word, x, _ in boxes])
    up = _line([(plane_words()[word][1], y) for word, _, y in boxes])
    return across[0] + across[1] * valence, up[0] + up[1] * arousal


def _line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Intercept and slope of the least-squares line."""
    n = len(points)
    mean_u, mean_v = sum(u for u, _ in points) / n, sum(v for _, v in points) / n
    over = sum((u - mean_u) * (v - mean_v) for u, v in points)
    slope = over / sum((u - mean_u) ** 2 for u, _ in points)
    return mean_v - slope * mean_u, slope


def draw(page: Page, *points: tuple[float, float], steps: int = 12) -> None:
    """Draw through points of the plane, (valence, arousal), with the mouse."""
    pixels = [place_of(page, *point) for point in points]
    page.mouse.move(*pixels[0])
    page.mouse.down()
    for pixel in pixels[1:]:
        page.mouse.move(*pixel, steps=steps)
    page.mouse.up()


def tap(page: Page, valence: float, arousal: float) -> None:
    """Click on a point of the plane."""
    page.mouse.click(*place_of(page, valence, arousal))


def titles(page: Page) -> list[str]:
    """The titles in the list."""
    return page.locator("#items .item__title").all_inner_texts()


def wait_for_items(page: Page) -> Locator:
    """The rows of the list, once there are some."""
    rows = page.locator("#items > li")
    rows.first.wait_for()
    return rows


def wait_for_answer(page: Page) -> list[str]:
    """The titles that answer the question in the address; the list may show an earlier one's."""
    last = "performance.getEntriesByName('answer').at(-1)"
    wait_until(page, f"{last}?.detail === location.hash.slice(1)")
    return titles(page)


def curve_in_link(page: Page) -> list[tuple[float, float, float]]:
    """The keyframes the address holds: seconds, valence, arousal."""
    wait_until(page, "location.hash.includes('curve=')")
    text = page.evaluate("new URLSearchParams(location.hash.slice(1)).get('curve')")
    rows = [tuple(float(x) for x in row.split(",")) for row in text.split(";")]
    assert all(len(row) == 3 and all(map(math.isfinite, row)) for row in rows)
    return rows  # type: ignore[return-value]
