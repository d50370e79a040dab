"""The library's sheet: the token, failures, index runs as they go, rolling back."""

from __future__ import annotations

from pathlib import Path

import soundfile
from playwright.sync_api import Page, expect

from tests.e2e.page.browser import Watch, open_page, wait_for_items, wait_until
from tests.running import (
    RATE_HZ,
    TOKEN,
    Running,
    fake_settings,
    index_now,
    running_service,
    tone,
    write_library,
)

COVERS_IN_VIEW_CAME = """[...document.querySelectorAll("#items img")].every(
    (image) => image.complete || image.getBoundingClientRect().top > innerHeight)"""


def unlock(page: Page, token: str = TOKEN) -> None:
    """Open the sheet and enter the token."""
    page.get_by_role("button", name="Library", exact=True).click()
    page.locator("#token").fill(token)
    page.locator("#token").press("Enter")


def test_the_library_says_what_is_indexed(page: Page, service: Running) -> None:
    """Size, age and model stand there for everyone."""
    open_page(page, service.url)
    page.get_by_role("button", name="Library", exact=True).click()

    facts = page.locator("#facts")
    expect(facts).to_contain_text("Tracks9")
    expect(facts).to_contain_text(service.model.model_id)
    expect(page.locator("#administration")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#library")).to_be_hidden()


def test_a_library_without_a_token_asks_for_none(page: Page, tmp_path: Path) -> None:
    """It says how there could be one, and what works without."""
    write_library(tmp_path / "music")
    with running_service(fake_settings(tmp_path, admin_token=None)) as running:
        page.goto(running.url)
        page.locator("#open-library").click()

        expect(page.locator("#no-token")).to_contain_text("CIRCUMPLEX_ADMIN_TOKEN")
        expect(page.locator("#token-form")).to_be_hidden()
        page.goto("about:blank")


def test_a_wrong_token_is_refused(page: Page, service: Running, watch: Watch) -> None:
    """It says so beside the field, and opens nothing."""
    watch.expect("401 /v1/admin/")
    open_page(page, service.url)
    unlock(page, "not-the-token")

    expect(page.locator("#token-error")).to_have_text("This token is not known.")
    expect(page.locator("#administration")).to_be_hidden()
    assert len(watch.refused) == 1


def test_failures_have_their_reasons(page: Page, service: Running) -> None:
    """The broken file is named with what the service says of it."""
    open_page(page, service.url)
    unlock(page)

    expect(page.locator("#failures-title")).to_have_text("Could not be indexed (1)")
    expect(page.locator("#failures li .path")).to_have_text("broken.mp3")
    assert len(page.locator("#failures li .quiet").inner_text()) > 10


def test_a_run_is_started_watched_and_rolled_back(page: Page, empty_service: Running) -> None:
    """A new file appears on the plane after a run, and is gone again after rolling back."""
    index_now(empty_service)
    (root,) = empty_service.settings.music_roots
    open_page(page, empty_service.url, "mood=happy")
    wait_for_items(page)
    expect(page.locator("#count")).to_have_text("9 tracks")
    soundfile.write(root / "new.flac", tone(0.6, 900.0), RATE_HZ)

    unlock(page)
    page.get_by_role("button", name="Start an index run").click()
    expect(page.locator("#run-text")).to_contain_text("Last run succeeded")
    expect(page.locator("#count")).to_have_text("10 tracks")
    expect(page.locator("#items > li")).to_have_count(10)
    expect(page.locator("#snapshots li")).to_have_count(2)
    wait_until(page, COVERS_IN_VIEW_CAME)  # none is asked for when its track has left
    page.get_by_role("button", name="Roll back").click()

    expect(page.locator("#count")).to_have_text("9 tracks")
    expect(page.locator("#items > li")).to_have_count(9)
    expect(page.locator("#snapshots li").nth(1)).to_contain_text("in use")


def test_the_token_is_forgotten_when_asked(page: Page, service: Running) -> None:
    """It is kept for the tab alone, and thrown away by a button."""
    open_page(page, service.url)
    unlock(page)
    expect(page.locator("#administration")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 1
    assert TOKEN not in page.evaluate("JSON.stringify({...localStorage}) + location.href")

    page.get_by_role("button", name="Forget the token").click()

    assert page.evaluate("sessionStorage.length") == 0
    expect(page.locator("#token-form")).to_be_visible()
