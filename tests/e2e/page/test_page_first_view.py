"""What a first-time visitor meets: an invitation, a line that draws itself, tracks that play."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.page.browser import open_page, place_of, titles, wait_for_items, wait_until
from tests.running import Running


def test_a_first_view_invites_to_draw(page: Page, service: Running) -> None:
    """Before anything is asked there are an invitation, words, dots and movements to begin with."""
    open_page(page, service.url)

    heading = page.get_by_role("heading", name="Draw a feeling. Hear the playlist.")
    expect(heading).to_be_visible()
    expect(page.get_by_role("button", name="calm", exact=True)).to_be_visible()
    expect(page.locator("#count")).to_have_text("9 tracks")
    expect(page.locator("#caption")).to_have_text("each dot is a track")
    assert page.locator(".example").count() == 4


def test_a_movement_that_is_looked_at_shows_its_tracks(page: Page, service: Running) -> None:
    """They are the API's journey along it; one plays, and nothing is asked by that."""
    open_page(page, service.url)
    names = page.locator("#sample .item__title")
    expect(names).to_have_count(5)
    page.get_by_role("button", name="Storm, then calm").hover()
    expect(page.locator("#sample-title")).to_have_text("“Storm, then calm” in this library")
    line = page.evaluate("import('/web/examples.js').then(m => m.EXAMPLES[1].keyframes)")
    body = {"emotion": {"curve": line}, "mode": "journey", "limit": 5}
    answer = service.client.post("/v1/playlists", json=body).json()
    expect(names).to_have_text([item["track"]["title"] for item in answer["items"]])

    names.nth(1).click()

    wait_until(page, "document.querySelector('#audio').currentTime > 0.2")
    expect(page.locator("#playing-title")).to_have_text(names.nth(1).inner_text())
    assert page.evaluate("location.hash") == ""
    page.get_by_role("button", name="Next track").click()
    expect(page.locator("#playing-title")).to_have_text(names.nth(2).inner_text())


def test_a_dot_outside_the_playlist_is_named_and_plays(page: Page, service: Running) -> None:
    """While dots stand apart: where the API puts a track, hovering names and clicking plays it."""
    open_page(page, service.url, "mood=happy&limit=1")
    wait_for_items(page)
    tracks = service.client.get("/v1/tracks").json()["items"]
    other = next(t for t in tracks if t["title"] not in titles(page) and t["arousal"] < 0)
    x, y = place_of(page, other["valence"], other["arousal"])
    page.mouse.move(x, y)
    expect(page.locator("#label")).to_contain_text(other["title"])
    asked = page.evaluate("location.hash")

    page.mouse.click(x, y)

    expect(page.locator("#playing-title")).to_have_text(other["title"])
    wait_until(page, "document.querySelector('#audio').currentTime > 0.2")
    assert page.evaluate("location.hash") == asked


def test_the_ends_of_the_axes_are_plain_words(page: Page, service: Running) -> None:
    """Energy and pleasantness, with the field's words beside them; all of it inside the plane."""
    for width in (1440, 1024, 820):
        page.set_viewport_size({"width": width, "height": 900})
        open_page(page, service.url)
        plane = page.locator("#plane").bounding_box()
        assert plane is not None
        for name, words in (("arousal", "more energy"), ("valence", "more pleasant")):
            label = page.locator(f"#axis-{name}")
            expect(label).to_have_text(re.compile(f"{words}.*{name}"))
            box = label.bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= plane["x"] + plane["width"], (width, name)
            assert box["y"] >= plane["y"], (width, name)


def test_the_keys_are_listed_and_work(page: Page, service: Running) -> None:
    """`?` opens the list, Escape closes it; the space bar pauses what plays and goes on."""
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("continue the path")
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.locator("#items .item__title").first.click()
    wait_until(page, "document.querySelector('#audio').currentTime > 0.1")

    page.keyboard.press("Space")
    wait_until(page, "document.querySelector('#audio').paused")
    page.keyboard.press("Space")

    wait_until(page, "!document.querySelector('#audio').paused")
    assert page.evaluate("location.hash") == "#mood=happy"
