"""Browsing what there is, and stations: what is asked, kept under a name."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.page.browser import open_page, wait_for_answer, wait_for_items, wait_until
from tests.e2e.page.page_figures import large
from tests.running import Running

ROWS = 40  # more than fit the view, far fewer than there are


@pytest.fixture(scope="module")
def many(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service over 100,000 tracks."""
    with large(tmp_path_factory.mktemp("browse"), 100_000) as running:
        yield running


def test_a_genre_leads_to_its_tracks(page: Page, service: Running) -> None:
    """With its place on the plane while it is looked at; back leads to the genres.

    The choice holds though it is made before the code of the lists is here.
    """
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/browse.js*", hold)
    open_page(page, service.url)
    with page.expect_request("**/browse.js*"):
        page.get_by_role("button", name="Browse").click()
    page.get_by_role("button", name="Genres").click()
    for route in held:
        route.continue_()
    rows = page.locator(".browse__main")
    expect(rows).to_have_count(2)
    blank = page.evaluate("document.querySelector('#ink').toDataURL()")
    rows.first.focus()
    wait_until(page, f"document.querySelector('#ink').toDataURL() !== {blank!r}")
    page.wait_for_timeout(1100)
    page.keyboard.press("Enter")

    expect(page.locator("#heading")).to_have_text("Drone")
    assert len(wait_for_answer(page)) == 5
    page.go_back()
    expect(page.locator("#browse")).to_be_visible()


@pytest.mark.parametrize(("what", "first"), [("Artists", "Ada"), ("Folders", "loud")])
def test_artists_and_folders_are_listed(
    page: Page, service: Running, what: str, first: str
) -> None:
    """By the alphabet; words narrow them."""
    open_page(page, service.url, "browse=album")
    page.get_by_role("button", name=what).click()
    expect(page.locator(".browse__row .item__title").first).to_have_text(first)

    page.locator("#browse-find").fill(first)

    expect(page.locator(".browse__row")).to_have_count(1)


def test_a_hundred_thousand_tracks_scroll(page: Page, many: Running) -> None:
    """Only rows in view are there, by keyboard to the last and back; chips narrow the list."""
    open_page(page, many.url, "browse=track")
    expect(page.locator("#browse-count")).to_have_text(re.compile("^100,000 tracks"))
    page.locator(".browse__main").first.focus()
    page.keyboard.press("End")
    last = page.locator("[aria-posinset='100000']")
    expect(last.locator(".browse__main")).to_be_focused()
    assert page.locator(".browse__row").count() < ROWS
    page.keyboard.press("PageUp")
    page.keyboard.press("Home")
    expect(page.locator("[aria-posinset='1'] .browse__main")).to_be_focused()

    page.evaluate("location.hash = 'browse=track&only=decade:1990'")

    expect(page.locator("#browse-count")).to_have_text(re.compile("^14,2[0-9]{2} tracks"))


