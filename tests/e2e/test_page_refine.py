"""What the playlist is asked for beside its feeling: filters, length, moments."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.e2e.browser import open_page, wait_for_items, wait_until
from tests.running import Running


def test_refinements_go_into_the_question(page: Page, service: Running) -> None:
    """A genre and a cap narrow the list at once; one that nothing passes says so."""
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)
    page.locator("#refine summary").click()

    page.locator("#term-value").fill("Drone")
    page.locator("#term-value").press("Enter")
    page.locator("[name=maxPerArtist]").fill("1")
    page.locator("[name=maxPerArtist]").press("Tab")

    expect(page.locator("#items > li")).to_have_count(2)
    expect(page.locator("#refine-count")).to_have_text("· 2")
    page.locator("#chips .term__cross").click()
    page.locator("#refine summary").click()
    page.locator("#term-value").fill("dron")
    page.locator("#term-value").press("Enter")
    expect(page.locator("#remark")).to_have_text("No track passes these filters.")
    expect(page.locator("#reading")).to_have_text(
        "No track here has the genre “dron”. Near to it: Drone."
    )


def test_the_librarys_genres_are_offered(page: Page, service: Running) -> None:
    """A button each, the largest first; pressed it narrows the list, pressed again it does not."""
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)
    page.locator("#refine summary").click()
    chips = page.locator("#genres button")
    expect(chips).to_have_text(["Drone", "Étude"])
    chips.nth(1).focus()
    page.keyboard.press("Enter")

    expect(page.locator("#items > li")).to_have_count(4)
    expect(page.locator("#chips .term__words")).to_have_text("Étude")
    expect(chips.nth(1)).to_be_focused()
    expect(chips.nth(1)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Enter")
    expect(page.locator("#items > li")).to_have_count(9)


def test_a_playlist_lasts_as_long_as_asked(page: Page, service: Running) -> None:
    """Minutes go into the question and the link in place of a number of tracks, and back."""
    open_page(page, service.url, "mood=happy&limit=2")
    expect(page.locator("#items > li")).to_have_count(2)
    page.locator("#refine summary").click()

    with page.expect_request("**/v1/playlists") as asked:
        page.locator("[name=minutes]").fill("1")
        page.locator("[name=minutes]").press("Tab")
    body = asked.value.post_data_json
    assert body["duration_s"] == 60
    assert "limit" not in body
    expect(page.locator("#items > li")).to_have_count(9)
    expect(page.locator("[name=limit]")).to_be_disabled()
    assert "minutes=1" in page.evaluate("location.hash")
    page.locator("[name=minutes]").fill("")
    page.locator("[name=minutes]").press("Tab")

    expect(page.locator("#items > li")).to_have_count(2)
    expect(page.locator("[name=limit]")).to_have_value("2")


def test_single_moments_can_be_asked_for(page: Page, service: Running) -> None:
    """A box asks for the best moment of each track; it stands in the link and counts as refined."""
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)
    page.locator("#refine summary").click()

    with page.expect_request("**/v1/playlists") as asked:
        page.get_by_label("Single moments").check()

    assert asked.value.post_data_json["level"] == "segment"
    wait_until(page, "location.hash.includes('level=segment')")
    expect(page.locator("#refine-count")).to_have_text("· 1")
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#refine-form")).to_be_hidden()
    expect(page.locator("#refine summary")).to_be_focused()
