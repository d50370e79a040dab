"""What the playlist is asked for beside its feeling: filters, length, moments."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.page.browser import open_page, titles, wait_for_answer, wait_for_items, wait_until
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


@contextmanager
def held_back(page: Page) -> Iterator[list[Route]]:
    """Answers to playlists wait until `continue_` is called on their routes."""
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.route("**/v1/playlists", hold)
    yield waiting
    page.unroute("**/v1/playlists")


def ask_and_wait(page: Page, hash_: str, waiting: list[Route]) -> Route:
    """Ask by the address; the route of a question whose answer is held back."""
    page.evaluate("hash => { location.hash = hash; }", hash_)
    deadline_s = time.monotonic() + 60
    while not waiting:
        assert time.monotonic() < deadline_s, "nothing was asked"
        page.wait_for_timeout(25)
    return waiting.pop()


def test_an_answer_waits_for_what_is_pressed(page: Page, service: Running) -> None:
    """It would move or replace the button under the pointer, and the click would be lost."""
    open_page(page, service.url, "mood=happy")
    every = wait_for_answer(page)
    summary = page.locator("#refine summary")
    with held_back(page) as waiting:
        route = ask_and_wait(page, "mood=happy&only=genre:Nothing", waiting)
        summary.hover()
        page.mouse.down()
        with page.expect_response("**/v1/playlists"):
            route.continue_()
        page.wait_for_timeout(200)
        assert titles(page) == every
        page.mouse.up()

        expect(page.locator("#refine-form")).to_be_visible()
        expect(page.locator("#items > li")).to_have_count(0)


@pytest.mark.parametrize(("pressed", "button"), [("#term-kind", 0), ("#refine summary", 2)])
def test_what_does_not_tell_its_release_holds_no_answer_back(
    page: Page, service: Running, pressed: str, button: int
) -> None:
    """A list of choices that the browser opens, and its menu, take the release to themselves."""
    open_page(page, service.url, "mood=happy")
    wait_for_answer(page)
    page.locator(pressed).dispatch_event("pointerdown", {"button": button})
    page.evaluate("() => { location.hash = 'mood=happy&only=genre:Nothing'; }")

    expect(page.locator("#items > li")).to_have_count(0)


def test_what_is_given_up_while_a_button_is_pressed_fails(page: Page, service: Running) -> None:
    """Its answer had come, and would have replaced what is shown since."""
    open_page(page, service.url, "mood=happy")
    wait_for_answer(page)
    outcome = page.evaluate(
        """async () => {
          const { json } = await import(new URL("web/api.js", document.baseURI).href);
          const running = new AbortController();
          const press = (kind) => new PointerEvent(kind, { bubbles: true, button: 0 });
          document.querySelector("#refine summary").dispatchEvent(press("pointerdown"));
          const answer = json("v1/library", { signal: running.signal });
          const outcome = answer.then(() => "answered", (error) => error.name);
          await new Promise((go) => setTimeout(go, 500));
          running.abort();
          document.dispatchEvent(press("pointerup"));
          return outcome;
        }"""
    )

    assert outcome == "AbortError"


def test_an_open_refinement_stays_where_it_is_while_answers_come(
    page: Page, service: Running
) -> None:
    """Neither a longer remark nor a note moves it away from the pointer."""
    open_page(page, service.url, "mood=happy")
    wait_for_answer(page)
    page.locator("#refine summary").click()
    panel = page.locator("#refine-form")
    with held_back(page) as waiting:
        route = ask_and_wait(page, "mood=happy&only=genre:Nothing", waiting)
        expect(page.locator("#chips .term__words")).to_have_text("Nothing")
        before = panel.bounding_box()
        expect(page.locator("#remark")).to_have_text("Looking for it…")
        assert panel.bounding_box() == before is not None
        route.continue_()

        expect(page.locator("#reading")).to_contain_text("No track here has the genre")
        assert panel.bounding_box() == before
