"""The page for everyone: what a screen reader reads, what a finger does, what axe finds."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.page.browser import PHONE, Watch, open_page, titles, wait_for_items, watched_page
from tests.e2e.page.test_page_clip import choose, clip_bytes
from tests.e2e.page.test_page_library import unlock
from tests.running import Running

PATH = "curve=0,-0.6,-0.5;60,0.1,0.6;120,0.7,0.4"
TELEPHONE = {"viewport": PHONE, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}

FIRST_VIEW = """
- link "Skip to the playlist"
- banner:
  - heading "Circumplex" [level=1]
  - text: 9 tracks
  - button "Analyse a clip"
  - button "Library"
  - button "Keys"
  - button "Dark colours"
- main:
  - region "Emotion plane":
    - group "Feelings to choose from":
      - button "sad"
      - button "calm"
      - button "happy"
      - button "angry"
    - application "Draw a feeling"
    - paragraph: /Arrow keys move.*Enter asks.*Escape clears/
  - region "The feeling over time"
  - region "Playlist":
    - heading "Draw a feeling. Hear the playlist." [level=2]
    - group "Movements to begin with":
      - button "Slow sunrise from sleepy to joyful"
    - region /Slow sunrise/:
      - list:
        - listitem:
          - button /Play/
"""
ASKED = """
- main:
  - region "The feeling over time":
    - textbox "Lasts": 2:00
    - group "Points in time":
      - slider "Point 1 of 3"
      - slider "Point 2 of 3"
      - slider "Point 3 of 3"
  - region "Playlist":
    - heading /From .* to .*/ [level=2]
    - status: 9 of 9 tracks · 27 s
    - group "How to match":
      - radio "Match"
      - radio "Journey" [checked]
    - list "Tracks":
      - listitem:
        - button /Play/
        - button /fits \\d+ %/ [expanded]
        - button /More like/
        - button /Move .* drag, or press the up and down arrow keys/
        - button /Remove/
        - paragraph: /asked/
        - paragraph: /whole track/
    - button "Play through"
- region "Player":
  - button "Previous track"
  - button /Pause|Play/
  - button "Next track"
  - slider "Position"
  - slider "Volume"
  - button "Close the player"
