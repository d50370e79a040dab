"""Finding a track by its name, and the ways back: undo and the browser's back button."""

from __future__ import annotations

import re
from itertools import pairwise

from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.page.browser import (
    PHONE,
    Watch,
    draw,
    open_page,
    tap,
    titles,
    wait_for_answer,
    wait_for_items,
    wait_until,
    watched_page,
)
from tests.running import Running


def _find(page: Page, words: str) -> None:
    page.locator("#pad").press("/")
    page.keyboard.type(words)


def test_a_track_is_found_by_its_name(page: Page, service: Running) -> None:
    """The key leads to the field; Enter on a track asks for music like it, by the API's answer."""
    open_page(page, service.url)
    _find(page, "LOUD bri")
    expect(page.locator("#found [data-kind=track]")).to_have_count(1)
    page.keyboard.press("Enter")
    wait_for_items(page)

    expect(page.locator("#heading")).to_have_text("Like “Loud bright”")
    found = service.client.get("/v1/tracks", params={"q": "loud bright"}).json()["items"]
    assert page.evaluate("location.hash") == f"#track={found[0]['id']}"
    expect(page.locator("#find")).to_have_value("")


def test_what_is_found_is_shown_on_the_plane(page: Page, service: Running) -> None:
    """Titles that begin with the words come first; the arrows name each where it lies."""
    open_page(page, service.url)
    _find(page, "middling")
    options = page.locator("#found [data-kind=track]")
    expect(options).to_have_count(3)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")

    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    expect(page.locator("#find")).to_have_attribute("aria-activedescendant", "found-1")
    expect(page.locator("#label strong")).to_have_text(
        options.nth(1).locator(".item__title").inner_text()
    )
    page.keyboard.press("Escape")
    expect(page.locator("#found")).to_be_hidden()
    expect(page.locator("#label")).to_be_hidden()


def test_a_found_track_plays(page: Page, service: Running) -> None:
    """By Shift and Enter, and by its triangle; the list stays for the next one."""
    open_page(page, service.url)
    _find(page, "middling plain")
    expect(page.locator("#found [data-kind=track]")).to_have_count(1)
    page.keyboard.press("Shift+Enter")
    expect(page.locator("#playing-title")).to_have_text("Middling plain")

    page.locator("#find").fill("loud")
    tracks = page.locator("#found [data-kind=track]")
    expect(tracks).to_have_count(3)
    page.locator(".found__play").nth(1).click()

    expect(page.locator("#playing-title")).to_have_text(
        tracks.nth(1).locator(".item__title").inner_text()
    )
    expect(page.locator("#found")).to_be_visible()


def test_a_name_nothing_has_is_said(page: Page, service: Running) -> None:
    """The list says so, and Enter asks nothing."""
    open_page(page, service.url)
    _find(page, "xyzzyq")

    expect(page.locator("#found")).to_have_text("No feeling, and nothing here, is called “xyzzyq”.")
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == ""


def test_a_phone_opens_the_field_over_its_masthead(browser: Browser, service: Running) -> None:
    """A round button until it is tapped; nothing hangs over the edge then."""
    with watched_page(browser, viewport=PHONE, is_mobile=True, has_touch=True) as (page, watch):
        open_page(page, service.url)
        field = page.locator("#find")
        closed = field.bounding_box()
        field.tap()
        page.keyboard.type("loud")
        tracks = page.locator("#found [data-kind=track]")
        expect(tracks).to_have_count(3)
        opened = field.bounding_box()
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        tracks.first.tap()

        assert closed is not None
        assert opened is not None
        assert closed["width"] < 40 < 300 < opened["width"]
        assert over <= 0
        expect(page.locator("#heading")).to_have_text(re.compile("Like “Loud"))
        watch.check()


def test_the_masthead_fits_the_smallest_phone(browser: Browser, service: Running) -> None:
    """All of its buttons are on the screen, and none lies on another."""
    with watched_page(browser, viewport={"width": 320, "height": 568}, is_mobile=True) as (page, _):
        open_page(page, service.url)
        parts = page.locator(".masthead button:visible, #find")
        boxes = [part.bounding_box() for part in parts.all()]

        edges = [(box["x"], box["x"] + box["width"]) for box in boxes if box is not None]
        assert len(edges) == 4
        assert max(right for _, right in edges) <= 320
        ordered = sorted(edges)
        assert all(a[1] <= b[0] + 1 for a, b in pairwise(ordered))


def test_a_removed_track_comes_back(page: Page, service: Running) -> None:
    """Undo puts it where it was, in the list and in the link."""
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)
    before = titles(page)
    page.locator(f'[aria-label^="Remove {before[1]}"]').focus()
    page.keyboard.press("Enter")
    assert titles(page) == [before[0], *before[2:]]
    wait_until(page, "location.hash.includes('without=')")

    page.get_by_role("button", name="Undo").click()

    assert titles(page) == before
    wait_until(page, "!location.hash.includes('without=')")


