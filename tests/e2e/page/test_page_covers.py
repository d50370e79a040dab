"""Covers on the page: in the rows, in the player, behind a lock, and where there is none."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.e2e.page.browser import (
    PHONE,
    Watch,
    draw,
    open_page,
    wait_for_items,
    wait_until,
    watched_page,
)
from tests.e2e.page.test_page_clip import choose, clip_bytes
from tests.e2e.page.test_page_library import unlock
from tests.running import Running, fake_settings, index_now, running_service, write_library

# Of the nine tones one holds a picture, and three lie beside one.
WITH_COVER = ["Loud bright", "Quiet bright", "Quiet dull", "Quiet plain"]
ARTWORK = "(navigator.mediaSession.metadata?.artwork || [])"


def row(page: Page, title: str) -> Locator:
    """The row of a track."""
    return page.locator("#items > li").filter(has_text=title)


def titles_with_cover(page: Page) -> list[str]:
    """The tracks of the list whose covers are shown."""
    shown = page.locator("#items > li:has(.cover--shown) .item__title")
    expect(shown).to_have_count(len(WITH_COVER))
    return sorted(shown.all_inner_texts())


def test_rows_show_the_covers_that_there_are(page: Page, service: Running) -> None:
    """Where there is none the disc with the place stays; nothing moves when they come."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/cover?*", hold)
    open_page(page, service.url, "mood=happy")
    rows = wait_for_items(page)
    expect(page.locator("#items img[src]")).to_have_count(9)
    page.wait_for_timeout(200)
    before = [box.bounding_box() for box in rows.all()]
    assert len(held) == 9
    for route in held:
        route.continue_()
    assert titles_with_cover(page) == WITH_COVER

    assert [box.bounding_box() for box in rows.all()] == before
    cover = row(page, "Loud bright").locator("img")
    assert cover.evaluate("image => [image.naturalWidth, image.loading, image.alt]") == [
        96,
        "lazy",
        "",
    ]
    bare = row(page, "Loud dull").locator("img")
    wait_until(page, "[...document.querySelectorAll('#items img')].every(image => image.complete)")
    assert bare.evaluate("image => [image.naturalWidth, getComputedStyle(image).opacity]") == [
        1,
        "0",
    ]


def test_no_cover_is_fetched_twice(page: Page, service: Running) -> None:
    """However often the list is made anew: by lines, by a word, by moving a row."""
    asked: list[str] = []
    page.on(
        "request", lambda request: "/cover?size=96" in request.url and asked.append(request.url)
    )
    open_page(page, service.url)
    page.wait_for_timeout(600)
    asked.clear()  # the sample's
    draw(page, (-0.8, -0.8), (0.8, 0.8))
    draw(page, (0.8, -0.8), (-0.8, 0.8))
    assert titles_with_cover(page) == WITH_COVER
    page.get_by_role("button", name="calm", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#heading")).to_have_text("Calm")
    page.locator('[data-part="move"]').first.press("ArrowDown")

    assert titles_with_cover(page) == WITH_COVER
    assert len(asked) == len(set(asked)) <= 9


def test_the_player_shows_what_plays(page: Page, service: Running) -> None:
    """With its cover, on the lock screen too; a note where there is none."""
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)
    page.evaluate("document.querySelector('#audio').defaultPlaybackRate = 0.1")
    cover = page.locator("#playing-cover .cover--shown")
    row(page, "Loud bright").locator(".item__title").click()
    expect(cover).to_be_visible()
    wait_until(page, f"{ARTWORK}.length === 1")
    assert page.evaluate(f"{ARTWORK}[0].src").endswith("/cover?size=512&placeholder=true")
    assert page.evaluate(f"[{ARTWORK}[0].sizes, {ARTWORK}[0].type]") == ["300x300", "image/jpeg"]

    row(page, "Loud dull").locator(".item__title").click()

    expect(page.locator("#playing-title")).to_have_text("Loud dull")
    expect(cover).to_have_count(0)
    expect(page.locator("#playing-cover svg")).to_be_visible()
    assert page.evaluate(f"{ARTWORK}.length") == 0


def test_a_clip_has_no_cover(page: Page, service: Running) -> None:
    """Its file is the visitor's own; the tracks like it have theirs."""
    open_page(page, service.url)
    choose(page, "mine.wav", clip_bytes())
    expect(page.locator("#heading")).to_have_text("mine.wav")
    assert titles_with_cover(page) == WITH_COVER

    page.get_by_role("button", name="Listen").click()

    expect(page.locator("#playing-title")).to_have_text("mine.wav")
    expect(page.locator("#playing-cover img")).to_have_count(0)


def test_covers_come_behind_a_lock_too(page: Page, watch: Watch, tmp_path: Path) -> None:
    """By the key that was entered, also after the page is opened again; audio likewise."""
    write_library(tmp_path / "music")
    with running_service(fake_settings(tmp_path, require_key=True)) as running:
        index_now(running)
        watch.expect("401 /v1/library", "401 /v1/playlists")
        page.goto(f"{running.url}#mood=happy")
        expect(page.get_by_role("heading", name="This library has a lock")).to_be_visible()
        unlock(page)
        expect(page.locator("#count")).to_have_text("9 tracks")
        page.reload()
        wait_for_items(page)

        assert titles_with_cover(page) == WITH_COVER
        row(page, "Loud bright").locator(".item__play").click()
        wait_until(page, "document.querySelector('#audio').currentTime > 0.1")
        wait_until(page, f"{ARTWORK}.some(({{ src }}) => src.startsWith('blob:'))")


def test_a_phone_shows_covers_and_still_what_plays(browser: Browser, service: Running) -> None:
    """All of the player is on the screen, and no part of it lies on another."""
    phone = {"viewport": PHONE, "is_mobile": True, "has_touch": True}
    with watched_page(browser, **phone) as (page, watch):
        open_page(page, service.url, "mood=happy")
        wait_for_items(page)
        page.evaluate("document.querySelector('#audio').defaultPlaybackRate = 0.1")
        row(page, "Loud bright").locator(".item__play").tap()
        expect(page.locator("#playing-cover .cover--shown")).to_be_visible()
        assert titles_with_cover(page) == WITH_COVER

        parts = "#playing-cover, .player__text, #toggle, #seek, #now, #stop"
        boxes = [box for part in page.locator(parts).all() if (box := part.bounding_box())]
        assert len(boxes) == 6
        for index, a in enumerate(boxes):
            assert a["x"] >= 0
            assert a["x"] + a["width"] <= PHONE["width"]
            for b in boxes[index + 1 :]:
                apart = (
                    a["x"] + a["width"] <= b["x"] + 1
                    or b["x"] + b["width"] <= a["x"] + 1
                    or a["y"] + a["height"] <= b["y"] + 1
                    or b["y"] + b["height"] <= a["y"] + 1
                )
                assert apart, (a, b)
        watch.check()