"""


def test_a_screen_reader_finds_its_way(page: Page, service: Running) -> None:
    """Regions, headings, names, states and values, first empty-handed and then with a path."""
    open_page(page, service.url)
    expect(page.locator("#sample li")).to_have_count(5)
    expect(page.locator("body")).to_match_aria_snapshot(FIRST_VIEW)

    open_page(page, service.url, PATH)
    wait_for_items(page)
    page.locator("button.fit").first.click()
    page.locator("#items .item__play").first.click()

    expect(page.locator("body")).to_match_aria_snapshot(ASKED)
    point = page.get_by_role("slider", name="Point 2 of 3")
    expect(point).to_have_attribute("aria-valuetext", re.compile(r"1:00, \w+, valence .* arousal"))


def test_what_changes_is_spoken(page: Page, service: Running) -> None:
    """Moving on the plane, moving a track and taking one away are said in a live region."""
    spoken = page.locator("#spoken")
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)
    expect(spoken).to_have_role("status")
    first, second = titles(page)[:2]

    page.locator(f'[aria-label^="Move {first}"]').press("ArrowDown")
    expect(spoken).to_have_text(f"{first}, now number 2")
    page.locator(f'[aria-label^="Remove {second}"]').focus()
    page.keyboard.press("Enter")
    expect(spoken).to_have_text(f"{second} removed")
    page.locator("#pad").press("ArrowUp")
    expect(spoken).to_contain_text("valence 0.00, arousal +0.05")


def test_an_opened_row_says_more_and_does_more(page: Page, service: Running) -> None:
    """The two halves add up to the score; the row is moved and removed from there by keyboard."""
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)
    first, second = titles(page)[:2]
    page.locator("button.fit").first.press("Enter")

    page.locator(".item__numbers summary").press("Enter")
    sum_ = page.get_by_text("correlation").inner_text().replace("\N{MINUS SIGN}", "-")
    total, cca, kl = map(float, re.findall(r"[-+]?\d+\.\d+", sum_))
    assert abs(total - (cca + kl)) < 0.021, sum_
    page.get_by_role("button", name=f"Down: {first}").press("Enter")
    assert titles(page)[:2] == [second, first]
    expect(page.get_by_role("button", name=f"Down: {first}")).to_be_focused()
    page.get_by_role("button", name=f"Remove: {first}").press("Enter")

    assert first not in titles(page)
    expect(page.locator(".item__more")).to_have_count(0)


def test_a_finger_reorders_the_list(browser: Browser, service: Running) -> None:
    """On a telephone the handle is there, and dragging it moves the row instead of the page."""
    with watched_page(browser, **TELEPHONE) as (page, watch):
        open_page(page, service.url, "mood=happy")
        wait_for_items(page)
        before = titles(page)
        handle = page.locator(f'[aria-label^="Move {before[0]}"]')
        handle.scroll_into_view_if_needed()
        start, goal = handle.bounding_box(), page.locator("#items > li").nth(2).bounding_box()
        assert start is not None
        assert goal is not None
        fingers = page.context.new_cdp_session(page)
        x, y = start["x"] + 8, start["y"] + 12
        end = goal["y"] + goal["height"] / 2

        def touch(kind: str, at: float) -> None:
            points = [] if kind == "touchEnd" else [{"x": x, "y": at}]
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", y)
        for step in range(1, 9):
            touch("touchMove", y + (end - y) * step / 8)
            page.wait_for_timeout(30)
        touch("touchEnd", end)

        expect(page.locator("#items .item__title").nth(2)).to_have_text(before[0])
        assert titles(page)[:2] == before[1:3]
        watch.check()


def _first(page: Page, service: Running) -> None:
    open_page(page, service.url)
    expect(page.locator("#sample li")).to_have_count(5)


def _path(page: Page, service: Running) -> None:
    open_page(page, service.url, PATH)
    wait_for_items(page)
    page.locator("button.fit").first.click()
    page.locator("#refine summary").click()


def _playing(page: Page, service: Running) -> None:
    open_page(page, service.url, "mood=calm")
    wait_for_items(page)
    page.locator("#items .item__play").first.click()
    expect(page.locator("#player")).to_be_visible()


def _clip(page: Page, service: Running) -> None:
    open_page(page, service.url, PATH)
    choose(page, "growing.wav", clip_bytes())
    expect(page.locator("#heading")).to_have_text("growing.wav")
    page.get_by_role("button", name="Listen").click()


def _library(page: Page, service: Running) -> None:
    open_page(page, service.url)
    unlock(page)
    expect(page.locator("#administration")).to_be_visible()


def _keys(page: Page, service: Running) -> None:
    open_page(page, service.url)
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()


def _box(page: Page, service: Running) -> None:
    open_page(page, service.url, "feeling=calm and melankolick&not=title:plain")
    wait_for_items(page)
    page.locator("button.fit").first.click()
    page.locator("#find").focus()
    page.keyboard.type("loud")
    expect(page.locator("#found [data-kind=track]")).to_have_count(3)
    page.keyboard.press("ArrowDown")


def _browse(page: Page, service: Running) -> None:
    open_page(page, service.url, "browse=artist")
    expect(page.locator(".browse__main")).to_have_count(3)
    page.locator(".browse__main").first.focus()


def _stations(page: Page, service: Running) -> None:
    question = {"name": "Rain", "question": {"emotion": {"text": "sad"}}}
    made = service.client.post("/v1/stations", json=question).json()
    open_page(page, service.url, "mood=sad")
    wait_for_items(page)
    page.get_by_text("Share", exact=True).click()
    page.locator("#keep").click()
    expect(page.locator(".station")).to_have_count(1)
    service.client.delete(f"/v1/stations/{made['id']}")


STATES: dict[str, Callable[[Page, Running], None]] = {
    "first": _first,
    "path": _path,
    "playing": _playing,
    "clip": _clip,
    "library": _library,
    "keys": _keys,
    "box": _box,
    "browse": _browse,
    "stations": _stations,
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", ["desktop", "phone"])
@pytest.mark.parametrize("state", list(STATES))
def test_no_serious_accessibility_violation(
    browser: Browser, service: Running, state: str, device: str, scheme: str
) -> None:
    """Axe finds nothing serious or critical in the main states, wide and narrow, light and dark."""
    options = TELEPHONE if device == "phone" else {}
    with watched_page(browser, color_scheme=scheme, **options) as (page, watch):
        STATES[state](page, service)
        page.wait_for_timeout(300)
        assert _serious(page) == []
        watch.check()


def _serious(page: Page) -> list[tuple[str, list[str]]]:
    return [
        (found["id"], [node["html"][:160] for node in found["nodes"]])
        for found in Axe().run(page).response["violations"]
        if found["impact"] in {"serious", "critical"}
    ]


def test_axe_finds_a_violation_where_there_is_one(
    page: Page, service: Running, watch: Watch
) -> None:
    """A button without a name is found: the checks above can fail."""
    _first(page, service)
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")

    assert "button-name" in [found for found, _ in _serious(page)]
