"""The player: how loud, and how much of each track."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.e2e.page.browser import open_page, wait_for_items, wait_until
from tests.running import Running


def test_the_volume_is_kept(page: Page, service: Running) -> None:
    """A slider sets it, by keyboard too; the next visit begins with it."""
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)
    page.locator("#items .item__play").first.click()
    volume = page.get_by_role("slider", name="Volume")
    volume.fill("0.5")
    volume.press("ArrowLeft")
    assert abs(page.evaluate("document.querySelector('#audio').volume") - 0.45) < 1e-6
    expect(volume).to_have_attribute("aria-valuetext", "45 %")

    open_page(page, service.url)
    assert abs(page.evaluate("document.querySelector('#audio').volume") - 0.45) < 1e-6


def test_only_moments_can_be_played_whole(page: Page, service: Running) -> None:
    """Where whole tracks are asked for there is no such choice, and each plays to its end."""
    open_page(page, service.url, "mood=happy&limit=3")
    wait_for_items(page)
    page.locator("#items .item__play").first.click()
    expect(page.locator("#player")).to_be_visible()
    expect(page.get_by_role("checkbox", name="whole tracks")).to_be_hidden()
    open_page(page, service.url, "mood=happy&level=segment")
    wait_for_items(page)
    page.locator("#items .item__play").first.click()

    expect(page.get_by_role("checkbox", name="whole tracks")).to_be_visible()
    wait_until(page, "document.querySelector('#audio').duration > 2")


def test_what_was_heard_is_noted(page: Page, service: Running) -> None:
    """A track that played to its end steps back for whoever asks for that."""
    open_page(page, service.url, "mood=happy&limit=3")
    wait_for_items(page)
    with page.expect_response("**/v1/plays") as noted:
        page.locator("#items .item__play").first.click()

    assert noted.value.status == 204
    question = {"emotion": {"mood": "happy"}, "limit": 3, "not_again_s": 600}
    answer = service.client.post("/v1/playlists", json=question).json()
    assert answer["not_again"]["heard"] >= 1
