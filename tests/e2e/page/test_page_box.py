"""The one box and the chips: a feeling in one's own words, and what narrows its music."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.page.browser import (
    Watch,
    curve_in_link,
    draw,
    open_page,
    titles,
    wait_for_answer,
    wait_for_items,
    wait_until,
)
from tests.running import Running


def write(page: Page, words: str) -> None:
    """Into the box by keyboard, until something is offered."""
    page.locator("#pad").press("/")
    page.keyboard.type(words)
    page.get_by_role("option").filter(has_not_text="Looking").first.wait_for()


def test_a_phrase_becomes_the_question(page: Page, service: Running) -> None:
    """Enter asks with it; the heading says how it was read, and the answer is the API's."""
    open_page(page, service.url)
    write(page, "traurig aber hoffnungsvoll")
    first = page.get_by_role("option").first
    expect(first).to_have_text("sad and hopefulfeeling")
    page.keyboard.press("Enter")

    expect(page.locator("#heading")).to_have_text("Sad and hopeful")
    phrase = {"text": "traurig aber hoffnungsvoll"}
    answer = service.client.post("/v1/playlists", json={"emotion": phrase}).json()
    assert wait_for_answer(page) == [item["track"]["title"] for item in answer["items"]]
    expect(page.locator("#reading")).to_contain_text("read as: sad and hopeful")
    assert page.evaluate("document.activeElement.id") == "list"


def test_a_sequence_is_drawn_and_can_be_changed(page: Page, service: Running) -> None:
    """Its points stand on the time line; one that is dragged on the plane makes it a drawn line."""
    open_page(page, service.url, "feeling=from sleepy to happy in half an hour")
    wait_for_items(page)
    expect(page.locator("#duration")).to_have_value("30:00")
    points = page.locator(".keyframe").count()
    start = service.client.get("/v1/feelings", params={"text": "sleepy"}).json()
    at = start["understood"]["curve"][0]

    draw(page, (at["valence"], at["arousal"]), (0.5, -0.5))

    curve = curve_in_link(page)
    assert len(curve) == points >= 2
    assert abs(curve[0][1] - 0.5) < 0.05
    assert curve[-1][0] == 1800


def test_what_is_not_understood_is_named_with_near_words(
    page: Page, service: Running, watch: Watch
) -> None:
    """A near word is one press away."""
    open_page(page, service.url, "feeling=calm and melankolick")
    wait_for_items(page)
    reading = page.locator("#reading")
    expect(reading).to_contain_text("“melankolick” was not understood")
    near = reading.get_by_role("button").first
    word = near.inner_text()
    near.click()

    expect(page.locator("#reading")).not_to_contain_text("not understood")
    feeling = page.evaluate("new URLSearchParams(location.hash.slice(1)).get('feeling')")
    assert feeling == f"calm and {word}"


def test_a_word_that_nothing_is_called_leads_to_near_feelings(page: Page, service: Running) -> None:
    """The box says so and offers them."""
    open_page(page, service.url)
    write(page, "clam")

    expect(page.locator("#found")).to_contain_text("nothing here, is called “clam”. Near to it:")
    calm = page.locator("#found [data-kind=phrase]").filter(has_text=re.compile("^calm"))
    calm.click()
    expect(page.locator("#heading")).to_have_text("Calm")


def test_genres_are_found_and_left_out(page: Page, service: Running) -> None:
    """Alt, Shift and Enter makes a chip with a minus; turned round it asks for the genre alone."""
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)
    write(page, "drone")
    drone = page.locator("#found [data-kind=genre]")
    kinds = page.get_by_role("option").evaluate_all("all => all.map(one => one.dataset.kind)")
    for _ in range(kinds.index("genre") + 1):
        page.keyboard.press("ArrowDown")
    expect(drone).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Alt+Shift+Enter")

    expect(page.locator("#items > li")).to_have_count(4)
    wait_until(page, "location.hash.includes('not=genre:Drone')")
    page.get_by_role("button", name="Without Drone: turn it round").press("Enter")
    expect(page.locator("#items > li")).to_have_count(5)
    expect(page.get_by_role("button", name="Only Drone: turn it round")).to_be_focused()
    page.get_by_role("button", name="Only Drone: remove").press("Enter")
    expect(page.locator("#items > li")).to_have_count(9)
    assert page.evaluate("document.activeElement.id") == "list"


def test_a_row_gives_what_it_has_to_the_filters(page: Page, service: Running) -> None:
    """Its artist, genre, folder, decade and length, each to ask for or to leave out."""
    open_page(page, service.url, "mood=happy")
    wait_for_items(page)
    page.locator("button.fit").first.press("Enter")
    first = titles(page)[0].split()[0]
    page.get_by_role("button", name=f"Without folder /{first.lower()}").press("Enter")

    expect(page.locator("#items > li")).to_have_count(6)
    assert not any(first in title for title in titles(page))


def test_words_of_titles_narrow_all_tracks(page: Page, service: Running) -> None:
    """Without a question the box lists what has them."""
    open_page(page, service.url)
    write(page, "plain")
    page.locator("#found [data-kind=term]").click()

    expect(page.locator("#heading")).to_have_text("All tracks")
    expect(page.locator("#items > li")).to_have_count(3)
    assert all("plain" in title for title in titles(page))


def test_variety_is_drawn_and_kept_in_the_address(page: Page, service: Running) -> None:
    """A slider asks for it; the seed stands in the address, and other tracks take another."""
    open_page(page, service.url, "mood=happy&limit=4")
    wait_for_items(page)
    page.locator("#refine summary").click()
    page.locator("[name=variety]").fill("1")
    wait_until(page, "/variety=1/.test(location.hash) && /seed=/.test(location.hash)")
    before = page.evaluate("location.hash")
    wait_for_answer(page)
    page.locator("#others").click()

    wait_until(page, f"location.hash !== {before!r}")
    assert "without" not in page.evaluate("location.hash")
    assert len(wait_for_answer(page)) == 4


def test_a_line_lasts_as_long_as_its_list(page: Page, service: Running) -> None:
    """Six seconds hold two tracks of three; fewer or more minutes stretch the line."""
    open_page(page, service.url, "curve=0,-0.5,-0.5;6,0.5,0.5")
    wait_for_items(page)
    expect(page.locator("#remark")).to_have_text("2 of 9 tracks · 6 s")
    page.locator("#refine summary").click()
    page.locator("[name=minutes]").fill("2")
    page.locator("[name=minutes]").press("Enter")

    wait_until(page, "location.hash.includes(';120,')")
    expect(page.locator("#items > li")).to_have_count(9)
    expect(page.locator("#duration")).to_have_value("2:00")