def test_other_tracks_answer_the_same_question(page: Page, service: Running) -> None:
    """Each press leaves out what was shown, until nothing is left; back leads through them."""
    every = service.client.post("/v1/playlists", json={"emotion": {"mood": "happy"}}).json()
    ranked = [item["track"]["title"] for item in every["items"]]
    open_page(page, service.url, "mood=happy&limit=4")
    wait_for_items(page)
    assert titles(page) == ranked[:4]
    others = page.get_by_role("button", name="Other tracks")
    others.click()
    expect(page.locator("#items .item__title")).to_have_text(ranked[4:8])
    page.wait_for_timeout(1100)
    others.click()
    expect(page.locator("#items .item__title")).to_have_text(ranked[8:])
    page.wait_for_timeout(1100)
    others.click()
    expect(page.locator("#remark")).to_have_text(re.compile("^No other track is left"))

    page.go_back()
    expect(page.locator("#items .item__title")).to_have_text(ranked[8:])
    page.go_back()
    expect(page.locator("#items .item__title")).to_have_text(ranked[4:8])


def test_back_leads_to_the_question_before(page: Page, service: Running) -> None:
    """A line, then a word, then nothing: each is one step of the browser's back button."""
    open_page(page, service.url)
    draw(page, (-0.8, -0.8), (0.8, 0.8))
    wait_until(page, "location.hash !== ''")
    journey = wait_for_answer(page)
    line = page.evaluate("location.hash")
    page.wait_for_timeout(1100)
    tap(page, 0.0, -0.9)
    wait_until(page, f"location.hash !== {line!r}")
    page.wait_for_timeout(1100)
    page.locator("#clear").click()
    expect(page.locator("#invitation")).to_be_visible()

    page.go_back()
    expect(page.locator("#heading")).to_have_text("Sleepy")
    page.go_back()
    wait_until(page, f"location.hash === {line!r}")
    assert wait_for_answer(page) == journey
    page.go_back()
    expect(page.locator("#invitation")).to_be_visible()
    page.go_forward()
    wait_until(page, f"location.hash === {line!r}")


def test_a_dragged_keyframe_is_one_step_back(page: Page, service: Running) -> None:
    """However often the question changes under way."""
    open_page(page, service.url, "curve=0,-0.5,-0.5;60,0,0;120,0.5,0.5")
    wait_for_items(page)
    before = page.evaluate("location.hash")
    length = page.evaluate("history.length")
    draw(page, (0.0, 0.0), (0.2, -0.3), steps=20)
    wait_until(page, f"location.hash !== {before!r}")

    assert page.evaluate("history.length") == length + 1
    page.go_back()
    wait_until(page, f"location.hash === {before!r}")


def test_a_slow_answer_is_waited_for_visibly(page: Page, service: Running) -> None:
    """The list says that it looks and is marked as busy until the answer is there."""

    def late(route: Route) -> None:
        page.wait_for_timeout(1500)
        route.continue_()

    open_page(page, service.url, "mood=happy")
    wait_for_items(page)
    page.route("**/v1/playlists", late)
    tap(page, 0.0, -0.9)

    expect(page.locator("#remark")).to_have_text("Looking for it…")
    expect(page.locator("#items")).to_have_attribute("aria-busy", "true")
    expect(page.locator("#remark")).to_have_text("9 of 9 tracks · 27 s")
    expect(page.locator("#items")).to_have_attribute("aria-busy", "false")


def test_a_search_for_a_name_survives_a_lost_connection(
    page: Page, service: Running, watch: Watch
) -> None:
    """It says that nothing answers, and finds the track as soon as something does."""
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)
    page.context.set_offline(True)
    tap(page, 0.0, -0.9)
    expect(page.locator("#lost")).to_be_visible()
    expect(page.locator("#items")).to_have_attribute("aria-busy", "true")
    _find(page, "loud bright")
    expect(page.locator("#found")).to_have_text("The service does not answer.")
    page.context.set_offline(False)

    expect(page.locator("#found [data-kind=track]")).to_have_text("Loud brightAda")
    expect(page.locator("#items")).to_have_attribute("aria-busy", "false")


def test_the_focus_stays_in_the_sample_when_it_changes(page: Page, service: Running) -> None:
    """From one movement to its tracks by Tab alone, also when they arrive later."""

    def late(route: Route) -> None:
        page.wait_for_timeout(600)
        route.continue_()

    open_page(page, service.url)
    expect(page.locator("#sample li")).to_have_count(5)
    page.route("**/v1/playlists", late)
    page.locator("#examples button").nth(3).focus()
    page.keyboard.press("Tab")
    page.wait_for_timeout(1200)

    assert page.evaluate("document.activeElement.closest('#sample') !== null")


def test_a_library_that_opens_slowly_says_so(page: Page, service: Running) -> None:
    """Instead of an empty side; the invitation follows."""

    def late(route: Route) -> None:
        page.wait_for_timeout(1500)
        route.continue_()

    page.route("**/v1/library", late)
    page.goto(service.url)
    opening = page.locator("#opening")
    expect(opening).to_have_css("visibility", "visible")
    expect(page.locator("#invitation")).to_be_hidden()

    expect(opening).to_be_hidden()
    expect(page.locator("#invitation")).to_be_visible()