def test_a_station_is_kept_opened_and_deleted(page: Page, service: Running) -> None:
    """Its question is the one on the page; its address is a player's; deleting asks twice."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_page(page, service.url, "feeling=sad but hopeful&limit=4&variety=0.2&seed=3")
    wait_for_items(page)
    page.get_by_text("Share", exact=True).click()
    page.locator("#keep").click()
    page.locator("#station-name").fill("Rain")
    page.get_by_label("Other music each day").check()
    page.keyboard.press("Enter")
    station = page.locator(".station")
    expect(station).to_contain_text("other music each day")
    (kept,) = service.client.get("/v1/stations").json()["items"]
    assert kept["question"]["emotion"] == {"text": "sad but hopeful"}
    assert (kept["question"]["variety"], kept["rhythm"]) == (0.2, "daily")

    page.get_by_role("button", name="Copy the address of Rain").click()
    expect(page.locator(".toast")).to_contain_text("copied")
    address = page.evaluate("navigator.clipboard.readText()")
    assert service.client.get(address).text.startswith("#EXTM3U")
    station.get_by_role("button", name="Rain other music").click()
    expect(page.locator("#heading")).to_have_text("Rain")
    played = service.client.get(f"/v1/stations/{kept['id']}/playlist").json()
    assert wait_for_answer(page) == [item["track"]["title"] for item in played["items"]]

    page.get_by_role("button", name="Stations").click()
    page.get_by_role("button", name="Change Rain").click()
    expect(page.locator("#heading")).to_have_text("Sad and hopeful")
    page.evaluate("location.hash = 'mood=calm'")
    wait_for_answer(page)
    page.get_by_role("button", name="Stations").click()
    page.get_by_role("button", name="Replace Rain").click()
    expect(page.locator("#station-replace")).to_be_hidden()
    (changed,) = service.client.get("/v1/stations").json()["items"]
    assert (changed["id"], changed["question"]["emotion"]) == (kept["id"], {"mood": "calm"})

    page.get_by_role("button", name="Delete Rain").click()
    page.get_by_role("button", name="Really delete Rain?").click()
    expect(page.locator("#station-empty")).to_be_visible()


def test_an_empty_library_says_what_to_do(page: Page, empty_service: Running) -> None:
    """In the list and in the strip, not on the plane alone."""
    page.goto(empty_service.url)

    expect(page.get_by_role("heading", name="Begin with your music.")).to_be_visible()
    expect(page.locator("#chart")).to_contain_text("stands here")


def test_the_focus_is_never_lost(page: Page, service: Running) -> None:
    """What had it goes away: by another question, by clearing, by closing a clip."""
    held = "document.activeElement !== document.body"
    open_page(page, service.url, "mood=happy&limit=2")
    wait_for_items(page)
    page.locator("button.fit").first.focus()
    page.evaluate("location.hash = 'mood=sad&limit=1'")
    wait_for_answer(page)
    wait_until(page, held)
    page.locator("#clear").focus()
    page.keyboard.press("Enter")

    expect(page.locator("#invitation")).to_be_visible()
    wait_until(page, held)


def test_a_tooltip_goes_with_its_question(page: Page, service: Running) -> None:
    """What it says of the track that has the focus is what the new answer says."""
    open_page(page, service.url, "mood=happy")
    first = wait_for_answer(page)[0]
    page.locator("button.fit").first.focus()
    expect(page.locator("#label strong")).to_have_text(first)

    page.evaluate("location.hash = 'mood=sad'")

    wait_for_answer(page)
    answer = service.client.post("/v1/playlists", json={"emotion": {"mood": "sad"}}).json()
    (reason,) = (i["reason"] for i in answer["items"] if i["track"]["title"] == first)
    expect(page.locator("#label .label__facts")).to_contain_text(reason)
    page.locator("#find").focus()
    expect(page.locator("#label")).to_be_hidden()


@pytest.mark.parametrize(
    ("module", "button", "called", "shown"),
    [
        ("browse", "Browse", "The lists", "#browse-count"),
        ("virtual-list", "Browse", "The lists", "#browse-count"),
        ("stations", "Stations", "The stations", "#stations"),
        ("taste", "Your plane", "Your plane", "#taste"),
    ],
)
def test_a_part_that_cannot_be_fetched_says_so_and_is_tried_again(
    page: Page, service: Running, module: str, button: str, called: str, shown: str
) -> None:
    """A press on the message leads to where the first one would have led."""
    open_page(page, service.url)
    address = f"**/web/{module}.js"
    page.route(address, lambda route: route.abort())
    page.get_by_role("button", name=button, exact=True).click()
    message = page.locator(".toast--wrong")
    expect(message).to_contain_text(f"{called} could not be loaded.")
    expect(page.locator(f"{shown}:visible")).to_have_count(0)

    page.unroute(address)
    message.get_by_role("button", name="Try again").click()

    expect(page.locator(shown).first).to_be_visible()
    expect(message).to_have_count(0)
