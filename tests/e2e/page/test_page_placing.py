"""The plane learns its listener: a dot is put elsewhere, ten songs are rated, all of it undone."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.page.browser import PHONE, open_page, place_of, wait_for_items, watched_page
from tests.running import Running


@pytest.fixture(autouse=True)
def _nobody(service: Running) -> Iterator[None]:
    """Nobody has said anything before or after."""
    service.client.delete("/v1/profile")
    yield
    service.client.delete("/v1/profile")


def said(service: Running) -> list[tuple[str, float | None, float | None]]:
    """What the listener said, the latest first."""
    answers = service.client.get("/v1/profile").json()["answers"]
    return [(each["title"], each["valence"], each["arousal"]) for each in answers]


def play_first(page: Page, service: Running) -> str:
    """Play the first track of a list, and say that its dot is to be taken."""
    open_page(page, service.url, "mood=calm")
    wait_for_items(page)
    title = page.locator("#items .item__title").first.inner_text()
    page.locator("#items > li").first.get_by_role("button", name="Play").first.click()
    page.locator("#feel").click()
    expect(page.locator("#placing-text")).to_have_text(f"Where do you feel “{title}”?")
    return title


def test_a_dot_is_dragged_to_where_it_is_felt(page: Page, service: Running) -> None:
    """It lies there, the list follows, and undo brings it back."""
    title = play_first(page, service)
    page.mouse.move(*place_of(page, -0.2, 0.2))
    page.mouse.down()
    page.mouse.move(*place_of(page, 0.6, 0.5), steps=5)
    page.mouse.up()
    page.locator("#placing-keep").click()
    expect(page.locator("#placing")).to_be_hidden()
    expect(page.locator("#toasts")).to_contain_text(f"“{title}” lies where you feel it")
    ((name, valence, arousal),) = said(service)
    assert name == title
    assert valence == pytest.approx(0.6, abs=0.05)
    assert arousal == pytest.approx(0.5, abs=0.05)

    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".toast--undo")).to_have_count(0)
    deadline_s = time.monotonic() + 60
    while said(service) and time.monotonic() < deadline_s:
        page.wait_for_timeout(50)
    assert said(service) == []


def test_a_dot_is_put_elsewhere_by_keyboard(page: Page, service: Running) -> None:
    """Arrow keys move it, Enter keeps it; Escape leaves it where it was."""
    play_first(page, service)
    page.locator("#pad").press("Escape")
    expect(page.locator("#placing")).to_be_hidden()
    assert said(service) == []

    page.locator("#feel").click()
    expect(page.locator("#pad")).to_be_focused()
    for _ in range(12):
        page.locator("#pad").press("Shift+ArrowRight")
    page.locator("#pad").press("Enter")
    expect(page.locator("#placing")).to_be_hidden()
    assert said(service)[0][1] == 1.0


def test_a_list_shows_where_a_track_was_put(page: Page, service: Running) -> None:
    """At once, in the list that is open."""
    open_page(page, service.url, "browse=track")
    row = page.locator("#browse-list .browse__row").first
    row.get_by_role("button", name="Play").click()
    page.locator("#feel").click()
    expect(page.locator("#pad")).to_be_focused()
    for _ in range(12):
        page.locator("#pad").press("Shift+ArrowRight")
    page.locator("#pad").press("Enter")
    expect(row.locator("circle").last).to_have_attribute("cx", "25.0")  # the right edge
    page.get_by_role("button", name="Undo").click()
    expect(row.locator("circle").last).not_to_have_attribute("cx", "25.0")


def test_songs_are_rated_one_after_the_other(page: Page, service: Running) -> None:
    """Each is asked about once, a skip is an answer, and one may stop at any time."""
    open_page(page, service.url)
    page.get_by_role("button", name="Your plane").click()
    expect(page.locator("#taste-sentences")).to_contain_text("Nothing is learned yet")
    page.get_by_role("button", name="Rate ten songs").click()
    expect(page.locator("#placing-text")).to_contain_text("1 of 10")
    page.locator("#placing-keep").click()
    expect(page.locator("#placing-text")).to_contain_text("2 of 10")
    page.locator("#placing-skip").click()
    expect(page.locator("#placing-text")).to_contain_text("3 of 10")
    page.locator("#placing-cancel").click()
    expect(page.locator("#placing")).to_be_hidden()
    answers = said(service)
    assert len({title for title, *_ in answers}) == 2
    assert [valence is None for _, valence, _ in answers] == [True, False]


def test_all_that_was_learned_is_forgotten(page: Page, service: Running) -> None:
    """One track, or everything."""
    for track in service.client.get("/v1/tracks/map").json()["ids"][:3]:
        service.client.put(f"/v1/profile/tracks/{track}", json={"valence": 0.5, "arousal": 0.5})
    open_page(page, service.url)
    page.get_by_role("button", name="Your plane").click()
    rows = page.locator("#taste-answers > li")
    expect(rows).to_have_count(3)
    rows.first.get_by_role("button").click()
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="Forget all of it").click()
    expect(rows).to_have_count(0)
    assert said(service) == []


def test_a_finger_puts_a_dot_elsewhere_on_a_phone(browser: Browser, service: Running) -> None:
    """All of it fits a narrow screen."""
    options = {"viewport": PHONE, "is_mobile": True, "has_touch": True}
    with watched_page(browser, **options) as (page, watch):
        open_page(page, service.url)
        page.get_by_role("button", name="Your plane").tap()
        page.get_by_role("button", name="Rate ten songs").tap()
        expect(page.locator("#placing-text")).to_contain_text("1 of 10")
        x, y = place_of(page, 0.4, 0.2)
        page.touchscreen.tap(x, y)
        box = page.locator("#placing").bounding_box()
        assert box is not None
        assert box["x"] >= 0.0
        assert box["x"] + box["width"] <= PHONE["width"]
        page.locator("#placing-keep").tap()
        expect(page.locator("#placing-text")).to_contain_text("2 of 10")
        assert said(service)[0][1] == pytest.approx(0.4, abs=0.08)
        assert not watch.errors


def test_the_bar_makes_room_for_a_dot_that_is_held_low(browser: Browser, service: Running) -> None:
    """Every place of the plane can be reached, on a phone too."""
    options = {"viewport": PHONE, "is_mobile": True, "has_touch": True}
    with watched_page(browser, **options) as (page, _):
        open_page(page, service.url)
        page.get_by_role("button", name="Your plane").tap()
        page.get_by_role("button", name="Rate ten songs").tap()
        bar = page.locator("#placing")
        expect(bar).to_be_visible()
        for arousal in (-0.4, -0.95):
            x, y = place_of(page, 0.0, arousal)
            page.touchscreen.tap(x, y)
            expect(bar).to_have_class("placing placing--above")
            box = bar.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] < y
        page.locator("#placing-keep").tap()
        expect(page.locator("#placing-text")).to_contain_text("2 of 10")
        assert said(service)[0][2] == pytest.approx(-0.95, abs=0.08)


def test_axe_finds_nothing_wrong(page: Page, service: Running) -> None:
    """Neither while a dot is held nor in the dialog."""
    play_first(page, service)
    found = Axe().run(page).response["violations"]
    assert [each["id"] for each in found] == []
    page.locator("#placing-keep").click()
    expect(page.locator("#placing")).to_be_hidden()
    page.get_by_role("button", name="Your plane").click()
    expect(page.locator("#taste-answers > li")).to_have_count(1)
    found = Axe().run(page).response["violations"]
    assert [each["id"] for each in found] == []
